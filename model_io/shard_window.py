"""A rolling window over the shards of a model on the hub: at most two of them are on the disk.

A thread of its own fetches the next shard while the threads of the quantizer work on the one
before; a shard is deleted when all that was made of it is safe. Knows neither tensors nor HTTP.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from model_io.errors import SourceReadError
from model_io.progress import Cancelled
from model_io.quantize import Matrix

_PLACES = 2
_WAIT_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Shard:
    """A file to come: where it will lie, its size, and the sha256 that it must have."""

    path: Path
    size_bytes: int
    sha256: str


Fetch = Callable[[Shard, Callable[[int], None]], object]
"""Brings a shard to its path, and tells how much of it is there; ends when the window stops."""


class ShardWindow:
    """Supplies matrices as their shards arrive. One run's worth; see `assembly.Supply`."""

    def __init__(self, shards: Sequence[Shard], fetch: Fetch) -> None:
        """`fetch` is called from the window's own thread."""
        self._shards = {shard.path: shard for shard in shards}
        self._fetch = fetch
        self.states: Mapping[str, str] = {shard.path.name: shard.sha256 for shard in shards}
        self._news = threading.Condition()
        self._is_stopped = False
        self._arrived: set[Path] = set()
        self._on_disk: set[Path] = set()
        self._failure: BaseException | None = None
        self._unsettled: dict[Path, int] = {}
        self._content_bytes: dict[Path, int] = {}
        self._fetched = dict.fromkeys(self._shards, 0)
        self._thread: threading.Thread | None = None

    def expect(self, matrices: Sequence[Matrix]) -> None:
        """Learn how many bytes of weights each shard has, and see what an earlier run left."""
        for matrix in matrices:
            size = self._content_bytes.get(matrix.path, 0)
            self._content_bytes[matrix.path] = size + matrix.source_bytes
        for path in self._shards:
            for there in (path, _part(path)):
                with suppress(OSError):
                    self._fetched[path] = there.stat().st_size

    @property
    def is_stopped(self) -> bool:
        """Whether fetching should end."""
        return self._is_stopped

    @property
    def fetched_bytes(self) -> int:
        """How many bytes of weights have come so far, those of earlier runs included."""
        with self._news:
            return sum(min(self._fetched[p], size) for p, size in self._content_bytes.items())

    def deliver(self, matrices: Sequence[Matrix]) -> Iterator[Matrix]:
        """The matrices shard by shard, each as soon as its shard is there.

        The first shard is the one with the first bytes of the result, so that its sha256 can
        follow all along. Raises what fetching raises, and Cancelled after `stop`.
        """
        by_shard: dict[Path, list[Matrix]] = {}
        for matrix in matrices:
            by_shard.setdefault(matrix.path, []).append(matrix)
        self._begin(by_shard)
        return self._deliver(by_shard)

    def _begin(self, by_shard: Mapping[Path, Sequence[Matrix]]) -> None:
        for path in self._shards.keys() - by_shard.keys():
            self._remove(path)
            self._fetched[path] = self._shards[path].size_bytes
        self._unsettled = {path: len(matrices) for path, matrices in by_shard.items()}
        self._thread = threading.Thread(target=self._run, args=(list(by_shard),), name="fetch")
        self._thread.start()

    def _deliver(self, by_shard: Mapping[Path, Sequence[Matrix]]) -> Iterator[Matrix]:
        for path, matrices in by_shard.items():
            with self._news:
                while path not in self._arrived:
                    if self._failure is not None:
                        raise self._failure
                    if self._is_stopped:
                        raise Cancelled
                    self._news.wait(_WAIT_SECONDS)
            yield from matrices

    def settle(self, matrices: Sequence[Matrix]) -> None:
        """What was made of `matrices` is safe: a shard without others is needed no longer."""
        for matrix in matrices:
            self._unsettled[matrix.path] -= 1
            if not self._unsettled[matrix.path]:
                self._remove(matrix.path)
                with self._news:
                    self._on_disk.discard(matrix.path)
                    self._news.notify_all()

    def stop(self) -> None:
        """Let nobody wait any longer, and end the thread."""
        with self._news:
            self._is_stopped = True
            self._news.notify_all()
        if self._thread is not None:
            self._thread.join()

    def check(self) -> None:
        """The hub's sha256 was checked when each shard came."""

    def _run(self, paths: Sequence[Path]) -> None:
        try:
            for path in paths:
                if not self._take_place(path):
                    return
                self._fetch(self._shards[path], partial(self._count, path))
                with self._news:
                    self._arrived.add(path)
                    self._news.notify_all()
        except BaseException as failure:  # noqa: BLE001  the thread's end: raised by `deliver`
            with self._news:
                self._failure = failure
                self._news.notify_all()

    def _take_place(self, path: Path) -> bool:
        with self._news:
            while len(self._on_disk) >= _PLACES and not self._is_stopped:
                self._news.wait()
            self._on_disk.add(path)
            return not self._is_stopped

    def _count(self, path: Path, size_bytes: int) -> None:
        with self._news:
            # A shard that has to come again doesn't count backwards.
            self._fetched[path] = max(self._fetched[path], size_bytes)

    def _remove(self, path: Path) -> None:
        try:
            for there in (path, _part(path)):
                there.unlink(missing_ok=True)
        except OSError as error:
            problem = f"can't be removed: {error.strerror or error}"
            remedy = "remove it and run the same again"
            raise SourceReadError(path, problem, remedy) from None


def _part(path: Path) -> Path:
    """Where a shard grows while it comes."""
    return path.with_name(f"{path.name}.part")
