"""The kinds of values that a GGUF header can hold, with their numbers in the file.

A table: it knows neither which keys there are nor how a file is read or written.
Source: docs/gguf.md of ggml, `gguf_metadata_value_type`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType


class ValueKind(IntEnum):
    """What stands before a value in the file."""

    UINT8 = 0
    INT8 = 1
    UINT16 = 2
    INT16 = 3
    UINT32 = 4
    INT32 = 5
    FLOAT32 = 6
    BOOL = 7
    STRING = 8
    ARRAY = 9
    UINT64 = 10
    INT64 = 11
    FLOAT64 = 12


STRUCT_CODES: Mapping[int, str] = MappingProxyType(
    {
        ValueKind.UINT8: "B",
        ValueKind.INT8: "b",
        ValueKind.UINT16: "H",
        ValueKind.INT16: "h",
        ValueKind.UINT32: "I",
        ValueKind.INT32: "i",
        ValueKind.FLOAT32: "f",
        ValueKind.BOOL: "?",
        ValueKind.UINT64: "Q",
        ValueKind.INT64: "q",
        ValueKind.FLOAT64: "d",
    }
)
"""How the `struct` module spells the kinds of fixed size; little-endian in the file."""

Item = bool | int | float | str | bytes


@dataclass(frozen=True, slots=True)
class MetadataValue:
    """One value of a header: a single item, or an array when `items` is a sequence of `kind`."""

    kind: ValueKind
    items: Item | Sequence[Item]


Metadata = dict[str, MetadataValue]
"""The entries of a header, in the order of the file."""


def uint32(number: int) -> MetadataValue:
    """A count or an id."""
    return MetadataValue(ValueKind.UINT32, number)


def float32(number: float) -> MetadataValue:
    """A real number."""
    return MetadataValue(ValueKind.FLOAT32, number)


def boolean(truth: bool) -> MetadataValue:
    """A switch."""
    return MetadataValue(ValueKind.BOOL, truth)


def string(text: str) -> MetadataValue:
    """A text."""
    return MetadataValue(ValueKind.STRING, text)
