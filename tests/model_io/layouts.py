"""Makes the same toy Mixtral in the two layouts that Mistral itself gave out.

From the shapes and the seeded weights of `checkpoints`, whose Hugging Face layout is the measure:
converted from any layout, a shape has the same tensors. Sources: mistral-inference (args.py,
transformer.py, moe.py) for the consolidated layout; for the original release transformers'
convert_mixtral_weights_to_hf.py, which spells the fused experts `block_sparse_moe.w1`, without
`.weight`.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from tests.model_io.checkpoints import (
    TOKENIZER_PATH,
    Array,
    Shape,
    random_tensor,
    tensor_shapes,
    write_safetensors,
)
from tests.model_io.torch_files import write_torch_file

Dims = tuple[int, ...]

_PARTS = {
    "model.embed_tokens": "tok_embeddings",
    "model.norm": "norm",
    "lm_head": "output",
    "model.layers": "layers",
    "self_attn.q_proj": "attention.wq",
    "self_attn.k_proj": "attention.wk",
    "self_attn.v_proj": "attention.wv",
    "self_attn.o_proj": "attention.wo",
    "input_layernorm": "attention_norm",
    "post_attention_layernorm": "ffn_norm",
}
_FUSED = re.compile(r"(.*\.block_sparse_moe)\.experts\.0\.(w[123])\.weight")


def make_consolidated(shape: Shape, parent: Path, folder_name: str | None = None) -> Path:
    """Write the shape as Mistral's consolidated safetensors below `parent`; returns its folder."""
    folder = _make_folder(shape, parent, folder_name, consolidated_params(shape))
    names = {consolidated_name(name): name for name in tensor_shapes(shape)}
    dims = dict(zip(names, tensor_shapes(shape).values(), strict=True))
    for number, tensors in enumerate(_split(dims, shape.shards), start=1):
        file = "consolidated.safetensors"
        if shape.shards > 1:
            file = f"consolidated-{number:05}-of-{shape.shards:05}.safetensors"
        write_safetensors(
            folder / file,
            tensors,
            lambda own: shape.dtype_of(names[own]),
            lambda own, dims: stored_tensor(shape, names[own], dims),
        )
    return folder


def make_original(shape: Shape, parent: Path, folder_name: str | None = None) -> Path:
    """Write the shape as the original release's PyTorch files below `parent`; returns its folder.

    Each layer's experts are three matrices; the largest of them is in memory as a whole. A shape
    with other types for some tensors has no such form.
    """
    assert not shape.other_dtypes
    folder = _make_folder(shape, parent, folder_name, original_params(shape))
    names = original_names(shape)
    single, fused = tensor_shapes(shape), (shape.experts * shape.ffn, shape.hidden)
    dims = {own: single[s[0]] if len(s) == 1 else fused for own, s in names.items()}
    for number, tensors in enumerate(_split(dims, shape.shards)):
        path = folder / f"consolidated.{number:02}.pt"
        write_torch_file(
            path, tensors, shape.dtype, lambda own, dims: fused_tensor(shape, names[own], dims)
        )
    return folder


def consolidated_params(shape: Shape) -> dict[str, object]:
    """The params.json of the consolidated layout."""
    return {
        "dim": shape.hidden,
        "n_layers": shape.layers,
        "head_dim": shape.head_dim or shape.hidden // shape.heads,
        "hidden_dim": shape.ffn,
        "n_heads": shape.heads,
        "n_kv_heads": shape.kv_heads,
        "norm_eps": 1e-05,
        "rope_theta": 1000000.0,
        "vocab_size": shape.vocabulary,
        "moe": {"num_experts_per_tok": 2, "num_experts": shape.experts},
    } | _tie(shape)


def original_params(shape: Shape) -> dict[str, object]:
    """The params.json of the original release; with `head_dim` where the sizes don't give it."""
    params: dict[str, object] = {
        "hidden_size": shape.hidden,
        "intermediate_size": shape.ffn,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.kv_heads,
        "num_local_experts": shape.experts,
        "rms_norm_eps": 1e-05,
        "rope_theta": 1000000.0,
        "vocab_size": shape.vocabulary,
    }
    head = {} if shape.head_dim is None else {"head_dim": shape.head_dim}
    return params | head | _tie(shape)


def _tie(shape: Shape) -> dict[str, object]:
    return {"tied_embeddings": True} if shape.tied else {}


def consolidated_name(name: str) -> str:
    """What the consolidated layout calls a tensor of Hugging Face's."""
    return _rename(name).replace("block_sparse_moe", "feed_forward")


def original_names(shape: Shape) -> dict[str, list[str]]:
    """Each tensor of the original release, and the Hugging Face tensors that it is made of."""
    names: dict[str, list[str]] = {}
    for name in tensor_shapes(shape):
        if match := _FUSED.fullmatch(name):
            experts = [name.replace(".0.w", f".{expert}.w") for expert in range(shape.experts)]
            names[_rename(f"{match[1]}.{match[2]}")] = experts
        elif ".experts." not in name:
            names[_rename(name)] = [name]
    return names


def stored_tensor(shape: Shape, name: str, dims: Dims) -> Array:
    """A tensor of Hugging Face's, with query and key heads in the rotary order of Mistral's files.

    Hugging Face's order has the first halves of all pairs, then the second ones. The original has
    pair after pair; llama.cpp's conversion/llama.py, `permute`, goes the same way.
    """
    weights = random_tensor(shape, name, dims)
    if not re.search(r"self_attn\.[qk]_proj", name):
        return weights
    rows, columns = weights.shape
    heads = shape.heads if "q_proj" in name else shape.kv_heads
    halves = weights.reshape(heads, 2, rows // heads // 2, columns)
    return halves.swapaxes(1, 2).reshape(rows, columns)


def fused_tensor(shape: Shape, sources: list[str], dims: Dims) -> Array:
    """A tensor of the original release: one of Hugging Face's, or a layer's experts in one.

    Expert after expert, each of ffn rows; w2 too, which is transposed for it.
    """
    if len(sources) == 1:
        return stored_tensor(shape, sources[0], dims)
    words = np.float32 if shape.dtype == "F32" else np.uint16
    fused = np.empty((shape.experts, shape.ffn, shape.hidden), words)
    for expert, name in enumerate(sources):
        if ".w2." in name:
            fused[expert] = random_tensor(shape, name, (shape.hidden, shape.ffn)).view(words).T
        else:
            fused[expert] = random_tensor(shape, name, (shape.ffn, shape.hidden)).view(words)
    return fused.reshape(dims)


def _rename(name: str) -> str:
    for part, own in _PARTS.items():
        name = re.sub(rf"(^|\.){re.escape(part)}\.", rf"\g<1>{own}.", name)
    return name


def _split(dims: Mapping[str, Dims], count: int) -> Iterator[dict[str, Dims]]:
    """The tensors of each of `count` files; a layer may straddle two."""
    names = list(dims)
    for number in range(count):
        begin, end = (len(names) * n // count for n in (number, number + 1))
        yield {name: dims[name] for name in names[begin:end]}


def _make_folder(
    shape: Shape, parent: Path, folder_name: str | None, params: Mapping[str, object]
) -> Path:
    """A folder with everything but the weights: of the companions, only the card is Mistral's."""
    folder = parent / (folder_name or shape.folder)
    folder.mkdir(parents=True)
    (folder / "params.json").write_text(json.dumps(params))
    if "README.md" in shape.companions:
        (folder / "README.md").write_text(shape.companions["README.md"], encoding="utf-8")
    shutil.copyfile(TOKENIZER_PATH, folder / "tokenizer.model")
    return folder
