"""A model's table of tensors: Mixtral's before any file exists, and a file's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from model_io.errors import CorruptGGUFError, NotMixtralError, SplitExpertError
from model_io.gguf_parts import read_model
from model_io.gguf_reader import read_header
from model_io.gguf_values import Metadata, string, uint32
from model_io.gguf_writer import TensorSpec
from model_io.model_shape import shape_of_gguf
from model_io.quant_types import F32
from tests.model_io.random_models import real_shape, write_random_model
from tests.model_io.small_models import (
    entries_of,
    gguf_of,
    tensors_of,
    write_parts,
    write_split_experts,
)
from tests.toy_model import write_toy_model


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole small Mixtral."""
    return write_toy_model(tmp_path_factory.mktemp("toy") / "toy.gguf")


@pytest.mark.parametrize(
    ("quant", "weights", "dense", "experts"),
    [
        ("Q4_K_M", 28_447_727_616, 30_048_256, {913_833_984, 792_723_456}),
        ("Q6_K", 38_380_077_056, 36_601_856, {1_156_055_040}),
        ("Q8_0", 49_625_579_520, 44_728_320, {1_497_366_528}),
    ],
)
def test_mixtral_is_as_llama_quantize_makes_it(
    quant: str, weights: int, dense: int, experts: set[int]
) -> None:
    """Figures of llama.cpp's dry run on the real shapes."""
    shape = real_shape(quant)
    assert shape.weights_bytes == weights
    assert set(shape.dense_bytes) == {dense}
    assert set(shape.expert_bytes) == experts
    ends = shape.embedding_bytes + shape.output_bytes
    assert sum(shape.dense_bytes) + sum(shape.expert_bytes) + ends == weights


def test_a_token_reads_two_of_eight_experts() -> None:
    """A quarter of each layer's."""
    shape = real_shape("Q6_K")
    assert shape.active_expert_bytes[0] == shape.expert_bytes[0] // 4


def test_the_largest_matrices_are_known() -> None:
    """Q4_K_M's down projection is Q6_K in the first layer and not in the fifth."""
    shape = real_shape("Q4_K_M")
    assert set(shape.wide_expert_bytes) == {264_241_152}
    assert shape.down_expert_bytes[0] == 385_351_680
    assert shape.down_expert_bytes[4] == 264_241_152


def test_a_file_has_the_shape_that_was_promised(tmp_path: Path) -> None:
    """What is read from a file is what the table said before."""
    promised = real_shape("Q4_K_M", layers=2)
    path = write_random_model(tmp_path / "two.gguf", promised, is_hollow=True)
    assert shape_of_gguf(read_model(path)) == promised


def test_parts_are_one_model(toy: Path, tmp_path: Path) -> None:
    """The tensors of all files count."""
    write_parts(toy, tmp_path)
    parts = shape_of_gguf(read_model(tmp_path / "model-00001-of-00002.gguf"))
    assert sorted(t.name for t in parts.tensors) == sorted(t.name for t, _ in tensors_of(toy))


def test_a_dense_model_has_no_experts(tmp_path: Path) -> None:
    """Mistral and Llama files are planned by their own tables."""
    path = tmp_path / "dense.gguf"
    path.write_bytes(dense_model())
    shape = shape_of_gguf(read_model(path))
    assert shape.experts == 0
    assert sum(shape.expert_bytes) == sum(shape.active_expert_bytes) == 0
    assert shape.dense_bytes[0] == 2 * 4 * 64 * 64 + 4 * 64
    assert shape.is_tied


def dense_model() -> bytes:
    """One layer with tied embeddings, as far as a table needs it."""
    names = ("token_embd", "output_norm", "blk.0.attn_norm", "blk.0.attn_q", "blk.0.ffn_up")
    tensors = []
    for name in names:
        dims = (64,) if name.endswith("norm") else (64, 64)
        spec = TensorSpec(f"{name}.weight", dims, F32)
        tensors.append((spec, bytes(spec.data_bytes)))
    numbers = {
        "block_count": 1,
        "embedding_length": 64,
        "feed_forward_length": 64,
        "context_length": 4096,
        "attention.head_count": 2,
    }
    entries: Metadata = {"general.architecture": string("llama")}
    entries |= {f"llama.{key}": uint32(value) for key, value in numbers.items()}
    return gguf_of(entries, tensors)


def test_experts_apart_are_to_be_mended(toy: Path, tmp_path: Path) -> None:
    """llama.cpp would refuse them; the sentence says what to do."""
    old = tmp_path / "old.gguf"
    write_split_experts(toy, old)
    with pytest.raises(SplitExpertError, match="octet model repair"):
        shape_of_gguf(read_model(old))


def test_another_architecture_is_named(toy: Path, tmp_path: Path) -> None:
    """By what the file calls it."""
    path = changed(toy, tmp_path, {"general.architecture": string("gemma")})
    with pytest.raises(NotMixtralError, match="'gemma'"):
        shape_of_gguf(read_model(path))


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("block_count", 1, "says that it has 1 layers"),
        ("block_count", 0, "llama.block_count"),
        ("block_count", 100_000, "llama.block_count"),
        ("attention.head_count", 0, "llama.attention.head_count"),
        ("context_length", 0, "llama.context_length"),
    ],
)
def test_sizes_that_cannot_be(toy: Path, tmp_path: Path, key: str, value: int, words: str) -> None:
    """No figure of a damaged file is believed."""
    path = changed(toy, tmp_path, {f"llama.{key}": uint32(value)})
    with pytest.raises(CorruptGGUFError, match=words):
        shape_of_gguf(read_model(path))


def changed(toy: Path, folder: Path, entries: Metadata) -> Path:
    """The toy with other entries."""
    path = folder / "changed.gguf"
    path.write_bytes(gguf_of(entries_of(read_header(toy)) | entries, tensors_of(toy)))
    return path
