#!/usr/bin/env python3
"""The peer of row selection: score, `torch.sort` of each row, scatter; on the matrices of SmolLM2's 30 blocks.

    selection_sort.py [--threads 2] [--repeats 3]

Prints one line of JSON with the best time for all 106 M weights.
"""
import argparse
import json
import time

import torch

SHAPES = [(576, 576), (192, 576), (192, 576), (576, 576), (1536, 576), (1536, 576), (576, 1536)]
BLOCKS = 30


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    matrices = [torch.randn(shape).bfloat16() for shape in SHAPES]
    norms = [torch.randn(shape[1]).exp() for shape in SHAPES]
    times = []
    for _ in range(arguments.repeats):
        start = time.time()
        for _ in range(BLOCKS):
            for weight, norm in zip(matrices, norms):
                score = weight.abs() * norm
                order = torch.sort(score, dim=-1, stable=True).indices
                mask = torch.zeros_like(score, dtype=torch.bool)
                mask.scatter_(1, order[:, : weight.shape[1] // 2], True)
        times.append(time.time() - start)
    weights = BLOCKS * sum(m.numel() for m in matrices)
    print(json.dumps({"seconds": min(times), "weights": weights, "weightsPerSecond": weights / min(times)}))


if __name__ == "__main__":
    main()
