"""GGUF fixtures, written by ggml's own Python package.

    pip install gguf==0.19.0 numpy
    python gguf_fixtures.py ../resources/org/wanda4j/gguf ../../../../prune/src/test/resources/families

blocks.gguf     for each type TYPE.blocks, random blocks, and TYPE.values, what the package decodes them to; for the types that
                are written, rounded.TYPE, what it rounds the tensor rounded.values to. Its entries are of every type.
families.json   for each golden model of a family that llama.cpp knows: every tensor of its GGUF file in fp32, with shape and
                SHA-256, or values where they are computed. Names are those of the package's tables; how values are rearranged follows llama.cpp's converter.

A second run writes the same bytes.
"""

import argparse
import hashlib
import json
import math
import re
import struct
from pathlib import Path

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Type
from gguf import quants

READ = ["F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q4_K", "Q5_K", "Q6_K"]
WRITTEN = ["F32", "F16", "BF16", "Q8_0", "Q4_0"]
ARCHITECTURES = {
    "llama": "LLAMA", "mistral": "LLAMA", "mistral3": "LLAMA", "mixtral": "LLAMA", "granite": "GRANITE",
    "granitemoe": "GRANITE_MOE", "granitemoeshared": "GRANITE_MOE", "olmo": "OLMO", "olmo2": "OLMO2", "qwen2": "QWEN2",
    "qwen3": "QWEN3", "qwen3_moe": "QWEN3MOE", "gemma": "GEMMA", "gemma2": "GEMMA2", "gemma3": "GEMMA3",
    "gemma3_text": "GEMMA3", "phi": "PHI2", "phi3": "PHI3", "glm4": "GLM4", "cohere": "COMMAND_R",
    "starcoder2": "STARCODER2", "stablelm": "STABLELM", "gpt_neox": "GPTNEOX", "falcon": "FALCON", "gpt2": "GPT2",
    "bloom": "BLOOM",
}
NEIGHBOURS = {"llama", "mistral", "mistral3", "mixtral", "granite", "granitemoe", "granitemoeshared", "olmo"}
OWN_HEAD = {"phi", "gpt_neox", "stablelm", "olmo2"}
REFUSED = {"cohere-qk-norm", "falcon-rw", "gpt_neox-sequential", "qwen2-yarn", "qwen3_moe-idle-expert"}


def blocks(file):
    random = np.random.default_rng(1)
    writer = gguf.GGUFWriter(file, "llama")
    writer.add_uint8("test.uint8", 200)
    writer.add_int8("test.int8", -100)
    writer.add_uint16("test.uint16", 60_000)
    writer.add_int16("test.int16", -30_000)
    writer.add_uint32("test.uint32", 4_000_000_000)
    writer.add_int32("test.int32", -2_000_000_000)
    writer.add_uint64("test.uint64", 1 << 40)
    writer.add_int64("test.int64", -(1 << 40))
    writer.add_float32("test.float32", 0.1)
    writer.add_float64("test.float64", 0.1)
    writer.add_bool("test.bool", True)
    writer.add_string("test.string", "h\u00e9llo \u2581")
    writer.add_array("test.texts", ["a", "", "\U0001f600"])
    writer.add_array("test.numbers", [1, 2, 3])
    for name in READ:
        type = Type[name]
        count, size = gguf.GGML_QUANT_SIZES[type]
        if count == 1:
            data = quants.quantize(random.standard_normal((4, 32)).astype(np.float32), type)
        else:
            data = random.integers(0, 256, (4, size), dtype=np.uint8)
            for at in ([size - 2] if name == "Q6_K" else [0, 2] if name in ("Q4_1", "Q5_1", "Q4_K", "Q5_K") else [0]):
                scales = random.uniform(-0.1, 0.1, 4).astype(np.float16)
                scales[0] = np.float16(6e-8)  # subnormal
                data[:, at:at + 2] = scales.view(np.uint8).reshape(4, 2)
        writer.add_tensor(name + ".blocks", data, raw_dtype=type)
        writer.add_tensor(name + ".values", quants.dequantize(data, type).astype(np.float32))
    values = random.standard_normal((8, 64)).astype(np.float32)
    values[0] = 0
    values[1, :32] = np.arange(32) * 8 - 127  # halves between two steps
    values[2] *= 1e-6
    values[3] *= 1e4
    writer.add_tensor("rounded.values", values)
    for name in WRITTEN:
        writer.add_tensor("rounded." + name, quants.quantize(values, Type[name]), raw_dtype=Type[name])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def load(directory):
    tensors = {}
    for file in sorted(directory.glob("model*.safetensors")):
        data = file.read_bytes()
        length = struct.unpack("<Q", data[:8])[0]
        for name, entry in json.loads(data[8:8 + length]).items():
            if name != "__metadata__":
                begin, end = entry["data_offsets"]
                raw = data[8 + length + begin:8 + length + end]
                if entry["dtype"] == "BF16":
                    values = (np.frombuffer(raw, np.uint16).astype(np.uint32) << 16).view(np.float32)
                elif entry["dtype"] in ("F32", "F16"):
                    values = np.frombuffer(raw, np.float32 if entry["dtype"] == "F32" else np.float16).astype(np.float32)
                else:
                    continue
                tensors[name] = values.reshape(entry["shape"])
    return tensors


def permute(weight, heads):
    return weight.reshape(heads, 2, weight.shape[0] // heads // 2, *weight.shape[1:]).swapaxes(1, 2).reshape(weight.shape)


def by_head(tensor, heads):
    """From q, k, v of each head to q of all, k of all, v of all."""
    parts = tensor.reshape(heads, 3, tensor.shape[0] // heads // 3, *tensor.shape[1:])
    return np.concatenate([parts[:, i].reshape(-1, *tensor.shape[1:]) for i in range(3)])


def arranged(config, tensors):
    """Name in the checkpoint (or a GGUF name that begins with "=") to values."""
    family = config["model_type"]
    heads = config.get("num_attention_heads", config.get("n_head"))
    groups = config.get("num_key_value_heads") or heads
    experts = {}
    for name, values in tensors.items():
        if "vision_tower" in name or "multi_modal_projector" in name:
            continue
        name = re.sub(r"^(language_model\.model|model\.language_model)\.", "model.", name)
        name = re.sub(r"^language_model\.", "", name)
        block = re.search(r"\.(\d+)\.", "." + name)
        prefix = f"=blk.{block.group(1)}." if block else ""
        if family in NEIGHBOURS and re.search(r"q_proj\.(weight|bias)$", name):
            values = permute(values, heads)
        if family in NEIGHBOURS and re.search(r"k_proj\.(weight|bias)$", name):
            values = permute(values, groups)
        if family.startswith("gemma"):
            if name.endswith("norm.weight"):
                values = values + np.float32(1)
            scalar = config.get("query_pre_attn_scalar")
            if scalar:
                factor = np.float32(1 / math.sqrt(scalar) * math.sqrt(config["head_dim"]))
                if name.endswith("q_norm.weight") or (family == "gemma2" and name.endswith("q_proj.weight")):
                    values = values * factor
        if re.search(r"\.(attn|attention)\.(masked_)?bias$", "." + name):
            continue
        if family == "gpt2":
            if re.search(r"(c_attn|c_proj|c_fc)\.weight$", name):
                values = values.T
            if "c_attn" in name and config.get("scale_attn_by_inverse_layer_idx"):
                width = config["n_embd"]
                values = values.copy()
                values[:width] *= np.float32(1 / (int(block.group(1)) + 1))
        if family in ("gpt_neox", "bloom") and "query_key_value" in name:
            values = by_head(values, heads)
        if family == "falcon" and "query_key_value" in name:
            keys = config["num_kv_heads"] if config.get("new_decoder_architecture") else 1
            parts = values.reshape(keys, heads // keys + 2, -1, values.shape[1])
            values = np.concatenate([part.reshape(-1, values.shape[1]) for part in (parts[:, :-2], parts[:, -2], parts[:, -1])])
        if "rotary_emb" in name:
            continue
        expert = re.search(r"experts\.(\d+)\.(\w+)\.weight$", name)
        norm = re.search(r"(q|k)_layernorm\.norms\.(\d+)\.weight$", name)
        if expert:
            part = {"w1": "gate", "w2": "down", "w3": "up"}.get(expert.group(2), expert.group(2).removesuffix("_proj"))
            experts.setdefault(f"{prefix}ffn_{part}_exps.weight", {})[int(expert.group(1))] = values
        elif norm:
            experts.setdefault(f"{prefix}attn_{norm.group(1)}_norm.weight", {})[int(norm.group(2))] = values
        elif "block_sparse_moe.input_linear" in name:
            half = values.shape[1] // 2
            yield f"{prefix}ffn_gate_exps.weight", values[:, :half]
            yield f"{prefix}ffn_up_exps.weight", values[:, half:]
        elif "shared_mlp.input_linear" in name:
            half = values.shape[0] // 2
            yield f"{prefix}ffn_gate_shexp.weight", values[:half]
            yield f"{prefix}ffn_up_shexp.weight", values[half:]
        else:
            yield name, values
    for name, parts in experts.items():
        yield name, np.stack([parts[i] for i in range(len(parts))])


def factors(config):
    scaling = config.get("rope_scaling") or config.get("rope_parameters") or {}
    kind = scaling.get("rope_type", scaling.get("type"))
    if kind == "longrope":
        yield "=rope_factors_long.weight", np.array(scaling["long_factor"], np.float32)
        yield "=rope_factors_short.weight", np.array(scaling["short_factor"], np.float32)
    if kind == "llama3":
        size = config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]
        frequencies = 1 / (config.get("rope_theta", scaling.get("rope_theta")) ** (np.arange(0, size, 2) / size))
        turns = scaling["original_max_position_embeddings"] * frequencies / (2 * math.pi)
        low, high = scaling["low_freq_factor"], scaling["high_freq_factor"]
        kept = np.clip((turns - low) / (high - low), 0, 1)
        yield "=rope_freqs.weight", (1 / ((1 - kept) / scaling["factor"] + kept)).astype(np.float32)


def family(directory):
    config = json.loads((directory / "config.json").read_text())
    config.update(config.get("text_config", {}))
    type = "llama" if config["model_type"] == "mistral3" else config["model_type"]
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH[ARCHITECTURES[type]], config.get("num_hidden_layers", config.get("n_layer")))
    result = {}
    for name, values in [*arranged(config, load(directory)), *factors(config)]:
        if name.startswith("="):
            own = name[1:]
        else:
            own = next(filter(None, (names.get_name(each, try_suffixes=(".weight", ".bias"))
                                     for each in (name, name.removeprefix("transformer."), "transformer." + name, "model." + name))), None)
            assert own, (directory.name, name)
        result[own] = values
    if type in OWN_HEAD and "output.weight" not in result:
        result["output.weight"] = result["token_embd.weight"]
    return {name: {"shape": list(values.shape), **content(name, values)} for name, values in sorted(result.items())}


def content(name, values):
    if name == "rope_freqs.weight":  # computed, and so not the same in every bit
        return {"values": [float(value) for value in values]}
    return {"sha256": hashlib.sha256(np.ascontiguousarray(values, "<f4").tobytes()).hexdigest()}


def main():
    parser = argparse.ArgumentParser(description="Writes the GGUF fixtures.")
    parser.add_argument("out", type=Path, metavar="OUT_DIR")
    parser.add_argument("families", type=Path, metavar="FAMILIES_DIR")
    arguments = parser.parse_args()
    blocks(arguments.out / "blocks.gguf")
    cases = {}
    for directory in sorted(arguments.families.iterdir()):
        if (directory / "expected.safetensors").exists() and directory.name not in REFUSED:
            if json.loads((directory / "config.json").read_text())["model_type"] in ARCHITECTURES:
                cases[directory.name] = family(directory)
    lines = [f"{json.dumps(name)}: {json.dumps(tensors, separators=(',', ':'))}" for name, tensors in cases.items()]
    (arguments.out / "families.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
