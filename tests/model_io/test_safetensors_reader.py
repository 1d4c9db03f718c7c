"""Headers of safetensors files, true and false."""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model_io.errors import ModelIOError, SafetensorsError
from model_io.safetensors_reader import looks_like_safetensors, read_checkpoint, read_header
from model_io.stored_tensor import StoredTensor
from model_io.tensor_names import HUGGINGFACE
from tests.model_io.checkpoints import SHAPES, tensor_shapes

GOOD = {"a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
        "b": {"dtype": "BF16", "shape": [4], "data_offsets": [24, 32]}}  # fmt: skip


def write(path: Path, header: object, data: bytes = bytes(32)) -> Path:
    """A file with this header and these data."""
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


def test_reads_where_each_tensor_lies(tmp_path: Path) -> None:
    """Offsets count from the beginning of the file."""
    path = write(tmp_path / "x", GOOD)
    start = path.stat().st_size - 32
    assert read_header(path) == [
        StoredTensor("a", path, "F32", (2, 3), start, 24),
        StoredTensor("b", path, "BF16", (4,), start + 24, 8),
    ]


def test_the_order_is_that_of_the_names(tmp_path: Path) -> None:
    """As llama.cpp goes through a file, whatever the order of the header or the data."""
    swapped = {
        "b": GOOD["b"] | {"data_offsets": [0, 8]},
        "a": GOOD["a"] | {"data_offsets": [8, 32]},
    }
    tensors = read_header(write(tmp_path / "x", {"__metadata__": {}} | swapped))
    assert [tensor.name for tensor in tensors] == ["a", "b"]


def test_a_checkpoint_is_all_of_its_files(toy: Path) -> None:
    """Three shards, one after the other."""
    tensors = read_checkpoint(toy, HUGGINGFACE)
    assert {n: t.shape for n, t in tensors.items()} == tensor_shapes(SHAPES[toy.name])
    files = [tensor.path.name for tensor in tensors.values()]
    assert files == sorted(files)
    assert len(set(files)) == 3


def test_scalars_and_empty_tensors_are_legal(tmp_path: Path) -> None:
    """The format allows both."""
    header = {"s": {"dtype": "F32", "shape": [], "data_offsets": [0, 4]},
              "e": {"dtype": "F32", "shape": [0, 7], "data_offsets": [4, 4]}}  # fmt: skip
    assert len(read_header(write(tmp_path / "x", header, bytes(4)))) == 2


ATOMS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8),
    st.sampled_from(["F32", "BF16", "dtype", "shape", "data_offsets", "__metadata__"]),
)  # fmt: skip
ENTRIES = st.fixed_dictionaries(
    {},
    optional={
        "dtype": st.one_of(ATOMS, st.sampled_from(["F32", "BF16", "U8"])),
        "shape": st.one_of(ATOMS, st.lists(st.one_of(st.integers(-1, 9), ATOMS), max_size=4)),
        "data_offsets": st.one_of(
            ATOMS, st.lists(st.one_of(st.integers(-1, 40), ATOMS), max_size=3)
        ),
    },
)
HEADERS = st.one_of(
    ATOMS, st.dictionaries(st.text(max_size=5), st.one_of(ATOMS, ENTRIES), max_size=4)
)
FUZZ = settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def read_or_refuse(path: Path) -> None:
    """Whatever lies at `path`: tensors inside the file, or a sentence."""
    try:
        tensors = read_header(path)
    except ModelIOError:
        return
    for tensor in tensors:
        assert 8 <= tensor.offset <= tensor.offset + tensor.data_bytes <= path.stat().st_size


@FUZZ
@given(header=HEADERS, data=st.binary(max_size=48))
def test_any_json_as_header(tmp_path: Path, header: object, data: bytes) -> None:
    """Never anything but a ModelIOError."""
    read_or_refuse(write(tmp_path / "x", header, data))


@FUZZ
@given(content=st.binary(max_size=200))
def test_any_bytes_as_file(tmp_path: Path, content: bytes) -> None:
    """Never anything but a ModelIOError."""
    (tmp_path / "x").write_bytes(content)
    read_or_refuse(tmp_path / "x")


@FUZZ
@given(place=st.integers(0, 150), byte=st.integers(0, 255), end=st.integers(0, 190))
def test_a_good_file_with_any_damage(tmp_path: Path, place: int, byte: int, end: int) -> None:
    """Never anything but a ModelIOError."""
    content = bytearray(write(tmp_path / "x", GOOD).read_bytes())
    content[place % len(content)] = byte
    (tmp_path / "x").write_bytes(content[:end])
    read_or_refuse(tmp_path / "x")


@pytest.mark.parametrize("depth", [10**3, 10**6])
def test_a_deeply_nested_header(tmp_path: Path, depth: int) -> None:
    """Python's own limit is no way out."""
    text = b"[" * depth
    (tmp_path / "x").write_bytes(struct.pack("<Q", depth) + text)
    with pytest.raises(ModelIOError, match="not valid JSON"):
        read_header(tmp_path / "x")


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    """Nobody may ever write into it."""
    os.mkfifo(tmp_path / "x.safetensors")
    assert not looks_like_safetensors(tmp_path / "x.safetensors")
    with pytest.raises(SafetensorsError, match="is not a file"):
        read_header(tmp_path / "x.safetensors")


@pytest.mark.parametrize("dtype", ["x" * 5000, [["x" * 5000] * 50], 7, None])
def test_any_type_is_named_in_few_letters(dtype: object, tmp_path: Path) -> None:
    """However much stands in its place."""
    entry = {"dtype": dtype, "shape": [1], "data_offsets": [0, 1]}
    with pytest.raises(SafetensorsError, match="in the unknown type") as caught:
        read_header(write(tmp_path / "x", {"a": entry}))
    assert len(caught.value.problem) < 120
