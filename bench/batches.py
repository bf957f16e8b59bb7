#!/usr/bin/env python3
"""Texts decoded together, by `wanda bench --streams` against llama.cpp's llama-batched-bench, in one run on one machine.

    batches.py MODEL [MODEL ...] --llama-batched-bench PATH --gguf BF16=FILE --gguf Q8_0=FILE --gguf Q4_0=FILE
               [--streams 1,4,8,16] [--cpu avx512|avx2|vector|scalar] [--threads 2] [--tokens 64] [--repeats 3]

Each number of streams is measured by a process of its own, llama.cpp's and wanda4j's by turns. Prints the tokens/s of all streams together, in brackets how many times those of
one stream they are, and how many times those of llama.cpp at the same width of values. llama.cpp's streams begin behind a prompt of one token; each is
measured once there, and --repeats times here.
"""
import argparse
import json
import pathlib
import subprocess
import sys

from decode import PEER, ROOT, processor, values_of


def llama(arguments, file, streams):
    command = [arguments.llama_batched_bench, "-m", file, "-t", str(arguments.threads), "-npp", "1", "-ntg", str(arguments.tokens),
               "-npl", str(streams), "-c", str(streams * (arguments.tokens + 64)), "-ngl", "0", "--output-format", "jsonl"]
    lines = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, text=True).stdout.splitlines()
    return json.loads(next(line for line in lines if line.startswith("{")))["speed_tg"]


def wanda(arguments, model, streams):
    command = [str(ROOT / "wanda"), "bench", model, "--json", "--threads", str(arguments.threads), "--prompt-tokens", "0",
               "--tokens", str(arguments.tokens), "--repeats", str(arguments.repeats), "--streams", str(streams),
               *(["--cpu", arguments.cpu] if arguments.cpu else [])]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)["results"][0]["decodeTokensPerSecond"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("models", nargs="+")
    parser.add_argument("--llama-batched-bench")
    parser.add_argument("--gguf", action="append", default=[], metavar="TYPE=FILE")
    parser.add_argument("--streams", default="1,4,8,16")
    parser.add_argument("--cpu", choices=["avx512", "avx2", "vector", "scalar"])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()

    print(f"processor: {processor()}", flush=True)
    counts = [int(each) for each in arguments.streams.split(",")]
    files = dict(each.split("=", 1) for each in arguments.gguf)
    peers = {name: {} for name in files}
    ours = {model: {} for model in arguments.models}
    for count in counts:
        for name, file in files.items():
            peers[name][count] = llama(arguments, file, count)
        for model in arguments.models:
            ours[model][count] = wanda(arguments, model, count)
    rows = [(f"llama.cpp {name}", speeds, None) for name, speeds in peers.items()]
    rows += [(f"wanda {pathlib.Path(model).name}", speeds, peers.get(PEER[values_of(model)])) for model, speeds in ours.items()]
    for name, speeds, peer in rows:
        cells = []
        for count in counts:
            cell = f"{count:3} {speeds[count]:7.1f} ({speeds[count] / speeds[counts[0]]:.2f}x"
            cells.append(cell + (f"; {speeds[count] / peer[count]:.2f}x llama.cpp)" if peer else ")"))
        print(f"{name:24} {'   '.join(cells)}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
