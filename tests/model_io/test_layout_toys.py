"""The toys of Mistral's own layouts hold the weights of the Hugging Face toy."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model_io.safetensors_reader import read_header
from model_io.stored_tensor import StoredTensor
from model_io.torch_reader import read_torch_file
from tests.model_io.checkpoints import Array, Shape, random_tensor, tensor_shapes
from tests.model_io.layouts import make_consolidated, make_original

TINY = Shape(
    "tiny", layers=2, hidden=64, ffn=96, heads=4, kv_heads=2, experts=3, vocabulary=40, shards=2
)
Q_PROJ = "model.layers.1.self_attn.q_proj.weight"
W2 = "model.layers.1.block_sparse_moe.experts.2.w2.weight"


def read_array(tensor: StoredTensor) -> Array:
    """A tensor's bf16 words."""
    count = tensor.data_bytes // 2
    words = np.fromfile(tensor.path, np.uint16, count, offset=tensor.offset)
    return words.reshape(tensor.shape)


def wanted(name: str) -> Array:
    """What the Hugging Face toy holds under this name."""
    return random_tensor(TINY, name, tensor_shapes(TINY)[name])


@pytest.fixture(scope="module")
def consolidated(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, StoredTensor]:
    """The tensors of the consolidated toy."""
    folder = make_consolidated(TINY, tmp_path_factory.mktemp("consolidated"))
    files = sorted(folder.glob("*.safetensors"))
    assert len(files) == TINY.shards
    return {tensor.name: tensor for path in files for tensor in read_header(path)}


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, StoredTensor]:
    """The tensors of the original toy."""
    folder = make_original(TINY, tmp_path_factory.mktemp("original"))
    files = [folder / f"consolidated.0{number}.pt" for number in range(TINY.shards)]
    return {tensor.name: tensor for path in files for tensor in read_torch_file(path)}


def test_the_consolidated_toy_has_a_tensor_for_each(
    consolidated: Mapping[str, StoredTensor],
) -> None:
    """As many as Hugging Face's, each expert apart."""
    assert len(consolidated) == len(tensor_shapes(TINY))
    found = read_array(consolidated["layers.1.feed_forward.experts.2.w2.weight"])
    assert (found == wanted(W2)).all()


def test_the_original_toy_has_its_experts_in_one(original: Mapping[str, StoredTensor]) -> None:
    """Ten tensors in each layer; the second matrices stand on their heads."""
    assert len(original) == 10 * TINY.layers + 3
    fused = read_array(original["layers.1.block_sparse_moe.w2"])
    turned = wanted(W2).T
    assert (fused[2 * TINY.ffn :] == turned).all()
    first = read_array(original["layers.1.block_sparse_moe.w1"])
    assert (first[2 * TINY.ffn :] == wanted(W2.replace("w2", "w1"))).all()


@pytest.mark.parametrize("layout", ["consolidated", "original"])
def test_query_heads_have_the_rotary_pairs_together(
    layout: str, request: pytest.FixtureRequest
) -> None:
    """Even rows are Hugging Face's first half of each head, odd ones its second."""
    tensors = request.getfixturevalue(layout)
    pairs = read_array(tensors["layers.1.attention.wq.weight"]).reshape(TINY.heads, 8, 2, -1)
    halves = wanted(Q_PROJ).reshape(TINY.heads, 2, 8, -1)
    assert (pairs[:, :, 0] == halves[:, 0]).all()
    assert (pairs[:, :, 1] == halves[:, 1]).all()


@pytest.mark.parametrize("make", [make_consolidated, make_original])
def test_tied_toys_have_no_output(make: Callable[[Shape, Path, str], Path], tmp_path: Path) -> None:
    """The embeddings are used twice; and what describes the toy stands beside the weights."""
    shape = replace(TINY, tied=True, shards=1, companions={"README.md": "---\n---\n"})
    folder = make(shape, tmp_path, "Another-Name")
    path = next(folder.glob("consolidated*"))
    tensors = read_torch_file(path) if path.suffix == ".pt" else read_header(path)
    assert "output.weight" not in {tensor.name for tensor in tensors}
    assert json.loads((folder / "params.json").read_text())["vocab_size"] == 40
    assert {"README.md", "tokenizer.model"} < {path.name for path in folder.iterdir()}
    assert folder.name == "Another-Name"
