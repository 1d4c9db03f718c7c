"""Layout and safety of the file to write."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from model_io.errors import NoRoomError, OutputError
from model_io.gguf_reader import read_header
from model_io.gguf_values import MetadataValue, ValueKind, boolean, float32, string, uint32
from model_io.gguf_writer import FilePlan, TensorSpec, plan_file, write_file
from model_io.quant_types import BF16, F32, Q4_K

METADATA = {
    "general.architecture": string("llama"),
    "an.integer": uint32(7),
    "a.real": float32(0.5),
    "a.switch": boolean(True),
    "some.texts": MetadataValue(ValueKind.STRING, (b"\xff", "ü")),
    "some.numbers": MetadataValue(ValueKind.INT32, [1, -1]),
}
TENSORS = [
    TensorSpec("a", (3,), F32),
    TensorSpec("b", (2, 5, 256), Q4_K),
    TensorSpec("c", (1, 1), BF16),
]


def test_a_planned_file_reads_back(tmp_path: Path) -> None:
    """Entries, shapes (reversed), and places that fill the file with padding to 32 bytes."""
    plan = plan_file(METADATA, TENSORS)
    with write_file(tmp_path / "x", plan):
        pass
    header = read_header(tmp_path / "x")
    assert dict(header.metadata) == {
        "general.architecture": "llama",
        "an.integer": 7,
        "a.real": 0.5,
        "a.switch": True,
        "some.texts": ("\udcff", "ü"),
        "some.numbers": (1, -1),
    }
    assert [(t.name, t.dims) for t in header.tensors] == [
        ("a", (3,)), ("b", (256, 5, 2)), ("c", (1, 1)),
    ]  # fmt: skip
    assert tuple(header.data_offset + t.offset for t in header.tensors) == plan.offsets
    assert header.data_offset == len(plan.header)
    assert (plan.file_bytes - len(plan.header), header.missing_bytes) == (32 + 1440 + 32, 0)


def test_the_file_has_its_size_before_its_data(tmp_path: Path) -> None:
    """So any part can be written at any time."""
    plan = plan_file(METADATA, TENSORS)
    with write_file(tmp_path / "x", plan) as part:
        assert part.stat().st_size == plan.file_bytes
        assert not (tmp_path / "x").exists()
    assert list(tmp_path.iterdir()) == [tmp_path / "x"]


def test_a_name_that_is_too_long_is_an_output_error(tmp_path: Path) -> None:
    """What the system refuses becomes a sentence."""
    file = write_file(tmp_path / ("x" * 250), FilePlan(b"", (), 0))
    with pytest.raises(OutputError, match="can't be written: File name too long"), file:
        pass
    assert not list(tmp_path.iterdir())


def test_a_disk_that_becomes_full_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others write to the disk, too; nothing of ours is left on it."""

    def refuse(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("os.fsync", refuse)
    file = write_file(tmp_path / "x", plan_file(METADATA, TENSORS))
    with pytest.raises(NoRoomError, match="is on a disk that became full; free some space"), file:
        pass
    assert not list(tmp_path.iterdir())
