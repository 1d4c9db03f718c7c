"""Holds a file against other processes, on all systems; the lock ends with the process.

Knows nothing of what the file is for.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from model_io.errors import BusyError

_PATIENCE_SECONDS = 2.0
_POLL_SECONDS = 0.05


def lock_file(descriptor: int) -> bool:
    """Lock the open file for this process; False if another one keeps it for two seconds.

    That long, because a process that was just killed may still be on its way out.
    """
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not _try_lock(descriptor):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def lock_for(descriptor: int, target: Path) -> None:
    """Lock the open file, which stands for `target` being made. Raises BusyError."""
    if not lock_file(descriptor):
        remedy = "wait for it, or choose another name"
        raise BusyError(target, "is being made by another process", remedy)


def _try_lock(descriptor: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            # Windows forbids reading what is locked, so the lock lies far behind the content.
            os.lseek(descriptor, 2**40, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
