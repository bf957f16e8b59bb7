"""The golden families' configurations as transformers 5 writes them.

    pip install transformers==5.24.0 torch==2.8.0
    python configs_5.py ../resources/families

    OUT_DIR/transformers5/CASE/config.json   of the checkpoint OUT_DIR/CASE

Each is read and saved again, and the model of the case computes the same logits from it.
"""

import argparse
from pathlib import Path

import torch
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageTextToText

WITH_VISION = {"gemma3", "mistral3"}


def write(case: Path, out: Path) -> None:
    AutoConfig.from_pretrained(case).save_pretrained(out)
    config = AutoConfig.from_pretrained(out)
    kind = AutoModelForImageTextToText if config.model_type in WITH_VISION else AutoModelForCausalLM
    # The eager attention of transformers 4.56 adds the biases of Falcon's ALiBi twice.
    attention = "sdpa" if getattr(config, "alibi", False) else "eager"
    model = kind.from_pretrained(case, config=config, dtype=torch.float32, attn_implementation=attention)
    expected = load_file(case / "expected.safetensors")
    with torch.no_grad():
        logits = model.eval()(input_ids=expected["ids"], use_cache=False).logits
    far = (logits - expected["logits"]).abs().max().item()
    assert far < 1e-4, f"{case.name}: logits are {far} off"


def main() -> None:
    parser = argparse.ArgumentParser(description="Writes the configurations of transformers 5.")
    parser.add_argument("out", type=Path, metavar="OUT_DIR")
    out = parser.parse_args().out
    for case in sorted(out.iterdir()):
        if (case / "expected.safetensors").exists():
            write(case, out / "transformers5" / case.name)


if __name__ == "__main__":
    main()
