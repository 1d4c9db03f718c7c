"""Writes PyTorch files byte by byte, as torch.save does, with nothing but zipfile and numpy.

The tensors are written one by one, so a file needs no more memory than its largest tensor. The
pickle is the one that torch.save makes of a dict of tensors with a storage each; a test compares.
"""

from __future__ import annotations

import math
import struct
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np

from tests.model_io.checkpoints import Array

_STORAGES = {"BF16": "BFloat16Storage", "F16": "HalfStorage", "F32": "FloatStorage"}


def write_torch_file(
    path: Path,
    tensors: Mapping[str, tuple[int, ...]],
    dtype: str,
    fill: Callable[[str, tuple[int, ...]], Array],
) -> None:
    """Write one PyTorch file, asking `fill` for each tensor when its turn comes."""

    def members() -> Iterator[tuple[str, bytes | memoryview]]:
        yield "data.pkl", pickle_tensors(tensors, dtype)
        yield "byteorder", b"little"
        for number, (name, dims) in enumerate(tensors.items()):
            yield f"data/{number}", np.ascontiguousarray(fill(name, dims)).data
        yield "version", b"3\n"

    write_members(path, members())


def write_members(path: Path, members: Iterable[tuple[str, bytes | memoryview]]) -> None:
    """Write a zip of these names and contents, in a folder named after the file.

    As in torch.save's files, the local headers have other lengths than the table of contents.
    """
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members:
            entry = zipfile.ZipInfo(f"{path.stem}/{name}")
            with archive.open(entry, "w", force_zip64=True) as member:
                member.write(content)


def pickle_tensors(tensors: Mapping[str, tuple[int, ...]], dtype: str) -> bytes:
    """The pickle of 2 to 1,000 tensors; the storage of the one at place N has the key "N"."""
    writer = _PickleWriter()
    writer.write(b"\x80\x02}", keeps=True)
    writer.write(b"(")
    for number, (name, dims) in enumerate(tensors.items()):
        writer.write_text(name)
        writer.write_tensor(str(number), dims, _STORAGES[dtype])
    writer.write(b"u.")
    return bytes(writer.content)


class _PickleWriter:
    """A pickle of protocol 2 so far, and the numbers of what it has remembered."""

    def __init__(self) -> None:
        self.content = bytearray()
        self._kept_count = 0
        self._known: dict[bytes, int] = {}

    def write(self, instructions: bytes, *, keeps: bool = False) -> None:
        self.content += instructions
        if keeps:
            self.content += self._numbered(b"q", b"r", self._kept_count)
            self._kept_count += 1

    def write_again(self, instructions: bytes) -> None:
        """Write what makes a value, or recall the value that they made before."""
        if instructions in self._known:
            self.content += self._numbered(b"h", b"j", self._known[instructions])
            return
        self._known[instructions] = self._kept_count
        self.write(instructions, keeps=True)

    def write_text(self, text: str) -> None:
        self.write(_pack_text(text), keeps=True)

    def write_sizes(self, sizes: Iterable[int]) -> None:
        numbers = [_pack_number(size) for size in sizes]
        if len(numbers) > 3:
            self.write(b"(" + b"".join(numbers) + b"t", keeps=True)
        else:
            end = (b")", b"\x85", b"\x86", b"\x87")[len(numbers)]
            self.write(b"".join(numbers) + end, keeps=bool(numbers))

    def write_tensor(self, key: str, dims: tuple[int, ...], storage: str) -> None:
        """A call of _rebuild_tensor_v2 with a storage that holds just this tensor."""
        self.write_again(b"ctorch._utils\n_rebuild_tensor_v2\n")
        self.write(b"((")
        self.write_again(_pack_text("storage"))
        self.write_again(b"ctorch\n" + storage.encode() + b"\n")
        self.write_text(key)
        self.write_again(_pack_text("cpu"))
        self.write(_pack_number(math.prod(dims)) + b"t", keeps=True)
        self.write(b"Q" + _pack_number(0))
        self.write_sizes(dims)
        self.write_sizes(math.prod(dims[axis + 1 :]) for axis in range(len(dims)))
        self.write(b"\x89")
        self.write_again(b"ccollections\nOrderedDict\n")
        self.write(b")R", keeps=True)
        self.write(b"t", keeps=True)
        self.write(b"R", keeps=True)

    def _numbered(self, short: bytes, long: bytes, number: int) -> bytes:
        if number < 256:
            return short + bytes([number])
        return long + struct.pack("<I", number)


def _pack_text(text: str) -> bytes:
    content = text.encode()
    return b"X" + struct.pack("<I", len(content)) + content


def _pack_number(number: int) -> bytes:
    if number < 2**8:
        return b"K" + struct.pack("<B", number)
    if number < 2**16:
        return b"M" + struct.pack("<H", number)
    if number < 2**31:
        return b"J" + struct.pack("<i", number)
    content = number.to_bytes(number.bit_length() // 8 + 1, "little")
    return b"\x8a" + bytes([len(content)]) + content
