"""Writes what Python's random gives, for PythonRandomTest to compare with.

    python core/src/test/python/random_golden.py     (from the root of the repository)
"""

import json
import random
from pathlib import Path

OUT = Path("core/src/test/resources/org/wanda4j/text/golden/python-random.json")

SEEDS = [0, 1, -1, 42, 2**31, 2**32 - 1, 2**32, 2**32 + 5, 2**63 - 1, -(2**63)]
BOUNDS = [1, 2, 3, 128, 1000, 1200, 2**30 + 1, 2**31 - 1]

cases = []
for seed in SEEDS:
    random.seed(seed)
    draws = [[bound, random.randint(0, bound - 1)] for bound in BOUNDS for _ in range(5)]
    order = list(range(20))
    random.shuffle(order)
    cases.append({"seed": seed, "draws": draws, "order": order})
OUT.write_text("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")
