"""One pass over a GGUF file: hash, numbers, and what happens when the file changes under it."""

from __future__ import annotations

import errno
import hashlib
from dataclasses import replace
from io import FileIO
from pathlib import Path

import numpy as np
import pytest

from model_io import gguf_scan
from model_io.errors import GGUFError, TruncatedGGUFError
from model_io.gguf_reader import read_header
from model_io.gguf_scan import Scan, scan_file
from model_io.gguf_writer import TensorSpec, plan_file
from model_io.quant_types import BF16, F16, F32, Q4_K, Q6_K, Q8_0, TensorType

KINDS = (F32, BF16, F16, Q8_0, Q4_K, Q6_K)
ROWS, COLUMNS = 5, 512


def write_example(path: Path) -> Path:
    """A file with a tensor of each of these kinds, all numbers and scales small and positive."""
    plan = plan_file({}, [TensorSpec(kind.name, (ROWS, COLUMNS), kind) for kind in KINDS])
    content = bytearray(plan.header) + bytes(plan.file_bytes - len(plan.header))
    for kind, offset in zip(KINDS, plan.offsets, strict=True):
        size = kind.row_bytes(ROWS * COLUMNS)
        content[offset : offset + size] = b"\x11" * size
    path.write_bytes(content)
    return path


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """The path of that file."""
    return write_example(tmp_path / "x.gguf")


def scan(path: Path, jobs: int = 2) -> Scan:
    """Read the file whole."""
    return scan_file(path, path.stat().st_size, read_header(path), jobs, lambda size: None)


def poke(path: Path, tensor: str, place: int, data: bytes) -> None:
    """Overwrite some bytes of a tensor; negative places count from its end."""
    header = read_header(path)
    found = next(t for t in header.tensors if t.name == tensor)
    start = header.data_offset + found.offset + place % found.data_bytes
    content = bytearray(path.read_bytes())
    content[start : start + len(data)] = data
    path.write_bytes(content)


@pytest.mark.parametrize("piece_bytes", [512, 4 * 1024 * 1024])
@pytest.mark.parametrize("jobs", [1, 20])
def test_a_sound_file(
    piece_bytes: int, jobs: int, example: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In pieces of any size, on any number of threads."""
    monkeypatch.setattr(gguf_scan, "PIECE_BYTES", piece_bytes)
    digest = hashlib.sha256(example.read_bytes()).hexdigest()
    assert scan(example, jobs) == Scan(digest, (), ())


F16_NAN, F16_INFINITY = b"\x00\x7e", b"\x00\xfc"
BROKEN: dict[str, tuple[TensorType, int, bytes]] = {
    "F32": (F32, -4, b"\x00\x00\xc0\x7f"),
    "F32 infinity": (F32, 0, b"\x00\x00\x80\xff"),
    "BF16": (BF16, -2, b"\xc0\x7f"),
    "BF16 infinity": (BF16, 510, b"\x80\x7f"),
    "F16": (F16, -2, F16_NAN),
    "F16 infinity": (F16, 256, F16_INFINITY),
    "Q8_0": (Q8_0, 34 * 7, F16_NAN),
    "Q4_K": (Q4_K, 144 * 9, F16_NAN),
    "Q4_K minimum": (Q4_K, 144 * 4 + 2, F16_INFINITY),
    "Q6_K": (Q6_K, 210 * 10 - 2, F16_NAN),
}


@pytest.mark.parametrize("piece_bytes", [512, 4 * 1024 * 1024])
@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_number_is_found(
    case: str, piece_bytes: int, example: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In every kind, in whatever piece, and in no other tensor."""
    monkeypatch.setattr(gguf_scan, "PIECE_BYTES", piece_bytes)
    kind, place, data = BROKEN[case]
    poke(example, kind.name, place, data)
    assert scan(example).broken == (kind.name,)


def test_data_never_written_are_found(example: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tensor of zeros only; one bit anywhere is enough to be none."""
    monkeypatch.setattr(gguf_scan, "PIECE_BYTES", 512)
    poke(example, "Q4_K", 0, bytes(1440))
    poke(example, "Q6_K", 0, bytes(2099) + b"\x01")
    assert scan(example).blank == ("Q4_K",)


def test_without_a_header_the_file_is_hashed(tmp_path: Path) -> None:
    """Whatever it is."""
    (tmp_path / "x").write_bytes(b"anything")
    found = scan_file(tmp_path / "x", 8, None, 1, lambda size: None)
    assert found == Scan(hashlib.sha256(b"anything").hexdigest(), (), ())


def test_every_byte_is_told_once(example: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In pieces, as they are done."""
    monkeypatch.setattr(gguf_scan, "PIECE_BYTES", 512)
    sizes: list[int] = []
    scan_file(example, example.stat().st_size, read_header(example), 2, sizes.append)
    assert sum(sizes) == example.stat().st_size
    assert max(sizes) <= 512


def test_tensors_over_each_other_are_read_once(example: Path) -> None:
    """A header of lies doesn't make the pass any longer."""
    header = read_header(example)
    lies = replace(header, tensors=tuple(replace(t, offset=0) for t in header.tensors))
    sizes: list[int] = []
    scan_file(example, header.file_bytes, lies, 2, sizes.append)
    assert sum(sizes) == header.file_bytes


def test_a_cut_tensor_is_checked_as_far_as_it_goes(example: Path) -> None:
    """Half a block at its end is no number."""
    poke(example, "Q6_K", 208, F16_NAN)
    header = read_header(example)
    example.write_bytes(
        example.read_bytes()[: header.data_offset + header.tensors[-1].offset + 300]
    )
    assert scan(example).broken == ("Q6_K",)


def test_what_advance_raises_ends_the_pass(example: Path) -> None:
    """As it is; an error of the system in there is none of the file's."""

    def stop(size: int) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        scan_file(example, example.stat().st_size, read_header(example), 2, stop)


def test_a_file_that_shrinks(example: Path) -> None:
    """Someone else is writing it."""
    header = read_header(example)
    example.write_bytes(example.read_bytes()[:-1])
    with pytest.raises(TruncatedGGUFError, match="became shorter while it was read; leave it"):
        scan_file(example, header.file_bytes, header, 2, lambda size: None)


def test_a_file_that_grows(example: Path) -> None:
    """Someone else is writing it."""
    header = read_header(example)
    example.write_bytes(example.read_bytes() + b"more")
    with pytest.raises(GGUFError, match="changed while it was read; leave it alone"):
        scan_file(example, header.file_bytes, header, 2, lambda size: None)


def test_a_disk_that_fails(example: Path) -> None:
    """The sentence has the system's reason."""

    class Failing(FileIO):
        def readinto(self, buffer: object) -> int:
            raise OSError(errno.EIO, "Input/output error")

    broken = gguf_scan._Pass(example, 1, lambda size: None)
    with (
        Failing(example) as file,
        pytest.raises(GGUFError, match="can't be read: Input/output error; check the disk"),
    ):
        broken.run(file, iter([gguf_scan._Piece(64, None)]))


def test_a_file_that_went_away(tmp_path: Path) -> None:
    """A sentence, too."""
    with pytest.raises(GGUFError, match="can't be read: No such file or directory; check the disk"):
        scan_file(tmp_path / "no", 1, None, 1, lambda size: None)


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """Forty pieces go through few buffers."""
    path = tmp_path / "x"
    path.write_bytes(bytes(40 * 1024))
    seen: set[int] = set()

    class Watched(gguf_scan._Pass):
        def _take_buffer(self) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
            buffer = super()._take_buffer()
            seen.add(buffer.ctypes.data)
            return buffer

    watched = Watched(path, 2, lambda size: None)
    with path.open("rb", buffering=0) as file:
        watched.run(file, iter([gguf_scan._Piece(1024, None)] * 40))
    assert len(seen) <= 4
