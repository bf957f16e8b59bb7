#!/usr/bin/env python3
"""How long until the first piece of an answer is there, from the start of the process?

    first_token.py MODEL... [--repeats 7]

Runs `wanda generate` with a prompt of some 16 tokens, twice to build and to make what the first run leaves for the next, then
measures to the first byte of the answer.
"""
import argparse
import pathlib
import statistics
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROMPT = "The capital of France is the city of Paris, and the capital of Germany is"


def seconds(model):
    command = [str(ROOT / "wanda"), "generate", str(model), "--prompt", PROMPT, "--max-tokens", "4"]
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    first = process.stdout.read(1)
    taken = time.perf_counter() - start
    process.stdout.read()
    if process.wait() or not first:
        raise SystemExit(f"{model}: no answer")
    return taken


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("models", nargs="+", type=pathlib.Path, metavar="MODEL")
    arguments.add_argument("--repeats", type=int, default=7)
    options = arguments.parse_args()
    for model in options.models:
        for _ in range(2):
            seconds(model)
        runs = [seconds(model) for _ in range(options.repeats)]
        print(f"{model.name:40} median {statistics.median(runs):.2f} s, {min(runs):.2f} to {max(runs):.2f}", flush=True)


if __name__ == "__main__":
    main()
