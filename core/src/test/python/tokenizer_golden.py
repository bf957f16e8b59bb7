"""Writes what transformers' AutoTokenizer gives, for TokenizerTest to compare with.

    pip install transformers==4.56.2
    python core/src/test/python/tokenizer_golden.py     (from the root of the repository)
"""

import gzip
import hashlib
import json
import shutil
import struct
import tempfile
from pathlib import Path

import transformers

MODEL = Path("models/demo-llama")
TEXT = Path("core/src/main/resources/org/wanda4j/text/wikitext2-test.raw.txt.gz")
OUT = Path("core/src/test/resources/org/wanda4j/text/golden/tiny-encodings.json")

STRINGS = [
    "",
    "Hello, world!",
    "  two leading spaces",
    "\ttabs\tand\r\nline ends\n\n",
    "1234567890",
    "na\u00efve caf\u00e9, cafe\u0301",
    "\u65e5\u672c\u8a9e\u306e\u6587\u7ae0",
    "\u0627\u0644\u0639\u0631\u0628\u064a\u0629",
    "\U0001f600 \U0001f469\u200d\U0001f469\u200d\U0001f467 \U0001d54f",
    "nul\u0000inside",
    "\ufeffmark",
    "a<|endoftext|>b",
    "trailing space ",
]

BOS = "<|endoftext|>"
CONFIGS = [
    {"tokenizer_class": "PreTrainedTokenizerFast", "add_bos_token": True, "bos_token": BOS},
    {"tokenizer_class": "LlamaTokenizer", "bos_token": BOS, "eos_token": BOS},
    {"tokenizer_class": "LlamaTokenizerFast", "bos_token": {"__type": "AddedToken", "content": BOS},
     "eos_token": "the", "add_bos_token": True, "add_eos_token": True},
    {"tokenizer_class": "LlamaTokenizer", "bos_token": BOS, "add_bos_token": False},
    {"tokenizer_class": "LlamaTokenizer", "bos_token": BOS, "add_bos_token": None},
    {"tokenizer_class": "GemmaTokenizer", "bos_token": BOS, "eos_token": BOS,
     "add_bos_token": False, "add_eos_token": True},
    {"tokenizer_class": "GPTNeoXTokenizer"},
    {"tokenizer_class": "GPTNeoXTokenizer", "add_bos_token": True},
]


def open_with(config):
    with tempfile.TemporaryDirectory() as directory:
        shutil.copy(MODEL / "tokenizer.json", directory)
        Path(directory, "tokenizer_config.json").write_text(json.dumps(config))
        return transformers.AutoTokenizer.from_pretrained(directory)


def whole_text(tokenizer):
    # Line ends as open() reads them, which is how the published evaluation gets its text.
    ids = tokenizer(gzip.open(TEXT, "rt", encoding="utf-8").read())["input_ids"]
    packed = struct.pack(f"<{len(ids)}i", *ids)
    return {"tokens": len(ids), "sha256_of_int32": hashlib.sha256(packed).hexdigest()}


tokenizer = transformers.AutoTokenizer.from_pretrained(MODEL)
golden = {
    "transformers": transformers.__version__,
    "encodings": [{"text": s, "ids": tokenizer(s)["input_ids"]} for s in STRINGS],
    "configured": [
        {"config": c, "text": "Hello, world!", "ids": open_with(c)("Hello, world!")["input_ids"]}
        for c in CONFIGS
    ],
    "wikitext2": whole_text(tokenizer),
}
lines = json.dumps(golden, indent=1)
OUT.write_text(lines + "\n")
