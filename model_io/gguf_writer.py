"""Lays out a GGUF file to the last byte, and says whether and why a disk can't take it.

Knows nothing of models: it is given entries and tensors, and says where each tensor's data go.
Others put them there. Source of the layout: docs/gguf.md of ggml.
"""

from __future__ import annotations

import errno
import math
import os
import shutil
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from model_io.errors import NoRoomError, OutputError
from model_io.gguf_values import STRUCT_CODES, Item, Metadata, MetadataValue, ValueKind
from model_io.quant_types import TensorType

ALIGNMENT = 32
_MAGIC, _VERSION = b"GGUF", 3


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """A tensor to come: `shape` in numpy's order (row length last)."""

    name: str
    shape: tuple[int, ...]
    type: TensorType

    @property
    def data_bytes(self) -> int:
        """The size of its data, without padding."""
        return self.type.row_bytes(math.prod(self.shape))


@dataclass(frozen=True, slots=True)
class FilePlan:
    """A file before its data: `header`, `offsets` in the file, one per tensor, and its size."""

    header: bytes
    offsets: tuple[int, ...]
    file_bytes: int


def plan_file(metadata: Metadata, tensors: Sequence[TensorSpec]) -> FilePlan:
    """Lay out a file with these entries and tensors, in the order given."""
    starts: list[int] = []
    end = 0
    for tensor in tensors:
        starts.append(end)
        end += _padded(tensor.data_bytes)
    header = bytearray(_MAGIC + struct.pack("<IQQ", _VERSION, len(tensors), len(metadata)))
    for key, value in metadata.items():
        header += _pack_item(ValueKind.STRING, key) + _pack_value(value)
    for tensor, start in zip(tensors, starts, strict=True):
        header += _pack_tensor(tensor, start)
    header += bytes(_padded(len(header)) - len(header))
    offsets = tuple(len(header) + start for start in starts)
    return FilePlan(bytes(header), offsets, len(header) + end)


def _padded(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT


def _pack_tensor(tensor: TensorSpec, start: int) -> bytes:
    dims = tensor.shape[::-1]
    layout = f"<I{len(dims)}QIQ"
    numbers = struct.pack(layout, len(dims), *dims, tensor.type.id, start)
    return _pack_item(ValueKind.STRING, tensor.name) + numbers


def _pack_value(value: MetadataValue) -> bytes:
    items = value.items
    if isinstance(items, bool | int | float | str | bytes):
        return struct.pack("<I", value.kind) + _pack_item(value.kind, items)
    prefix = struct.pack("<IIQ", ValueKind.ARRAY, value.kind, len(items))
    if value.kind is ValueKind.STRING:
        return prefix + b"".join(_pack_item(value.kind, item) for item in items)
    return prefix + struct.pack(f"<{len(items)}{STRUCT_CODES[value.kind]}", *items)


def _pack_item(kind: ValueKind, item: Item) -> bytes:
    if kind is not ValueKind.STRING:
        return struct.pack("<" + STRUCT_CODES[kind], item)
    text = item if isinstance(item, bytes) else str(item).encode()
    return struct.pack("<Q", len(text)) + text


def check_target(target: Path, needed_bytes: int) -> None:
    """Make sure, without writing a byte, that a file can be made at `target`.

    `needed_bytes` are what it and all that is kept beside it will still take. Raises OutputError,
    or NoRoomError with the number of bytes that are missing.
    """
    check_folder(target)
    folder = target.parent
    missing = needed_bytes - shutil.disk_usage(folder).free
    if missing > 0:
        problem = f"is on a disk with {missing:,} bytes too little space for the result"
        raise NoRoomError(folder, problem, "free some or choose another disk")


def check_folder(target: Path) -> None:
    """Make sure that a file can be made in the folder of `target`. Raises OutputError."""
    folder = target.parent
    try:
        is_folder = target.is_dir()
    except OSError as error:  # its name is too long, or a folder above it may not be entered
        raise explain_refusal(target, error) from None
    if is_folder:
        raise OutputError(target, "is a folder", "name a file")
    if not folder.is_dir():
        raise OutputError(folder, "is not a folder", "make it first or choose another place")
    if not os.access(folder, os.W_OK):
        raise OutputError(folder, "can't be written to", "choose another place")


def sync_folder(folder: Path) -> None:
    """Have the folder's names on the disk: a power cut must not take a finished file's away."""
    if os.name == "nt":
        return  # Windows opens no folders
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def explain_refusal(target: Path, error: OSError) -> OutputError:
    """Why the disk refused to take `target`, and what to do; what is done is kept."""
    if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
        problem = "is on a disk that became full"
        remedy = "free some space and run the same again, which goes on from here"
        return NoRoomError(target.parent, problem, remedy)
    if error.errno == errno.EFBIG:
        problem = "is on a disk that can't hold files of this size"
        return OutputError(target.parent, problem, "choose another disk")
    reason = error.strerror or type(error).__name__
    return OutputError(target, f"can't be written: {reason}", "choose another place")
