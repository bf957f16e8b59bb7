"""Mixtures of experts."""

import torch
from transformers import GraniteMoeConfig, GraniteMoeSharedConfig, MixtralConfig, Qwen2MoeConfig, Qwen3MoeConfig

from cases_dense import MULTIPLIERS, MULTIPLIERS_OFF, grouped
from golden import Case


def case(name: str, config, **more) -> Case:
    return Case(name, config, dtype=torch.bfloat16, **more)


CASES = [
    case(
        "mixtral",
        MixtralConfig(**grouped(num_local_experts=4, num_experts_per_tok=2, sliding_window=8)),
        differs_from=[{"num_experts_per_tok": 1}, {"num_experts_per_tok": 3}, {"sliding_window": None}],
    ),
    case(
        # The first block is dense; the second has a shared expert beside its experts.
        "qwen2_moe",
        Qwen2MoeConfig(
            **grouped(
                num_experts=6,
                num_experts_per_tok=2,
                moe_intermediate_size=24,
                shared_expert_intermediate_size=40,
                decoder_sparse_step=2,
            )
        ),
        differs_from=[{"norm_topk_prob": True}, {"num_experts_per_tok": 1}],
    ),
    case(
        "qwen2_moe-mlp-only",
        Qwen2MoeConfig(
            **grouped(
                num_hidden_layers=3,
                num_experts=4,
                num_experts_per_tok=2,
                moe_intermediate_size=24,
                shared_expert_intermediate_size=24,
                norm_topk_prob=True,
                mlp_only_layers=[1],
                qkv_bias=False,
            )
        ),
        differs_from=[{"norm_topk_prob": False}],
    ),
    case(
        "qwen3_moe",
        Qwen3MoeConfig(
            **grouped(
                head_dim=16, num_experts=4, num_experts_per_tok=2, moe_intermediate_size=24, norm_topk_prob=True
            )
        ),
        differs_from=[{"norm_topk_prob": False}, {"rope_theta": 100.0}],
    ),
    case(
        # Some expert sees no token at all.
        "qwen3_moe-idle-expert",
        Qwen3MoeConfig(
            **grouped(
                head_dim=16,
                num_experts=16,
                num_experts_per_tok=2,
                moe_intermediate_size=8,
                norm_topk_prob=False,
                mlp_only_layers=[0],
            )
        ),
        differs_from=[{"norm_topk_prob": True}],
        idle_expert=True,
    ),
    case(
        # All experts of a block in two tensors of three dimensions.
        "granitemoe",
        GraniteMoeConfig(**grouped(num_local_experts=4, num_experts_per_tok=2, intermediate_size=24, **MULTIPLIERS)),
        differs_from=[*MULTIPLIERS_OFF, {"num_experts_per_tok": 1}],
    ),
    case(
        "granitemoeshared",
        GraniteMoeSharedConfig(
            **grouped(
                num_local_experts=4,
                num_experts_per_tok=2,
                intermediate_size=24,
                shared_intermediate_size=40,
                attention_multiplier=8**-0.5,
                tie_word_embeddings=True,
            )
        ),
        differs_from=[{"num_experts_per_tok": 1}],
    ),
]
