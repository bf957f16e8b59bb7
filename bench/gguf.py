#!/usr/bin/env python3
"""GGUF files of `wanda export` in llama.cpp.

    gguf.py LLAMA_CPP [MODEL ...] [--text FILE] [--seqlen 512] [--windows 8] [--tokens 48] [--types f16,bf16,q8_0,q4_0]

LLAMA_CPP is its source tree, built in `build` there (`cmake -B build && cmake --build build --target llama`). Of each MODEL the files of all types
are compared with wanda on the model itself: the perplexity of the text, and the greedy continuation of its beginning. Without a MODEL every
golden model of a family is: the largest difference of its logits to those of transformers, which lie beside it, and the share of
positions with the same most likely token. Exit code 1 where the perplexity of f16 or bf16 is off by more than 0.5 %, or a family's logits by
more than 1 % of the largest one.

llama.cpp looks GELU up in a table of fp16, which shows in the families that have it. A family with a window that llama.cpp does not have is
compared up to the window's length, one with dynamic scaling of positions up to the length that it was made for.
"""
import argparse
import array
import json
import math
import pathlib
import struct
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
FAMILIES = ROOT / "prune/src/test/resources/families"
WINDOW = 8  # of every golden model that has one


def build(llama, directory):
    program = directory / "llama_cpp"
    libraries = llama / "build/bin"
    subprocess.run(["c++", "-O2", "-std=c++17", f"-I{llama}/include", f"-I{llama}/ggml/include", str(ROOT / "bench/peers/llama_cpp.cc"),
                    "-o", str(program), f"-L{libraries}", "-lllama", "-lggml", "-lggml-base", f"-Wl,-rpath,{libraries}"], check=True)
    return program


def output(command, text=b""):
    return subprocess.run([str(each) for each in command], input=text, stdout=subprocess.PIPE, check=True).stdout


def wanda(*arguments):
    return output([ROOT / "wanda", *arguments])


def export(model, file, kind):
    run = subprocess.run([str(ROOT / "wanda"), "export", str(model), "-o", str(file), "--type", kind, "--json"],
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    return json.loads(run.stdout) if run.returncode == 0 else run.stderr.decode().strip().splitlines()[-1]


def compare_model(program, model, arguments, directory):
    text = arguments.text.read_bytes()
    beginning = b" ".join(text.split(b" ")[:40])
    evaluated = json.loads(wanda("eval", model, "--text", arguments.text, "--seqlen", arguments.seqlen, "--windows", arguments.windows, "--json"))
    own = evaluated["results"][0]["perplexity"]
    said = wanda("generate", model, "--prompt", beginning.decode(), "--max-tokens", arguments.tokens, "--temperature", "0").decode().rstrip("\n")
    print(f"{model}: perplexity {own:.4f}")
    good = True
    for kind in arguments.types.split(","):
        file = directory / f"model-{kind}.gguf"
        done = export(model, file, kind)
        theirs = math.exp(float(output([program, file, "loss", arguments.seqlen, arguments.windows], text)))
        greedy = output([program, file, "greedy", arguments.tokens], beginning).decode(errors="replace").rstrip("\n")
        off = theirs / own - 1
        good &= kind not in ("f16", "bf16") or abs(off) < 0.005
        same = len(said) if said == greedy else next((i for i, (a, b) in enumerate(zip(said, greedy)) if a != b), min(len(said), len(greedy)))
        print(f"  {kind:5} {done['bytesAfter'] / 1e6:8.1f} MB in {done['seconds']:.1f} s  llama.cpp {theirs:.4f} ({off:+.3%})"
              f"  greedy text: {'the same' if said == greedy else f'{same} of {len(said)} characters are the same'}")
        file.unlink()
    return good


def load(file):
    data = file.read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    tensors = {}
    for name, entry in json.loads(data[8:8 + length]).items():
        if name != "__metadata__":
            begin, end = entry["data_offsets"]
            tensors[name] = entry["shape"], array.array({"I64": "q", "F32": "f"}[entry["dtype"]], data[8 + length + begin:8 + length + end])
    return tensors


def compare_family(program, case, directory):
    file = directory / f"{case.name}.gguf"
    done = export(case, file, "f32")
    if isinstance(done, str):
        print(f"{case.name:24} {done}")
        return True
    expected = load(case / "expected.safetensors")
    (texts, length), ids = expected["ids"]
    dynamic = any("dynamic" in note for note in done["notes"])
    (_, rows, vocabulary), logits = expected["short_logits" if dynamic else "logits"]
    seen = min(rows, WINDOW) if any("window" in note for note in done["notes"]) else rows
    worst = largest = same = 0
    for text in range(texts):
        own = ids[text * length:text * length + seen]
        got = array.array("f", output([program, file, "logits", *own]))
        want = logits[text * rows * vocabulary:][:seen * vocabulary]
        worst = max(worst, max(abs(a - b) for a, b in zip(got, want)))
        largest = max(largest, max(map(abs, want)))
        for row in range(seen):
            cut = slice(row * vocabulary, (row + 1) * vocabulary)
            same += got[cut].index(max(got[cut])) == want[cut].index(max(want[cut]))
    file.unlink()
    print(f"{case.name:24} off by {worst:.1e} of {largest:.1f}; {same / (texts * seen):4.0%} of {texts * seen} tokens the same")
    return worst < 0.01 * largest


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("llama", type=pathlib.Path, metavar="LLAMA_CPP")
    parser.add_argument("models", type=pathlib.Path, nargs="*", metavar="MODEL")
    parser.add_argument("--text", type=pathlib.Path, default=ROOT / "ARCHITECTURE.md")
    parser.add_argument("--seqlen", type=int, default=512)
    parser.add_argument("--windows", type=int, default=8)
    parser.add_argument("--tokens", type=int, default=48)
    parser.add_argument("--types", default="f16,bf16,q8_0,q4_0")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        program = build(arguments.llama.resolve(), directory)
        if arguments.models:
            results = [compare_model(program, model, arguments, directory) for model in arguments.models]
        else:
            cases = sorted(file.parent for file in FAMILIES.glob("*/expected.safetensors"))
            results = [compare_family(program, case, directory) for case in cases]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
