"""Headers of GGUF files, true and false."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import gguf
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model_io.errors import (
    CorruptGGUFError,
    GGUFError,
    ModelIOError,
    NotGGUFError,
    SplitExpertError,
    TruncatedGGUFError,
)
from model_io.gguf_reader import GGUFHeader, check_usable, read_header

FUZZ = settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def write_example(path: Path, tensor: str = "blk.0.ffn_gate_exps.weight") -> Path:
    """A small file of every kind of value, by the gguf package."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("An example")
    writer.add_block_count(2)
    writer.add_expert_count(8)
    writer.add_context_length(4096)
    writer.add_file_type(15)
    writer.add_chat_template("{{ x }}")
    writer.add_rope_freq_base(1e6)
    writer.add_add_bos_token(True)
    writer.add_uint64("a.long", 2**63)
    writer.add_token_list(["<s>", b"\xff", "▁a"])
    writer.add_token_scores([0.5, -1.0, 0.0])
    writer.add_tensor(tensor, np.zeros((2, 3, 32), np.float32))
    writer.add_tensor("output_norm.weight", np.zeros(5, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """The path of a small whole file."""
    return write_example(tmp_path / "example.gguf")


def test_reads_what_the_gguf_package_wrote(example: Path) -> None:
    """Every kind of value, and both tensors."""
    header = read_header(example)
    assert (header.architecture, header.name, header.quant) == ("llama", "An example", "Q4_K_M")
    assert (header.layer_count, header.expert_count, header.context_tokens) == (2, 8, 4096)
    assert header.chat_template == "{{ x }}"
    assert header.metadata["llama.rope.freq_base"] == 1e6
    assert header.metadata["tokenizer.ggml.add_bos_token"] is True
    assert header.metadata["a.long"] == 2**63
    assert header.metadata["tokenizer.ggml.tokens"] == ("<s>", "\udcff", "▁a")
    assert header.metadata["tokenizer.ggml.scores"] == (0.5, -1.0, 0.0)
    stack, norm = header.tensors
    assert (stack.dims, stack.type.name, stack.offset, stack.data_bytes) == (
        (32, 3, 2),
        "F32",
        0,
        768,
    )
    assert (norm.name, norm.offset, norm.data_bytes) == ("output_norm.weight", 768, 20)


def test_agrees_with_the_gguf_package(bf16_files: Path) -> None:
    """On a whole model: the same keys, types, places."""
    path = bf16_files / "contradictions.gguf"
    ours, theirs = read_header(path), gguf.GGUFReader(path)
    assert list(ours.metadata) == [key for key in theirs.fields if not key.startswith("GGUF.")]
    assert [(t.name, t.dims, t.type.id, ours.data_offset + t.offset) for t in ours.tensors] == [
        (t.name, tuple(t.shape.tolist()), int(t.tensor_type), t.data_offset) for t in theirs.tensors
    ]
    check_usable(ours)


def test_the_kind_is_guessed_where_the_file_is_silent(example: Path) -> None:
    """By the type of most bytes."""
    header = read_header(example)
    silent = {k: v for k, v in header.metadata.items() if k != "general.file_type"}
    assert GGUFHeader(example, 3, silent, header.tensors, 0, 0, 32).quant == "F32"
    assert GGUFHeader(example, 3, {}, (), 0, 0, 32).quant is None


def test_missing_data_are_counted(example: Path) -> None:
    """The header is readable, and says how much is missing."""
    content = example.read_bytes()
    example.write_bytes(content[:-100])
    header = read_header(example)
    assert header.missing_bytes == 100 - 12  # the last 12 are padding
    with pytest.raises(TruncatedGGUFError, match="88 bytes are missing at its end; download it"):
        check_usable(header)


def test_old_files_with_split_experts_are_told(tmp_path: Path) -> None:
    """The sentence names the command that mends them."""
    path = write_example(tmp_path / "old.gguf", "blk.3.ffn_gate.7.weight")
    header = read_header(path)
    assert header.is_split_expert
    with pytest.raises(SplitExpertError, match="octet model repair makes a new file of it"):
        check_usable(header)


def preamble(tensors: int = 0, pairs: int = 0, version: int = 3) -> bytes:
    """The first bytes of a file."""
    return b"GGUF" + struct.pack("<IQQ", version, tensors, pairs)


def text(content: bytes) -> bytes:
    """A text with its length."""
    return struct.pack("<Q", len(content)) + content


def tensor(dims: tuple[int, ...], kind: int = 0, offset: int = 0) -> bytes:
    """A tensor's entry."""
    return text(b"t") + struct.pack(f"<I{len(dims)}QIQ", len(dims), *dims, kind, offset)


PAIR = text(b"k") + struct.pack("<IB", 7, 1)
CASES = {
    "empty": (b"", NotGGUFError, "is not a GGUF file"),
    "other": (b"PK\x03\x04" + bytes(99), NotGGUFError, "is not a GGUF file"),
    "short": (b"GGUF\x03", TruncatedGGUFError, "in the middle of its header"),
    "version 1": (preamble(version=1), CorruptGGUFError, "of version 1"),
    "version 9": (preamble(version=9), CorruptGGUFError, "of version 9"),
    "big-endian": (preamble(version=3 << 24), CorruptGGUFError, "other byte order"),
    "absurd tensors": (preamble(2**63), CorruptGGUFError, "tensors, more than fit"),
    "absurd entries": (preamble(0, 2**40) + bytes(99), CorruptGGUFError, "entries, more than fit"),
    "absurd text": (
        preamble(0, 1) + struct.pack("<Q", 2**40) + bytes(99), TruncatedGGUFError, "header",
    ),
    "absurd list": (
        preamble(0, 1) + text(b"k") + struct.pack("<IIQ", 9, 8, 2**60), CorruptGGUFError, "texts",
    ),
    "absurd numbers": (
        preamble(0, 1) + text(b"k") + struct.pack("<IIQ", 9, 4, 2**60), CorruptGGUFError, "numbers",
    ),
    "list of lists": (
        preamble(0, 1) + text(b"k") + struct.pack("<IIQ", 9, 9, 1), CorruptGGUFError, "kind 9",
    ),
    "unknown kind": (
        preamble(0, 1) + text(b"k") + struct.pack("<II", 77, 0), CorruptGGUFError, "kind 77",
    ),
    "nameless": (preamble(0, 1) + text(b"") + bytes(16), CorruptGGUFError, "without a name"),
    "damaged name": (
        preamble(0, 1) + text(b"k\xff") + bytes(16), CorruptGGUFError, "whose name is damaged",
    ),
    "more entries than memory": (
        preamble(0, 10_001) + bytes(200_000), CorruptGGUFError, "10,001 entries, more than any",
    ),
    "more tensors than memory": (
        preamble(100_001) + bytes(4_000_000), CorruptGGUFError, "100,001 tensors, more than any",
    ),
    "more numbers than memory": (
        preamble(0, 1) + text(b"k") + struct.pack("<IIQ", 9, 1, 2_000_001) + bytes(2_000_001),
        CorruptGGUFError, "2,000,001 numbers, more than any",
    ),
    "more texts than memory": (
        preamble(0, 2) + PAIR + text(b"l") + struct.pack("<IIQ", 9, 8, 2_000_000)
        + bytes(16_000_000), CorruptGGUFError, "2,000,000 texts, more than any",
    ),
    "doubled entry": (preamble(0, 2) + PAIR * 2 + bytes(9), CorruptGGUFError, "'k' twice"),
    "doubled tensor": (preamble(2) + tensor((1,)) * 2, CorruptGGUFError, "'t' twice"),
    "no dimensions": (preamble(1) + tensor(()) + bytes(9), CorruptGGUFError, "0 dimensions"),
    "five dimensions": (preamble(1) + tensor((1,) * 5), CorruptGGUFError, "5 dimensions"),
    "no elements": (preamble(1) + tensor((0,)), CorruptGGUFError, "impossible shape"),
    "too many": (preamble(1) + tensor((2**40, 2**40)), CorruptGGUFError, "impossible shape"),
    "half a block": (preamble(1) + tensor((100,), 12), CorruptGGUFError, "impossible shape"),
    "unknown type": (preamble(1) + tensor((1,), 99), CorruptGGUFError, "in type 99"),
    "crooked offset": (preamble(1) + tensor((1,), 0, 7), CorruptGGUFError, "impossible offset 7"),
    "alignment": (
        preamble(0, 1) + text(b"general.alignment") + struct.pack("<II", 4, 7), CorruptGGUFError,
        "alignment 7, which is no power of two",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_file_that_can_not_be_true(case: str, tmp_path: Path) -> None:
    """The right class and words, the path in front."""
    content, error, words = CASES[case]
    path = tmp_path / "x.gguf"
    path.write_bytes(content)
    with pytest.raises(error) as caught:
        read_header(path)
    assert words in str(caught.value)
    assert str(caught.value).startswith(str(path))


def test_paths_that_lead_to_no_file(tmp_path: Path) -> None:
    """Nothing there, or a folder."""
    with pytest.raises(GGUFError, match="does not exist"):
        read_header(tmp_path / "no.gguf")
    with pytest.raises(NotGGUFError, match="is a folder"):
        read_header(tmp_path)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    """Nobody may ever write into it."""
    os.mkfifo(tmp_path / "x.gguf")
    with pytest.raises(NotGGUFError, match="is not a file"):
        read_header(tmp_path / "x.gguf")


def read_or_refuse(path: Path, content: bytes) -> None:
    """Whatever `content` is: a header whose properties can be asked for, or a sentence."""
    path.write_bytes(content)
    try:
        header = read_header(path)
    except ModelIOError:
        return
    assert header.missing_bytes >= 0
    for name in (
        "architecture",
        "name",
        "layer_count",
        "quant",
        "chat_template",
        "is_split_expert",
    ):
        getattr(header, name)


@FUZZ
@given(tail=st.binary(max_size=200), tensors=st.integers(0, 3), pairs=st.integers(0, 3))
def test_any_bytes_after_a_good_beginning(
    tmp_path: Path, tail: bytes, tensors: int, pairs: int
) -> None:
    """Never anything but a ModelIOError."""
    read_or_refuse(tmp_path / "x", preamble(tensors, pairs) + tail)


@FUZZ
@given(
    changes=st.lists(st.tuples(st.integers(0, 900), st.integers(0, 255)), min_size=1, max_size=4),
    end=st.integers(0, 1800),
)
def test_a_good_file_with_any_damage(
    example: Path, changes: list[tuple[int, int]], end: int
) -> None:
    """Never anything but a ModelIOError."""
    content = bytearray(write_example(example).read_bytes())
    for place, byte in changes:
        content[place % len(content)] = byte
    read_or_refuse(example.with_name("damaged"), content[:end])
