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
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import TypeGuard

from model_io.errors import MissingFileError, SafetensorsError, TensorError
from model_io.model_config import read_json
from model_io.stored_tensor import StoredTensor
from model_io.tensor_names import HUGGINGFACE, Naming

HEADER_LIMIT_BYTES = 4_000_000
"""Thirty times what any Mixtral has; the format's own limit would cost gigabytes to parse."""

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

Headers = Mapping[str, Sequence[StoredTensor]]
"""The tensors of each file, by the file's name."""

INDEX_NAME = "model.safetensors.index.json"
_SHARD_NAME = re.compile(r"model-(\d{5})-of-(\d{5})\.safetensors")
_FETCH = "download it again"


def read_checkpoint(
    folder: Path, naming: Naming, headers: Headers | None = None
) -> dict[str, StoredTensor]:
    """All tensors of the checkpoint in `folder` that has the names of `naming`, by name.

    In llama.cpp's order: file after file by name, and by name within a file. `headers` are those
    of files that are still to come; without them all safetensors files of the folder are read, or
    those that its index lists. Raises MissingFileError, SafetensorsError or TensorError.
    """
    index = read_index(folder) if naming is HUGGINGFACE else {}
    found = headers or _read_headers(folder, index)
    tensors: dict[str, StoredTensor] = {}
    for name in sorted(set(index.values()) or _choose_files(folder, naming, found)):
        if name not in found:
            raise MissingFileError(folder / name, "is missing", "download it")
        for tensor in found[name]:
            if (other := tensors.get(tensor.name)) is not None:
                problem = f"holds {tensor.name}, which {other.path.name} holds too"
                raise TensorError(tensor.path, problem, "remove the file that is not needed")
            tensors[tensor.name] = tensor
    _check_index(folder, index, tensors)
    return tensors


def looks_like_safetensors(path: Path) -> bool:
    """Whether the file at `path` begins as one, whatever it is called."""
    try:
        if not path.is_file():  # nothing may be waited for, as a pipe would make us
            return False
        with path.open("rb") as file:
            start = file.read(9)
    except OSError:
        return False
    return len(start) == 9 and start[8:] == b"{" and start[4:8] == bytes(4)


def _read_headers(folder: Path, index: Mapping[str, str]) -> Headers:
    if index:
        return {name: read_header(folder / name) for name in sorted(set(index.values()))}
    paths = sorted(path for path in folder.iterdir() if looks_like_safetensors(path))
    return {path.name: read_header(path) for path in paths}


def read_header(path: Path) -> list[StoredTensor]:
    """The tensors of one safetensors file, sorted by name.

    Raises MissingFileError if there is none, and SafetensorsError or TensorError if what it
    says of itself can't be true.
    """
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            raise SafetensorsError(path, "is not a file", _FETCH)
        with path.open("rb") as file:
            file_bytes = path.stat().st_size
            start = file.read(8)
            length = header_bytes(path, start, file_bytes) - 8
            return parse_header(path, start + file.read(length), file_bytes)
    except FileNotFoundError:
        raise MissingFileError(path, "is missing", "download it") from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise SafetensorsError(path, f"can't be read: {reason}", "check the file") from None


def header_bytes(path: Path, start: bytes, file_bytes: int) -> int:
    """How long the header of a file is that begins with the 8 bytes of `start`."""
    length = int.from_bytes(start, "little")
    if file_bytes < 8 or len(start) < 8:
        raise SafetensorsError(path, "is cut off in its first bytes", _FETCH)
    if length > HEADER_LIMIT_BYTES:
        raise SafetensorsError(path, "is not a safetensors file", _FETCH)
    if 8 + length > file_bytes:
        raise SafetensorsError(path, "is cut off in the middle of its header", _FETCH)
    return 8 + length


def parse_header(path: Path, header: bytes, file_bytes: int) -> list[StoredTensor]:
    """What `header` (with its length) says of the file that is, or will be, at `path`.

    Raises SafetensorsError or TensorError.
    """
    entries = _parse_entries(path, header[8:])
    tensors = [_read_entry(path, len(header), name, entry) for name, entry in entries.items()]
    _check_extents(path, tensors, len(header), file_bytes)
    return sorted(tensors, key=lambda tensor: tensor.name)


def read_index(folder: Path) -> dict[str, str]:
    """Which file holds which tensor; empty if the checkpoint has no index."""
    path = folder / INDEX_NAME
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


def _choose_files(folder: Path, naming: Naming, headers: Headers) -> list[str]:
    """The files of a checkpoint without an index: those whose tensors have its names."""
    names = [
        name for name, tensors in headers.items() if any(naming.knows(t.name) for t in tensors)
    ]
    if not names:
        raise MissingFileError(folder, *_explain_absence(folder))
    for name in names:
        if match := _SHARD_NAME.fullmatch(name):
            count = min(int(match[2]), 10_000)
            expected = {f"model-{n:05}-of-{count:05}.safetensors" for n in range(1, count + 1)}
            if missing := sorted(expected - set(names)):
                raise MissingFileError(folder / missing[0], "is missing", "download it")
    return names


def _explain_absence(folder: Path) -> tuple[str, str]:
    remedy = "download the model's safetensors files"
    if any(folder.glob("*.bin")):
        return "has its weights only as PyTorch files of Hugging Face's layout", remedy
    return "has no model.safetensors and no model.safetensors.index.json", remedy


def _check_index(
    folder: Path, index: Mapping[str, str], tensors: Mapping[str, StoredTensor]
) -> None:
    remedy = "download it and the index again"
    for name, file in index.items():
        if name not in tensors or tensors[name].path.name != file:
            raise TensorError(folder / file, f"does not hold {name[:120]}", remedy)
    if index and len(index) != len(tensors):
        extra = min(tensors.keys() - index.keys())
        problem = f"holds {extra[:120]}, which {INDEX_NAME} does not list"
        raise TensorError(tensors[extra].path, problem, remedy)


def _parse_entries(path: Path, text: bytes) -> dict[str, object]:
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
        named = repr(dtype[:40]) if isinstance(dtype, str) else "that is no text"
        raise SafetensorsError(path, f"stores {shown} in the unknown type {named}", _FETCH)
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
