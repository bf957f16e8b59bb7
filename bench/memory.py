#!/usr/bin/env python3
"""Peak memory of `wanda prune` on a model and on the same model with four times the blocks.

    memory.py MODEL TEXT.jsonl [--times 4] [--windows 128] [--seqlen 256] [--order stage]

Repeats the blocks of a Llama-like checkpoint of one shard under new numbers, prunes both, and prints what each needed. The
weights are copied, not computed, so that only the number of blocks differs.
"""
import argparse
import json
import pathlib
import re
import shutil
import struct
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"(model\.layers\.)(\d+)(\..*)")


def repeat_blocks(model, target, times):
    config = json.loads((model / "config.json").read_text())
    blocks = config["num_hidden_layers"]
    config["num_hidden_layers"] = blocks * times
    shutil.copytree(model, target, ignore=shutil.ignore_patterns("*.safetensors"))
    (target / "config.json").write_text(json.dumps(config))
    with open(model / "model.safetensors", "rb") as source:
        size = struct.unpack("<Q", source.read(8))[0]
        header = json.loads(source.read(size))
        pieces, offset = [], 0
        for name, info in header.items():
            if name == "__metadata__":
                continue
            match = BLOCK.fullmatch(name)
            names = [name] if not match else [
                f"{match[1]}{int(match[2]) + i * blocks}{match[3]}" for i in range(times)]
            pieces += [(each, info) for each in names]
        tensors = {}
        for name, info in pieces:
            length = info["data_offsets"][1] - info["data_offsets"][0]
            tensors[name] = {**info, "data_offsets": [offset, offset + length]}
            offset += length
        text = json.dumps({"__metadata__": {"format": "pt"}, **tensors}).encode()
        text += b" " * (-len(text) % 8)
        with open(target / "model.safetensors", "wb") as out:
            out.write(struct.pack("<Q", len(text)) + text)
            for name, info in pieces:
                begin, end = info["data_offsets"]
                source.seek(8 + size + begin)
                out.write(source.read(end - begin))


def peak(model, arguments, directory):
    command = [str(ROOT / "wanda"), "prune", str(model), "-o", str(directory / "out"), "--force", "--json",
               "--calibration", arguments.text, "--sampler", "reference", "--windows", str(arguments.windows),
               "--seqlen", str(arguments.seqlen), "--order", arguments.order, "--dtype", "fp32"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    report = json.loads(done.stdout)
    return len(report["blocks"]), report["peakResidentBytes"] / 1e6, report["seconds"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("text")
    parser.add_argument("--times", type=int, default=4)
    parser.add_argument("--windows", type=int, default=128)
    parser.add_argument("--seqlen", type=int, default=256)
    parser.add_argument("--order", default="stage")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        repeat_blocks(arguments.model, directory / "large", arguments.times)
        results = [peak(model, arguments, directory) for model in (arguments.model, directory / "large")]
    for blocks, megabytes, seconds in results:
        print(f"{blocks:5} blocks  peak {megabytes:6.0f} MB  {seconds:6.1f} s  {megabytes / results[0][1]:5.2f}x")


if __name__ == "__main__":
    main()
