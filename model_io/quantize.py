"""Turns matrices of a checkpoint into rows of a GGUF, a few rows at a time, on several threads.

Every chunk is read, widened, quantized and put in its place by one thread, so the kernels never
wait for one another and a matrix is never in memory as a whole. Any cut between rows gives the
same bytes, since no block of any type crosses a row. Knows no names' meaning and no header.
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

import numpy as np
import numpy.typing as npt

from model_io import ggml
from model_io.errors import NotFiniteError, SafetensorsError
from model_io.quant_types import F32, TensorType

_CHUNK_ELEMENTS = 512 * 1024  # 35 ms of Q4_K, 3 ms of Q8_0: Python's share stays below 3 %
_READ_AHEAD_CHUNKS = 8

_Words = npt.NDArray[np.uint16] | npt.NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class SourceFormat:
    """How a checkpoint stores numbers: bytes each, and the bits of an endless exponent."""

    bytes: int
    exponent: int
    widen: Callable[[int, int, int], None] | None


SOURCE_FORMATS = {
    "BF16": SourceFormat(2, 0x7F80, ggml.widen_bf16),
    "F16": SourceFormat(2, 0x7C00, ggml.widen_f16),
    "F32": SourceFormat(4, 0x7F800000, None),
}


@dataclass(frozen=True, slots=True)
class Matrix:
    """One matrix to move: from `source_offset` of the file at `path` to `target_offset`.

    With `permuted_heads`, each head's rows are put back from Hugging Face's rotary order (first
    halves, then second halves) into the original one (pairs); conversion/llama.py, `permute`.
    """

    name: str
    path: Path
    source_offset: int
    dtype: str
    rows: int
    columns: int
    type: TensorType
    target_offset: int
    permuted_heads: int | None = None

    @property
    def source_bytes(self) -> int:
        """What has to be read for it."""
        return self.rows * self.columns * SOURCE_FORMATS[self.dtype].bytes


@dataclass(frozen=True, slots=True)
class Step:
    """What is done so far: bytes read, and the place up to which the target is complete."""

    source_bytes: int
    target_end: int


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows of a matrix: what one thread does at a time."""

    matrix: Matrix
    first_row: int
    rows: int

    @property
    def elements(self) -> int:
        """How many weights it has."""
        return self.rows * self.matrix.columns

    @property
    def source_offset(self) -> int:
        """Where it begins in the source file."""
        skipped = self.first_row * self.matrix.columns
        return self.matrix.source_offset + skipped * SOURCE_FORMATS[self.matrix.dtype].bytes

    @property
    def source_bytes(self) -> int:
        """What has to be read for it."""
        return self.elements * SOURCE_FORMATS[self.matrix.dtype].bytes

    @property
    def target_offset(self) -> int:
        """Where its rows begin in the target file."""
        row_bytes = self.matrix.type.row_bytes(self.matrix.columns)
        return self.matrix.target_offset + self.first_row * row_bytes

    @property
    def target_bytes(self) -> int:
        """What its rows take there."""
        return self.rows * self.matrix.type.row_bytes(self.matrix.columns)


def quantize(matrices: Sequence[Matrix], target: Path, jobs: int) -> Generator[Step, None, None]:
    """Fill the file at `target`, which has its final size, on `jobs` threads.

    `matrices` come in the order of their places. Yields after every chunk; closing the iterator
    ends the threads after the chunk each is at. Raises NotFiniteError for NaN, infinity or a
    weight too large for its type, SafetensorsError if a source can't be read, OSError if the
    target can't be written.
    """
    chunks = [chunk for matrix in matrices for chunk in cut(matrix)]
    team = _Team(chunks, target, jobs)
    try:
        yield from team.steps()
    finally:
        team.dismiss()


def cut(matrix: Matrix) -> Iterator[Chunk]:
    """Chunks of whole rows, or of whole heads where rows change places within them."""
    unit = matrix.rows // matrix.permuted_heads if matrix.permuted_heads else 1
    units = max(1, _CHUNK_ELEMENTS // (unit * matrix.columns))
    for first in range(0, matrix.rows, units * unit):
        yield Chunk(matrix, first, min(units * unit, matrix.rows - first))


class _Team:
    """The threads, the chunks still to be handed out, and what has come back."""

    def __init__(self, chunks: Sequence[Chunk], target: Path, jobs: int) -> None:
        self._chunks = chunks
        self._lock = threading.Lock()
        self._next = 0
        self._stopped = threading.Event()
        self._done: queue.SimpleQueue[int | BaseException] = queue.SimpleQueue()
        most = max((chunk.elements for chunk in chunks), default=0)
        self._threads = [
            threading.Thread(target=self._work, args=(target, most), name=f"quantize-{number}")
            for number in range(min(jobs, len(chunks)))
        ]

    def steps(self) -> Iterator[Step]:
        for thread in self._threads:
            thread.start()
        finished: set[int] = set()
        source_bytes = frontier = 0
        for _ in self._chunks:
            number = self._wait()
            finished.add(number)
            source_bytes += self._chunks[number].source_bytes
            while frontier in finished:
                finished.remove(frontier)
                frontier += 1
            last = self._chunks[min(frontier, len(self._chunks) - 1)]
            yield Step(source_bytes, last.target_offset)

    def dismiss(self) -> None:
        self._stopped.set()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()

    def _wait(self) -> int:
        while True:
            try:
                # With a limit, because Windows can't interrupt an endless wait.
                outcome = self._done.get(timeout=0.2)
            except queue.Empty:
                continue
            if isinstance(outcome, BaseException):
                raise outcome
            return outcome

    def _take(self) -> int | None:
        with self._lock:
            if self._stopped.is_set() or self._next == len(self._chunks):
                return None
            self._next += 1
            return self._next - 1

    def _work(self, target: Path, most_elements: int) -> None:
        try:
            with ExitStack() as files:
                worker = _Worker(files, target, most_elements)
                while (number := self._take()) is not None:
                    ahead = number + _READ_AHEAD_CHUNKS
                    if ahead < len(self._chunks):
                        worker.announce(self._chunks[ahead])
                    worker.move(self._chunks[number])
                    self._done.put(number)
        except BaseException as error:  # noqa: BLE001  the thread's end: raised again by `_wait`
            self._done.put(error)


class _Worker:
    """One thread's files and buffers."""

    def __init__(self, files: ExitStack, target: Path, most_elements: int) -> None:
        self._files = files
        self._sources: dict[Path, FileIO] = {}
        self._target = files.enter_context(target.open("rb+", buffering=0))
        self._raw = np.empty(most_elements * 4, np.uint8)
        self._scratch = np.empty(most_elements * 4, np.uint8)
        self._floats = np.empty(most_elements, np.float32)
        self._packed = np.empty(most_elements * 4, np.uint8)

    def announce(self, chunk: Chunk) -> None:
        """Have the system read what will be needed soon, while the kernels are busy."""
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(
                self._source(chunk.matrix.path).fileno(),
                chunk.source_offset,
                chunk.source_bytes,
                os.POSIX_FADV_WILLNEED,
            )

    def move(self, chunk: Chunk) -> None:
        """Read, convert and write one chunk."""
        words = self._read(chunk)
        self._check_finite(chunk, words)
        if chunk.matrix.permuted_heads:
            words = self._permute(chunk, words)
        data = self._convert(chunk, words)
        self._target.seek(chunk.target_offset)
        view = data.data.cast("B")
        while view:
            view = view[self._target.write(view) :]

    def _source(self, path: Path) -> FileIO:
        try:
            if path not in self._sources:
                self._sources[path] = self._files.enter_context(path.open("rb", buffering=0))
        except OSError as error:
            raise _unreadable(path, error) from None
        return self._sources[path]

    def _read(self, chunk: Chunk) -> _Words:
        path = chunk.matrix.path
        buffer = self._raw[: chunk.source_bytes]
        view = buffer.data
        source = self._source(path)
        try:
            source.seek(chunk.source_offset)
            while view and (count := source.readinto(view)):
                view = view[count:]
        except OSError as error:
            raise _unreadable(path, error) from None
        if view:
            problem = "became shorter while it was read"
            raise SafetensorsError(path, problem, "leave it alone and start again")
        if SOURCE_FORMATS[chunk.matrix.dtype].bytes == 4:
            return buffer.view(np.uint32)
        return buffer.view(np.uint16)

    def _check_finite(self, chunk: Chunk, words: _Words) -> None:
        exponent = words.dtype.type(SOURCE_FORMATS[chunk.matrix.dtype].exponent)
        exponents = self._scratch[: words.nbytes].view(words.dtype)
        np.bitwise_and(words, exponent, out=exponents)
        if exponents.max() == exponent:
            problem = f"has NaN or infinity in {chunk.matrix.name}"
            raise NotFiniteError(chunk.matrix.path, problem, "download that file again")

    def _permute(self, chunk: Chunk, words: _Words) -> _Words:
        matrix = chunk.matrix
        pairs = matrix.rows // (matrix.permuted_heads or 1) // 2
        halves = words.reshape(-1, 2, pairs, matrix.columns)
        ordered = self._scratch[: words.nbytes].view(words.dtype)
        np.copyto(ordered.reshape(-1, pairs, 2, matrix.columns), halves.swapaxes(1, 2))
        return ordered

    def _convert(self, chunk: Chunk, words: _Words) -> npt.NDArray[np.generic]:
        matrix = chunk.matrix
        if matrix.type.name == matrix.dtype:
            return words
        floats = self._widen(chunk, words)
        if matrix.type is F32:
            return floats
        packed = self._packed[: chunk.target_bytes]
        address, size = packed.ctypes.data, chunk.target_bytes
        made = ggml.quantize_rows(
            matrix.type.id, floats.ctypes.data, address, chunk.rows, matrix.columns
        )
        if made != size or not ggml.is_valid_data(matrix.type.id, address, size):
            problem = f"has a weight in {matrix.name} that is too large for {matrix.type.name}"
            raise NotFiniteError(matrix.path, problem, "convert to F32 or BF16")
        return packed

    def _widen(self, chunk: Chunk, words: _Words) -> npt.NDArray[np.float32]:
        widen = SOURCE_FORMATS[chunk.matrix.dtype].widen
        if widen is None:
            return words.view(np.float32)
        floats = self._floats[: chunk.elements]
        widen(words.ctypes.data, floats.ctypes.data, chunk.elements)
        return floats


def _unreadable(path: Path, error: OSError) -> SafetensorsError:
    reason = error.strerror or type(error).__name__
    return SafetensorsError(path, f"can't be read: {reason}", "check the disk it is on")
