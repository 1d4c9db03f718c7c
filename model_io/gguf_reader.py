"""Reads the header of a GGUF file: what model it holds, and where its tensors lie.

Trusts nothing in the file: every length is held against what is left of it before anything is
read or kept. Knows nothing of the tensors' contents, and imports no numpy, since the list of
models in the window is made with it. Source of the layout: docs/gguf.md of ggml.
"""

from __future__ import annotations

import math
import os
import re
import struct
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO

from model_io.errors import (
    CorruptGGUFError,
    GGUFError,
    NotGGUFError,
    SplitExpertError,
    TruncatedGGUFError,
)
from model_io.gguf_values import STRUCT_CODES, ValueKind
from model_io.quant_types import FILE_TYPES, TENSOR_TYPES, TensorType

Scalar = bool | int | float | str
Value = Scalar | tuple[Scalar, ...]

HEADER_LIMIT_BYTES = 32 * 1024 * 1024
"""No header is longer: the largest vocabularies with their merges take about 16 MB."""

# What is small in the file is large in memory, so there are limits for the numbers, too.
_MOST_ENTRIES = 10_000
_MOST_TENSORS = 100_000
_MOST_ITEMS = 2_000_000
"""Of all rows together: a vocabulary has up to four of them, with 260,000 tokens or more each."""

_DEFAULT_ALIGNMENT = 32
_SMALLEST_PAIR_BYTES = 8 + 1 + 4 + 1  # key length, a key, its type, a value
_SMALLEST_TENSOR_BYTES = 8 + 1 + 4 + 8 + 4 + 8  # name, dimensions, one dimension, type, offset
_MAX_DIMENSIONS = 4  # GGML_MAX_DIMS
_LENGTH = struct.Struct("<Q")
_SPLIT_EXPERT = re.compile(r"blk\.\d+\.ffn_(?:gate|up|down)\.\d+\.weight")

_FETCH = "download it again"


@dataclass(frozen=True, slots=True)
class GGUFTensor:
    """One tensor: `dims` in ggml's order (row length first), `offset` from `data_offset`."""

    name: str
    dims: tuple[int, ...]
    type: TensorType
    offset: int

    @property
    def data_bytes(self) -> int:
        """The size of its data, without padding."""
        return self.type.row_bytes(math.prod(self.dims))


@dataclass(frozen=True)
class GGUFHeader:
    """All that stands before the tensor data. Offsets and sizes are bytes.

    `kinds` has the kind of each entry of `metadata`, of an array the kind of its items.
    """

    path: Path
    version: int
    metadata: Mapping[str, Value]
    tensors: tuple[GGUFTensor, ...]
    data_offset: int
    file_bytes: int
    alignment: int
    kinds: Mapping[str, ValueKind] = field(default_factory=dict)

    def _number(self, key: str) -> int | None:
        value = self.metadata.get(f"{self.architecture}.{key}")
        return value if type(value) is int else None

    def _text(self, key: str) -> str | None:
        value = self.metadata.get(key)
        return value if isinstance(value, str) else None

    @property
    def architecture(self) -> str:
        """`general.architecture`: "llama" for Mixtral; empty if the file doesn't say."""
        return self._text("general.architecture") or ""

    @property
    def name(self) -> str | None:
        """`general.name`."""
        return self._text("general.name")

    @property
    def layer_count(self) -> int | None:
        """How many layers the model has."""
        return self._number("block_count")

    @property
    def expert_count(self) -> int | None:
        """How many experts a layer has; None or 0 in a model without experts."""
        return self._number("expert_count")

    @property
    def context_tokens(self) -> int | None:
        """The longest context that the model was made for."""
        return self._number("context_length")

    @property
    def chat_template(self) -> str | None:
        """The Jinja text of `tokenizer.chat_template`."""
        return self._text("tokenizer.chat_template")

    @property
    def quant(self) -> str | None:
        """What people call the file's kind, e.g. "Q4_K_M": the file's word, or its main type."""
        file_type = self.metadata.get("general.file_type")
        if type(file_type) is int and file_type in FILE_TYPES:
            return FILE_TYPES[file_type]
        sizes: Counter[str] = Counter()
        for tensor in self.tensors:
            sizes[tensor.type.name] += tensor.data_bytes
        return max(sizes, key=sizes.__getitem__, default=None)

    @cached_property
    def is_split_expert(self) -> bool:
        """Made before April 2024, each expert in a tensor of its own; llama.cpp refuses it."""
        return any(_SPLIT_EXPERT.fullmatch(tensor.name) for tensor in self.tensors)

    @cached_property
    def missing_bytes(self) -> int:
        """How much tensor data lies beyond the end of the file; 0 when it is complete."""
        ends = (t.offset + t.data_bytes for t in self.tensors)
        needed = self.data_offset + max(ends, default=0)
        return max(0, needed - self.file_bytes)


def read_header(path: str | os.PathLike[str]) -> GGUFHeader:
    """Read the header of the GGUF file at `path`, a few megabytes at most.

    Tensor data may be missing (see `missing_bytes`); the header itself has to be whole.
    Raises NotGGUFError, TruncatedGGUFError or CorruptGGUFError, and GGUFError for a file that
    can't be opened or read.
    """
    file_path = Path(path)
    try:
        if file_path.exists() and not (file_path.is_file() or file_path.is_dir()):
            raise NotGGUFError(file_path, "is not a file", "choose a GGUF file")
        with file_path.open("rb") as file:
            return _HeaderReader(file_path, file).read()
    except IsADirectoryError:
        raise NotGGUFError(file_path, "is a folder", "choose a GGUF file") from None
    except FileNotFoundError:
        raise GGUFError(file_path, "does not exist", "choose another file") from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise GGUFError(file_path, f"can't be read: {reason}", "check its permissions") from None


def check_usable(header: GGUFHeader) -> None:
    """Make sure that llama.cpp could load the file: all data there, experts merged.

    Raises TruncatedGGUFError or SplitExpertError.
    """
    if header.missing_bytes:
        problem = f"is cut off: {header.missing_bytes:,} bytes are missing at its end"
        raise TruncatedGGUFError(header.path, problem, _FETCH)
    if header.is_split_expert:
        problem = "was written before April 2024, with each expert apart"
        raise SplitExpertError(header.path, problem, "octet model repair makes a new file of it")


class _HeaderReader:
    """Walks once through the header, counting what is left of the file."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._path = path
        self._file = file
        self._file_bytes = os.fstat(file.fileno()).st_size
        self._offset = 0
        self._kinds: dict[str, ValueKind] = {}
        self._items_left = _MOST_ITEMS

    def read(self) -> GGUFHeader:
        version = self._read_preamble()
        tensor_count = self._number("Q")
        pair_count = self._number("Q")
        self._check_room(pair_count, _SMALLEST_PAIR_BYTES, "entries", _MOST_ENTRIES)
        self._check_room(tensor_count, _SMALLEST_TENSOR_BYTES, "tensors", _MOST_TENSORS)
        metadata = self._read_metadata(pair_count)
        alignment = self._alignment(metadata)
        tensors = self._read_tensors(tensor_count, alignment)
        return GGUFHeader(
            path=self._path,
            version=version,
            metadata=MappingProxyType(metadata),
            tensors=tensors,
            data_offset=-(-self._offset // alignment) * alignment,
            file_bytes=self._file_bytes,
            alignment=alignment,
            kinds=MappingProxyType(self._kinds),
        )

    def _corrupt(self, problem: str) -> CorruptGGUFError:
        return CorruptGGUFError(self._path, problem, _FETCH)

    def _take(self, size: int) -> bytes:
        left = self._file_bytes - self._offset
        if size > left:
            raise TruncatedGGUFError(
                self._path,
                f"ends in the middle of its header, after {self._file_bytes:,} bytes",
                _FETCH,
            )
        if self._offset + size > HEADER_LIMIT_BYTES:
            raise self._corrupt(f"has a header of more than {HEADER_LIMIT_BYTES:,} bytes")
        data = self._file.read(size)
        if len(data) != size:
            raise TruncatedGGUFError(self._path, "became shorter while it was read", _FETCH)
        self._offset += size
        return data

    def _number(self, code: str) -> int:
        value: int = struct.unpack("<" + code, self._take(struct.calcsize("<" + code)))[0]
        return value

    def _text(self) -> str:
        # Old files hold tokens that are no UTF-8; escaping keeps every byte of them.
        (size,) = _LENGTH.unpack(self._take(_LENGTH.size))
        return self._take(size).decode("utf-8", "surrogateescape")

    def _check_room(self, count: int, smallest_bytes: int, what: str, most: int) -> None:
        limit = min(self._file_bytes, HEADER_LIMIT_BYTES) - self._offset
        if count * smallest_bytes > limit:
            raise self._corrupt(f"claims to hold {count:,} {what}, more than fit into it")
        if count > most:
            raise self._corrupt(f"holds {count:,} {what}, more than any model has")

    def _read_preamble(self) -> int:
        if self._file_bytes < 4 or self._take(4) != b"GGUF":
            raise NotGGUFError(self._path, "is not a GGUF file", "choose a file ending in .gguf")
        version = self._number("I")
        if version & 0xFFFF == 0:
            problem = "is a GGUF file for computers of the other byte order"
            raise CorruptGGUFError(self._path, problem, "choose one made for this computer")
        if version not in (2, 3):
            problem = f"is a GGUF file of version {version}, and only 2 and 3 can be read"
            raise CorruptGGUFError(self._path, problem, "choose a newer file of the model")
        return version

    def _read_metadata(self, count: int) -> dict[str, Value]:
        metadata: dict[str, Value] = {}
        for _ in range(count):
            key = self._text()
            if not key:
                raise self._corrupt("has an entry without a name")
            if not key.isprintable():
                raise self._corrupt(f"has an entry whose name is damaged: {key[:64]!r}")
            if key in metadata:
                raise self._corrupt(f"has the entry {key[:64]!r} twice")
            metadata[key] = self._value(key)
        return metadata

    def _value(self, key: str) -> Value:
        kind = self._number("I")
        if kind == ValueKind.ARRAY:
            return self._array(key)
        return self._array_of(key, kind, 1)[0]

    def _array(self, key: str) -> tuple[Scalar, ...]:
        kind = self._number("I")
        return self._array_of(key, kind, self._number("Q"))

    def _array_of(self, key: str, kind: int, count: int) -> tuple[Scalar, ...]:
        if kind == ValueKind.STRING:
            self._kinds[key] = ValueKind.STRING
            self._check_room(count, 8, "texts", self._items_left)
            self._items_left -= count
            return tuple([self._text() for _ in range(count)])
        code = STRUCT_CODES.get(kind)
        if code is None:
            raise self._corrupt(f"has the entry {key[:64]!r} of the unknown kind {kind}")
        self._check_room(count, struct.calcsize(code), "numbers", self._items_left)
        self._items_left -= count
        self._kinds[key] = ValueKind(kind)
        layout = f"<{count}{code}"
        return struct.unpack(layout, self._take(struct.calcsize(layout)))

    def _alignment(self, metadata: Mapping[str, Value]) -> int:
        alignment = metadata.get("general.alignment", _DEFAULT_ALIGNMENT)
        if type(alignment) is not int or alignment < 1 or alignment & (alignment - 1):
            raise self._corrupt(f"has the alignment {alignment!r}, which is no power of two")
        if alignment > HEADER_LIMIT_BYTES:
            raise self._corrupt(f"has an alignment of {alignment:,} bytes")
        return alignment

    def _read_tensors(self, count: int, alignment: int) -> tuple[GGUFTensor, ...]:
        tensors: dict[str, GGUFTensor] = {}
        for _ in range(count):
            tensor = self._read_tensor(alignment)
            if tensor.name in tensors:
                raise self._corrupt(f"has the tensor {tensor.name[:64]!r} twice")
            tensors[tensor.name] = tensor
        return tuple(tensors.values())

    def _read_tensor(self, alignment: int) -> GGUFTensor:
        name = self._text()
        shown = repr(name[:64])
        dimensions = self._number("I")
        if not 1 <= dimensions <= _MAX_DIMENSIONS:
            raise self._corrupt(f"gives the tensor {shown} {dimensions:,} dimensions")
        dims = tuple(self._number("Q") for _ in range(dimensions))
        kind = TENSOR_TYPES.get(type_id := self._number("I"))
        offset = self._number("Q")
        if kind is None:
            problem = f"stores the tensor {shown} in type {type_id}, which this program can't read"
            raise CorruptGGUFError(self._path, problem, "choose another file of the model")
        if 0 in dims or math.prod(dims) >= 2**60 or dims[0] % kind.block_elements:
            raise self._corrupt(f"gives the tensor {shown} the impossible shape {dims}")
        if offset % alignment or offset >= 2**60:
            raise self._corrupt(f"places the tensor {shown} at the impossible offset {offset:,}")
        return GGUFTensor(name, dims, kind, offset)
