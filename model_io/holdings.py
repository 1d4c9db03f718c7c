"""What running engines of Octet hold of each memory, as notes beside the user's data.

A plan that replaces a loaded model counts what that has as free; a second program that would load
a model beside it can say who has the memory. A note of a process that is gone counts for nothing.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil

_PREFIX, _SUFFIX = "engine-", ".json"
_MOST_BYTES = 1 << 16
_CLOCK_SECONDS = 2.0  # between two readings of when a process began


def note_holdings(folder: Path, held: Mapping[str, int]) -> None:
    """Note what this process holds, in bytes by the memories' names; in place of what it noted.

    Whatever the disk says, nothing is raised: the note is a courtesy.
    """
    with contextlib.suppress(OSError):
        _drop_old(folder)
        started = psutil.Process().create_time()
        content = {"started": started, "held": dict(held)}
        handle, name = tempfile.mkstemp(prefix=".engine-", dir=folder)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(content, file)
        Path(name).replace(_note_of(folder, os.getpid()))


def forget_holdings(folder: Path) -> None:
    """This process holds nothing any more."""
    with contextlib.suppress(OSError):
        _note_of(folder, os.getpid()).unlink(missing_ok=True)


def read_holdings(folder: Path) -> dict[str, int]:
    """What other running processes hold together, by the memories' names."""
    sums: Counter[str] = Counter()
    for path, pid in _notes(folder):
        if pid != os.getpid():
            sums.update(_read(path, pid) or {})
    return dict(sums)


def _note_of(folder: Path, pid: int) -> Path:
    return folder / f"{_PREFIX}{pid}{_SUFFIX}"


def _notes(folder: Path) -> Iterator[tuple[Path, int]]:
    with contextlib.suppress(OSError):
        for path in sorted(folder.glob(f"{_PREFIX}*{_SUFFIX}")):
            number = path.name[len(_PREFIX) : -len(_SUFFIX)]
            if number.isascii() and number.isdigit() and len(number) < 10:
                yield path, int(number)


def _drop_old(folder: Path) -> None:
    for path, pid in _notes(folder):
        if _read(path, pid) is None:
            path.unlink(missing_ok=True)


def _read(path: Path, pid: int) -> dict[str, int] | None:
    """What the process noted; None if it is gone, or the note is none."""
    try:
        with path.open("rb") as file:
            content = json.loads(file.read(_MOST_BYTES))
        started, held = content["started"], content["held"]
        is_same = abs(psutil.Process(pid).create_time() - started) < _CLOCK_SECONDS
        sizes = {str(name): size for name, size in held.items() if type(size) is int and size >= 0}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, psutil.Error):
        return None
    return sizes if is_same else None
