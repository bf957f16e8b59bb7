#!/usr/bin/env python3
"""Decoding by `wanda bench` against llama.cpp, in one run on one machine.

    decode.py DENSE [PACKED ...] --llama-bench PATH --gguf BF16=FILE --gguf Q8_0=FILE --gguf Q4_0=FILE
              [--cpu avx512|avx2|vector|scalar] [--threads 2] [--prompt-tokens 512] [--tokens 128] [--repeats 5]

DENSE is a checkpoint as it was trained, the PACKED ones come of `wanda pack`. Each model is measured by a process of its own. Prints
tokens/s; the bytes of weights that a token reads, and GB/s of them; how many times as fast as llama.cpp at the same width of
values; and the share of what the bytes allow: times as fast as DENSE, divided by times as few bytes.

--cpu has wanda use the kernels for those instructions. A llama.cpp without AVX-512 to compare with is built by
`cmake -DGGML_NATIVE=OFF -DGGML_AVX=ON -DGGML_AVX2=ON -DGGML_FMA=ON -DGGML_F16C=ON -DGGML_BMI2=ON`.
"""
import argparse
import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PEER = {"bf16": "BF16", "int8": "Q8_0", "int4": "Q4_0"}


def llama(arguments, file):
    command = [arguments.llama_bench, "-m", file, "-t", str(arguments.threads), "-p", str(arguments.prompt_tokens),
               "-n", str(arguments.tokens), "-r", str(arguments.repeats), "-ngl", "0", "-o", "json"]
    tests = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    return {"prefill" if test["n_prompt"] else "decode": test["avg_ts"] for test in tests}


def wanda(arguments, model):
    command = [str(ROOT / "wanda"), "bench", model, "--json", "--threads", str(arguments.threads),
               "--prompt-tokens", str(arguments.prompt_tokens), "--tokens", str(arguments.tokens),
               "--repeats", str(arguments.repeats), *(["--cpu", arguments.cpu] if arguments.cpu else [])]
    result = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)["results"][0]
    inspect = [str(ROOT / "wanda"), "inspect", model, "--json"]
    result["packed"] = json.loads(subprocess.run(inspect, stdout=subprocess.PIPE, check=True).stdout)["packed"]
    return result


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
    arguments = parser.parse_args()

    peers = {}
    for name, file in (each.split("=", 1) for each in arguments.gguf):
        peers[name] = llama(arguments, file)
        print(f"llama.cpp {name:30} prefill {peers[name].get('prefill', 0):7.1f}   decode {peers[name]['decode']:6.1f}",
              flush=True)
    dense = None
    for model in [arguments.dense, *arguments.packed]:
        result = wanda(arguments, model)
        dense = dense or result
        speed = result["decodeTokensPerSecond"]
        line = (f"wanda {pathlib.Path(model).name:34} prefill {result['prefillTokensPerSecond']:7.1f}   "
                f"decode {speed:6.1f} +- {result['decodeDeviation']:4.1f}   {result['bytesPerToken'] / 1e6:6.1f} MB/token   "
                f"{result['gigabytesPerSecond']:5.1f} GB/s")
        peer = peers.get(PEER[result["packed"] or "bf16"])
        if peer:
            line += f"   {speed / peer['decode']:5.2f}x llama.cpp"
        if result is not dense:
            share = speed / dense["decodeTokensPerSecond"] / (dense["bytesPerToken"] / result["bytesPerToken"])
            line += f"   {share:4.0%} of the bytes' limit"
        print(line, flush=True)
        if result["layout"]:
            print(f"      {result['layout']}", flush=True)
    print(f"kernels: {dense['kernels']}")


if __name__ == "__main__":
    sys.exit(main())
