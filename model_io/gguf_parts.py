"""A GGUF model as one source of tensors, whether it lies in one file or in several.

The experts appear one by one, as files made before April 2024 store them, so that files with
stacked experts and those look the same to whoever converts them. Source of the parts' entries:
llama.cpp, tools/gguf-split.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from model_io.errors import CorruptGGUFError, GGUFError, MissingFileError, TruncatedGGUFError
from model_io.gguf_reader import GGUFHeader, GGUFTensor, Scalar, Value, read_header
from model_io.gguf_values import Item, Metadata, MetadataValue
from model_io.stored_tensor import StoredTensor

_PART_NAME = re.compile(r"(.*)-(\d{5})-of-(\d{5})\.gguf", re.DOTALL)
_STACKED = re.compile(r"(blk\.\d+\.ffn_(?:gate|up|down))_exps\.weight")
_SPLIT_NUMBER, _SPLIT_COUNT = "split.no", "split.count"
_MOST_PARTS = 1000
_FETCH = "download it again"


@dataclass(frozen=True, slots=True)
class GGUFModel:
    """The headers of all files of one model; the first one describes it."""

    parts: tuple[GGUFHeader, ...]

    @property
    def header(self) -> GGUFHeader:
        """The header with the metadata."""
        return self.parts[0]

    @property
    def is_split_expert(self) -> bool:
        """Made before April 2024, each expert in a tensor of its own; llama.cpp refuses it."""
        return any(part.is_split_expert for part in self.parts)

    def metadata(self) -> Metadata:
        """The first file's entries as they can be written again, without those on parts."""
        header = self.header
        return {
            key: MetadataValue(header.kinds[key], _written(value))
            for key, value in header.metadata.items()
            if not key.startswith("split.") and key != "general.alignment"
        }

    def stored(self) -> dict[str, StoredTensor]:
        """Where each tensor lies, the experts one by one. Raises CorruptGGUFError."""
        found: dict[str, StoredTensor] = {}
        for part in self.parts:
            for tensor in part.tensors:
                for stored in _store(part, tensor):
                    if stored.name in found:
                        problem = f"holds {stored.name[:80]}, which {found[stored.name].path.name}"
                        remedy = "remove the file that is not needed"
                        raise CorruptGGUFError(part.path, f"{problem} holds too", remedy)
                    found[stored.name] = stored
        return found


def looks_like_gguf(path: Path) -> bool:
    """Whether the file at `path` begins as one, whatever it is called."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return file.read(4) == b"GGUF"
    except OSError:
        return False


def read_model(path: Path) -> GGUFModel:
    """The model that the GGUF file at `path` is, or is a part of; its data have to be there.

    Raises GGUFError or its children, and MissingFileError for a part that isn't there.
    """
    first = read_header(path)
    count = _number(first, _SPLIT_COUNT)
    parts = [first] if count in (None, 0, 1) else list(_read_parts(first, count or 0))
    for part in parts:
        if part.missing_bytes:
            problem = f"is cut off: {part.missing_bytes:,} bytes are missing at its end"
            raise TruncatedGGUFError(part.path, problem, _FETCH)
    return GGUFModel(tuple(parts))


def _read_parts(header: GGUFHeader, count: int) -> Iterator[GGUFHeader]:
    match = _PART_NAME.fullmatch(header.path.name)
    if match is None or int(match[3]) != count or not 1 < count <= _MOST_PARTS:
        problem = f"is one of {count} parts, but its name doesn't say which"
        raise GGUFError(header.path, problem, "give the parts their original names")
    for number in range(count):
        path = header.path.with_name(f"{match[1]}-{number + 1:05}-of-{count:05}.gguf")
        if not path.exists():
            raise MissingFileError(path, "is missing", "download it")
        part = read_header(path)
        if (_number(part, _SPLIT_NUMBER), _number(part, _SPLIT_COUNT)) != (number, count):
            problem = f"is not part {number + 1} of {count}, as its name says"
            raise CorruptGGUFError(path, problem, _FETCH)
        yield part


def _number(header: GGUFHeader, key: str) -> int | None:
    value = header.metadata.get(key)
    return value if type(value) is int else None


def _written(value: Value) -> Item | Sequence[Item]:
    """A value as the file has it: texts that are no UTF-8 are the bytes again that they were."""
    if isinstance(value, tuple):
        return tuple(map(_bytes, value))
    return _bytes(value)


def _bytes(item: Scalar) -> Item:
    return item.encode("utf-8", "surrogateescape") if isinstance(item, str) else item


def _store(part: GGUFHeader, tensor: GGUFTensor) -> Iterator[StoredTensor]:
    offset = part.data_offset + tensor.offset
    shape = tensor.dims[::-1]
    match = _STACKED.fullmatch(tensor.name)
    if match is None or len(shape) != 3:
        name, size = tensor.name, tensor.data_bytes
        yield StoredTensor(name, part.path, tensor.type.name, shape, offset, size)
        return
    size = tensor.data_bytes // shape[0]
    for expert in range(shape[0]):
        name, place = f"{match[1]}.{expert}.weight", offset + expert * size
        yield StoredTensor(name, part.path, tensor.type.name, shape[1:], place, size)


def find_models(folder: Path) -> Mapping[Path, bool]:
    """The GGUF files in a folder, of several parts only the first; True where there are parts."""
    found = {}
    for path in sorted(folder.iterdir()):
        match = _PART_NAME.fullmatch(path.name)
        if (match is None or int(match[2]) == 1) and looks_like_gguf(path):
            found[path] = match is not None
    return found
