"""Golden logits of tiny random models, one directory for each case of each model family.

The reference is Hugging Face transformers: for each case it writes the checkpoint as
`save_pretrained` does, and beside it what the model computes from it.

    pip install -r requirements.txt
    python families.py ../resources/families            all cases
    python families.py ../resources/families gemma2     those named

    OUT_DIR/CASE/config.json
    OUT_DIR/CASE/model.safetensors        or shards and their index
    OUT_DIR/CASE/expected.safetensors     ids    int64   [2, 24]
                                          logits float32 [2, 24, vocab]: the whole sequence in one
                                          forward, fp32 on the CPU, causal
                                          short_logits [2, SHORT, vocab] of ids[:, :SHORT], where
                                          those are not the first rows of logits (dynamic RoPE)
    OUT_DIR/refused/NAME/config.json      configs that a reader has to refuse; no weights
    OUT_DIR/defaults/FAMILY/config.json   every entry that a family has; no weights

A second run writes the same bytes; on another kind of CPU the logits may differ in their last bits,
the weights and the ids do not. A case takes its seed from its name, so that adding one leaves the
others as they are.

`golden.py` says how a case is drawn, checked and written. The cases: `cases_llama.py` (Llama, Mistral, Qwen, OPT
and rotary scaling), `cases_dense.py` (the other dense families), `cases_experts.py` (mixtures of
experts), `cases_refused.py`, `cases_defaults.py`.
"""

import argparse
from pathlib import Path

import torch

import cases_dense
import cases_experts
import cases_llama
from cases_defaults import write_defaults
from cases_refused import REFUSED
from golden import write

CASES = cases_llama.CASES + cases_dense.CASES + cases_experts.CASES


def main() -> None:
    parser = argparse.ArgumentParser(description="Writes the golden model families.")
    parser.add_argument("out", type=Path, metavar="OUT_DIR")
    parser.add_argument("names", nargs="*", metavar="CASE", help="only these; without any, all")
    arguments = parser.parse_args()

    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    for case in CASES:
        if not arguments.names or case.name in arguments.names:
            write(case, arguments.out)
    if not arguments.names:
        for name, config in REFUSED.items():
            config.save_pretrained(arguments.out / "refused" / name)
        write_defaults(arguments.out / "defaults")


if __name__ == "__main__":
    main()
