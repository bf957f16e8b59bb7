"""Llama, Mistral, Qwen and OPT, and the ways of scaling a rotation."""

import torch
from transformers import LlamaConfig, MistralConfig, OPTConfig, Qwen2Config, Qwen3Config

from golden import TOKENS, VOCAB, Case, Tensors


def llama(**overrides) -> LlamaConfig:
    return LlamaConfig(**(gated_sizes() | dict(max_position_embeddings=64) | overrides))


def mistral(**overrides) -> MistralConfig:
    return MistralConfig(**(gated_sizes() | dict(num_key_value_heads=2, max_position_embeddings=64) | overrides))


def qwen2(**overrides) -> Qwen2Config:
    return Qwen2Config(**(gated_sizes() | dict(num_key_value_heads=2, max_position_embeddings=64) | overrides))


def qwen3(**overrides) -> Qwen3Config:
    return Qwen3Config(**(gated_sizes() | dict(num_key_value_heads=2, max_position_embeddings=64) | overrides))


def gated_sizes() -> dict:
    return dict(
        vocab_size=VOCAB,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        bos_token_id=1,
        eos_token_id=2,
    )


def opt(**overrides) -> OPTConfig:
    sizes = dict(
        vocab_size=VOCAB,
        hidden_size=32,
        ffn_dim=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=32,
    )
    return OPTConfig(**(sizes | overrides))


def without_prefix(prefix: str):
    """The names that a file has which was saved without the head's module around it."""

    def rename(tensors: Tensors) -> Tensors:
        return {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}

    return rename


def as_transformers_5(*partial: str):
    """The entries as transformers 5 writes them: all that the rotation needs in one object."""

    def rewrite(entries: dict) -> dict:
        rope = {"rope_type": "default"} | (entries.pop("rope_scaling", None) or {})
        rope["rope_type"] = rope.pop("type", rope["rope_type"])
        rope["rope_theta"] = entries.pop("rope_theta")
        for key in partial:
            rope[key] = entries[key]
        return entries | {"rope_parameters": rope, "transformers_version": "5.0.0"}

    return rewrite


YARN_ROPE = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64}

LLAMA3_ROPE = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}

CASES = [
    Case(
        "llama2",
        llama(rms_norm_eps=1e-5),
        differs_from=[{"rope_theta": 100.0}, {"hidden_act": "gelu"}],
    ),
    Case(
        "llama3",
        # Wavelengths 6, 32 and 167 and more: kept (< 64 / 4), between, and divided by 8 (> 64).
        llama(
            num_key_value_heads=2,
            head_dim=16,
            tie_word_embeddings=True,
            max_position_embeddings=512,
            rope_theta=500000.0,
            rope_scaling=LLAMA3_ROPE,
        ),
        differs_from=[
            {"rope_scaling": None},
            {"rope_scaling": {"rope_type": "linear", "factor": 8.0}},
            # Nothing between the bands: the middle one counts too.
            {"rope_scaling": LLAMA3_ROPE | {"high_freq_factor": 1.0 + 1e-6}},
        ],
    ),
    Case(
        "llama-linear",
        llama(rope_scaling={"rope_type": "linear", "factor": 2.0}),
        differs_from=[{"rope_scaling": None}],
    ),
    Case(
        "llama-dynamic",
        llama(max_position_embeddings=16, rope_scaling={"rope_type": "dynamic", "factor": 2.0}),
        short=12,
        differs_from=[{"rope_scaling": None}, {"rope_scaling": {"rope_type": "dynamic", "factor": 4.0}}],
    ),
    Case(
        "llama-bias",
        # An epsilon that shows: the usual 1e-5 drowns in rounding.
        llama(num_key_value_heads=2, attention_bias=True, mlp_bias=True, rms_norm_eps=1e-2),
        differs_from=[{"attention_bias": False}, {"mlp_bias": False}, {"rms_norm_eps": 1e-5}],
    ),
    Case("llama-sharded-fp16", llama(), dtype=torch.float16, max_shard_size="20KB"),
    Case("llama-bf16", llama(num_key_value_heads=1), dtype=torch.bfloat16),
    Case(
        "mistral",
        mistral(sliding_window=8),
        differs_from=[{"sliding_window": None}, {"sliding_window": 7}, {"sliding_window": 9}],
    ),
    Case("mistral-full", mistral(sliding_window=None, head_dim=16), differs_from=[{"sliding_window": TOKENS - 1}]),
    Case("qwen2", qwen2(tie_word_embeddings=True), differs_from=[{"rope_theta": 100.0}]),
    Case(
        "qwen2-window",
        # Layer 0 sees everything, 1 and 2 see the window.
        qwen2(
            num_hidden_layers=3,
            tie_word_embeddings=True,
            use_sliding_window=True,
            sliding_window=8,
            max_window_layers=1,
        ),
        differs_from=[
            {"use_sliding_window": False, "layer_types": None},
            {"max_window_layers": 0, "layer_types": None},
            {"max_window_layers": 2, "layer_types": None},
        ],
    ),
    Case("qwen3", qwen3(head_dim=16, rms_norm_eps=1e-2), differs_from=[{"rms_norm_eps": 1e-6}]),
    Case("opt", opt(), differs_from=[{"do_layer_norm_before": False}, {"activation_function": "gelu"}]),
    Case(
        "opt-post",
        # As opt-350m: norms after the sublayers and none at the end, a narrower embedding.
        opt(hidden_size=40, word_embed_proj_dim=24, do_layer_norm_before=False),
        differs_from=[{"do_layer_norm_before": True}],
    ),
    Case(
        "opt-nobias",
        # Norms without parameters, and the exact GELU, which is 0.0025 away from the tanh one here.
        opt(enable_bias=False, layer_norm_elementwise_affine=False, activation_function="gelu"),
        differs_from=[{"activation_function": "relu"}, {"activation_function": "gelu_new"}],
    ),
    Case(
        "llama-yarn",
        llama(head_dim=16, rope_theta=100.0, max_position_embeddings=256, rope_scaling=YARN_ROPE),
        dtype=torch.bfloat16,
        differs_from=[
            {"rope_scaling": None},
            {"rope_scaling": {"rope_type": "linear", "factor": 4.0}},
            {"rope_scaling": YARN_ROPE | {"attention_factor": 1.0}},
            {"rope_scaling": YARN_ROPE | {"beta_fast": 2.0}},
        ],
    ),
    Case(
        "qwen2-yarn",
        # As DeepSeek writes it: two scales whose quotient is the factor of cosine and sine.
        qwen2(
            rope_theta=100.0,
            max_position_embeddings=256,
            rope_scaling=YARN_ROPE
            | {"beta_fast": 3.0, "beta_slow": 0.5, "mscale": 1.0, "mscale_all_dim": 0.5, "truncate": False},
        ),
        dtype=torch.bfloat16,
        differs_from=[
            {"rope_scaling": YARN_ROPE | {"beta_fast": 3.0, "beta_slow": 0.5, "truncate": False}},
            {"rope_scaling": YARN_ROPE | {"beta_fast": 3.0, "beta_slow": 0.5, "mscale": 1.0, "mscale_all_dim": 0.5}},
        ],
    ),
    Case(
        "llama-longrope",
        # 24 tokens are longer than 16, so that the long factors hold; 12 turn by the short ones.
        llama(
            max_position_embeddings=16,
            rope_scaling={
                "rope_type": "longrope",
                "factor": 4.0,
                "short_factor": [1.0, 1.1, 1.3, 1.5],
                "long_factor": [1.0, 2.0, 3.0, 4.0],
            },
        ),
        dtype=torch.bfloat16,
        short=12,
        differs_from=[{"rope_scaling": None}],
    ),
    Case(
        "llama-transformers5",
        llama(
            head_dim=None,
            num_key_value_heads=2,
            rope_theta=500.0,
            rope_scaling=LLAMA3_ROPE,
            max_position_embeddings=512,
        ),
        dtype=torch.bfloat16,
        differs_from=[{"rope_theta": 10000.0}, {"rope_scaling": None}],
        config_as=as_transformers_5(),
        reloads=False,
    ),
    Case(
        "qwen3-transformers5",
        qwen3(head_dim=16, rope_theta=500.0),
        dtype=torch.bfloat16,
        differs_from=[{"rope_theta": 10000.0}],
        config_as=as_transformers_5(),
        reloads=False,
    ),
    Case(
        "qwen3-without-prefix",
        # As AutoModel saves it, which has no head: embedding models come so.
        qwen3(head_dim=16, tie_word_embeddings=True),
        dtype=torch.bfloat16,
        tensors_as=without_prefix("model."),
        config_as=lambda entries: entries | {"architectures": ["Qwen3Model"]},
    ),
]
