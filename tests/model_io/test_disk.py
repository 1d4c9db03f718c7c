"""What a disk says, in words."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest

from model_io.disk import check_folder, check_target, explain_refusal
from model_io.errors import NoRoomError, OutputError


@pytest.mark.parametrize(
    ("number", "error", "words"),
    [
        (errno.ENOSPC, NoRoomError, "became full while out.gguf was written; free some space"),
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


def test_a_name_that_no_disk_takes(tmp_path: Path) -> None:
    """A sentence before anything is begun."""
    with pytest.raises(OutputError, match="can't be written: File name too long; choose another"):
        check_folder(tmp_path / ("x" * 300))
