#!/usr/bin/env python3
"""Prunes a model that is larger than the memory it may have, and shows what it held.

    larger_than_memory.py DIRECTORY [--experts N] [--blocks 32] [--windows 8] [--seqlen 512] [--dtype bf16] [--limit-mb 2500] [--sparse] [OPTION OF PRUNE...]

Writes a Llama of 7B shape with random weights to DIRECTORY (13.5 GB with 32 blocks; removed at the end, as the output is), prunes it,
and samples /proc/PID/status: anonymous memory (heap, native memory, private pages) apart from files (mapped weights, libraries), which
are the page cache's and can be dropped. Where a control group can be made, the kernel holds the run to the limit, page cache included. `--experts 64` writes a mixture instead, each block
of which has 1.6 GB: with a limit below that, a single block is larger than memory. `--sparse` leaves all blocks but the first as holes in the file: zeros that take no disk.
"""
import argparse
import json
import os
import pathlib
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
HIDDEN, INNER, HEADS, VOCABULARY = 4096, 11008, 32, 32000
# Of a mixture: width of the hidden state, of an expert, and how many experts a token goes to.
EXPERT_HIDDEN, EXPERT_INNER, CHOSEN = 2048, 2048, 4
# Where a control group can be made, and the file that limits it: of version 2, and of version 1.
GROUPS = [(pathlib.Path("/sys/fs/cgroup/wanda-bench"), "memory.max"),
          (pathlib.Path("/sys/fs/cgroup/memory/wanda-bench"), "memory.limit_in_bytes")]


def tensors(blocks, experts):
    """Name and shape of each tensor, shard by shard: one for each four blocks."""
    hidden = EXPERT_HIDDEN if experts else HIDDEN
    shards = [{"model.embed_tokens.weight": (VOCABULARY, hidden)}]
    for block in range(blocks):
        if block % 4 == 0 and block:
            shards.append({})
        name = f"model.layers.{block}."
        for linear in ("q_proj", "k_proj", "v_proj", "o_proj"):
            shards[-1][f"{name}self_attn.{linear}.weight"] = (hidden, hidden)
        if experts:
            shards[-1][f"{name}block_sparse_moe.gate.weight"] = (experts, hidden)
        for expert in range(experts):
            mlp = f"{name}block_sparse_moe.experts.{expert}."
            shards[-1][f"{mlp}w1.weight"] = shards[-1][f"{mlp}w3.weight"] = (EXPERT_INNER, hidden)
            shards[-1][f"{mlp}w2.weight"] = (hidden, EXPERT_INNER)
        if not experts:
            shards[-1][f"{name}mlp.gate_proj.weight"] = shards[-1][f"{name}mlp.up_proj.weight"] = (INNER, hidden)
            shards[-1][f"{name}mlp.down_proj.weight"] = (hidden, INNER)
        shards[-1][f"{name}input_layernorm.weight"] = (hidden,)
        shards[-1][f"{name}post_attention_layernorm.weight"] = (hidden,)
    shards[-1]["model.norm.weight"] = (hidden,)
    shards[-1]["lm_head.weight"] = (VOCABULARY, hidden)
    return shards


def noise(size):
    """bf16 numbers of about 0.01 to 0.03, of either sign: 16 MB that are repeated from any place on."""
    low = random.Random(1).randbytes(size // 2)
    high = bytes(0x3C | (byte & 0x80) for byte in random.Random(2).randbytes(size // 2))
    data = bytearray(size)
    data[0::2], data[1::2] = low, high
    return bytes(data)


def write_model(directory, blocks, experts, sparse):
    directory.mkdir(parents=True)
    shape = ({"model_type": "mixtral", "hidden_size": EXPERT_HIDDEN, "intermediate_size": EXPERT_INNER, "num_attention_heads": HEADS,
              "num_key_value_heads": HEADS, "num_local_experts": experts, "num_experts_per_tok": CHOSEN} if experts else
             {"model_type": "llama", "hidden_size": HIDDEN, "intermediate_size": INNER, "num_attention_heads": HEADS})
    (directory / "config.json").write_text(json.dumps({
        **shape, "num_hidden_layers": blocks, "vocab_size": VOCABULARY, "max_position_embeddings": 4096, "rms_norm_eps": 1e-5,
        "hidden_act": "silu", "tie_word_embeddings": False, "torch_dtype": "bfloat16"}))
    # Any tokenizer will do whose ids are in the vocabulary.
    shutil.copy(ROOT / "models/demo-llama/tokenizer.json", directory)
    data = noise(1 << 24)
    picks = random.Random(3)
    shards = tensors(blocks, experts)
    index = {}
    for number, shard in enumerate(shards):
        file = f"model-{number + 1:05}-of-{len(shards):05}.safetensors"
        header, offset = {}, 0
        for name, shape in shard.items():
            length = 2
            for extent in shape:
                length *= extent
            header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [offset, offset + length]}
            offset += length
            index[name] = file
        text = json.dumps(header).encode()
        text += b" " * (-len(text) % 8)
        with open(directory / file, "wb") as out:
            out.write(struct.pack("<Q", len(text)) + text)
            start = out.tell()
            for name, info in header.items():
                begin, end = info["data_offsets"]
                if "norm" in name:
                    out.seek(start + begin)
                    out.write(b"\x80\x3f" * ((end - begin) // 2))
                elif not sparse or number == 0:
                    out.seek(start + begin)
                    left = end - begin
                    while left:
                        at = picks.randrange(len(data) // 4) * 2
                        piece = data[at:at + left]
                        out.write(piece)
                        left -= len(piece)
            out.truncate(start + offset)
    (directory / "model.safetensors.index.json").write_text(json.dumps({"weight_map": index}))
    os.sync()
    return sum(file.stat().st_size for file in directory.iterdir())


def make_group(megabytes):
    """A control group with that much memory for the kernel to hold the run to; None where none can be made."""
    for group, control in GROUPS:
        try:
            group.mkdir(exist_ok=True)
            if (group / control).exists():
                (group / control).write_text(str(megabytes * 1_000_000))
                return group
            group.rmdir()
        except OSError:
            continue
    return None


def status(pid):
    values = {}
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        key, _, value = line.partition(":")
        if key in ("RssAnon", "RssFile", "RssShmem", "VmRSS"):
            values[key] = int(value.split()[0]) << 10
    return values


def prune(model, output, group, arguments):
    command = [str(ROOT / "wanda"), "prune", str(model), "-o", str(output), "--json", "--dtype", arguments.dtype,
               "--windows", str(arguments.windows), "--seqlen", str(arguments.seqlen), *arguments.options]
    subprocess.run([command[0], "--version"], check=True, stdout=subprocess.DEVNULL)  # builds first

    def join():
        (group / "cgroup.procs").write_text(str(os.getpid()))

    peak = {}
    start = time.time()
    with tempfile.TemporaryFile("w+") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.DEVNULL, preexec_fn=join if group else None)
        try:
            while process.poll() is None:
                try:
                    for key, value in status(process.pid).items():
                        peak[key] = max(peak.get(key, 0), value)
                except (FileNotFoundError, ProcessLookupError):
                    pass
                time.sleep(0.05)
        finally:
            process.kill()
            process.wait()
        out.seek(0)
        text = out.read()
    if process.returncode:
        sys.exit(f"wanda prune: exit code {process.returncode}")
    return json.loads(text), peak, time.time() - start


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("--blocks", type=int, default=32)
    parser.add_argument("--windows", type=int, default=8)
    parser.add_argument("--seqlen", type=int, default=512)
    parser.add_argument("--dtype", default="bf16")
    parser.add_argument("--limit-mb", type=int, default=2500)
    parser.add_argument("--experts", type=int, default=0)
    parser.add_argument("--sparse", action="store_true")
    arguments, arguments.options = parser.parse_known_args()
    model, output = arguments.directory / "model", arguments.directory / "pruned"
    group = make_group(arguments.limit_mb)
    try:
        size = write_model(model, arguments.blocks, arguments.experts, arguments.sparse)
        report, peak, seconds = prune(model, output, group, arguments)
        print(f"model                  {size / 1e6:8,.0f} MB, {arguments.blocks} blocks of {arguments.experts or 'no'} experts")
        print(f"peak anonymous memory  {(peak['RssAnon'] + peak.get('RssShmem', 0)) / 1e6:8,.0f} MB")
        print(f"peak of mapped files   {peak['RssFile'] / 1e6:8,.0f} MB, the page cache's part")
        print(f"peak of both           {peak['VmRSS'] / 1e6:8,.0f} MB, by the run's own report {report['peakResidentBytes'] / 1e6:,.0f} MB")
        print(f"limit                  {f'{arguments.limit_mb:8,} MB, by the kernel' if group else 'none: no control group can be made'}")
        print(f"time                   {seconds:8,.0f} s, {report['seconds']:,.0f} s of them the run: "
              + ", ".join(f"{name} {value:.1f}" for name, value in report["phases"].items()))
        print(f"sparsity               {report['sparsity']:8.4f} of {report['parameters']:,} weights")
        anonymous = peak["RssAnon"] + peak.get("RssShmem", 0)
        return 0 if anonymous <= arguments.limit_mb * 1e6 else 1
    finally:
        shutil.rmtree(model, ignore_errors=True)
        shutil.rmtree(output, ignore_errors=True)
        if group:
            group.rmdir()


if __name__ == "__main__":
    sys.exit(main())
