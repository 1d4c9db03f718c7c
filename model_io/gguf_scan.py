"""Reads one GGUF file from its first byte to its last: the sha256, and which tensors are broken.

Reading, hashing and checking go on side by side, and a few pieces at a time are in memory. Knows
where tensors lie and nothing of what they are for.
"""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from io import FileIO
from itertools import chain
from pathlib import Path

import numpy as np
import numpy.typing as npt

from model_io import ggml
from model_io.disk import read_ahead
from model_io.errors import GGUFError, TruncatedGGUFError
from model_io.gguf_reader import GGUFHeader, GGUFTensor

PIECE_BYTES = 4 * 1024 * 1024

# Left alone, Linux reads 128 KB ahead, and a quick disk idles most of the time.
_AHEAD_BYTES = 8 * PIECE_BYTES
_MOST_JOBS = 8  # two check faster than any disk reads
_LEAVE = "leave it alone and start again"

_Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Scan:
    """What one pass has found: `sha256` is of the whole file, the rest are names of tensors.

    `broken` have NaN or infinity in a number or a scale, `blank` have no bit set anywhere, as on
    a disk that was never written. Both in the order of the file.
    """

    sha256: str
    broken: tuple[str, ...]
    blank: tuple[str, ...]


def scan_file(
    path: Path,
    file_bytes: int,
    header: GGUFHeader | None,
    jobs: int,
    advance: Callable[[int], None],
) -> Scan:
    """Read the `file_bytes` bytes at `path`; without `header` they are only hashed.

    This thread hashes, one reads, up to `jobs` check (eight at most). `advance` is told the size
    of each piece from this thread, and may raise to end it. Raises GGUFError if the file can't be
    read, and TruncatedGGUFError if it became shorter since its header was read.
    """
    pass_ = _Pass(path, min(jobs, _MOST_JOBS), advance)
    try:
        file = path.open("rb", buffering=0)
    except OSError as error:
        raise _unreadable(path, error) from None
    with file:
        read_ahead(file.fileno(), 0, _AHEAD_BYTES)
        sha256 = pass_.run(file, _cut(header, file_bytes))
        if os.fstat(file.fileno()).st_size != file_bytes:
            raise GGUFError(path, "changed while it was read", _LEAVE)
    return Scan(sha256, *pass_.results())


def _unreadable(path: Path, error: OSError) -> GGUFError:
    reason = error.strerror or type(error).__name__
    return GGUFError(path, f"can't be read: {reason}", "check the disk it is on")


@dataclass(frozen=True, slots=True)
class _Piece:
    """The next `size` bytes of a file: whole blocks of a tensor, or what belongs to none."""

    size: int
    tensor: GGUFTensor | None


def _cut(header: GGUFHeader | None, file_bytes: int) -> Iterator[_Piece]:
    """The whole file; a tensor that begins inside another one is not looked at as such."""
    end = 0
    if header is not None:
        for tensor in sorted(header.tensors, key=lambda tensor: tensor.offset):
            start, block = header.data_offset + tensor.offset, tensor.type.block_bytes
            size = min(tensor.data_bytes, file_bytes - start) // block * block
            if start >= end and size > 0:
                yield from _split(start - end, 1, None)
                yield from _split(size, block, tensor)
                end = start + size
    yield from _split(file_bytes - end, 1, None)


def _split(size: int, unit: int, tensor: GGUFTensor | None) -> Iterator[_Piece]:
    step = PIECE_BYTES // unit * unit
    for start in range(0, size, step):
        yield _Piece(min(step, size - start), tensor)


@dataclass(frozen=True, slots=True)
class _Loaded:
    """A piece in memory, and after `judge` what its numbers are like."""

    piece: _Piece
    buffer: _Bytes
    is_finite: bool = True
    is_blank: bool = False

    @property
    def data(self) -> _Bytes:
        """The bytes of the piece alone."""
        return self.buffer[: self.piece.size]

    def judge(self) -> _Loaded:
        """Look for broken scales and numbers, and for any bit that is set."""
        if self.piece.tensor is None:
            return self
        kind, data = self.piece.tensor.type.id, self.data
        is_finite = ggml.is_valid_data(kind, data.ctypes.data, len(data))
        is_blank = not data[:64].any() and not data.any()
        return _Loaded(self.piece, self.buffer, is_finite, is_blank)


class _Pass:
    """The threads, the buffers that go round between them, and what has been found so far."""

    def __init__(self, path: Path, jobs: int, advance: Callable[[int], None]) -> None:
        self._path = path
        self._jobs = jobs
        self._advance = advance
        # One is being read, one hashed, and each thread that checks has one.
        self._free = deque(np.empty(PIECE_BYTES, np.uint8) for _ in range(jobs + 2))
        self._checks: deque[Future[_Loaded]] = deque()
        self._is_finite: dict[str, bool] = {}
        self._is_blank: dict[str, bool] = {}

    def run(self, file: FileIO, pieces: Iterator[_Piece]) -> str:
        """Read all pieces, each while the one before is hashed; returns the sha256."""
        digest = hashlib.sha256()
        reading: Future[_Loaded] | None = None
        with ThreadPoolExecutor(self._jobs + 1, "verify") as pool:
            for piece in chain[_Piece | None](pieces, (None,)):
                loaded = reading.result() if reading else None
                if piece:
                    reading = pool.submit(self._read, file, piece, self._take_buffer())
                if loaded:
                    self._checks.append(pool.submit(loaded.judge))
                    digest.update(loaded.data.data)
                    self._advance(loaded.piece.size)
            while self._checks:
                self._note_check()
        return digest.hexdigest()

    def results(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The names of the broken tensors, and of the blank ones."""
        broken = tuple(name for name, is_finite in self._is_finite.items() if not is_finite)
        return broken, tuple(name for name, is_blank in self._is_blank.items() if is_blank)

    def _take_buffer(self) -> _Bytes:
        if not self._free:
            self._note_check()
        return self._free.popleft()

    def _note_check(self) -> None:
        checked = self._checks.popleft().result()
        self._free.append(checked.buffer)
        if checked.piece.tensor:
            name = checked.piece.tensor.name
            self._is_finite[name] = checked.is_finite and self._is_finite.get(name, True)
            self._is_blank[name] = checked.is_blank and self._is_blank.get(name, True)

    def _read(self, file: FileIO, piece: _Piece, buffer: _Bytes) -> _Loaded:
        view = buffer[: piece.size].data
        try:
            read_ahead(file.fileno(), file.tell() + _AHEAD_BYTES, piece.size)
            while view and (count := file.readinto(view)):
                view = view[count:]
        except OSError as error:
            raise _unreadable(self._path, error) from None
        if view:
            raise TruncatedGGUFError(self._path, "became shorter while it was read", _LEAVE)
        return _Loaded(piece, buffer)
