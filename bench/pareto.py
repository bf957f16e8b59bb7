#!/usr/bin/env python3
"""What each method costs and gains over plain Wanda, from the cells of `wanda compare`.

    wanda compare MODEL -o GRID --methods wanda,sparsegpt,admm --sparsities 0.5 --report GRID.html
    pareto.py GRID/comparison.json

Prints a Markdown table by sparsity or pattern: seconds to prune, those added over wanda, perplexity, the share of wanda's that is
gone, and whether any other method is both faster and better (if none is, it lies on the Pareto front). The report has the plot,
perplexity against time.
"""
import itertools
import json
import operator
import sys


def front(cells):
    """The cells that no other is both faster and better than."""
    return [cell for cell in cells
            if not any(other["seconds"] < cell["seconds"] and other["perplexity"] < cell["perplexity"] for other in cells)]


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        cells = json.load(file)["cells"]
    for pattern, group in itertools.groupby(sorted(cells, key=operator.itemgetter("pattern")), operator.itemgetter("pattern")):
        group = sorted(group, key=lambda cell: cell["seconds"])
        plain = next((cell for cell in group if cell["method"] == "wanda"), None)
        if plain is None:
            sys.exit(f"no cell of wanda at {pattern}: nothing to compare with")
        best = front(group)
        print(f"\n{pattern}\n")
        print("| method | seconds | added | perplexity | of wanda's | on the front |\n|---|---|---|---|---|---|")
        for cell in group:
            print(f"| {cell['method']} | {cell['seconds']:.1f} | {cell['seconds'] - plain['seconds']:+.1f} "
                  f"| {cell['perplexity']:.2f} | {cell['perplexity'] / plain['perplexity'] - 1:+.1%} "
                  f"| {'yes' if cell in best else ''} |")


if __name__ == "__main__":
    main()
