"""What a `config.json` means where it is silent: each family's configuration with every entry that transformers has."""

import json
from pathlib import Path

from transformers import AutoConfig, PretrainedConfig

FAMILIES = """bloom cohere falcon gemma gemma2 gemma3_text glm4 gpt2 gpt_neox granite granitemoe granitemoeshared
    llama mistral mixtral olmo olmo2 opt phi phi3 qwen2 qwen2_moe qwen3 qwen3_moe smollm3 stablelm starcoder2""".split()

# What has nothing to do with the architecture.
OF_EVERY_MODEL = set(PretrainedConfig().to_dict()) - {"tie_word_embeddings", "model_type"}

SIZES = {"hidden_size": 512, "num_hidden_layers": 8, "num_attention_heads": 64, "vocab_size": 100}


def complete(family: str) -> PretrainedConfig:
    """The family's configuration of `SIZES`, whatever it calls them."""
    config = AutoConfig.for_model(family)
    names = {config.attribute_map.get(key, key): value for key, value in SIZES.items()}
    return type(config)(**names)


def write_defaults(out: Path) -> None:
    for family in FAMILIES:
        directory = out / family
        directory.mkdir(parents=True, exist_ok=True)
        entries = complete(family).to_dict()
        entries = {key: value for key, value in entries.items() if key not in OF_EVERY_MODEL}
        text = json.dumps(entries, indent=2, sort_keys=True)
        (directory / "config.json").write_text(text + "\n")
