#!/usr/bin/env python3
"""Decoding by `wanda bench` against llama.cpp, in one run on one machine.

    decode.py DENSE [PACKED ...] --llama-bench PATH --gguf BF16=FILE --gguf Q8_0=FILE --gguf Q4_0=FILE
              [--cpu avx512|avx2|vector|scalar] [--threads 2] [--prompt-tokens 512] [--tokens 128] [--repeats 5] [--rounds 1]

DENSE is a checkpoint as it was trained, the PACKED ones come of `wanda pack`. Each model is measured by a process of its own, once in
each round; what is printed is the median of the rounds. Prints the processor and its features; tokens/s; the bytes of weights that a token reads, and GB/s of them; how many times as fast as llama.cpp at the same width of
values; and the share of what the bytes allow: times as fast as DENSE, divided by times as few bytes.

--cpu has wanda use the kernels for those instructions. A llama.cpp without AVX-512 to compare with is built by
`cmake -DGGML_NATIVE=OFF -DGGML_AVX=ON -DGGML_AVX2=ON -DGGML_FMA=ON -DGGML_F16C=ON -DGGML_BMI2=ON`.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PEER = {"bf16": "BF16", "int8": "Q8_0", "int4": "Q4_0"}
FEATURES = ["avx2", "fma", "f16c", "bmi2", "avx_vnni", "avx512bw", "avx512_vbmi2", "avx512_vnni", "avx512_bf16"]


def llama(arguments, file):
    command = [arguments.llama_bench, "-m", file, "-t", str(arguments.threads), "-p", str(arguments.prompt_tokens),
               "-n", str(arguments.tokens), "-r", str(arguments.repeats), "-ngl", "0", "-o", "json"]
    tests = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    return {"prefill" if test["n_prompt"] else "decode": test["avg_ts"] for test in tests}


def wanda(arguments, model):
    command = [str(ROOT / "wanda"), "bench", model, "--json", "--threads", str(arguments.threads),
               "--prompt-tokens", str(arguments.prompt_tokens), "--tokens", str(arguments.tokens),
               "--repeats", str(arguments.repeats), *(["--cpu", arguments.cpu] if arguments.cpu else [])]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)["results"][0]


def values_of(model):
    inspect = [str(ROOT / "wanda"), "inspect", model, "--json"]
    return json.loads(subprocess.run(inspect, stdout=subprocess.PIPE, check=True).stdout)["packed"] or "bf16"


def processor():
    try:
        lines = [line.split(":", 1) for line in open("/proc/cpuinfo") if ":" in line]
    except OSError:
        return "unknown"
    values = {}
    for name, value in lines:
        values.setdefault(name.strip(), value.strip())
    features = [each for each in FEATURES if each in values.get("flags", "").split()]
    family = f"family {values.get('cpu family', '?')}, model {values.get('model', '?')}"
    return f"{values.get('model name', '?')} ({family}): {', '.join(features)}"


def median(results, key):
    return statistics.median(result.get(key, 0) for result in results)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("dense")
    parser.add_argument("packed", nargs="*")
    parser.add_argument("--llama-bench")
    parser.add_argument("--gguf", action="append", default=[], metavar="TYPE=FILE")
    parser.add_argument("--cpu", choices=["avx512", "avx2", "vector", "scalar"])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--prompt-tokens", type=int, default=512)
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=1)
    arguments = parser.parse_args()

    print(f"processor: {processor()}", flush=True)
    files = dict(each.split("=", 1) for each in arguments.gguf)
    models = [arguments.dense, *arguments.packed]
    peers = {name: [] for name in files}
    measured = {model: [] for model in models}
    for _ in range(arguments.rounds):
        for name, file in files.items():
            peers[name].append(llama(arguments, file))
        for model in models:
            measured[model].append(wanda(arguments, model))
    for name, results in peers.items():
        print(f"llama.cpp {name:30} prefill {median(results, 'prefill'):7.1f}   decode {median(results, 'decode'):6.1f}")
    dense = None
    for model in models:
        results = measured[model]
        result = results[0]
        speed = median(results, "decodeTokensPerSecond")
        dense = dense or (speed, result["bytesPerToken"])
        line = (f"wanda {pathlib.Path(model).name:34} prefill {median(results, 'prefillTokensPerSecond'):7.1f}   "
                f"decode {speed:6.1f} +- {median(results, 'decodeDeviation'):4.1f}   "
                f"{result['bytesPerToken'] / 1e6:6.1f} MB/token   {result['bytesPerToken'] * speed / 1e9:5.1f} GB/s")
        peer = peers.get(PEER[values_of(model)])
        if peer:
            line += f"   {speed / median(peer, 'decode'):5.2f}x llama.cpp"
            if median(peer, "prefill"):
                line += f" (prefill {median(results, 'prefillTokensPerSecond') / median(peer, 'prefill'):.2f}x)"
        if model != arguments.dense:
            share = speed / dense[0] / (dense[1] / result["bytesPerToken"])
            line += f"   {share:4.0%} of the bytes' limit"
        print(line, flush=True)
        if result["layout"]:
            print(f"      {result['layout']}", flush=True)
    print(f"kernels: {measured[arguments.dense][0]['kernels']}")


if __name__ == "__main__":
    sys.exit(main())
