"""The other dense families, each with what it has and Llama has not.

Hidden sizes are 32, heads 4, blocks 2 where the feature leaves it open; weights are bf16.
"""

import torch
from transformers import (
    BloomConfig,
    CohereConfig,
    FalconConfig,
    Gemma2Config,
    Gemma3Config,
    Gemma3TextConfig,
    GemmaConfig,
    Glm4Config,
    GPT2Config,
    GPTNeoXConfig,
    GraniteConfig,
    Mistral3Config,
    Olmo2Config,
    OlmoConfig,
    Phi3Config,
    PhiConfig,
    SmolLM3Config,
    StableLmConfig,
    Starcoder2Config,
)

from cases_llama import as_transformers_5, without_prefix
from golden import VOCAB, Case, Tensors


def case(name: str, config, **more) -> Case:
    return Case(name, config, dtype=torch.bfloat16, **more)


def sizes(**overrides) -> dict:
    return (
        dict(
            vocab_size=VOCAB,
            hidden_size=32,
            intermediate_size=48,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=64,
            bos_token_id=1,
            eos_token_id=2,
            pad_token_id=0,
        )
        | overrides
    )


def grouped(**overrides) -> dict:
    return sizes(num_key_value_heads=2) | overrides


GEMMA2 = Gemma2Config(
    **grouped(
        head_dim=16,
        query_pre_attn_scalar=24,
        sliding_window=8,
        attn_logit_softcapping=2.0,
        final_logit_softcapping=4.0,
        rms_norm_eps=1e-2,
    )
)


def gemma3_text(**overrides) -> Gemma3TextConfig:
    return Gemma3TextConfig(
        **grouped(
            head_dim=16,
            query_pre_attn_scalar=24,
            sliding_window=8,
            sliding_window_pattern=2,
            rope_theta=100000.0,
            rope_local_base_freq=100.0,
        )
        | overrides
    )


def gemma3() -> Gemma3Config:
    text = gemma3_text(rope_scaling={"rope_type": "linear", "factor": 8.0}).to_dict()
    vision = dict(
        hidden_size=16, intermediate_size=24, num_hidden_layers=1, num_attention_heads=2, image_size=8, patch_size=4
    )
    return Gemma3Config(
        text_config=text,
        vision_config=vision,
        mm_tokens_per_image=4,
        # No token of the texts stands for an image.
        image_token_index=VOCAB,
        boi_token_index=VOCAB - 2,
        eoi_token_index=VOCAB - 1,
    )


def gemma3_as_on_the_hub(entries: dict) -> dict:
    """A number for the pattern of the windows, where later versions list the blocks."""
    return {key: value for key, value in entries.items() if key != "layer_types"} | {"sliding_window_pattern": 2}


def gemma3_as_transformers_5(entries: dict) -> dict:
    text = dict(entries["text_config"])
    local, full = text.pop("rope_local_base_freq"), text.pop("rope_theta")
    text["rope_parameters"] = {
        "full_attention": text.pop("rope_scaling") | {"rope_theta": full},
        "sliding_attention": {"rope_type": "default", "rope_theta": local},
    }
    return entries | {"text_config": text, "transformers_version": "5.0.0"}


def under_model(tensors: Tensors) -> Tensors:
    """The names that transformers 5 writes for a language model beside a vision tower."""

    def name(old: str) -> str:
        if old.startswith("language_model.model."):
            return "model.language_model." + old.removeprefix("language_model.model.")
        return old.removeprefix("language_model.") if "lm_head" in old else "model." + old

    return {name(old): tensor for old, tensor in tensors.items()}


PHI3_LONGROPE = dict(
    max_position_embeddings=64,
    original_max_position_embeddings=16,
    partial_rotary_factor=0.75,
    rope_scaling={
        "type": "longrope",
        "short_factor": [1.0, 1.1, 1.3],
        "long_factor": [1.5, 2.5, 4.0],
    },
)


def gpt2(**overrides) -> GPT2Config:
    return GPT2Config(
        **(
            dict(vocab_size=VOCAB, n_embd=32, n_layer=2, n_head=4, n_positions=32, bos_token_id=1, eos_token_id=2)
            | overrides
        )
    )


def gpt2_as_on_the_hub(tensors: Tensors) -> Tensors:
    """No prefix, and the causal mask of each block as a tensor."""
    masks = {f"h.{block}.attn.bias": torch.ones(32, 32).tril().view(1, 1, 32, 32) for block in range(2)}
    return without_prefix("transformer.")(tensors) | masks


def neox(**overrides) -> GPTNeoXConfig:
    return GPTNeoXConfig(**sizes(rotary_pct=0.5, rotary_emb_base=1000, layer_norm_eps=1e-3) | overrides)


def neox_as_on_the_hub(tensors: Tensors) -> Tensors:
    """With the buffers that Pythia's files have."""
    more = {}
    for block in range(2):
        name = f"gpt_neox.layers.{block}.attention."
        more[name + "bias"] = torch.ones(1, 1, 64, 64, dtype=torch.bool).tril()
        more[name + "masked_bias"] = torch.tensor(-1e9)
        more[name + "rotary_emb.inv_freq"] = torch.ones(2)
    return tensors | more


def bloom(**overrides) -> BloomConfig:
    return BloomConfig(**(dict(vocab_size=VOCAB, hidden_size=32, n_layer=2, n_head=4) | overrides))


def bloom_as_on_the_hub(entries: dict) -> dict:
    """Other names for the sizes, and what Megatron left."""
    entries = dict(entries)
    entries["n_embed"] = entries.pop("hidden_size")
    entries["num_attention_heads"] = entries.pop("n_head")
    return entries | {
        "seq_length": 2048,
        "offset_alibi": 100,
        "skip_bias_add": True,
        "attention_softmax_in_fp32": True,
    }


def falcon(**overrides) -> FalconConfig:
    return FalconConfig(
        **(
            dict(
                vocab_size=VOCAB,
                hidden_size=32,
                num_hidden_layers=2,
                num_attention_heads=4,
                max_position_embeddings=64,
                ffn_hidden_size=48,
                bos_token_id=1,
                eos_token_id=2,
            )
            | overrides
        )
    )


MULTIPLIERS = dict(embedding_multiplier=3.0, attention_multiplier=0.2, residual_multiplier=0.5, logits_scaling=0.7)
MULTIPLIERS_OFF = [{key: 1.0} for key in MULTIPLIERS] + [{"attention_multiplier": 8**-0.5}]


def mistral3() -> Mistral3Config:
    text = grouped(head_dim=16, sliding_window=None) | {"model_type": "mistral"}
    vision = dict(
        model_type="pixtral",
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=1,
        num_attention_heads=2,
        head_dim=8,
        image_size=8,
        patch_size=4,
    )
    return Mistral3Config(text_config=text, vision_config=vision, image_token_index=VOCAB, spatial_merge_size=1)


CASES = [
    case(
        "gemma",
        GemmaConfig(**sizes(num_key_value_heads=1, head_dim=16, rms_norm_eps=1e-2)),
        differs_from=[{"hidden_act": "silu"}, {"rms_norm_eps": 1e-6}],
    ),
    case(
        "gemma2",
        GEMMA2,
        differs_from=[
            {"attn_logit_softcapping": None},
            {"final_logit_softcapping": None},
            {"query_pre_attn_scalar": 16},
            {"sliding_window": 9},
            {"layer_types": ["sliding_attention"] * 2},
            {"layer_types": ["full_attention", "sliding_attention"]},
        ],
    ),
    case(
        "gemma3_text",
        gemma3_text(rms_norm_eps=1e-2),
        config_as=gemma3_as_on_the_hub,
        differs_from=[
            {"rms_norm_eps": 1e-6},
            {"query_pre_attn_scalar": 16},
            {"rope_local_base_freq": 100000.0},
            {"rope_theta": 100.0},
            {"sliding_window": 9},
            {"layer_types": ["full_attention", "sliding_attention"]},
        ],
    ),
    case(
        "gemma3",
        gemma3(),
        differs_from=[{"rope_scaling": None}, {"rope_theta": 100.0}],
    ),
    case(
        "gemma3-transformers5",
        gemma3(),
        differs_from=[{"rope_scaling": None}, {"rope_theta": 100.0}, {"rope_local_base_freq": 10000.0}],
        config_as=gemma3_as_transformers_5,
        tensors_as=under_model,
        reloads=False,
    ),
    case(
        "phi",
        PhiConfig(**grouped()),
        differs_from=[
            {"partial_rotary_factor": 1.0},
            {"hidden_act": "relu"},
        ],
    ),
    case("phi3", Phi3Config(**grouped(sliding_window=8)), differs_from=[{"sliding_window": None}]),
    case(
        "phi3-longrope",
        Phi3Config(**grouped(tie_word_embeddings=True) | PHI3_LONGROPE),
        short=12,
        differs_from=[
            {"rope_scaling": None},
            {"original_max_position_embeddings": 20},
            {"max_position_embeddings": 48},
        ],
    ),
    case(
        "phi3-transformers5",
        Phi3Config(**grouped() | PHI3_LONGROPE),
        short=12,
        config_as=as_transformers_5("partial_rotary_factor", "original_max_position_embeddings"),
        reloads=False,
    ),
    case("gpt2", gpt2(), differs_from=[{"activation_function": "relu"}]),
    case(
        "gpt2-without-prefix",
        gpt2(n_inner=48, scale_attn_by_inverse_layer_idx=True, layer_norm_epsilon=1e-2),
        tensors_as=gpt2_as_on_the_hub,
        differs_from=[{"scale_attn_by_inverse_layer_idx": False}, {"layer_norm_epsilon": 1e-5}],
    ),
    case(
        "gpt_neox",
        neox(),
        tensors_as=neox_as_on_the_hub,
        differs_from=[
            {"use_parallel_residual": False},
            {"rotary_pct": 1.0},
            {"rotary_emb_base": 10000},
            {"layer_norm_eps": 1e-5},
        ],
    ),
    case(
        "gpt_neox-sequential",
        neox(use_parallel_residual=False, attention_bias=False, hidden_act="gelu_fast", tie_word_embeddings=True),
        differs_from=[{"use_parallel_residual": True}],
    ),
    case("bloom", bloom(), differs_from=[{"layer_norm_epsilon": 1e-2}]),
    case(
        # Six heads: the slopes are those of four, and two of eight between them.
        "bloom-without-prefix",
        bloom(hidden_size=48, n_head=6),
        tensors_as=without_prefix("transformer."),
        config_as=bloom_as_on_the_hub,
    ),
    case("falcon", falcon(), differs_from=[{"rope_theta": 100.0}]),
    case(
        "falcon-rw",
        falcon(alibi=True, multi_query=False, parallel_attn=False, bias=True),
        # The eager attention of transformers 4.56 adds the biases of ALiBi twice.
        attention="sdpa",
        differs_from=[{"alibi": False}],
    ),
    case(
        "falcon-40b",
        falcon(new_decoder_architecture=True, num_kv_heads=2),
        differs_from=[{"rope_theta": 100.0}],
    ),
    case(
        "falcon-11b",
        falcon(new_decoder_architecture=True, num_kv_heads=2, num_ln_in_parallel_attn=1, tie_word_embeddings=False),
    ),
    case(
        "starcoder2",
        Starcoder2Config(**grouped(sliding_window=8)),
        differs_from=[{"sliding_window": None}, {"use_bias": False}, {"hidden_act": "relu"}],
    ),
    case(
        "stablelm",
        StableLmConfig(**grouped(use_qkv_bias=True, partial_rotary_factor=0.5)),
        differs_from=[{"partial_rotary_factor": 1.0}, {"use_qkv_bias": False}, {"use_parallel_residual": True}],
    ),
    case(
        "stablelm-parallel",
        StableLmConfig(
            **grouped(use_parallel_residual=True, qk_layernorm=True, partial_rotary_factor=0.25, head_dim=8)
        ),
        differs_from=[{"qk_layernorm": False}, {"partial_rotary_factor": 0.5}],
    ),
    case(
        "olmo",
        OlmoConfig(**grouped(clip_qkv=0.8)),
        differs_from=[{"clip_qkv": None}, {"clip_qkv": 0.9}],
    ),
    case("olmo2", Olmo2Config(**grouped(rms_norm_eps=1e-2)), differs_from=[{"rms_norm_eps": 1e-5}]),
    case(
        "smollm3",
        SmolLM3Config(**grouped(num_hidden_layers=3, no_rope_layers=[1, 0, 1])),
        differs_from=[{"no_rope_layers": [1, 1, 1]}, {"no_rope_layers": [0, 1, 1]}],
    ),
    case("granite", GraniteConfig(**grouped(**MULTIPLIERS)), differs_from=MULTIPLIERS_OFF),
    case(
        "cohere",
        CohereConfig(**grouped(logit_scale=0.6, layer_norm_eps=1e-2)),
        differs_from=[{"logit_scale": 1.0}, {"layer_norm_eps": 1e-5}, {"rope_theta": 100.0}],
    ),
    case(
        "cohere-qk-norm",
        CohereConfig(**grouped(logit_scale=0.6, use_qk_norm=True, attention_bias=True)),
        differs_from=[{"use_qk_norm": False}, {"attention_bias": False}],
    ),
    case(
        "glm4",
        Glm4Config(**grouped(head_dim=16, partial_rotary_factor=0.5)),
        differs_from=[{"partial_rotary_factor": 1.0}, {"attention_bias": False}, {"rope_theta": 100.0}],
    ),
    case("mistral3", mistral3(), differs_from=[{"sliding_window": 8}]),
    case(
        "mistral3-transformers5",
        mistral3(),
        tensors_as=under_model,
    ),
]
