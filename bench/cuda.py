#!/usr/bin/env python3
"""wanda4j on a card: is it right, how fast is it, how much of the card's memory does it take.

    cuda.py package DIRECTORY             what travels to a machine with PyTorch for CUDA and nothing else; under 64 MiB
    cuda.py run [PART ...] [--device cuda|emulated] [--small]

`run` is called there, in DIRECTORY, by the Python that has PyTorch. It

1. prunes the tiny model by each method, and compares the masks with the golden results;
2. makes a model of four blocks of 7B's shape, prunes it by wanda and sparsegpt along 128 windows of 2048 tokens, and does the same in
   PyTorch, one window at a time, as the published code does;
3. measures perplexity, in tokens a second;
4. trains the tiny model pruned, there and on the processor, and compares the losses;
5. has PyTorch multiply by a 2:4 matrix of the model that was pruned to it, dense and semi-structured;
6. predicts what 2 takes, at rates that it measures.

--small --device emulated tries all of it on a processor, with small shapes; a number after `run` does that part alone. One line of JSON for each
measurement. A part that fails does not keep the others from being done; then the exit code is 1.
"""
import argparse
import ctypes
import json
import os
import pathlib
import random
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
GOLDEN = [("magnitude", "unstructured", "magnitude50"), ("wanda", "unstructured", "wanda50"), ("wanda", "2:4", "wanda24"),
          ("wanda", "4:8", "wanda48"), ("wanda-variant", "unstructured", "wandavar"),
          ("sparsegpt", "unstructured", "sparsegpt50"), ("sparsegpt", "2:4", "sparsegpt24"),
          ("ablate-mag-seq", "unstructured", "ablate_mag_seq"), ("ablate-wanda-seq", "unstructured", "ablate_wanda_seq"),
          ("ablate-mag-iter", "unstructured", "ablate_mag_iter"), ("ablate-wanda-iter", "unstructured", "ablate_wanda_iter")]
MODULES = ("java.base,java.logging,java.management,java.net.http,java.xml,jdk.httpserver,jdk.incubator.vector,jdk.jfr,"
           "jdk.management,jdk.unsupported")
# Of the bundled natives: what the installed PyTorch stands in for, and what nothing here calls.
LEFT_OUT = ("libtorch_cpu.so", "libtorch.so", "libc10.so", "libgomp.so.1", "libjnitorch_gloo.so", "jnijavacpp.cpp",
            "libjniopenblas_full.so", ".h", ".cmake", ".pc")
LIMIT = 240  # Seconds of a call of wanda: one that hangs must not take the time of the others.
OTHER_PLATFORMS = "aarch64|arm|ppc|s390|i386|/x86/|x86-32|-x86/|linux/x86/|loong|riscv|mips|freebsd|sunos|aix|android|darwin|win|/mac|sparc|musl"


def package(directory):
    root = HERE.parent
    target = root / "cli/target"
    if not (target / "wanda.jar").exists():
        sys.exit("cuda.py: build first: ./wanda doctor")
    jdk = pathlib.Path(os.environ.get("JAVA_HOME") or sys.exit("cuda.py: set JAVA_HOME to a JDK 25"))
    (directory / "bin").mkdir(parents=True)
    (directory / "app/lib").mkdir(parents=True)
    subprocess.run([jdk / "bin/jlink", "--add-modules", MODULES, "--strip-debug", "--no-header-files", "--no-man-pages",
                    "--output", directory / "runtime"], check=True)
    shutil.rmtree(directory / "runtime/legal", ignore_errors=True)
    shutil.copy(root / "wanda", directory / "bin")
    shutil.copy(target / "wanda.jar", directory / "app")
    for jar in (target / "lib").glob("*.jar"):
        trim(jar, directory / "app/lib" / jar.name)
    shutil.copy(__file__, directory)
    shutil.copytree(root.parent / "shared/models/tiny-llama", directory / "tiny-llama")
    (directory / "golden").mkdir()
    for golden in (root.parent / "shared/golden/tiny").glob("*.safetensors"):
        if golden.stem in [name for _, _, name in GOLDEN]:
            trim_golden(golden, directory / "golden" / golden.name)
    archive = shutil.make_archive(str(directory), "xztar", directory.parent, directory.name)
    print(f"{archive}: {os.path.getsize(archive) / (1 << 20):.1f} MiB")


def trim(jar, to):
    """What the jar has for this platform; not compressed, as the archive is."""
    with zipfile.ZipFile(jar) as whole, zipfile.ZipFile(to, "w", zipfile.ZIP_STORED) as kept:
        for entry in whole.infolist():
            name = entry.filename.lower()
            foreign = name.endswith((".dll", ".dylib", ".jnilib")) or (
                re.search(r"\.so(\.\d+)?$", name) and re.search(OTHER_PLATFORMS, name))
            if not foreign and not name.endswith(LEFT_OUT):
                kept.writestr(entry.filename, whole.read(entry))


def trim_golden(path, to):
    """The masks alone."""
    content = path.read_bytes()
    size = struct.unpack("<Q", content[:8])[0]
    header, masks, data = json.loads(content[8:8 + size]), {}, b""
    for name, tensor in header.items():
        if name.endswith(".mask"):
            begin, end = tensor["data_offsets"]
            masks[name] = dict(tensor, data_offsets=[len(data), len(data) + end - begin])
            data += content[8 + size + begin:8 + size + end]
    text = json.dumps(masks).encode()
    to.write_bytes(struct.pack("<Q", len(text)) + text + data)


def read(path):
    """All tensors of a safetensors file."""
    import torch
    types = {"BF16": torch.bfloat16, "F32": torch.float32, "F16": torch.float16, "U8": torch.uint8}
    content = bytearray(pathlib.Path(path).read_bytes())
    size = struct.unpack("<Q", content[:8])[0]
    tensors = {}
    for name, tensor in json.loads(content[8:8 + size]).items():
        if name != "__metadata__":
            begin, end = tensor["data_offsets"]
            raw = torch.frombuffer(content, dtype=torch.uint8, offset=8 + size + begin, count=end - begin)
            tensors[name] = raw.clone().view(types[tensor["dtype"]]).view(tensor["shape"])
    return tensors


def write(path, tensors):
    header, at = {}, 0
    for name, tensor in tensors.items():
        header[name] = {"dtype": "BF16", "shape": list(tensor.shape), "data_offsets": [at, at + 2 * tensor.numel()]}
        at += 2 * tensor.numel()
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for tensor in tensors.values():
            file.write(ctypes.string_at(tensor.contiguous().data_ptr(), 2 * tensor.numel()))


class CardMemory:
    """The most memory that processes took on the first card meanwhile, in MB, by nvidia-smi; 0 without one."""

    def __enter__(self):
        self.peak, self.running = 0, True
        self.before = self.used()
        self.thread = threading.Thread(target=self.poll)
        self.thread.start()
        return self

    @staticmethod
    def used():
        query = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits", "--id=0"]
        return int(subprocess.run(query, stdout=subprocess.PIPE, text=True).stdout or 0) if shutil.which(query[0]) else 0

    def poll(self):
        while self.running:
            self.peak = max(self.peak, self.used() - self.before)
            time.sleep(0.2)

    def __exit__(self, *_):
        self.running = False
        self.thread.join()


def wanda(*arguments):
    launcher = HERE / "bin/wanda" if (HERE / "bin/wanda").exists() else HERE.parent / "wanda"
    done = subprocess.run([str(launcher), *map(str, arguments)], stdout=subprocess.PIPE, text=True, timeout=LIMIT)
    if done.returncode:
        raise RuntimeError(f"wanda {' '.join(map(str, arguments))} ended with {done.returncode}")
    return done.stdout


def tell(**measured):
    print(json.dumps(measured), flush=True)


def tiny_model():
    return HERE / "tiny-llama" if (HERE / "tiny-llama").exists() else HERE.parent.parent / "shared/models/tiny-llama"


def golden(device, out, windows):
    tiny = tiny_model()
    masks = HERE / "golden" if (HERE / "golden").exists() else HERE.parent.parent / "shared/golden/tiny"
    for method, pattern, name in GOLDEN:
        form = ["--sparsity", "0.5"] if pattern == "unstructured" else ["--pattern", pattern]
        wanda("prune", tiny, "-o", out / name, "--method", method, *form, "--device", device, "--order", "block", "--sampler", "reference",
              "--windows", windows, "--seqlen", 128, "--dtype", "fp32", "--json")
        pruned = {}
        for file in (out / name).glob("*.safetensors"):
            pruned.update(read(file))
        equal = count = 0
        for tensor, bits in read(masks / (name + ".safetensors")).items():
            if tensor.endswith(".mask"):
                zero = (pruned[tensor.replace(".mask", ".weight")] == 0).flatten()
                removed = (bits.flatten()[:, None] >> __import__("torch").arange(8) & 1).bool().flatten()[:zero.numel()]
                equal += (zero == removed).sum().item()
                count += zero.numel()
        tell(what="golden masks", method=method, pattern=pattern, windows=windows, equal=equal / count)


class Shape:
    def __init__(self, small):
        self.hidden, self.inner, self.heads = (128, 344, 4) if small else (4096, 11008, 32)
        self.blocks, self.windows, self.length = (2, 6, 64) if small else (4, 128, 2048)


def make_model(shape, directory):
    import torch
    tiny = tiny_model()
    directory.mkdir()
    config = json.loads((tiny / "config.json").read_text())
    config.update(hidden_size=shape.hidden, intermediate_size=shape.inner, num_attention_heads=shape.heads,
                  num_key_value_heads=shape.heads, head_dim=shape.hidden // shape.heads, num_hidden_layers=shape.blocks,
                  max_position_embeddings=max(shape.length, 2048), tie_word_embeddings=True)
    (directory / "config.json").write_text(json.dumps(config))
    for file in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(tiny / file, directory)
    torch.manual_seed(0)
    h, i = shape.hidden, shape.inner
    tensors = {"model.embed_tokens.weight": (config["vocab_size"], h)}
    for block in range(shape.blocks):
        name = f"model.layers.{block}."
        tensors.update({name + f"self_attn.{part}_proj.weight": (h, h) for part in "qkvo"})
        tensors.update({name + "mlp.gate_proj.weight": (i, h), name + "mlp.up_proj.weight": (i, h),
                        name + "mlp.down_proj.weight": (h, i)})
    tensors = {name: (torch.randn(size) * 0.02).bfloat16() for name, size in tensors.items()}
    for block in range(shape.blocks):
        for norm in ("input_layernorm", "post_attention_layernorm"):
            tensors[f"model.layers.{block}.{norm}.weight"] = torch.ones(h).bfloat16()
    tensors["model.norm.weight"] = torch.ones(h).bfloat16()
    write(directory / "model.safetensors", tensors)
    words = "the of and to in model weight river house number light water stone paper green over under seven".split()
    draw = random.Random(0)
    with open(directory / "text.jsonl", "w") as text:
        for _ in range(8 * shape.windows):
            text.write(json.dumps({"text": " ".join(draw.choices(words, k=shape.length))}) + "\n")
    return tensors


class Peer:
    """Wanda and SparseGPT along one window after the other, in the published order: two passes a block."""

    def __init__(self, shape, tensors, device):
        import torch
        self.torch, self.shape, self.tensors, self.device = torch, shape, tensors, device
        size = shape.hidden // shape.heads
        angles = torch.arange(shape.length)[:, None] / 10000 ** (torch.arange(0, size, 2) / size)
        angles = torch.cat((angles, angles), 1).to(device)
        self.cos, self.sin = angles.cos().bfloat16(), angles.sin().bfloat16()

    def forward(self, weights, x, see):
        f = self.torch.nn.functional
        h, heads = self.shape.hidden, self.shape.heads

        def norm(y):
            wide = y.float()
            return (wide * (wide.square().mean(-1, keepdim=True) + 1e-5).rsqrt()).to(y.dtype)

        def linear(name, y):
            see(name, y)
            return f.linear(y, weights[name])

        def turn(y):
            a, b = y.chunk(2, -1)
            return y * self.cos + self.torch.cat((-b, a), -1) * self.sin

        y = norm(x)
        q, k, v = (linear(f"self_attn.{part}_proj", y).view(-1, heads, h // heads).transpose(0, 1) for part in "qkv")
        y = f.scaled_dot_product_attention(turn(q)[None], turn(k)[None], v[None], is_causal=True)[0]
        x = x + linear("self_attn.o_proj", y.transpose(0, 1).reshape(-1, h))
        y = norm(x)
        y = f.silu(linear("mlp.gate_proj", y)) * linear("mlp.up_proj", y)
        return x + linear("mlp.down_proj", y)

    def prune(self, method):
        torch = self.torch
        table = self.tensors["model.embed_tokens.weight"].to(self.device)
        ids = torch.randint(0, table.shape[0], (self.shape.windows, self.shape.length), device=self.device)
        hidden = [table[window] for window in ids]
        for block in range(self.shape.blocks):
            name = f"model.layers.{block}."
            weights = {key[len(name):-len(".weight")]: value.to(self.device) for key, value in self.tensors.items()
                       if key.startswith(name) and value.dim() == 2}
            sums = {}

            def see(linear, y):
                y = y.float()
                product = y.T @ y if method == "sparsegpt" else y.square().sum(0)
                sums[linear] = product if linear not in sums else sums[linear].add_(product)

            for x in hidden:
                self.forward(weights, x, see)
            for linear, weight in weights.items():
                mean = sums.pop(linear) / len(hidden)
                if method == "wanda":
                    score = weight.abs().float() * mean.sqrt()
                    order = score.sort(dim=1, stable=True)[1]
                    weight.scatter_(1, order[:, :weight.shape[1] // 2], 0)
                else:
                    weight.copy_(self.sweep(weight.float(), 2 * mean))
            hidden = [self.forward(weights, x, lambda *_: None) for x in hidden]

    def sweep(self, w, hessian, panel=128):
        torch = self.torch
        hessian.diagonal().add_(0.01 * hessian.diagonal().mean())
        u = torch.linalg.cholesky(torch.cholesky_inverse(torch.linalg.cholesky(hessian)), upper=True)
        for begin in range(0, w.shape[1], panel):
            end = min(begin + panel, w.shape[1])
            part, own = w[:, begin:end].clone(), u[begin:end, begin:end]
            score = part ** 2 / own.diagonal() ** 2
            gone = score <= score.flatten().sort()[0][score.numel() // 2]
            errors = torch.zeros_like(part)
            for j in range(end - begin):
                kept = part[:, j].masked_fill(gone[:, j], 0)
                errors[:, j] = (part[:, j] - kept) / own[j, j]
                part[:, j:] -= errors[:, j:j + 1] * own[j, j:]
                part[:, j] = kept
            w[:, begin:end] = part
            w[:, end:] -= errors @ u[begin:end, end:]
        return w


def measure(device, shape, out, tensors):
    import torch
    where = "cuda" if device.startswith("cuda") else "cpu"
    for method in ("wanda", "sparsegpt"):
        with torch.no_grad(), CardMemory() as memory:
            peer = Peer(shape, tensors, where)
            begin = time.time()
            peer.prune(method)
            if where == "cuda":
                torch.cuda.synchronize()
            seconds = time.time() - begin
        tell(what="prune", by="PyTorch", method=method, seconds=round(seconds, 2), cardMB=memory.peak)
        if where == "cuda":
            del peer
            torch.cuda.empty_cache()
        for order in ("block", "stage"):
            with CardMemory() as memory:
                report = json.loads(wanda(
                    "prune", out / "model", "-o", out / "pruned", "--force", "--method", method, "--order", order, "--device", device,
                    "--dtype", "bf16", "--calibration", out / "model/text.jsonl", "--windows", shape.windows,
                    "--seqlen", shape.length, "--json"))
            tell(what="prune", by="wanda4j", method=method, order=order, seconds=round(report["seconds"], 2),
                 timesFaster=round(seconds / report["seconds"], 2), cardMB=memory.peak, phases=report["phases"])


def perplexity(device, shape, out):
    with CardMemory() as memory:
        result = json.loads(wanda("eval", out / "model", "--text", out / "model/text.jsonl", "--device", device, "--dtype", "bf16",
                                  "--seqlen", shape.length, "--windows", shape.windows, "--json"))["results"][0]
    tell(what="perplexity", tokensPerSecond=round(result["tokens"] / result["seconds"]), cardMB=memory.peak)


def recover(device, out):
    tiny = tiny_model()
    wanda("prune", tiny, "-o", out / "half", "--windows", 32, "--seqlen", 128, "--dtype", "fp32", "--json")
    reports = {where: json.loads(wanda("recover", out / "half", "--teacher", tiny, "-o", out / ("recovered-" + where.replace(":", "")),
                                       "--tokens", 65536, "--seqlen", 256, "--dtype", "fp32", "--device", where, "--json"))
               for where in (device, "cpu")}
    losses = zip(reports[device]["losses"], reports["cpu"]["losses"])
    tell(what="recover", losses=reports[device]["losses"][::8], tokensPerSecond=round(reports[device]["tokensPerSecond"]),
         largestDifference=max(abs(a - b) / b for a, b in losses))


def sparse(device, shape, out):
    """A linear of the pruned checkpoint, times the tokens of a batch."""
    import torch
    wanda("prune", out / "model", "-o", out / "half24", "--pattern", "2:4", "--device", device, "--dtype", "bf16",
          "--calibration", out / "model/text.jsonl", "--windows", 2, "--seqlen", shape.length, "--json")
    weight = next(tensor for file in (out / "half24").glob("*.safetensors") for name, tensor in read(file).items()
                  if name.endswith("layers.0.mlp.down_proj.weight"))
    assert (weight.view(-1, 4) == 0).sum(1).min() >= 2, "not 2:4"
    if not device.startswith("cuda"):
        tell(what="2:4", zeros=(weight == 0).float().mean().item())
        return
    from torch.sparse import to_sparse_semi_structured
    dense = weight.cuda()
    packed = to_sparse_semi_structured(dense)
    x = torch.randn(4096, dense.shape[1], device="cuda", dtype=torch.bfloat16)
    seconds = {}
    for name, each in (("dense", dense), ("semi-structured", packed)):
        for _ in range(3):
            product = torch.nn.functional.linear(x, each)
        torch.cuda.synchronize()
        begin = time.time()
        for _ in range(50):
            product = torch.nn.functional.linear(x, each)
        torch.cuda.synchronize()
        seconds[name] = (time.time() - begin) / 50
        if name == "dense":
            expected = product.float()
    tell(what="2:4", shape=list(dense.shape), tokens=len(x), seconds=seconds,
         error=((product.float() - expected).norm() / expected.norm()).item())


def plan(device, shape, out):
    for method in ("wanda", "sparsegpt"):
        card = json.loads(wanda("plan", out / "model", "--method", method, "--device", device, "--dtype", "bf16", "--windows", shape.windows,
                                "--seqlen", shape.length, "--json"))["card"]
        tell(what="plan", method=method, **card)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    packing = commands.add_parser("package")
    packing.add_argument("directory", type=pathlib.Path)
    running = commands.add_parser("run")
    running.add_argument("--device", default="cuda")
    running.add_argument("--small", action="store_true")
    running.add_argument("parts", nargs="*", type=int, default=[1, 2, 3, 4, 5, 6])
    arguments = parser.parse_args()
    if arguments.command == "package":
        package(arguments.directory.resolve())
        return
    import torch
    os.environ.setdefault("WANDA_LIBTORCH", str(pathlib.Path(torch.__file__).parent / "lib"))
    subprocess.run([str(HERE / "bin/wanda" if (HERE / "bin/wanda").exists() else HERE.parent / "wanda"), "doctor"])
    tell(what="machine", torch=torch.__version__, card=torch.cuda.get_device_name(0) if torch.cuda.is_available() else "none")
    with tempfile.TemporaryDirectory() as directory:
        out = pathlib.Path(directory)
        shape = Shape(arguments.small)
        tensors = make_model(shape, out / "model")
        parts = [lambda: golden(arguments.device, out, 128), lambda: measure(arguments.device, shape, out, tensors),
                 lambda: perplexity(arguments.device, shape, out), lambda: recover(arguments.device, out),
                 lambda: sparse(arguments.device, shape, out), lambda: plan(arguments.device, shape, out)]
        failed = False
        for part in arguments.parts:
            begin = time.time()
            try:
                parts[part - 1]()
            except Exception as e:  # The other parts count too: a card may be had for minutes.
                failed = True
                traceback.print_exc()
                tell(what="failed", part=part, why=str(e)[:300])
            tell(what="took", part=part, seconds=round(time.time() - begin, 1))
    sys.exit(failed)


if __name__ == "__main__":
    main()
