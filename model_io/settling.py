"""What happens to finished parts of a growing file: they are synced and noted, and hashed.

Two threads of their own, since both wait for the disk while the quantizer must not. Knows
nothing of the journal's form, nor of what the parts are.
"""

from __future__ import annotations

import hashlib
import os
import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Self

from model_io.disk import read_ahead
from model_io.progress import Cancelled
from model_io.quantize import Matrix

_HASH_STEP_BYTES = 8 * 1024 * 1024
_AHEAD_BYTES = 4 * _HASH_STEP_BYTES
_WAIT_SECONDS = 0.2


class _Helper(ABC):
    """A thread that works until it is left, and whose failure is raised by whoever asks."""

    def __init__(self, name: str) -> None:
        self._news = threading.Condition()
        self._is_ended = False
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=name)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._news:
            self._is_ended = True
            self._news.notify_all()
        self._thread.join()

    def check(self) -> None:
        """Raise what ended the thread before its time."""
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        try:
            self._work()
        except BaseException as failure:  # noqa: BLE001  the thread's end: raised by `check`
            with self._news:
                self._failure = failure
                self._news.notify_all()

    @abstractmethod
    def _work(self) -> None:
        """Until there is nothing left to do and `_is_ended`."""


class Keeper(_Helper):
    """Syncs the file after finished matrices, then has them noted. A context manager."""

    def __init__(self, part: Path, note: Callable[[Sequence[Matrix]], None]) -> None:
        """`note` is called from this thread with what is safe now."""
        super().__init__("keep")
        self._part = part
        self._note = note
        self._waiting: deque[Matrix] = deque()
        self._is_busy = False

    def put(self, matrix: Matrix) -> None:
        """Its data have been written."""
        with self._news:
            self._waiting.append(matrix)
            self._news.notify_all()

    def finish(self) -> None:
        """Wait until everything is safe. Raises what went wrong with it."""
        with self._news:
            while (self._waiting or self._is_busy) and self._failure is None:
                self._news.wait(_WAIT_SECONDS)
        self.check()

    def _work(self) -> None:
        with self._part.open("rb+") as file:
            while matrices := self._take():
                os.fsync(file.fileno())
                self._note(matrices)
                with self._news:
                    self._is_busy = False
                    self._news.notify_all()

    def _take(self) -> list[Matrix]:
        """All that waits now; at the end, what is left, then nothing."""
        with self._news:
            while not self._waiting and not self._is_ended:
                self._news.wait()
            matrices = list(self._waiting)
            self._waiting.clear()
            self._is_busy = bool(matrices)
            return matrices


class Hasher(_Helper):
    """Takes the file's sha256 from its beginning as far as it is complete. A context manager."""

    def __init__(self, part: Path, matrices: Sequence[Matrix], file_bytes: int) -> None:
        """`matrices` come in the order of the file."""
        super().__init__("hash")
        self._part = part
        self._file_bytes = file_bytes
        self._matrices = matrices
        self._finished: set[Matrix] = set()
        self._next = 0
        self._digest: str | None = None
        self.done_bytes = 0
        """How much has been hashed."""

    def advance(self, matrices: Iterable[Matrix]) -> None:
        """These are in their place."""
        with self._news:
            self._finished.update(matrices)
            while self._next < len(self._matrices) and self._matrices[self._next] in self._finished:
                self._finished.remove(self._matrices[self._next])
                self._next += 1
            self._news.notify_all()

    def wait(self) -> str | None:
        """The sha256 when the whole file is hashed, None if it isn't after a short while."""
        with self._news:
            if self._digest is None and self._failure is None:
                self._news.wait(_WAIT_SECONDS)
        self.check()
        return self._digest

    def _work(self) -> None:
        digest = hashlib.sha256()
        with self._part.open("rb", buffering=0) as file:
            while self.done_bytes < self._file_bytes:
                end = self._wait_for_more()
                while self.done_bytes < end:
                    if (ahead := self.done_bytes + _AHEAD_BYTES) < end:  # after a resumption
                        read_ahead(file.fileno(), ahead, _HASH_STEP_BYTES)
                    piece = file.read(min(_HASH_STEP_BYTES, end - self.done_bytes))
                    if not piece:
                        raise OSError("the file became shorter")
                    digest.update(piece)
                    self.done_bytes += len(piece)
                    if self._is_ended:
                        return
        with self._news:
            self._digest = digest.hexdigest()
            self._news.notify_all()

    def _complete_bytes(self) -> int:
        if self._next == len(self._matrices):
            return self._file_bytes
        return self._matrices[self._next].target_offset

    def _wait_for_more(self) -> int:
        with self._news:
            while self._complete_bytes() <= self.done_bytes:
                if self._is_ended:
                    raise Cancelled
                self._news.wait()
            return self._complete_bytes()
