#!/usr/bin/env python3
"""Writes the log likelihoods that transformers computes for multiple-choice items: what ZeroShotTest compares with.

    choices.py MODEL ITEMS.jsonl COUNT OUT.json

Each answer is scored in a sequence of its own, in fp32; ITEMS have `query`, `choices` and `label`.
"""
import json
import sys

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

model_dir, items, count, out = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
tokenizer = AutoTokenizer.from_pretrained(model_dir)
model = AutoModelForCausalLM.from_pretrained(model_dir, dtype=torch.float32, attn_implementation="eager").eval()
result = []
with torch.no_grad():
    for line in open(items, encoding="utf-8").read().splitlines()[:count]:
        item = json.loads(line)
        context = tokenizer(item["query"], add_special_tokens=False).input_ids
        scores = []
        for choice in item["choices"]:
            whole = tokenizer(item["query"] + " " + choice, add_special_tokens=False).input_ids
            logits = model(torch.tensor([whole])).logits[0].double().log_softmax(-1)
            scores.append(sum(logits[i - 1, whole[i]].item() for i in range(len(context), len(whole))))
        result.append({**item, "logLikelihoods": scores})
json.dump(result, open(out, "w"), indent=1)
