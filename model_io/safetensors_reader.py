"""Reads the headers of a checkpoint's safetensors files: which tensor lies where.

Trusts no header: lengths, offsets and types are held against the file before they are used.
Reads no weight, and knows nothing of what the tensors are for. Source of the layout: the README
of the safetensors project (8 bytes length, JSON, data without gaps).
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import TypeGuard

from model_io.errors import MissingFileError, SafetensorsError, TensorError
from model_io.model_config import read_json

HEADER_LIMIT_BYTES = 100_000_000
"""The format's own limit."""

DTYPE_BYTES: Mapping[str, int] = MappingProxyType(
    {
        "BF16": 2,
        "F16": 2,
        "F32": 4,
        "F64": 8,
        "F8_E4M3": 1,
        "F8_E5M2": 1,
        "BOOL": 1,
        "U8": 1,
        "I8": 1,
        "U16": 2,
        "I16": 2,
        "U32": 4,
        "I32": 4,
        "U64": 8,
        "I64": 8,
    }
)

_INDEX_NAME = "model.safetensors.index.json"
_SHARD_NAME = re.compile(r"model-(\d{5})-of-(\d{5})\.safetensors")
_FETCH = "download it again"


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """Where a tensor lies: `data_bytes` bytes from `offset` of the file at `path`."""

    name: str
    path: Path
    dtype: str
    shape: tuple[int, ...]
    offset: int
    data_bytes: int


def read_checkpoint(folder: Path) -> dict[str, StoredTensor]:
    """All tensors of the Hugging Face checkpoint in `folder`, by name.

    In llama.cpp's order: file after file by name, and by name within a file. Raises
    MissingFileError, SafetensorsError or TensorError.
    """
    index = _read_index(folder)
    names = sorted(set(index.values())) if index else _list_files(folder)
    tensors: dict[str, StoredTensor] = {}
    for name in names:
        for tensor in read_header(folder / name):
            if (other := tensors.get(tensor.name)) is not None:
                problem = f"holds {tensor.name}, which {other.path.name} holds too"
                raise TensorError(tensor.path, problem, "remove the file that is not needed")
            tensors[tensor.name] = tensor
    _check_index(folder, index, tensors)
    return tensors


def read_header(path: Path) -> list[StoredTensor]:
    """The tensors of one safetensors file, sorted by name.

    Raises MissingFileError if there is none, and SafetensorsError or TensorError if what it
    says of itself can't be true.
    """
    try:
        with path.open("rb") as file:
            file_bytes = path.stat().st_size
            length = int.from_bytes(file.read(8), "little")
            _check_length(path, length, file_bytes)
            text = file.read(length)
    except FileNotFoundError:
        raise MissingFileError(path, "is missing", "download it") from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise SafetensorsError(path, f"can't be read: {reason}", "check the file") from None
    entries = _parse_header(path, text)
    start = 8 + length
    tensors = [_read_entry(path, start, name, entry) for name, entry in entries.items()]
    _check_extents(path, tensors, start, file_bytes)
    return sorted(tensors, key=lambda tensor: tensor.name)


def _read_index(folder: Path) -> dict[str, str]:
    """Which file holds which tensor; empty if the checkpoint has no index."""
    path = folder / _INDEX_NAME
    if not path.is_file():
        return {}
    weight_map = read_json(path, SafetensorsError).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise SafetensorsError(path, "has no weight_map", _FETCH)
    for name in weight_map.values():
        if not isinstance(name, str) or Path(name).name != name or "\\" in name or "\0" in name:
            problem = f"names {str(name)[:80]!r}, which is no file beside it"
            raise SafetensorsError(path, problem, _FETCH)
    return weight_map


def _list_files(folder: Path) -> list[str]:
    """The weight files of a checkpoint without an index."""
    names = sorted(path.name for path in folder.glob("model*.safetensors"))
    if not names:
        problem = "has no model.safetensors and no model.safetensors.index.json"
        if any(folder.glob("*.bin")) or any(folder.glob("*.pt")):
            problem = "has its weights only as PyTorch files"
        remedy = "download the model's safetensors files"
        raise MissingFileError(folder, problem, remedy)
    if match := _SHARD_NAME.fullmatch(names[0]):
        count = int(match[2])
        expected = {f"model-{n:05}-of-{count:05}.safetensors" for n in range(1, count + 1)}
        if missing := sorted(expected - set(names)):
            raise MissingFileError(folder / missing[0], "is missing", "download it")
    return names


def _check_index(
    folder: Path, index: Mapping[str, str], tensors: Mapping[str, StoredTensor]
) -> None:
    remedy = "download it and the index again"
    for name, file in index.items():
        if name not in tensors or tensors[name].path.name != file:
            raise TensorError(folder / file, f"does not hold {name[:120]}", remedy)
    if index and len(index) != len(tensors):
        extra = min(tensors.keys() - index.keys())
        problem = f"holds {extra[:120]}, which {_INDEX_NAME} does not list"
        raise TensorError(tensors[extra].path, problem, remedy)


def _check_length(path: Path, length: int, file_bytes: int) -> None:
    if file_bytes < 8:
        raise SafetensorsError(path, "is cut off in its first bytes", _FETCH)
    if length > HEADER_LIMIT_BYTES:
        raise SafetensorsError(path, "is not a safetensors file", _FETCH)
    if 8 + length > file_bytes:
        raise SafetensorsError(path, "is cut off in the middle of its header", _FETCH)


def _parse_header(path: Path, text: bytes) -> dict[str, object]:
    def collect(pairs: list[tuple[str, object]]) -> dict[str, object]:
        found = dict(pairs)
        if len(found) != len(pairs):
            twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
            raise TensorError(path, f"holds {twice[:80]!r} twice", _FETCH)
        return found

    try:
        header = json.loads(text.decode("utf-8"), object_pairs_hook=collect)
    except (ValueError, RecursionError):
        raise SafetensorsError(path, "has a header that is not valid JSON", _FETCH) from None
    if not isinstance(header, dict):
        raise SafetensorsError(path, "has a header that is not a JSON object", _FETCH)
    header.pop("__metadata__", None)
    return header


def _read_entry(path: Path, start: int, name: str, entry: object) -> StoredTensor:
    shown = name[:120]
    fields = entry if isinstance(entry, dict) else {}
    dtype, shape, offsets = (fields.get(key) for key in ("dtype", "shape", "data_offsets"))
    if not isinstance(dtype, str) or dtype not in DTYPE_BYTES:
        raise SafetensorsError(path, f"stores {shown} in the unknown type {dtype!r}", _FETCH)
    if not _is_sizes(shape) or not _is_sizes(offsets) or len(offsets) != 2:
        raise SafetensorsError(path, f"describes {shown} in a way that makes no sense", _FETCH)
    begin, end = offsets
    if end - begin != math.prod(shape) * DTYPE_BYTES[dtype]:
        problem = f"gives {shown} {end - begin:,} bytes, which is not its size"
        raise SafetensorsError(path, problem, _FETCH)
    return StoredTensor(name, path, dtype, tuple(shape), start + begin, end - begin)


def _is_sizes(value: object) -> TypeGuard[list[int]]:
    return (
        isinstance(value, list)
        and len(value) <= 8
        and all(type(number) is int and 0 <= number < 2**60 for number in value)
    )


def _check_extents(path: Path, tensors: list[StoredTensor], start: int, file_bytes: int) -> None:
    """The tensors have to fill the file from `start` to its end, without gap or overlap."""
    ordered = sorted(tensors, key=lambda tensor: (tensor.offset, tensor.data_bytes))
    end = max((t.offset + t.data_bytes for t in ordered), default=start)
    if end > file_bytes:
        problem = f"is cut off: {end - file_bytes:,} of its {end:,} bytes are missing"
        raise SafetensorsError(path, problem, _FETCH)
    for one, other in pairwise(ordered):
        if one.offset + one.data_bytes > other.offset:
            problem = f"places {one.name[:80]} and {other.name[:80]} over each other"
            raise SafetensorsError(path, problem, _FETCH)
    if start + sum(t.data_bytes for t in ordered) != file_bytes:
        raise SafetensorsError(path, "holds bytes that belong to no tensor", _FETCH)
