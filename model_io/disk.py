"""Whether a disk can take a file, and what it means when it refuses.

Knows nothing of what the files are.
"""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

from model_io.errors import NoRoomError, OutputError


def check_target(target: Path, needed_bytes: int) -> None:
    """Make sure, without writing a byte, that a file can be made at `target`.

    `needed_bytes` are what it and all that is kept beside it will still take. Raises OutputError,
    or NoRoomError with the number of bytes that are missing.
    """
    check_folder(target)
    check_room(target.parent, needed_bytes, "the result")


def check_room(folder: Path, needed_bytes: int, what: str) -> None:
    """Make sure that so much more fits into the folder. Raises NoRoomError, and OSError."""
    missing = needed_bytes - shutil.disk_usage(folder).free
    if missing > 0:
        problem = f"is on a disk with {missing:,} bytes too little space for {what}"
        raise NoRoomError(folder, problem, "free some or choose another disk")


def check_folder(target: Path) -> None:
    """Make sure that a file can be made in the folder of `target`. Raises OutputError."""
    folder = target.parent
    try:
        is_folder = target.is_dir()
    except OSError as error:  # its name is too long, or a folder above it may not be entered
        raise explain_refusal(target, error) from None
    if is_folder:
        raise OutputError(target, "is a folder", "name a file")
    if not folder.is_dir():
        raise OutputError(folder, "is not a folder", "make it first or choose another place")
    if not os.access(folder, os.W_OK):
        raise OutputError(folder, "can't be written to", "choose another place")


def allocated_bytes(path: Path) -> int:
    """How much of the disk a file takes already; a sparse one takes less than its size."""
    try:
        status = path.stat()
    except OSError:
        return 0
    return min(status.st_size, getattr(status, "st_blocks", 0) * 512)


def sync_folder(folder: Path) -> None:
    """Have the folder's names on the disk: a power cut must not take a finished file's away."""
    if os.name == "nt":
        return  # Windows opens no folders
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_ahead(descriptor: int, offset: int, size_bytes: int) -> None:
    """Have the system read what will be needed soon, where it can be told so."""
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(descriptor, offset, size_bytes, os.POSIX_FADV_WILLNEED)


def explain_refusal(target: Path, error: OSError) -> OutputError:
    """Why the disk refused to take `target`, and what to do; what is done is kept."""
    if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
        problem = f"is on a disk that became full while {target.name} was written"
        remedy = "free some space and run the same again, which goes on from here"
        return NoRoomError(target.parent, problem, remedy)
    if error.errno == errno.EFBIG:
        problem = "is on a disk that can't hold files of this size"
        return OutputError(target.parent, problem, "choose another disk")
    reason = error.strerror or type(error).__name__
    return OutputError(target, f"can't be written: {reason}", "choose another place")
