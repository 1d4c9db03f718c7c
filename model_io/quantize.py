"""Turns matrices of a source into rows of a GGUF, a few rows at a time, on several threads.

Every chunk is read, widened, quantized and put in its place by one thread, so the kernels never
wait for one another and a matrix is never in memory as a whole (but for those that are stored
column by column). Any cut between rows gives the same bytes, since no block of any type crosses
a row. Knows no names' meaning and no header.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from model_io import ggml
from model_io.errors import NotFiniteError
from model_io.quant_types import BF16, F16, F32, TensorType
from model_io.row_reader import ColumnStore, RowReader

_CHUNK_ELEMENTS = 512 * 1024  # 35 ms of Q4_K, 3 ms of Q8_0: Python's share stays below 3 %

_IDLE_SECONDS = 0.1

_EXPONENTS = {BF16: 0x7F80, F16: 0x7C00, F32: 0x7F800000}
"""The bits of an exponent that stands for NaN or infinity."""

_Bytes = npt.NDArray[np.uint8]
_Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Matrix:
    """One matrix to move: from `source_offset` of the file at `path` to `target_offset`.

    With `permuted_heads`, each head's rows are put back from Hugging Face's rotary order (first
    halves, then second halves) into the original one (pairs); conversion/llama.py, `permute`.
    With `is_transposed`, the source holds its columns one after the other. Weights pass through
    the 16-bit type `via`, if there is one, before they are quantized. `importance` is one float
    for each column.
    """

    tensor: str
    expert: int | None
    name: str
    path: Path
    source_offset: int
    source_type: TensorType
    rows: int
    columns: int
    type: TensorType
    target_offset: int
    permuted_heads: int | None = None
    is_transposed: bool = False
    via: TensorType | None = None
    importance: _Floats | None = field(default=None, compare=False)

    @property
    def source_bytes(self) -> int:
        """What has to be read for it."""
        return self.source_type.row_bytes(self.rows * self.columns)


@dataclass(frozen=True, slots=True)
class Step:
    """One chunk is done: the bytes read for it, and its matrix if that was the last of it.

    Without bytes, nothing was done for a while: the threads wait for their source.
    """

    source_bytes: int
    finished: Matrix | None


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows of a matrix, which is cut into `chunks`: what one thread does at a time."""

    matrix: Matrix
    first_row: int
    rows: int
    chunks: int

    @property
    def elements(self) -> int:
        """How many weights it has."""
        return self.rows * self.matrix.columns

    @property
    def source_offset(self) -> int:
        """Where its rows begin in the source file, unless the matrix is transposed."""
        matrix = self.matrix
        skipped = matrix.source_type.row_bytes(self.first_row * matrix.columns)
        return matrix.source_offset + skipped

    @property
    def source_bytes(self) -> int:
        """What has to be read for it."""
        return self.matrix.source_type.row_bytes(self.elements)

    @property
    def target_offset(self) -> int:
        """Where its rows begin in the target file."""
        row_bytes = self.matrix.type.row_bytes(self.matrix.columns)
        return self.matrix.target_offset + self.first_row * row_bytes


def quantize(matrices: Iterable[Matrix], target: Path, jobs: int) -> Generator[Step, None, None]:
    """Fill the file at `target`, which has its final size, on `jobs` threads.

    `matrices` may wait for its next item; it is asked by one thread at a time. Yields after every
    chunk; closing the iterator ends the threads after the chunk each is at. Raises NotFiniteError
    for NaN, infinity or a weight too large for its type, SourceReadError if a source can't be
    read, OSError if the target can't be written, and what `matrices` raises.
    """
    team = _Team(matrices, target, jobs)
    try:
        yield from team.steps()
    finally:
        team.dismiss()


def cut(matrix: Matrix) -> list[Chunk]:
    """Chunks of whole rows, or of whole heads where rows change places within them."""
    unit = matrix.rows // matrix.permuted_heads if matrix.permuted_heads else 1
    step = max(1, _CHUNK_ELEMENTS // (unit * matrix.columns)) * unit
    firsts = range(0, matrix.rows, step)
    return [Chunk(matrix, first, min(step, matrix.rows - first), len(firsts)) for first in firsts]


class _Team:
    """The threads, the chunks still to be handed out, and what has come back."""

    def __init__(self, matrices: Iterable[Matrix], target: Path, jobs: int) -> None:
        self._chunks = (chunk for matrix in matrices for chunk in cut(matrix))
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        # None says that a thread has nothing left to do.
        self._done: queue.SimpleQueue[Chunk | BaseException | None] = queue.SimpleQueue()
        columns = ColumnStore()
        self._threads = [
            threading.Thread(target=self._work, args=(target, columns), name=f"quantize-{number}")
            for number in range(jobs)
        ]

    def steps(self) -> Iterator[Step]:
        for thread in self._threads:
            thread.start()
        left: dict[Matrix, int] = {}
        for chunk in self._finished_chunks():
            if chunk is None:
                yield Step(0, None)
                continue
            matrix = chunk.matrix
            left[matrix] = left.get(matrix, chunk.chunks) - 1
            is_whole = not left[matrix]
            if is_whole:
                del left[matrix]
            yield Step(chunk.source_bytes, matrix if is_whole else None)

    def dismiss(self) -> None:
        self._stopped.set()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()

    def _finished_chunks(self) -> Iterator[Chunk | None]:
        working = len(self._threads)
        while working:
            try:
                outcome = self._done.get(timeout=_IDLE_SECONDS)
            except queue.Empty:
                yield None
                continue
            if isinstance(outcome, BaseException):
                raise outcome
            if outcome is None:
                working -= 1
            else:
                yield outcome

    def _take(self) -> Chunk | None:
        with self._lock:
            return None if self._stopped.is_set() else next(self._chunks, None)

    def _work(self, target: Path, columns: ColumnStore) -> None:
        try:
            with ExitStack() as files:
                worker = _Worker(files, target, columns)
                while (chunk := self._take()) is not None:
                    worker.move(chunk)
                    self._done.put(chunk)
        except BaseException as error:  # noqa: BLE001  the thread's end: raised again by `steps`
            self._done.put(error)
        else:
            self._done.put(None)


class _Worker:
    """One thread's files and buffers."""

    def __init__(self, files: ExitStack, target: Path, columns: ColumnStore) -> None:
        self._target = files.enter_context(target.open("rb+", buffering=0))
        self._reader = files.enter_context(RowReader(columns))
        self._buffers: dict[str, _Bytes] = {}

    def move(self, chunk: Chunk) -> None:
        """Read, convert and write one chunk."""
        data = self._convert(chunk, self._read(chunk))
        self._target.seek(chunk.target_offset)
        view = data.data
        while view:
            view = view[self._target.write(view) :]

    def _buffer(self, purpose: str, size_bytes: int) -> _Bytes:
        """Scratch memory that is kept between chunks; what was in it is lost."""
        if purpose not in self._buffers or self._buffers[purpose].nbytes < size_bytes:
            self._buffers[purpose] = np.empty(size_bytes, np.uint8)
        return self._buffers[purpose][:size_bytes]

    def _read(self, chunk: Chunk) -> _Bytes:
        matrix = chunk.matrix
        raw = self._buffer("raw", chunk.source_bytes)
        if matrix.is_transposed:
            width = matrix.source_type.block_bytes
            shape = (matrix.rows, matrix.columns)
            part = (chunk.first_row, chunk.rows)
            self._reader.read_columns(matrix.path, matrix.source_offset, shape, width, part, raw)
        else:
            self._reader.read(matrix.path, chunk.source_offset, raw, begins=chunk.first_row == 0)
        self._check_finite(matrix, raw)
        return self._permute(matrix, raw) if matrix.permuted_heads else raw

    def _check_finite(self, matrix: Matrix, raw: _Bytes) -> None:
        if matrix.source_type not in _EXPONENTS:
            kind = matrix.source_type
            is_finite = ggml.is_valid_data(kind.id, raw.ctypes.data, raw.nbytes)
        else:
            words = raw.view(_word(matrix.source_type))
            exponent = words.dtype.type(_EXPONENTS[matrix.source_type])
            exponents = self._buffer("scratch", raw.nbytes).view(words.dtype)
            np.bitwise_and(words, exponent, out=exponents)
            is_finite = exponents.max() != exponent
        if not is_finite:
            problem = f"has NaN or infinity in {matrix.name}"
            raise NotFiniteError(matrix.path, problem, "download that file again")

    def _permute(self, matrix: Matrix, raw: _Bytes) -> _Bytes:
        words = raw.view(_word(matrix.source_type))
        pairs = matrix.rows // (matrix.permuted_heads or 1) // 2
        halves = words.reshape(-1, 2, pairs, matrix.columns)
        ordered = self._buffer("scratch", raw.nbytes)
        places = ordered.view(words.dtype).reshape(-1, pairs, 2, matrix.columns)
        np.copyto(places, halves.swapaxes(1, 2))
        return ordered

    def _convert(self, chunk: Chunk, raw: _Bytes) -> _Bytes:
        matrix = chunk.matrix
        if matrix.type is matrix.source_type:
            return raw
        floats = self._widen(matrix.source_type, raw, chunk.elements)
        if matrix.via not in (None, matrix.source_type):
            floats = self._widen(matrix.via, self._pack(chunk, floats, matrix.via), chunk.elements)
        if matrix.type is F32:
            return floats.view(np.uint8)
        return self._pack(chunk, floats, matrix.type)

    def _widen(self, kind: TensorType, raw: _Bytes, elements: int) -> _Floats:
        if kind is F32:
            return raw.view(np.float32)
        floats = self._buffer("floats", elements * 4).view(np.float32)
        ggml.widen(kind.id, raw.ctypes.data, floats.ctypes.data, elements)
        return floats

    def _pack(self, chunk: Chunk, floats: _Floats, kind: TensorType) -> _Bytes:
        matrix = chunk.matrix
        packed = self._buffer("packed", kind.row_bytes(chunk.elements))
        importance = 0 if matrix.importance is None else matrix.importance.ctypes.data
        address, size = packed.ctypes.data, packed.nbytes
        made = ggml.quantize_rows(
            kind.id, floats.ctypes.data, address, chunk.rows, matrix.columns, importance
        )
        if made != size or not ggml.is_valid_data(kind.id, address, size):
            problem = f"has a weight in {matrix.name} that is too large for {kind.name}"
            raise NotFiniteError(matrix.path, problem, "convert to F32 or BF16")
        return packed


def _word(kind: TensorType) -> type[np.uint16] | type[np.uint32]:
    return np.uint32 if kind is F32 else np.uint16
