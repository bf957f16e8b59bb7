#!/usr/bin/env python3
"""Whole-process comparison of `wanda prune` with the PyTorch peer, in one run on one machine.

    compare.py MODEL TEXT.jsonl --python PYTHON_WITH_TORCH [--method wanda|sparsegpt] [--windows 128]
               [--seqlen 256] [--repeats 1] [--bf16]

Runs the peer (fp32) and wanda4j (block/fp32, stage/fp32, and stage/bf16 with --bf16) in turn, `--repeats` times, and
prints the median seconds of the pruning, the peak resident memory, and how many times faster than the peer it is.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent


def run(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout[done.stdout.index("{"):])


def peer(arguments):
    return run([arguments.python, str(ROOT / "bench/peers/reference_loop.py"), arguments.model, arguments.text,
                "--method", arguments.method, "--windows", str(arguments.windows),
                "--seqlen", str(arguments.seqlen), "--threads", str(arguments.threads)])


def wanda(arguments, order, dtype):
    with tempfile.TemporaryDirectory() as directory:
        return run([str(ROOT / "wanda"), "prune", arguments.model, "-o", directory + "/out", "--json",
                    "--method", arguments.method,
                    "--calibration", arguments.text, "--windows", str(arguments.windows),
                    "--seqlen", str(arguments.seqlen), "--sampler", "reference", "--order", order, "--dtype", dtype,
                    "--threads", str(arguments.threads)])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("text")
    parser.add_argument("--python", default=sys.executable, help="a Python that has torch and transformers")
    parser.add_argument("--method", choices=["wanda", "sparsegpt"], default="wanda")
    parser.add_argument("--windows", type=int, default=128)
    parser.add_argument("--seqlen", type=int, default=256)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--bf16", action="store_true", help="also measure stage/bf16")
    arguments = parser.parse_args()

    contestants = {"PyTorch reference loop, fp32": lambda: peer(arguments),
                   "wanda4j block/fp32": lambda: wanda(arguments, "block", "fp32"),
                   "wanda4j stage/fp32": lambda: wanda(arguments, "stage", "fp32")}
    if arguments.bf16:
        contestants["wanda4j stage/bf16"] = lambda: wanda(arguments, "stage", "bf16")
    results = {name: [] for name in contestants}
    for _ in range(arguments.repeats):
        for name, measure in contestants.items():
            results[name].append(measure())

    base = None
    print(f"{'':30} {'seconds':>9} {'spread':>8} {'peak MB':>8} {'speed-up':>9}")
    for name, runs in results.items():
        seconds = [one["seconds"] for one in runs]
        median = statistics.median(seconds)
        base = base or median
        peak = max(one["peakResidentBytes"] for one in runs) / 1e6
        print(f"{name:30} {median:9.1f} {max(seconds) - min(seconds):8.1f} {peak:8.0f} {base / median:8.2f}x")


if __name__ == "__main__":
    main()
