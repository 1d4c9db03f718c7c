"""Remembers on the disk which parts of a file are done, so that any death costs little.

`F.part` grows beside `F`, and `F.journal` names what in it is safe: one JSON list a line, written
and synced only after the data that it speaks of. A line that a crash cut off doesn't count. Knows
nothing of tensors but their names, and nothing of where the data come from.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType

from model_io.errors import JournalError
from model_io.file_lock import lock_for

_VERSION = 1
_LIMIT_BYTES = 64 * 1024 * 1024

# A link that lies there must not lead the writing elsewhere; Windows must not change line ends.
_OPEN_FLAGS = (
    os.O_RDWR | os.O_CREAT | os.O_APPEND
    | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Unit:
    """The smallest part that is written anew: a tensor, or one expert of it."""

    tensor: str
    expert: int | None


@dataclass(frozen=True, slots=True)
class Task:
    """What is being made, from what, and by which rules; a journal of another task is refused.

    `layout` is the sha256 of all that decides where each byte goes and how it is computed.
    """

    source: str
    kind: str
    layout: str
    file_bytes: int
    native: str


def part_path(target: Path) -> Path:
    """Where the file grows before it is whole."""
    return target.with_name(f"{target.name}.part")


def journal_path(target: Path) -> Path:
    """Where the journal of `target` lies."""
    return target.with_name(f"{target.name}.journal")


class Journal:
    """The journal of one file, locked for this process. Made by `open_journal`."""

    def __init__(self, path: Path, descriptor: int, states: Mapping[str, str]) -> None:
        self._path = path
        self._descriptor = descriptor
        self._states = states
        self._lock = threading.Lock()
        self._done: set[Unit] = set()
        self._stale: set[Unit] = set()
        self.digest: str | None = None
        """The finished file's sha256: everything is done but the file's name."""
        self.has_entries = False
        """Whether an earlier run, or this one, has noted anything as done."""

    @property
    def done(self) -> frozenset[Unit]:
        """What needs not be done again."""
        return frozenset(self._done)

    def add(self, units: Iterable[tuple[Unit, str]]) -> None:
        """Note units as done, each with the source file it came from. Their data are safe."""
        lines = []
        for unit, file in units:
            self._done.add(unit)
            lines.append([unit.tensor, unit.expert, file, self._states[file]])
        self._append(lines)
        self.has_entries = True

    def begin_anew(self) -> None:
        """Count nothing as done, since the data that it speaks of are gone."""
        self._done.clear()
        self.digest, self.has_entries = None, False
        first_line = _read_all(self._descriptor).split(b"\n", 1)[0]
        os.ftruncate(self._descriptor, len(first_line) + 1)
        os.fsync(self._descriptor)

    def finish(self, digest: str) -> None:
        """Note that the file is whole, and its sha256."""
        self.digest = digest
        self._append([["finished", digest]])

    def forget(self) -> None:
        """Remove the journal; the lock stays until the end."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)

    def _append(self, lines: Iterable[list[str | int | None]]) -> None:
        text = "".join(json.dumps(line) + "\n" for line in lines).encode()
        with self._lock:
            view = memoryview(text)
            while view:
                view = view[os.write(self._descriptor, view) :]
            os.fsync(self._descriptor)

    def read(self, task: Task, target: Path) -> None:
        """Take in what an earlier run noted, or begin. Raises JournalError."""
        text = _read_all(self._descriptor)
        end = text.rfind(b"\n") + 1
        lines = text[:end].splitlines()
        if not lines:
            os.ftruncate(self._descriptor, 0)
            self._append([["octet", _VERSION, json.dumps(asdict(task))]])
            return
        _check_task(lines[0], task, target)
        good = len(lines[0]) + 1
        for line in lines[1:]:
            if not self._take(line):
                break
            good += len(line) + 1
        os.ftruncate(self._descriptor, good)
        if self._stale:
            self.digest = None
        self._check_source(target)

    def _take(self, line: bytes) -> bool:
        try:
            match json.loads(line):
                case ["finished", str(digest)]:
                    self.digest = digest
                case [str(tensor), int() | None as expert, str(file), str(state)]:
                    self.has_entries = True
                    is_current = self._states.get(file) == state
                    unit = Unit(tensor, expert)
                    (self._done if is_current else self._stale).add(unit)
                    (self._stale if is_current else self._done).discard(unit)
                case _:
                    return False
        except (ValueError, RecursionError):
            return False
        return True

    def _check_source(self, target: Path) -> None:
        """One exchanged file of several is a mended download, all of them another model."""
        if self.has_entries and not self._done:
            problem = f"is half made from other files than those of {self._states_text()}"
            raise _refusal(target, problem)

    def _states_text(self) -> str:
        return ", ".join(sorted(self._states)[:2]) + (", …" if len(self._states) > 2 else "")


@contextmanager
def open_journal(target: Path, task: Task, states: Mapping[str, str]) -> Iterator[Journal]:
    """The journal of `target`, held against other processes; left where it is at the end.

    `states` says for each source file, by name, in which state it is (size and time, or sha256):
    what was made of another state doesn't count as done. Raises BusyError if another process is
    making `target`, JournalError for a journal of something else, and OSError.
    """
    path = journal_path(target)
    descriptor = _open_locked(path, target)
    journal = Journal(path, descriptor, MappingProxyType(dict(states)))
    try:
        journal.read(task, target)
        yield journal
    except OSError:
        if not journal.has_entries:
            journal.forget()
        raise
    finally:
        os.close(descriptor)


def _open_locked(path: Path, target: Path) -> int:
    while True:
        descriptor = os.open(path, _OPEN_FLAGS, 0o600)
        try:
            lock_for(descriptor, target)
            with suppress(OSError):
                if os.path.samestat(os.fstat(descriptor), path.stat()):
                    return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # its owner removed it while we waited


def _read_all(descriptor: int) -> bytes:
    os.lseek(descriptor, 0, os.SEEK_SET)
    size = min(os.fstat(descriptor).st_size, _LIMIT_BYTES)
    pieces = []
    while size > 0 and (piece := os.read(descriptor, size)):
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)


def _check_task(line: bytes, task: Task, target: Path) -> None:
    try:
        match json.loads(line):
            case ["octet", int(version), str(text)]:
                noted = json.loads(text)
            case _:
                raise ValueError("another kind of file")
    except (ValueError, RecursionError):
        raise _refusal(target, "has beside it a journal that can't be read") from None
    if version != _VERSION or not isinstance(noted, dict):
        raise _refusal(target, "was begun by another version of Octet")
    for key, value in asdict(task).items():
        if noted.get(key) != value and key != "source":
            raise _refusal(target, _explain(key, noted, task))


def _explain(key: str, noted: Mapping[str, object], task: Task) -> str:
    if key == "kind":
        return f"is half made as {str(noted.get(key))[:40]}, not as {task.kind}"
    if key == "native":
        return "was begun with another version of llama.cpp"
    return f"is half made from another source ({str(noted.get('source'))[:200]})"


def _refusal(target: Path, problem: str) -> JournalError:
    names = f"{part_path(target).name} and {journal_path(target).name}"
    remedy = f"remove {names} to begin anew, or choose another name for the result"
    return JournalError(target, problem, remedy)
