"""Golden logits of tiny random models, one directory for each case of each model family.

The reference is Hugging Face transformers: for each case it writes the checkpoint as
`save_pretrained` does, and beside it what the model computes from it.

    pip install -r requirements.txt
    python families.py ../resources/families

    OUT_DIR/CASE/config.json
    OUT_DIR/CASE/model.safetensors        or shards and their index
    OUT_DIR/CASE/expected.safetensors     ids    int64   [2, 24]
                                          logits float32 [2, 24, vocab]: the whole sequence in one
                                          forward, fp32 on the CPU, eager attention, causal
                                          short_logits [2, SHORT, vocab] of ids[:, :SHORT], where
                                          those are not the first rows of logits (dynamic RoPE)
    OUT_DIR/refused/NAME/config.json      configs that a reader has to refuse; no weights

A second run writes the same bytes; on another kind of CPU the logits may differ in their last bits,
the weights and the ids do not. A case takes its seed from its name, so that adding one leaves the
others as they are.
"""

import argparse
import shutil
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import (
    AutoModelForCausalLM,
    GPT2Config,
    LlamaConfig,
    MistralConfig,
    OPTConfig,
    PretrainedConfig,
    PreTrainedModel,
    Qwen2Config,
    Qwen3Config,
)
from transformers.modeling_utils import no_init_weights

BATCH, TOKENS = 2, 24
VOCAB = 96

# A difference of logits that a test sees. Against fp64 the logits are off by 2e-5 at most.
SEEN = 1e-3


@dataclass(frozen=True)
class Case:
    """A checkpoint to write.

    `differs_from` are config values under which the same weights have to give other logits. A case
    that cannot tell its feature from the feature's absence would test nothing.
    """

    name: str
    config: PretrainedConfig
    dtype: torch.dtype = torch.float32
    max_shard_size: str = "1GB"
    short: int | None = None
    differs_from: list[dict] = field(default_factory=list)


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
]

REFUSED = {
    "gpt2": GPT2Config(
        vocab_size=VOCAB, n_embd=32, n_layer=2, n_head=4, n_positions=64, architectures=["GPT2LMHeadModel"]
    ),
    "llama-yarn": llama(
        max_position_embeddings=64,
        rope_scaling={"rope_type": "yarn", "factor": 2.0, "original_max_position_embeddings": 32},
        architectures=["LlamaForCausalLM"],
    ),
}


def build(config: PretrainedConfig) -> PreTrainedModel:
    """The model with unset parameters: its own initialisation fails on norms without weights."""
    with no_init_weights():
        model = AutoModelForCausalLM.from_config(config, attn_implementation="eager", dtype=torch.float32)
    model.tie_weights()  # skipped along with the initialisation
    return model.eval()


def randomise(model: PreTrainedModel, generator: torch.Generator) -> None:
    """Draws every parameter, also the norms and the biases, which a fresh model has at 1 and at 0.

    Uniform and not normal, since uniform numbers come out alike on every CPU.
    """
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.rand(parameter.shape, generator=generator) * 2 - 1
            if name.endswith("bias"):
                parameter.copy_(noise * 0.5)
            elif "norm" in name:
                parameter.copy_(1 + noise * 0.5)
            elif "embed" in name:
                parameter.copy_(noise * 0.75)
            else:
                parameter.copy_(noise * 0.5)


def logits(model: PreTrainedModel, ids: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return model(input_ids=ids, use_cache=False).logits.contiguous()


def distance(a: torch.Tensor, b: torch.Tensor) -> float:
    return (a - b).abs().max().item()


def check(case: Case, model: PreTrainedModel, ids: torch.Tensor, expected: torch.Tensor) -> None:
    """Fails where the expected logits would let a wrong engine pass."""
    largest = expected.abs().max().item()
    assert expected.isfinite().all() and 1 <= largest <= 20, f"{case.name}: logits up to {largest}"

    changed = ids.clone()
    changed[:, -1] = (changed[:, -1] + 1) % VOCAB
    after = logits(model, changed)
    assert distance(after[:, :-1], expected[:, :-1]) < 1e-6, f"{case.name}: is not causal"
    assert distance(after[:, -1], expected[:, -1]) > SEEN, f"{case.name}: ignores the last token"

    embedding, head = model.get_input_embeddings().weight, model.get_output_embeddings().weight
    assert (embedding is head) == case.config.tie_word_embeddings, f"{case.name}: tied?"

    for values in case.differs_from:
        other = build(type(case.config)(**(case.config.to_dict() | values)))
        randomise(other, torch.Generator().manual_seed(0))
        other.load_state_dict(model.state_dict(), strict=False)
        far = distance(logits(other, ids), expected)
        assert far > SEEN, f"{case.name}: gives the same logits with {values}"


def write(case: Case, out: Path) -> None:
    generator = torch.Generator().manual_seed(zlib.crc32(case.name.encode()))
    stored = build(case.config)
    randomise(stored, generator)
    stored.to(case.dtype)
    ids = torch.randint(VOCAB, (BATCH, TOKENS), generator=generator)

    # Computed in fp32 from the weights as they are stored. A new model for each, since dynamic RoPE
    # remembers the longest sequence that it saw.
    def in_fp32() -> PreTrainedModel:
        model = build(case.config)
        model.load_state_dict(stored.state_dict())
        return model

    model = in_fp32()
    expected = {"ids": ids, "logits": logits(model, ids)}
    check(case, model, ids, expected["logits"])
    if case.short is not None:
        expected["short_logits"] = logits(in_fp32(), ids[:, : case.short])
        assert distance(expected["short_logits"], expected["logits"][:, : case.short]) > SEEN

    directory = out / case.name
    shutil.rmtree(directory, ignore_errors=True)
    stored.save_pretrained(directory, max_shard_size=case.max_shard_size)
    (directory / "generation_config.json").unlink()
    save_file(expected, directory / "expected.safetensors")


def main() -> None:
    parser = argparse.ArgumentParser(description="Writes the golden model families.")
    parser.add_argument("out", type=Path, metavar="OUT_DIR")
    out = parser.parse_args().out

    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    for case in CASES:
        write(case, out)
    for name, config in REFUSED.items():
        config.save_pretrained(out / "refused" / name)


if __name__ == "__main__":
    main()
