#!/usr/bin/env python3
"""Writes items of the shapes that published datasets have as Parquet files, and the same as JSON lines: what ZeroShotTest
compares. The files are compressed as dataset hubs do.

    parquet_items.py OUT
"""
import json
import pathlib
import sys

import pyarrow as pa
import pyarrow.parquet as pq

LETTERED = pa.struct([("text", pa.list_(pa.string())), ("label", pa.list_(pa.string()))])
# name of the task -> schema, how to write, rows
FILES = {
    "hellaswag": (
        pa.schema([("ind", pa.int32()), ("activity_label", pa.string()), ("ctx_a", pa.string()), ("ctx_b", pa.string()),
                   ("endings", pa.list_(pa.string())), ("label", pa.string())]),
        {"compression": "snappy"},
        [{"ind": 24, "activity_label": "Roof shingle removal", "ctx_a": "A man is sitting on a roof.", "ctx_b": "he",
          "endings": ["is using wrap.", "is ripping tiles [title] off.", "holds a cube.", "starts pulling."], "label": "3"},
         {"ind": 92, "activity_label": "Café", "ctx_a": "Two 😀 people.", "ctx_b": "",
          "endings": ["rest.", "run."], "label": "0"}],
    ),
    "arc-easy": (
        pa.schema([("id", pa.string()), ("question", pa.string()), ("choices", LETTERED), ("answerKey", pa.string())]),
        {"compression": "zstd", "data_page_version": "2.0"},
        [{"id": "a", "question": "What is wet?", "choices": {"text": ["Sand", "Water"], "label": ["A", "B"]}, "answerKey": "B"},
         {"id": "b", "question": "What is dry?", "choices": {"text": ["Sand", "Water"], "label": ["1", "2"]}, "answerKey": "1"}],
    ),
    "boolq": (
        pa.schema([("question", pa.string()), ("answer", pa.bool_()), ("passage", pa.string())]),
        {"compression": "gzip"},
        [{"question": f"is {i} even", "answer": i % 2 == 0, "passage": f"The number is {i}."} for i in range(40)],
    ),
    "rte": (
        pa.schema([("sentence1", pa.string()), ("sentence2", pa.string()), ("label", pa.int64()), ("idx", pa.int32())]),
        {"compression": "none", "row_group_size": 2, "use_dictionary": False},
        [{"sentence1": f"It rains {i} times.", "sentence2": "It is wet.", "label": i % 2, "idx": i} for i in range(5)],
    ),
}

out = pathlib.Path(sys.argv[1])
out.mkdir(parents=True, exist_ok=True)
for name, (schema, options, rows) in FILES.items():
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), out / f"{name}.parquet", **options)
    (out / f"{name}.jsonl").write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
