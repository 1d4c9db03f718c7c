"""Makes descriptions of up to 60 MB, out of parts that are each true.

What is bounded only by its file can still take a hundred times as much memory, or minutes. A
table of damages as in `mutations`, by what a file's name ends in.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random

import numpy as np
import numpy.typing as npt

from model_io.gguf_values import ValueKind

_SIZES = (60_000_000, 30_000_000, 15_000_000, 3_900_000, 1_900_000)
_ROWS = {
    ValueKind.INT8: b"\x80",
    ValueKind.UINT8: b"\x01",
    ValueKind.BOOL: b"\x01",
    ValueKind.UINT16: b"\xff\xfe",
    ValueKind.UINT32: b"\xff\xfe\xfd\xfc",
    ValueKind.FLOAT32: b"\0\0\x80\x3f",
    ValueKind.FLOAT64: b"\0\0\0\0\0\0\xf0\x3f",
    ValueKind.STRING: bytes(8),
}
_TEXTS = (b"a", b"\xff", "é".encode(), "😀".encode())


def swell_gguf(path: Path, rng: Random) -> None:
    """A row with very many numbers or texts, a very long text, very many entries or tensors."""
    content, size = path.read_bytes(), rng.choice(_SIZES)
    (entries,) = struct.unpack_from("<Q", content, 16)
    choice = rng.randrange(len(_ROWS) + 3)
    if choice == 0:
        added, count = _many_entries(size // 17), size // 17
        content = content[:16] + struct.pack("<Q", entries + count) + added + content[24:]
    elif choice == 1:
        added, count = _many_tensors(size // 36), size // 36
        content = content[:8] + struct.pack("<QQ", count, 0) + added + content[24:]
    else:
        added = _long_text(size, rng) if choice == 2 else _long_row(size, rng)
        content = content[:16] + struct.pack("<Q", entries + 1) + added + content[24:]
    path.unlink()
    path.write_bytes(content)


def _long_text(size: int, rng: Random) -> bytes:
    """One entry; a single wide letter makes each of a text's letters wide in memory."""
    unit = rng.choice(_TEXTS)
    text = rng.choice((b"", _TEXTS[-1])) + unit * (size // len(unit))
    return struct.pack("<Q1sIQ", 1, b"x", ValueKind.STRING, len(text)) + text


def _long_row(size: int, rng: Random) -> bytes:
    kind = rng.choice(list(_ROWS))
    count = size // len(_ROWS[kind])
    head = struct.pack("<Q1sIIQ", 1, b"x", ValueKind.ARRAY, kind, count)
    return head + _ROWS[kind] * count


def _names(count: int) -> npt.NDArray[np.bytes_]:
    """So many different names of four letters."""
    numbers = np.arange(count, dtype=np.uint32)
    letters = np.stack([numbers >> shift & 63 for shift in (0, 6, 12, 18)], axis=1) + 48
    return letters.astype(np.uint8).view("S4").reshape(-1)


def _many_entries(count: int) -> bytes:
    layout = [("length", "<u8"), ("key", "S4"), ("kind", "<u4"), ("value", "u1")]
    table = np.zeros(count, np.dtype(layout))
    table["length"], table["key"], table["kind"] = 4, _names(count), ValueKind.BOOL
    return table.tobytes()


def _many_tensors(count: int) -> bytes:
    layout = [("length", "<u8"), ("name", "S4"), ("dimensions", "<u4"), ("rows", "<u8"),
              ("type", "<u4"), ("offset", "<u8")]  # fmt: skip
    table = np.zeros(count, np.dtype(layout))
    table["length"], table["name"] = 4, _names(count)
    table["dimensions"] = table["rows"] = 1
    return table.tobytes()


def _swollen_json(rng: Random, size: int) -> str:
    unit = rng.choice(("[],", "{},", '"",', "1.5,", "1234567890123,", "[[[]]],"))
    if rng.random() < 0.3:
        pairs = ",".join(f'"{number}":0' for number in range(size // 12))
        return f"{{{pairs}}}"
    return f"[{unit * (size // len(unit))}0]"


def swell_json(path: Path, rng: Random) -> None:
    """One more value."""
    text = path.read_text().rstrip()
    more = _swollen_json(rng, rng.choice(_SIZES[1:]))
    path.unlink()
    path.write_text(f'{text[:-1]}, "more": {more}}}')


def swell_safetensors(path: Path, rng: Random) -> None:
    """A header with one strange value, or with very many tensors that have no bytes."""
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    text = content[8 : 8 + length].rstrip()
    size = rng.choice(_SIZES[2:])
    more = f', "more": {_swollen_json(rng, size)}}}'
    if rng.random() < 0.5:
        entry = '"{}":{{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}'
        more = "," + ",".join(map(entry.format, range(size // 60))) + "}"
    text = text[:-1] + more.encode()
    path.unlink()
    path.write_bytes(struct.pack("<Q", len(text)) + text + content[8 + length :])


def swell_text(path: Path, rng: Random) -> None:
    """A long vocabulary."""
    content = path.read_bytes()
    path.unlink()
    unit = rng.choice((b"x", b"a: b\n", b"- a\n", b"\n"))
    path.write_bytes(content + b"---\n" + unit * (rng.choice(_SIZES) // len(unit)))


def swell_card(path: Path, rng: Random) -> None:
    """A long card, with all of it before or behind the line that ends its settings."""
    path.unlink()
    text = rng.choice(("x", "- a\n", "\n", "[", "? ", "k: v\n")) * (rng.choice(_SIZES) // 4)
    line = rng.choice(("", "---\n"))
    path.write_text(f"---\n{line}{text}\n---\n")


SWELLINGS: Mapping[str, Callable[[Path, Random], object]] = {
    ".gguf": swell_gguf,
    ".json": swell_json,
    ".safetensors": swell_safetensors,
    ".md": swell_card,
    ".model": swell_text,
}
