"""Reads an importance matrix: how much each column of a weight matrix matters in use.

llama-imatrix collects it and writes it as a GGUF file: for each matrix the sums of its inputs'
squares, and how often each expert was asked. Trusts nothing in the file. Knows no quantizer.
Source of layout and formula: common/imatrix-loader.cpp and tools/quantize/quantize.cpp,
`load_imatrix` (llama-cpp-python 0.3.36).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from model_io.errors import GGUFError, ImatrixError
from model_io.gguf_reader import HEADER_LIMIT_BYTES, GGUFHeader, GGUFTensor, read_header
from model_io.gguf_values import Metadata, MetadataValue, ValueKind, uint32
from model_io.quant_types import F32

DATA_LIMIT_BYTES = 128 * 1024 * 1024
"""No matrix is larger: that of Mixtral 8x7B takes 26 MB, that of 8x22B 60 MB."""

Floats = npt.NDArray[np.float32]

_SUMS, _COUNTS = ".in_sum2", ".counts"
_DATASETS, _CHUNK_COUNT = "imatrix.datasets", "imatrix.chunk_count"
_METADATA = (_DATASETS, _CHUNK_COUNT, "imatrix.chunk_size")
_LONGEST_ENTRY_BYTES = 127  # llama.h: llama_model_kv_override.val_str, less its end
_MOST_COUNTED = 2.0**53

_FETCH = "download it again"


@dataclass(frozen=True, slots=True)
class ImportanceMatrix:
    """What was read. `weights` has (experts, columns) for each matrix, (1, columns) for plain ones.

    `sha256` is of the whole file, `datasets` names the texts it was collected from.
    """

    path: Path
    sha256: str
    datasets: tuple[str, ...]
    chunk_count: int
    weights: Mapping[str, Floats]

    def importance_of(self, name: str, columns: int, experts: int = 1) -> Floats | None:
        """The rows for the GGUF tensor `name`: (experts, columns), in memory without gaps.

        None where nothing was collected. Raises ImatrixError if it was collected from a tensor of
        another size; for the embeddings llama.cpp then does without, and so does this.
        """
        weights = self.weights.get(name)
        if weights is None:
            return None
        if weights.size == experts * columns:
            return weights.reshape(experts, columns)
        if name == "token_embd.weight":
            return None
        problem = f"has {weights.size:,} values for {name}, which needs {experts * columns:,}"
        raise ImatrixError(self.path, problem, "choose one that was made for this model")

    def describe(self) -> Metadata:
        """The entries that llama-quantize's command line puts last into a file made with it.

        As if it was called in the matrix' own folder: the folder's name says nothing about the
        model, and would make the same conversion another file on each computer.
        """
        entries: Metadata = {"quantize.imatrix.file": _cut_text(os.fsencode(self.path.name))}
        if self.datasets:
            first = self.datasets[0].encode("utf-8", "surrogateescape")
            entries["quantize.imatrix.dataset"] = _cut_text(first)
        entries["quantize.imatrix.entries_count"] = uint32(len(self.weights))
        if self.chunk_count:
            entries["quantize.imatrix.chunks_count"] = uint32(self.chunk_count)
        return entries


def _cut_text(text: bytes) -> MetadataValue:
    """A text as it comes out of the C array of fixed length that llama-quantize puts it in."""
    return MetadataValue(ValueKind.STRING, text.split(b"\0")[0][:_LONGEST_ENTRY_BYTES])


def read_imatrix(path: Path) -> ImportanceMatrix:
    """Read the importance matrix in the GGUF file at `path`.

    Raises ImatrixError for anything else, and for values that no use of a model can give.
    """
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise ImatrixError(path, "is not a file", "choose a file that llama-imatrix made")
        _check_format(path)
        header = read_header(path)
        _check_kind(header)
        pairs = _pair_tensors(header)
        with path.open("rb") as file:
            weights = {name: _read_weights(file, header, name, *pairs[name]) for name in pairs}
            file.seek(0)
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except GGUFError as error:
        raise ImatrixError(error.path, error.problem, error.remedy) from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ImatrixError(path, f"can't be read: {reason}", "check the file") from None
    datasets, chunk_count = _datasets(header), _chunk_count(header)
    return ImportanceMatrix(path, digest, datasets, chunk_count, MappingProxyType(weights))


def _check_format(path: Path) -> None:
    """Tell the format that llama-imatrix had before GGUF: a count, then a name with its length."""
    with path.open("rb") as file:
        start = file.read(8 + 64)
    entries, length = (int.from_bytes(start[at : at + 4], "little") for at in (0, 4))
    name = start[8 : 8 + length]
    if 0 < entries < 2**20 and 0 < length <= 64 and name.endswith(b".weight"):
        problem = "is an importance matrix in llama.cpp's old format"
        remedy = "let llama-imatrix rewrite it (--in-file), or choose one ending in .gguf"
        raise ImatrixError(path, problem, remedy)


def _check_kind(header: GGUFHeader) -> None:
    missing = [key for key in _METADATA if key not in header.metadata]
    if missing:
        problem = f"is no importance matrix: it has no {missing[0]}"
        if header.architecture and len(missing) == len(_METADATA):
            problem = "is a model, not an importance matrix"
        raise ImatrixError(header.path, problem, "choose a file that llama-imatrix made")
    if header.file_bytes > HEADER_LIMIT_BYTES + DATA_LIMIT_BYTES:
        problem = f"has {header.file_bytes:,} bytes, more than any Mixtral needs"
        raise ImatrixError(header.path, problem, "choose another file")
    if header.missing_bytes:
        problem = f"is cut off: {header.missing_bytes:,} bytes are missing at its end"
        raise ImatrixError(header.path, problem, _FETCH)


def _datasets(header: GGUFHeader) -> tuple[str, ...]:
    value = header.metadata[_DATASETS]
    texts = value if isinstance(value, tuple) else (None,)
    if not all(isinstance(text, str) for text in texts):
        raise ImatrixError(header.path, f"has no texts as {_DATASETS}", _FETCH)
    return tuple(str(text) for text in texts)


def _chunk_count(header: GGUFHeader) -> int:
    value = header.metadata[_CHUNK_COUNT]
    if type(value) is not int or not 0 <= value < 2**31:
        raise ImatrixError(header.path, f"has the {_CHUNK_COUNT} {str(value)[:40]!r}", _FETCH)
    return value


def _pair_tensors(header: GGUFHeader) -> dict[str, tuple[GGUFTensor, GGUFTensor]]:
    """The sums and the counts for each matrix, checked so far as the header goes."""
    found = {tensor.name: tensor for tensor in header.tensors}
    names = [name.removesuffix(_SUMS) for name in found if name.endswith(_SUMS)]
    counted = [name.removesuffix(_COUNTS) for name in found if name.endswith(_COUNTS)]
    if lonely := sorted(set(names) ^ set(counted)):
        problem = f"has only one of sums and counts for {lonely[0][:64]}"
        raise ImatrixError(header.path, problem, _FETCH)
    if not names:
        raise ImatrixError(header.path, "holds no sums of any matrix", _FETCH)
    pairs = {name: (found[name + _SUMS], found[name + _COUNTS]) for name in names}
    _check_sizes(header.path, [tensor for pair in pairs.values() for tensor in pair])
    return pairs


def _check_sizes(path: Path, tensors: Sequence[GGUFTensor]) -> None:
    for tensor in tensors:
        if tensor.type is not F32:
            problem = f"stores {tensor.name[:72]} as {tensor.type.name} instead of F32"
            raise ImatrixError(path, problem, _FETCH)
    size = sum(tensor.data_bytes for tensor in tensors)
    if size > DATA_LIMIT_BYTES:
        problem = f"holds {size:,} bytes of sums, more than any Mixtral needs"
        raise ImatrixError(path, problem, "choose another file")


def _read_weights(
    file: BinaryIO, header: GGUFHeader, name: str, sums: GGUFTensor, counts: GGUFTensor
) -> Floats:
    """Mean square for each column and expert, in llama.cpp's arithmetic; (experts, columns)."""
    values = _read_floats(file, header, sums)
    counted = _read_floats(file, header, counts)
    if values.size % counted.size:
        problem = f"has {values.size:,} sums but {counted.size:,} counts for {name[:64]}"
        raise ImatrixError(header.path, problem, _FETCH)
    if counted.max() > _MOST_COUNTED:
        raise ImatrixError(header.path, f"has an impossible count for {name[:64]}", _FETCH)
    # C's lround: halves go up. Whole numbers of single precision are exact in double precision.
    times = np.floor(counted.astype(np.float64) + 0.5).astype(np.float32)[:, np.newaxis]
    rows = values.reshape(counted.size, -1)
    weights = np.ones_like(rows)
    np.divide(rows, times, out=weights, where=times > 0)
    weights.flags.writeable = False
    return weights


def _read_floats(file: BinaryIO, header: GGUFHeader, tensor: GGUFTensor) -> Floats:
    file.seek(header.data_offset + tensor.offset)
    data = file.read(tensor.data_bytes)
    if len(data) != tensor.data_bytes:
        problem = "became shorter while it was read"
        raise ImatrixError(header.path, problem, "leave it alone and start again")
    values = np.frombuffer(data, np.dtype("<f4")).astype(np.float32, copy=False)
    # NaN makes the comparisons false.
    if not (values.min() >= 0 and values.max() < np.inf):
        problem = f"has a value in {tensor.name[:72]} that is negative or not finite"
        raise ImatrixError(header.path, problem, "make it again or choose another one")
    return values
