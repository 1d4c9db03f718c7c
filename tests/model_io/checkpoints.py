"""Makes Mixtral checkpoints of any shape out of seeded random numbers, with nothing but numpy.

The safetensors files are written by hand, tensor by tensor, so a checkpoint of real-size layers
needs no more memory than its largest tensor.
"""

from __future__ import annotations

import json
import shutil
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import mistral_common
import numpy as np
import numpy.typing as npt

TOKENIZER_PATH = Path(mistral_common.__file__).parent / "data" / "tokenizer.model.v1"
"""The real vocabulary of Mixtral: 32,000 pieces."""

CHAT_TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'user' %}{{ ' [INST] ' + "
    "m['content'] + ' [/INST]' }}{% else %}{{ ' ' + m['content'] + eos_token }}{% endif %}"
    "{% endfor %}"
)

CARD = """---
language:
- fr
- no
license: apache-2.0
base_model: mistralai/Mixtral-8x7B-v0.1
tags:
- toy
model-index: []
---
# A toy
"""

Array = npt.NDArray[np.generic]


@dataclass(frozen=True)
class Shape:
    """What a checkpoint looks like. `folder` is part of it: llama.cpp reads names out of it."""

    folder: str
    layers: int
    hidden: int
    ffn: int
    heads: int
    kv_heads: int
    experts: int = 8
    head_dim: int | None = None
    vocabulary: int = 768
    shards: int = 1
    dtype: str = "BF16"
    tied: bool = False
    new_config: bool = False
    seed: int = 0
    companions: Mapping[str, str] = field(default_factory=dict)
    """Further files and their texts."""
    settings: Mapping[str, object] = field(default_factory=dict)
    """Further entries of config.json."""
    other_dtypes: Mapping[str, str] = field(default_factory=dict)
    """Types of the tensors whose names contain a text."""

    def dtype_of(self, name: str) -> str:
        """The type in which a tensor is stored."""
        found = (kind for part, kind in self.other_dtypes.items() if part in name)
        return next(found, self.dtype)


def chat_companions() -> dict[str, str]:
    """The describing files that the real repository has beside its weights."""
    special = {"0": "<unk>", "1": "<s>", "2": "</s>"}
    added = [{"id": int(i), "content": t, "special": True} for i, t in special.items()]
    decoder = {i: {"content": t, "special": True} for i, t in special.items()}
    pieces = [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A"}}]
    pair = [*pieces, {"Sequence": {"id": "B"}}]
    return {
        "README.md": CARD,
        "generation_config.json": json.dumps({"temperature": 0.7, "top_k": 40}),
        "tokenizer.json": json.dumps(
            {
                "added_tokens": added,
                "post_processor": {"type": "TemplateProcessing", "single": pieces, "pair": pair},
                "model": {"type": "BPE"},
            }
        ),
        "tokenizer_config.json": json.dumps(
            {
                "add_bos_token": True,
                "add_eos_token": False,
                "added_tokens_decoder": decoder,
                "bos_token": "<s>",
                "eos_token": "</s>",
                "unk_token": "<unk>",
                "chat_template": CHAT_TEMPLATE,
            }
        ),
    }


def contradictory_companions() -> dict[str, str]:
    """Describing files that disagree with each other, or say things in unusual ways."""
    files = chat_companions()
    tokenizer_config = json.loads(files["tokenizer_config.json"]) | {
        "add_bos_token": False,
        "chat_template": [
            {"name": "default", "template": CHAT_TEMPLATE},
            {"name": "tool_use", "template": "{{ tools }}"},
        ],
    }
    card = """---
license: [mit, other]
datasets: [acme/dialogues, "https://huggingface.co/datasets/x/y"]
base_model:
- https://huggingface.co/acme/Base-7B
pipeline_tag: text-generation
author: Ada
---
"""
    return files | {
        "README.md": card,
        "tokenizer_config.json": json.dumps(tokenizer_config),
        "generation_config.json": json.dumps({"repetition_penalty": 1.1, "top_p": 0.9}),
        "chat_template.jinja": "never read",
    }


def chatml_companions() -> dict[str, str]:
    """A fine-tune's two additional control tokens, spelled in both of the known ways."""
    decoder = {"32000": {"content": "<|im_end|>", "special": False}}
    return {
        "added_tokens.json": json.dumps({"<|im_end|>": 32000, "<|im_start|>": 32001}),
        "tokenizer_config.json": json.dumps(
            {"added_tokens_decoder": decoder, "add_prefix_space": True, "eos_token": "<|im_end|>"}
        ),
    }


SHAPES = {
    shape.folder: shape
    for shape in (
        Shape(
            "Toy-Mixtral-8x3M-Instruct-v0.1", layers=4, hidden=256, ffn=512, heads=4, kv_heads=2,
            shards=3, companions=chat_companions(), seed=1,
        ),
        Shape(
            "four-experts", layers=3, hidden=512, ffn=256, heads=4, kv_heads=1, experts=4,
            new_config=True, seed=2,
        ),
        Shape(
            "odd-sizes", layers=2, hidden=320, ffn=288, heads=5, kv_heads=5, shards=2,
            vocabulary=32002, companions=chatml_companions(), seed=3,
        ),
        Shape(
            "wide-heads", layers=9, hidden=256, ffn=256, heads=4, kv_heads=2, head_dim=128,
            experts=2, tied=True, seed=4,
        ),
        Shape(
            "contradictions", layers=1, hidden=256, ffn=256, heads=2, kv_heads=2, seed=7,
            companions=contradictory_companions(),
            settings={"_name_or_path": "acme/Wild-Mixtral-8x2M-v0.3", "sliding_window": 4096},
        ),
    )
}  # fmt: skip
"""What Mixtral checkpoints look like; the weights are bf16 as the released ones are."""

OTHER_DTYPES = {
    shape.folder: shape
    for shape in (
        Shape("half", layers=1, hidden=256, ffn=256, heads=2, kv_heads=1, dtype="F16", seed=5),
        Shape("single", layers=1, hidden=256, ffn=256, heads=2, kv_heads=1, dtype="F32", seed=6),
        Shape(
            "mixed",
            layers=2,
            hidden=256,
            ffn=256,
            heads=2,
            kv_heads=1,
            dtype="F32",
            seed=8,
            vocabulary=32002,
            companions=chatml_companions(),
            other_dtypes={"experts.3": "BF16"},
        ),
    )
}
"""Fine-tunes saved in other types."""


def config(shape: Shape) -> dict[str, object]:
    """The config.json of a shape, in the spelling that it asks for."""
    settings: dict[str, object] = {
        "architectures": ["MixtralForCausalLM"],
        "bos_token_id": 1,
        "eos_token_id": 2,
        "hidden_act": "silu",
        "hidden_size": shape.hidden,
        "intermediate_size": shape.ffn,
        "max_position_embeddings": 4096,
        "model_type": "mixtral",
        "num_attention_heads": shape.heads,
        "num_experts_per_tok": 2,
        "num_hidden_layers": shape.layers,
        "num_key_value_heads": shape.kv_heads,
        "num_local_experts": shape.experts,
        "rms_norm_eps": 1e-05,
        "sliding_window": None,
        "tie_word_embeddings": shape.tied,
        "vocab_size": shape.vocabulary,
    }
    name = {"BF16": "bfloat16", "F16": "float16", "F32": "float32"}[shape.dtype]
    if shape.new_config:
        rope = {"rope_theta": 1000000.0, "rope_type": "default"}
        settings |= {"rope_parameters": rope, "dtype": name, "head_dim": shape.head_dim}
    else:
        settings |= {"rope_theta": 1000000.0, "torch_dtype": name}
        if shape.head_dim is not None:
            settings["head_dim"] = shape.head_dim
    return settings | shape.settings


def tensor_shapes(shape: Shape) -> dict[str, tuple[int, ...]]:
    """Every tensor's name and shape, in the order of the layers."""
    head = shape.head_dim or shape.hidden // shape.heads
    hidden, ffn = shape.hidden, shape.ffn
    shapes: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (shape.vocabulary, hidden)}
    for layer in range(shape.layers):
        prefix = f"model.layers.{layer}."
        for part, rows in (("q", shape.heads), ("k", shape.kv_heads), ("v", shape.kv_heads)):
            shapes[f"{prefix}self_attn.{part}_proj.weight"] = (rows * head, hidden)
        shapes[f"{prefix}self_attn.o_proj.weight"] = (hidden, shape.heads * head)
        shapes[f"{prefix}block_sparse_moe.gate.weight"] = (shape.experts, hidden)
        for expert in range(shape.experts):
            stem = f"{prefix}block_sparse_moe.experts.{expert}."
            shapes |= {f"{stem}w1.weight": (ffn, hidden), f"{stem}w2.weight": (hidden, ffn)}
            shapes[f"{stem}w3.weight"] = (ffn, hidden)
        shapes[f"{prefix}input_layernorm.weight"] = (hidden,)
        shapes[f"{prefix}post_attention_layernorm.weight"] = (hidden,)
    shapes["model.norm.weight"] = (hidden,)
    if not shape.tied:
        shapes["lm_head.weight"] = (shape.vocabulary, hidden)
    return shapes


def random_tensor(shape: Shape, name: str, dims: Sequence[int]) -> Array:
    """Seeded random weights as they lie in the file; bf16 as its upper 16 bits."""
    random = np.random.default_rng([shape.seed, zlib.crc32(name.encode())])
    values = random.standard_normal(tuple(dims), dtype=np.float32)
    if len(dims) == 1:
        values = 1 + values / 16
    else:
        values *= np.float32(dims[1] ** -0.5)
        values[0, : dims[1] // 2] = 0  # a block without any scale
        values[-1] *= np.float32(1e-38)  # and one of subnormal numbers
    return {
        "F32": lambda: values,
        "F16": lambda: values.astype(np.float16),
        "BF16": lambda: (values.view(np.uint32) >> 16).astype(np.uint16),
    }[shape.dtype_of(name)]()


def write_safetensors(
    path: Path,
    tensors: Mapping[str, tuple[int, ...]],
    dtype: str | Callable[[str], str],
    fill: Callable[[str, tuple[int, ...]], Array],
) -> None:
    """Write one safetensors file, asking `fill` for each tensor when its turn comes."""
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for name, dims in tensors.items():
        kind = dtype if isinstance(dtype, str) else dtype(name)
        end = offset + int(np.prod(dims)) * {"F32": 4, "F16": 2, "BF16": 2}[kind]
        header[name] = {"dtype": kind, "shape": list(dims), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for name, dims in tensors.items():
            file.write(fill(name, dims).tobytes())


def split_into_shards(shape: Shape) -> Iterator[dict[str, tuple[int, ...]]]:
    """The tensors of each shard; a layer may straddle two, as in the real repository."""
    shapes = list(tensor_shapes(shape).items())
    size = -(-len(shapes) // shape.shards)
    for start in range(0, len(shapes), size):
        yield dict(shapes[start : start + size])


def make_checkpoint(shape: Shape, parent: Path) -> Path:
    """Write the whole checkpoint below `parent` and return its folder."""
    folder = parent / shape.folder
    folder.mkdir(parents=True)
    weight_map = {}
    for number, tensors in enumerate(split_into_shards(shape), start=1):
        name = "model.safetensors"
        if shape.shards > 1:
            name = f"model-{number:05}-of-{shape.shards:05}.safetensors"
        write_safetensors(
            folder / name, tensors, shape.dtype_of, lambda n, dims: random_tensor(shape, n, dims)
        )
        weight_map |= dict.fromkeys(tensors, name)
    if shape.shards > 1:
        index = json.dumps({"metadata": {}, "weight_map": weight_map})
        (folder / "model.safetensors.index.json").write_text(index)
    (folder / "config.json").write_text(json.dumps(config(shape)))
    for name, text in shape.companions.items():
        (folder / name).write_text(text, encoding="utf-8")
    shutil.copyfile(TOKENIZER_PATH, folder / "tokenizer.model")
    return folder
