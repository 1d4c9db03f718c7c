"""Makes headers as large as a file of 60 MB allows, out of parts that are each true.

What is bounded only by the file can still take a hundred times as much memory, or minutes. A
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

_SIZE = 60_000_000
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


def swell_gguf(path: Path, rng: Random) -> None:
    """A row with very many numbers or texts, or very many entries or tensors."""
    content = path.read_bytes()
    (entries,) = struct.unpack_from("<Q", content, 16)
    choice = rng.randrange(len(_ROWS) + 2)
    if choice == 0:
        added, count = _many_entries(), _SIZE // 17
        content = content[:16] + struct.pack("<Q", entries + count) + added + content[24:]
    elif choice == 1:
        added, count = _many_tensors(), _SIZE // 36
        content = content[:8] + struct.pack("<QQ", count, 0) + added + content[24:]
    else:
        kind = list(_ROWS)[choice - 2]
        row = _ROWS[kind] * (_SIZE // len(_ROWS[kind]))
        added = struct.pack("<Q1sIIQ", 1, b"x", ValueKind.ARRAY, kind, _SIZE // len(_ROWS[kind]))
        content = content[:16] + struct.pack("<Q", entries + 1) + added + row + content[24:]
    path.unlink()
    path.write_bytes(content)


def _names(count: int) -> npt.NDArray[np.bytes_]:
    """So many different names of four letters."""
    numbers = np.arange(count, dtype=np.uint32)
    letters = np.stack([numbers >> shift & 63 for shift in (0, 6, 12, 18)], axis=1) + 48
    return letters.astype(np.uint8).view("S4").reshape(-1)


def _many_entries() -> bytes:
    layout = [("length", "<u8"), ("key", "S4"), ("kind", "<u4"), ("value", "u1")]
    table = np.zeros(_SIZE // 17, np.dtype(layout))
    table["length"], table["key"], table["kind"] = 4, _names(len(table)), ValueKind.BOOL
    return table.tobytes()


def _many_tensors() -> bytes:
    layout = [("length", "<u8"), ("name", "S4"), ("dimensions", "<u4"), ("rows", "<u8"),
              ("type", "<u4"), ("offset", "<u8")]  # fmt: skip
    table = np.zeros(_SIZE // 36, np.dtype(layout))
    table["length"], table["name"] = 4, _names(len(table))
    table["dimensions"] = table["rows"] = 1
    return table.tobytes()


def _swollen_json(rng: Random, size: int) -> str:
    unit = rng.choice(("[],", "{},", '"",', "1.5,", "1234567890123,", "[[[]]],"))
    if rng.random() < 0.3:
        pairs = ",".join(f'"{number}":0' for number in range(size // 12))
        return f"{{{pairs}}}"
    return f"[{unit * (size // len(unit))}0]"


def swell_json(path: Path, rng: Random) -> None:
    """One more value, of 10 to 30 MB."""
    text = path.read_text().rstrip()
    more = _swollen_json(rng, rng.choice((10_000_000, 30_000_000)))
    path.unlink()
    path.write_text(f'{text[:-1]}, "more": {more}}}')


def swell_safetensors(path: Path, rng: Random) -> None:
    """A header of 15 MB."""
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    text = content[8 : 8 + length].rstrip()
    more = f', "more": {_swollen_json(rng, 15_000_000)}}}'
    if rng.random() < 0.5:
        entry = '"{}":{{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}'
        more = "," + ",".join(map(entry.format, range(250_000))) + "}"
    text = text[:-1] + more.encode()
    path.unlink()
    path.write_bytes(struct.pack("<Q", len(text)) + text + content[8 + length :])


def swell_text(path: Path, rng: Random) -> None:
    """A card, or a vocabulary, of 60 MB."""
    content = path.read_bytes()
    path.unlink()
    unit = rng.choice((b"x", b"a: b\n", b"- a\n", b"\n"))
    path.write_bytes(content + b"---\n" + unit * (_SIZE // len(unit)))


def swell_card(path: Path, rng: Random) -> None:
    """A card of 2 or 60 MB, all of it in front."""
    path.unlink()
    size = rng.choice((2_000_000, _SIZE))
    unit = rng.choice(("x", "k{}: v\n", "- a\n", "\n", "[", "? "))
    text = (
        "".join(unit.format(number) for number in range(size // 8)) if "{}" in unit else unit * size
    )
    path.write_text(f"---\n{text[:size]}\n---\n")


SWELLINGS: Mapping[str, Callable[[Path, Random], object]] = {
    ".gguf": swell_gguf,
    ".json": swell_json,
    ".safetensors": swell_safetensors,
    ".md": swell_card,
    ".model": swell_text,
}
