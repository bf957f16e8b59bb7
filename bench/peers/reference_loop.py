#!/usr/bin/env python3
"""The peer: Wanda and SparseGPT with the semantics of the published code, in PyTorch and transformers.

One window at a time. A block runs dense over all windows while hooks collect the input norms of its linears, or their
Hessian; then every linear loses the lowest `|W| * norm` of each row, or is swept column by column; then the pruned block runs
once more and feeds the next.

    reference_loop.py MODEL TEXT.jsonl [--method wanda|sparsegpt] [--windows 128] [--seqlen 256] [--sparsity 0.5]
                      [--dtype float32] [--threads 2]

Prints one line of JSON: seconds of the pruning, of the whole process, peak resident bytes, sparsity.
"""
import time

BEGIN = time.time()

import argparse
import json
import random
import resource

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer


def calibration_windows(tokenizer, path, count, seqlen, seed):
    with open(path, encoding="utf-8") as lines:
        documents = [json.loads(line)["text"] for line in lines]
    random.seed(seed)
    windows = []
    while len(windows) < count:
        ids = tokenizer(documents[random.randint(0, len(documents) - 1)], return_tensors="pt").input_ids
        if ids.shape[1] > seqlen:
            offset = random.randint(0, ids.shape[1] - seqlen - 1)
            windows.append(ids[:, offset:offset + seqlen])
    return windows


class InputNorms:
    """Forward hook: running mean over windows of the squared norm of each input channel, in fp32."""

    def __init__(self, linear):
        self.windows = 0
        self.squares = torch.zeros(linear.in_features)
        self.handle = linear.register_forward_hook(self)

    def __call__(self, linear, inputs, output):
        tokens = inputs[0].reshape(-1, linear.in_features).float()
        self.squares *= self.windows / (self.windows + 1)
        self.windows += 1
        self.squares += tokens.norm(dim=0) ** 2 / self.windows


class Hessian:
    """Forward hook: running mean over windows of `2 X^T X`, in fp32."""

    def __init__(self, linear):
        self.windows = 0
        self.matrix = torch.zeros(linear.in_features, linear.in_features)
        self.handle = linear.register_forward_hook(self)

    def __call__(self, linear, inputs, output):
        tokens = inputs[0].reshape(-1, linear.in_features).float()
        self.matrix *= self.windows / (self.windows + 1)
        self.windows += 1
        self.matrix.addmm_(tokens.T, tokens, alpha=2 / self.windows)


def sweep(weight, hessian, sparsity, panel=128):
    values, hessian = weight.float(), hessian.clone()
    diagonal = hessian.diagonal()
    dead = diagonal == 0
    diagonal[dead] = 1
    values[:, dead] = 0
    diagonal += 0.01 * diagonal.mean()
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(hessian))
    factor = torch.linalg.cholesky(inverse, upper=True)
    for start in range(0, values.shape[1], panel):
        end = min(start + panel, values.shape[1])
        part, local = values[:, start:end], factor[start:end, start:end]
        saliency = (part / local.diagonal()) ** 2
        threshold = saliency.flatten().sort().values[int(saliency.numel() * sparsity)]
        removed = saliency <= threshold
        errors = torch.zeros_like(part)
        for column in range(end - start):
            errors[:, column] = torch.where(removed[:, column], part[:, column], 0) / local[column, column]
            part[:, column:] -= errors[:, column : column + 1] * local[column, column:]
            part[:, column].masked_fill_(removed[:, column], 0)
        values[:, end:] -= errors @ factor[start:end, end:]
    weight.copy_(values)


def drop_lowest(weight, squares, sparsity):
    score = weight.abs() * squares.sqrt()
    lowest = torch.sort(score, dim=-1, stable=True).indices[:, : int(weight.shape[1] * sparsity)]
    weight.scatter_(1, lowest, torch.zeros_like(lowest, dtype=weight.dtype))


@torch.no_grad()
def prune(model, windows, method, sparsity):
    decoder = model.model
    states = [decoder.embed_tokens(window) for window in windows]
    length, dtype = states[0].shape[1], states[0].dtype
    rotary = decoder.rotary_emb(states[0], torch.arange(length)[None])
    mask = torch.full((1, 1, length, length), torch.finfo(dtype).min, dtype=dtype).triu(1)

    def run(block, state):
        result = block(state, attention_mask=mask, position_embeddings=rotary)
        return result[0] if isinstance(result, tuple) else result

    for block in decoder.layers:
        linears = [module for module in block.modules() if isinstance(module, torch.nn.Linear)]
        statistics = [InputNorms(linear) if method == "wanda" else Hessian(linear) for linear in linears]
        for state in states:
            run(block, state)
        for linear, collected in zip(linears, statistics):
            collected.handle.remove()
            if method == "wanda":
                drop_lowest(linear.weight.data, collected.squares, sparsity)
            else:
                sweep(linear.weight.data, collected.matrix, sparsity)
        states = [run(block, state) for state in states]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("text")
    parser.add_argument("--method", choices=["wanda", "sparsegpt"], default="wanda")
    parser.add_argument("--windows", type=int, default=128)
    parser.add_argument("--seqlen", type=int, default=256)
    parser.add_argument("--sparsity", type=float, default=0.5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()

    torch.set_num_threads(arguments.threads)
    model = AutoModelForCausalLM.from_pretrained(
        arguments.model, dtype=getattr(torch, arguments.dtype), attn_implementation="eager").eval()
    tokenizer = AutoTokenizer.from_pretrained(arguments.model)
    windows = calibration_windows(tokenizer, arguments.text, arguments.windows, arguments.seqlen, arguments.seed)
    start = time.time()
    prune(model, windows, arguments.method, arguments.sparsity)
    seconds = time.time() - start
    weights = [m.weight for block in model.model.layers for m in block.modules() if isinstance(m, torch.nn.Linear)]
    print(json.dumps({
        "seconds": seconds,
        "processSeconds": time.time() - BEGIN,
        "peakResidentBytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "sparsity": sum((w == 0).sum().item() for w in weights) / sum(w.numel() for w in weights),
    }))


if __name__ == "__main__":
    main()
