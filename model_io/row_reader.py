"""Reads pieces of weight files for one of the quantizer's threads.

Files are read, not mapped: a file that shrinks meanwhile is a sentence and not a dead process.
Knows neither what the bytes mean nor what becomes of them.
"""

from __future__ import annotations

import threading
from io import FileIO
from pathlib import Path

import numpy as np
import numpy.typing as npt

from model_io.disk import read_ahead
from model_io.errors import SourceReadError

_AHEAD_PIECES = 8

Bytes = npt.NDArray[np.uint8]
_Place = tuple[Path, int]


class ColumnStore:
    """Whole matrices that are stored column by column, each read once for all threads.

    A few rows of such a matrix lie scattered over all of it, so it is held in memory until each
    of its rows has been handed out.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[_Place, Bytes] = {}
        self._rows_left: dict[_Place, int] = {}

    def copy_rows(
        self,
        reader: RowReader,
        place: _Place,
        shape: tuple[int, int],
        width_bytes: int,
        part: tuple[int, int],
        out: Bytes,
    ) -> None:
        """Put rows `part` (first, count) of the matrix `shape` (rows, columns) into `out`."""
        rows, columns = shape
        first, count = part
        with self._lock:
            if place not in self._held:
                whole = np.empty(rows * columns * width_bytes, np.uint8)
                reader.read(*place, whole, begins=True)
                self._held[place], self._rows_left[place] = whole, rows
            stored = self._held[place].view(f"V{width_bytes}").reshape(columns, rows)
            self._rows_left[place] -= count
            if not self._rows_left[place]:
                del self._held[place], self._rows_left[place]
        target = out.view(f"V{width_bytes}").reshape(count, columns)
        np.copyto(target, stored[:, first : first + count].T)


class RowReader:
    """One thread's open source file; a context manager that closes it.

    Only the latest one is open: an open file takes its place on the disk even when it is deleted.
    """

    def __init__(self, columns: ColumnStore) -> None:
        self._path: Path | None = None
        self._file: FileIO | None = None
        self._columns = columns

    def __enter__(self) -> RowReader:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def read(self, path: Path, offset: int, out: Bytes, *, begins: bool) -> None:
        """Fill `out` from `offset` of the file at `path`; `begins` a row of such readings.

        Raises SourceReadError.
        """
        view = out.data
        try:
            source = self._source(path)
            self._announce(source, offset, out.nbytes, begins)
            source.seek(offset)
            while view and (count := source.readinto(view)):
                view = view[count:]
        except OSError as error:
            reason = error.strerror or type(error).__name__
            problem = f"can't be read: {reason}"
            raise SourceReadError(path, problem, "check the disk it is on") from None
        if view:
            problem = "became shorter while it was read"
            raise SourceReadError(path, problem, "leave it alone and start again")

    def read_columns(
        self,
        path: Path,
        offset: int,
        shape: tuple[int, int],
        width_bytes: int,
        part: tuple[int, int],
        out: Bytes,
    ) -> None:
        """Fill `out` with rows `part` (first, count) of a matrix that is stored transposed.

        `shape` is (rows, columns), a number takes `width_bytes`. Raises SourceReadError.
        """
        self._columns.copy_rows(self, (path, offset), shape, width_bytes, part, out)

    def _source(self, path: Path) -> FileIO:
        if self._file is None or path != self._path:
            if self._file is not None:
                self._file.close()
            self._path, self._file = path, path.open("rb", buffering=0)
        return self._file

    def _announce(self, source: FileIO, offset: int, size: int, begins: bool) -> None:
        """Have what comes next read while the kernels are busy."""
        ahead = 0 if begins else _AHEAD_PIECES * size
        length = (_AHEAD_PIECES + 1) * size if begins else size
        read_ahead(source.fileno(), offset + ahead, length)
