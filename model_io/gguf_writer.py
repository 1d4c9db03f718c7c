"""Lays out a GGUF file to the last byte.

Knows nothing of models: it is given entries and tensors, and says where each tensor's data go.
Others put them there. Source of the layout: docs/gguf.md of ggml.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass

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
