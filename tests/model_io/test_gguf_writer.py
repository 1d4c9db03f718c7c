"""Layout and safety of the file to write."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest

from model_io.errors import NoRoomError, OutputError
from model_io.gguf_reader import read_header
from model_io.gguf_values import MetadataValue, ValueKind, boolean, float32, string, uint32
from model_io.gguf_writer import TensorSpec, check_target, explain_refusal, plan_file
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
    content = plan.header + bytes(plan.file_bytes - len(plan.header))
    (tmp_path / "x").write_bytes(content)
    header = read_header(tmp_path / "x")
    assert dict(header.metadata) == {
        "general.architecture": "llama",
        "an.integer": 7,
        "a.real": 0.5,
        "a.switch": True,
        "some.texts": ("\udcff", "ü"),
        "some.numbers": (1, -1),
    }
    assert dict(header.kinds) == {key: value.kind for key, value in METADATA.items()}
    assert [(t.name, t.dims) for t in header.tensors] == [
        ("a", (3,)), ("b", (256, 5, 2)), ("c", (1, 1)),
    ]  # fmt: skip
    assert tuple(header.data_offset + t.offset for t in header.tensors) == plan.offsets
    assert header.data_offset == len(plan.header)
    assert (plan.file_bytes - len(plan.header), header.missing_bytes) == (32 + 1440 + 32, 0)


@pytest.mark.parametrize(
    ("number", "error", "words"),
    [
        (errno.ENOSPC, NoRoomError, "became full; free some space and run the same again"),
        (errno.EFBIG, OutputError, "can't hold files of this size; choose another disk"),
        (errno.EIO, OutputError, "out.gguf can't be written: Input/output error"),
        (errno.ENAMETOOLONG, OutputError, "can't be written: File name too long"),
    ],
)
def test_what_the_system_refuses_becomes_a_sentence(
    number: int, error: type[OutputError], words: str, tmp_path: Path
) -> None:
    """With what to do next."""
    found = explain_refusal(tmp_path / "out.gguf", OSError(number, os.strerror(number)))
    assert type(found) is error
    assert words in str(found)


def test_room_is_counted_for_all_that_is_needed(tmp_path: Path) -> None:
    """To the byte."""
    free = shutil.disk_usage(tmp_path).free
    with pytest.raises(NoRoomError, match="bytes too little space for the result"):
        check_target(tmp_path / "out.gguf", free + 10**12)
    check_target(tmp_path / "out.gguf", 1)
