"""A golden checkpoint: what a case is, how it is written, and what has to hold of it.

`families.py` says what is written where.
"""

import json
import shutil
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModelForCausalLM,
    Gemma3ForConditionalGeneration,
    Mistral3ForConditionalGeneration,
    PretrainedConfig,
    PreTrainedModel,
)
from transformers.modeling_utils import no_init_weights

BATCH, TOKENS = 2, 24
VOCAB = 96

# A difference of logits that a test sees. Against fp64 the logits are off by 2e-5 at most.
SEEN = 1e-3

# By how much the last expert that a token goes to is ahead of the first that it does not go to. An
# engine that computes in bf16 shall choose the same ones.
AHEAD = 0.04

# What AutoModelForCausalLM does not know, or builds without the vision tower.
WITH_VISION = {"gemma3": Gemma3ForConditionalGeneration, "mistral3": Mistral3ForConditionalGeneration}

Tensors = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Case:
    """A checkpoint to write.

    `differs_from` are config values under which the same weights have to give other logits. A case
    that cannot tell its feature from the feature's absence would test nothing. `short` is a length
    whose logits are not the first of those of the whole sequence.

    `tensors_as` and `config_as` give the file's tensors and its `config.json` the form that other
    programs and versions write; `reloads` says that transformers 4.56 reads that form too.
    `idle_expert` asks for an expert that no token goes to. `attention` is the implementation to take.
    """

    name: str
    config: PretrainedConfig
    dtype: torch.dtype = torch.float32
    max_shard_size: str = "1GB"
    short: int | None = None
    differs_from: list[dict] = field(default_factory=list)
    tensors_as: Callable[[Tensors], Tensors] | None = None
    config_as: Callable[[dict], dict] | None = None
    reloads: bool = True
    idle_expert: bool = False
    attention: str = "eager"

    @property
    def text(self) -> PretrainedConfig:
        return self.config.get_text_config()


def with_values(config: PretrainedConfig, values: dict) -> PretrainedConfig:
    """The config with other values for its decoder."""
    entries = config.to_dict()
    entries.get("text_config", entries).update(values)
    return type(config)(**entries)


def build(config: PretrainedConfig, attention: str) -> PreTrainedModel:
    """The model with unset parameters: its own initialisation fails on norms without weights."""
    kind = WITH_VISION.get(config.model_type, AutoModelForCausalLM)
    make = kind.from_config if kind is AutoModelForCausalLM else kind._from_config
    with no_init_weights():
        model = make(config, attn_implementation=attention, dtype=torch.float32)
    model.tie_weights()  # skipped along with the initialisation
    return model.eval()


def randomise(model: PreTrainedModel, generator: torch.Generator) -> None:
    """Draws every parameter, also the norms and the biases, which a fresh model has at 1 and at 0.

    Uniform and not normal, since uniform numbers come out alike on every CPU.
    """
    norms_at = 0 if model.config.model_type.startswith("gemma") else 1  # Gemma's multiply by 1 + w
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.rand(parameter.shape, generator=generator) * 2 - 1
            if name.endswith("bias"):
                parameter.copy_(noise * 0.5)
            elif "norm" in name or "ln_" in name:
                parameter.copy_(norms_at + noise * 0.5)
            elif "embed" in name:
                parameter.copy_(noise * 0.75)
            else:
                parameter.copy_(noise * 0.5)


def logits(model: PreTrainedModel, ids: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return model(input_ids=ids, use_cache=False).logits.contiguous()


def distance(a: torch.Tensor, b: torch.Tensor) -> float:
    return (a - b).abs().max().item()


def routers(model: PreTrainedModel) -> list[torch.nn.Module]:
    """The linears that choose experts, block by block."""
    return [
        module
        for name, module in model.named_modules()
        if name.endswith((".mlp.gate", ".block_sparse_moe.gate", ".router.layer"))
    ]


def routing(case: Case, model: PreTrainedModel, ids: torch.Tensor) -> tuple[float, bool]:
    """By how much each choice of experts is decided, at least; and whether some expert is never chosen."""
    scores: list[torch.Tensor] = []
    hooks = [router.register_forward_hook(lambda _m, _i, out: scores.append(out)) for router in routers(model)]
    logits(model, ids)
    for hook in hooks:
        hook.remove()
    chosen = case.text.num_experts_per_tok
    ahead, idle = float("inf"), False
    for block in scores:
        block = block.reshape(-1, block.shape[-1])
        best = block.topk(chosen + 1).values
        ahead = min(ahead, (best[:, -2] - best[:, -1]).min().item())
        idle |= block.topk(chosen).indices.unique().numel() < block.shape[-1]
    return ahead, idle


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
    assert (embedding is head) == case.text.tie_word_embeddings, f"{case.name}: tied?"

    for values in case.differs_from:
        other = build(with_values(case.config, values), case.attention)
        randomise(other, torch.Generator().manual_seed(0))
        other.load_state_dict(model.state_dict(), strict=False)
        far = distance(logits(other, ids), expected)
        assert far > SEEN, f"{case.name}: gives the same logits with {values}"


def draw(case: Case) -> tuple[PreTrainedModel, torch.Tensor]:
    """A model in the type that it is stored in, and ids: the first draw whose routing is decided."""
    for attempt in range(500):
        seed = zlib.crc32(case.name.encode()) + attempt
        generator = torch.Generator().manual_seed(seed)
        stored = build(case.config, case.attention)
        randomise(stored, generator)
        stored.to(case.dtype)
        ids = torch.randint(VOCAB, (BATCH, TOKENS), generator=generator)
        if not routers(stored):
            return stored, ids
        ahead, idle = routing(case, in_fp32(case, stored), ids)
        if ahead > AHEAD and idle == case.idle_expert:
            return stored, ids
    raise AssertionError(f"{case.name}: no draw decides its routing")


def in_fp32(case: Case, stored: PreTrainedModel) -> PreTrainedModel:
    """The weights as they are stored, to compute with in fp32.

    A new model each time, since dynamic RoPE remembers the longest sequence that it saw.
    """
    model = build(case.config, case.attention)
    model.load_state_dict(stored.state_dict())
    return model


def write(case: Case, out: Path) -> None:
    stored, ids = draw(case)
    model = in_fp32(case, stored)
    expected = {"ids": ids, "logits": logits(model, ids)}
    check(case, model, ids, expected["logits"])
    if case.short is not None:
        expected["short_logits"] = logits(in_fp32(case, stored), ids[:, : case.short])
        assert distance(expected["short_logits"], expected["logits"][:, : case.short]) > SEEN

    directory = out / case.name
    shutil.rmtree(directory, ignore_errors=True)
    stored.save_pretrained(directory, max_shard_size=case.max_shard_size)
    (directory / "generation_config.json").unlink(missing_ok=True)
    reshape(case, directory)
    if case.reloads:
        again = type(model).from_pretrained(directory, dtype=torch.float32, attn_implementation=case.attention)
        assert distance(logits(again.eval(), ids), expected["logits"]) < 1e-5, f"{case.name}: reads differently"
    save_file(expected, directory / "expected.safetensors")


def reshape(case: Case, directory: Path) -> None:
    """Puts what transformers wrote into the form that the case asks for."""
    if case.tensors_as is not None:
        file = directory / "model.safetensors"
        tensors = {name: tensor.clone() for name, tensor in load_file(file).items()}
        save_file(case.tensors_as(tensors), file, metadata={"format": "pt"})
    if case.config_as is not None:
        file = directory / "config.json"
        entries = case.config_as(json.loads(file.read_text()))
        file.write_text(json.dumps(entries, indent=2, sort_keys=True) + "\n")
