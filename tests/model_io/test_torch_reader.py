"""PyTorch files, true and false: tensors inside the file, or a sentence."""

from __future__ import annotations

import os
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model_io import torch_reader
from model_io.errors import MissingFileError, ModelIOError, TorchFileError
from model_io.stored_tensor import StoredTensor
from model_io.torch_reader import looks_like_torch_file, read_torch_file
from tests.model_io.checkpoints import Array
from tests.model_io.torch_files import pickle_tensors, write_members, write_torch_file

if TYPE_CHECKING:
    import torch

DIMS = {"b": (2, 3), "a": (4,), "c.weight": (2, 1, 2, 2)}
NO_TORCH = "needs the extra `reference`"


def number_words(name: str, dims: tuple[int, ...]) -> Array:
    """Words that are another count for each tensor."""
    return np.arange(np.prod(dims), dtype=np.uint16).reshape(dims) + 16 * ord(name[0])


def write_example(path: Path) -> Path:
    """A file of three bf16 tensors."""
    write_torch_file(path, DIMS, "BF16", number_words)
    return path


def write_pickle(path: Path, pickled: bytes) -> Path:
    """A file of one pickle and one storage of 24 bytes."""
    write_members(path, [("data.pkl", pickled), ("byteorder", b"little"), ("data/0", bytes(24))])
    return path


def read_bytes(tensor: StoredTensor) -> bytes:
    """What lies where the tensor is said to lie."""
    content = tensor.path.read_bytes()
    return content[tensor.offset : tensor.offset + tensor.data_bytes]


def text(value: str) -> bytes:
    """The instruction that makes a text."""
    return b"X" + struct.pack("<I", len(value.encode())) + value.encode()


def tensor(
    storage: bytes = b"ctorch\nFloatStorage\n",
    key: bytes = text("0"),
    elements: bytes = b"K\x06",
    first: bytes = b"K\x00",
    shape: bytes = b"K\x02K\x03\x86",
    strides: bytes = b"K\x03K\x01\x86",
) -> bytes:
    """The instructions that make a tensor of 2 x 3 numbers, with one of them changed."""
    stored = b"(" + text("storage") + storage + key + text("cpu") + elements + b"tQ"
    rest = first + shape + strides + b"\x89ccollections\nOrderedDict\n)R"
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + stored + rest + b"tR"


def saved(value: bytes, name: bytes = text("it")) -> bytes:
    """The pickle of a dictionary with one entry."""
    return b"\x80\x02}" + name + value + b"s."


LAUGHS = b")" + b"q\x00h\x00\x86" * 100
"""A tuple of 2^100 tuples that takes 400 bytes."""


@pytest.mark.parametrize(("dtype", "width"), [("BF16", 2), ("F16", 2), ("F32", 4)])
def test_tensors_come_sorted_with_their_places(tmp_path: Path, dtype: str, width: int) -> None:
    """Names, types, shapes, and the very bytes."""
    words = {n: number_words(n, d).astype(f"u{width}") for n, d in DIMS.items()}
    write_torch_file(tmp_path / "x.pt", DIMS, dtype, lambda name, _: words[name])
    tensors = read_torch_file(tmp_path / "x.pt")
    found = [(t.name, t.path, t.dtype, t.shape, t.transposed) for t in tensors]
    assert found == [(n, tmp_path / "x.pt", dtype, DIMS[n], False) for n in ("a", "b", "c.weight")]
    assert [read_bytes(t) for t in tensors] == [words[t.name].tobytes() for t in tensors]


def test_the_handmade_pickle_of_the_tests_is_right(tmp_path: Path) -> None:
    """What the damaged ones are made of is read when nothing is changed."""
    (found,) = read_torch_file(write_pickle(tmp_path / "x.pt", saved(tensor())))
    assert (found.name, found.dtype, found.shape, found.data_bytes) == ("it", "F32", (2, 3), 24)


@pytest.mark.parametrize("wrapper", ["model", "state_dict"])
def test_a_wrapped_model_is_unwrapped(tmp_path: Path, wrapper: str) -> None:
    """As training scripts save it, beside their own notes."""
    notes = text("steps") + b"K\x07s" + text("losses") + b"](G" + bytes(8) + b"Nes"
    inner = b"}" + text("w") + tensor() + b"s"
    pickled = b"\x80\x02}" + notes + text(wrapper) + inner + b"s."
    assert [t.name for t in read_torch_file(write_pickle(tmp_path / "x.pt", pickled))] == ["w"]


def test_what_is_no_tensor_is_left_out(tmp_path: Path) -> None:
    """Numbers, lists, and whatever has no text for a key."""
    odd = b"K\x05" + tensor() + b"s" + LAUGHS + b"Ns" + text("n") + b"K\x01s" + text("l") + b"]s"
    pickled = b"\x80\x02}" + odd + text("w") + tensor() + b"s."
    assert [t.name for t in read_torch_file(write_pickle(tmp_path / "x.pt", pickled))] == ["w"]


def test_a_view_lies_inside_its_storage(tmp_path: Path) -> None:
    """The second row of two."""
    pickled = saved(tensor(first=b"K\x03", shape=b"K\x01K\x03\x86", strides=b"K\x63K\x01\x86"))
    (view,) = read_torch_file(write_pickle(tmp_path / "x.pt", pickled))
    (whole,) = read_torch_file(write_pickle(tmp_path / "y.pt", saved(tensor())))
    assert (view.offset - whole.offset, view.data_bytes) == (12, 12)


def test_two_names_may_share_a_tensor(tmp_path: Path) -> None:
    """Tied embeddings are stored once."""
    pickled = b"\x80\x02}(" + text("a") + tensor() + b"q\x07" + text("b") + b"h\x07u."
    one, other = read_torch_file(write_pickle(tmp_path / "x.pt", pickled))
    assert one.offset == other.offset


def test_scalars_and_empty_tensors_are_legal(tmp_path: Path) -> None:
    """Whatever the strides of nothing are."""
    scalar = tensor(shape=b")", strides=b")")
    empty = tensor(shape=b"K\x00K\x04\x86", strides=b"K\x09K\x01\x86")
    pickled = b"\x80\x02}(" + text("s") + scalar + text("e") + empty + b"u."
    tensors = read_torch_file(write_pickle(tmp_path / "x.pt", pickled))
    assert [(t.shape, t.data_bytes) for t in tensors] == [((0, 4), 0), ((), 4)]


def test_sizes_beyond_four_gigabytes_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A small file whose table is written as that of a large one: the real ones are."""
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 3)
    path = write_example(tmp_path / "x.pt")
    assert b"PK\x06\x06" in path.read_bytes()
    assert read_bytes(read_torch_file(path)[0]) == number_words("a", (4,)).tobytes()


def test_a_torch_file_is_told_by_its_content(tmp_path: Path) -> None:
    """Never by its name, and a folder is none."""
    (tmp_path / "fake.pt").write_bytes(b"<!DOCTYPE html>")
    assert looks_like_torch_file(write_example(tmp_path / "no_ending"))
    assert not looks_like_torch_file(tmp_path / "fake.pt")
    assert not looks_like_torch_file(tmp_path)
    assert not looks_like_torch_file(tmp_path / "nothing")


def test_a_file_that_is_not_there_is_missing(tmp_path: Path) -> None:
    """As with every other kind of weight file."""
    with pytest.raises(MissingFileError, match="is missing; download it"):
        read_torch_file(tmp_path / "x.pt")


PICKLES = {
    "a program": (saved(b"cos\nsystem\n" + text("ls") + b"\x85R"), "holds os.system, which is a"),
    "a program of protocol 4": (
        saved(b"\x8c\x02os\x8c\x06system\x93\x8c\x02ls\x85R"), "holds os.system, which is a",
    ),
    "a program from PyTorch": (saved(b"ctorch.hub\nload\n)R"), "holds torch.hub.load, which"),
    "a program from PyTorch's own helpers": (
        saved(b"ctorch._utils\n_import_dotted_name\n)R"), "_import_dotted_name, which is a program",
    ),
    "a name that is dotted": (saved(b"ccollections\nOrderedDict.fromkeys\n)R"), "which is a prog"),
    "a name that is no text": (saved(b"NN\x93"), "is damaged"),
    "an old instruction": (b"\x80\x02(ios\nsystem\n.", "uses the pickle instruction 0x69"),
    "a new object": (saved(b"ccollections\nOrderedDict\n)\x81"), "instruction 0x81"),
    "nothing": (b"", "in a way that is damaged"),
    "no end": (saved(tensor())[:-1], "in a way that is damaged"),
    "nothing made": (b"\x80\x02.", "in a way that is damaged"),
    "no mark": (b"\x80\x02t.", "in a way that is damaged"),
    "no dictionary": (b"\x80\x02)(" + text("a") + b"Nu.", "in a way that is damaged"),
    "half an entry": (b"\x80\x02}(" + text("a") + b"u.", "in a way that is damaged"),
    "nothing remembered": (b"\x80\x02h\x05.", "in a way that is damaged"),
    "a text of 4 GB": (b"X\xff\xff\xff\xffabc", "in a way that is damaged"),
    "a text that is none": (b"X\x02\x00\x00\x00\xff\xfe.", "in a way that is damaged"),
    "a number that ends early": (b"\x8a\xff\x01", "in a way that is damaged"),
    "a name without end": (b"c" + b"a" * 10**6, "in a way that is damaged"),
    "a storage of one word": (saved(text("storage") + b"Q"), "in a way that is damaged"),
    "a storage of no type": (saved(tensor(storage=b"N")), "in a way that is damaged"),
    "a storage without key": (saved(tensor(key=LAUGHS)), "in a way that is damaged"),
    "a call of a type": (saved(b"ctorch\nFloatStorage\n)R"), "in a way that is damaged"),
    "a call of nothing": (saved(b"N)R"), "in a way that is damaged"),
    "a dictionary with contents": (saved(b"ccollections\nOrderedDict\n]\x85R"), "damaged"),
    "a parameter of nothing": (
        saved(b"ctorch._utils\n_rebuild_parameter\n(N\x88NtR"), "in a way that is damaged",
    ),
    "too few arguments": (saved(b"ctorch._utils\n_rebuild_tensor_v2\n)R"), "that is damaged"),
    "a name twice": (b"}(" + (text("w") + tensor()) * 2 + b"u.", "holds 'w' twice"),
    "no tensors": (b"\x80\x02}.", "holds no tensors"),
    "a list of tensors": (b"\x80\x02](" + tensor() + b"e.", "holds no tensors"),
    "a tensor without name": (b"\x80\x02" + tensor() + b".", "holds no tensors"),
    "a model in itself": (b"}q\x00" + text("model") + b"h\x00s.", "holds no tensors"),
    "a negative size": (saved(tensor(shape=b"J\xff\xff\xff\xffK\x03\x86")), "it in a way that"),
    "an absurd size": (
        saved(tensor(shape=b"\x8a\x08" + bytes(7) + b"\x10K\x03\x86")), "it in a way that makes",
    ),
    "a size that is true": (saved(tensor(shape=b"\x88K\x03\x86")), "it in a way that makes"),
    "a size that is a tuple": (saved(tensor(shape=LAUGHS)), "it in a way that makes"),
    "nine dimensions": (
        saved(tensor(shape=b"(" + b"K\x01" * 9 + b"t", strides=b"(" + b"K\x01" * 9 + b"t")),
        "it in a way that makes",
    ),
    "a negative place": (saved(tensor(first=b"J\xff\xff\xff\xff")), "it in a way that makes"),
    "a negative storage": (saved(tensor(elements=b"J\xff\xff\xff\xff")), "it in a way that makes"),
    "a transposed view": (saved(tensor(strides=b"K\x01K\x02\x86")), "it transposed or with gaps"),
    "every other number": (
        saved(tensor(shape=b"K\x03\x85", strides=b"K\x02\x85")), "it transposed or with gaps",
    ),
    "one number many times": (saved(tensor(strides=b"K\x00K\x00\x86")), "transposed or with gaps"),
    "too few strides": (saved(tensor(strides=b"K\x01\x85")), "it transposed or with gaps"),
    "a storage that is not there": (saved(tensor(key=text("../0"))), "holds less of it than it"),
    "a storage that is too short": (saved(tensor(elements=b"K\x07")), "holds less of it than it"),
    "a view past the storage": (saved(tensor(first=b"K\x01")), "holds less of it than it says"),
    "marks in marks": (b"(" * 999_999 + b".", "in a way that is damaged"),
    "tuples in tuples": (b")" + b"\x85" * 900_000 + b".", "holds no tensors"),
    "a million and one steps": (b"}" * 1_000_001 + b".", "in more than 1,000,000 steps"),
}  # fmt: skip


@pytest.mark.parametrize("case", PICKLES)
def test_a_pickle_of_anything_else_gets_a_sentence(case: str, tmp_path: Path) -> None:
    """The right words, the path in front, and nothing made."""
    pickled, words = PICKLES[case]
    path = write_pickle(tmp_path / "x.pt", pickled)
    with pytest.raises(TorchFileError) as caught:
        read_torch_file(path)
    assert words in str(caught.value)
    assert str(caught.value).startswith(f"{path} ")


@pytest.mark.parametrize(
    "pickled",
    [
        b"}r\xff\xff\xff\xff.",
        b"X\xff\xff\xff\x7f.",
        b"\x95" + b"\xff" * 8 + b"}.",
        saved(LAUGHS * 100),
    ],
    ids=["far place", "long text", "long frame", "laughs"],
)
def test_large_claims_take_no_memory(tmp_path: Path, pickled: bytes) -> None:
    """A few megabytes, whatever a pickle promises."""
    path = write_pickle(tmp_path / "x.pt", pickled)
    tracemalloc.start()
    with pytest.raises(TorchFileError):
        read_torch_file(path)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < 8_000_000 + 8 * len(pickled)


def patch(place: int, value: bytes, after: bytes = b"PK\x01\x02") -> Callable[[bytes], bytes]:
    """Change the bytes at `place` of the first header of a kind."""

    def change(content: bytes) -> bytes:
        start = content.index(after) + place
        return content[:start] + value + content[start + len(value) :]

    return change


def replace_members(*members: tuple[str, bytes]) -> Callable[[Path], object]:
    """Write a zip of other files."""
    return lambda path: write_members(path, members)


def replace_content(change: Callable[[bytes], bytes]) -> Callable[[Path], object]:
    """Write the example and damage it."""
    return lambda path: path.write_bytes(change(write_example(path).read_bytes()))


def compress(path: Path) -> None:
    """Write a zip as other programs do."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x/data.pkl", saved(tensor()) + bytes(99))


def move_onto_another(content: bytes) -> bytes:
    """Let the table say that the second file lies where the first one does."""
    first = content.index(b"PK\x01\x02")
    place = content.index(b"PK\x01\x02", first + 4) + 42
    return content[:place] + content[first + 42 : first + 46] + content[place + 4 :]


def move_beyond_any_disk(content: bytes) -> bytes:
    """Give the first file a place of 64 bits in the table, and one that no disk has."""
    start, end = content.index(b"PK\x01\x02"), content.index(b"PK\x05\x06")
    name_end = start + 46 + len("x/data.pkl")
    entry = bytearray(content[start:name_end])
    entry[30:32], entry[42:46] = struct.pack("<H", 12), b"\xff" * 4
    entry += struct.pack("<HHQ", 1, 8, 2**62)
    table_bytes = struct.pack("<I", end - start + 12)
    closing = content[end : end + 12] + table_bytes + content[end + 16 :]
    return content[:start] + entry + content[name_end:end] + closing


def rename_second(content: bytes) -> bytes:
    """Give two storages the same name."""
    return content.replace(b"x/data/1", b"x/data/0")


GOOD = saved(tensor())
FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty": (lambda path: path.write_bytes(b""), "is not a PyTorch file"),
    "a web page": (lambda path: path.write_bytes(b"<html>" * 99), "is not a PyTorch file"),
    "a folder": (Path.mkdir, "can't be read: Is a directory"),
    "from before 2020": (
        lambda path: path.write_bytes(b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19." + bytes(9)),
        "is a PyTorch file of the kind made before 2020",
    ),
    "cut off": (replace_content(lambda c: c[:-1]), "it is cut off or damaged"),
    "half": (replace_content(lambda c: c[: len(c) // 2]), "it is cut off or damaged"),
    "a beginning": (replace_content(lambda c: c[:4]), "it is cut off or damaged"),
    "table somewhere else": (
        replace_content(patch(16, b"\xff\xff\xff\x7f", b"PK\x05\x06")), "where it says",
    ),
    "table of 2 GB": (
        replace_content(patch(12, b"\xff\xff\xff\x7f", b"PK\x05\x06")), "cut off or damaged",
    ),
    "a file's name is no text": (
        replace_content(lambda content: patch(46, b"\xff")(patch(8, b"\x00\x08")(content))),
        "cut off or damaged",
    ),
    "made for a later unzip": (replace_content(patch(6, b"\xff")), "it is cut off or damaged"),
    "encrypted": (replace_content(patch(8, b"\x01")), "compressed or encrypted"),
    "compressed": (compress, "holds x/data.pkl compressed or encrypted"),
    "of two sizes": (replace_content(patch(20, b"\x00\x00")), "compressed or encrypted"),
    "longer than the file": (
        replace_content(patch(20, b"\xff\xff\xff\x7f" * 2)), "bytes are missing",
    ),
    "no header where it should be": (
        replace_content(patch(42, b"\x01")), "does not hold x/data.pkl where it says",
    ),
    "header past the end": (
        replace_content(patch(42, b"\xff\xff\xff\x7f")), "does not hold x/data.pkl where it says",
    ),
    "header beyond any disk": (
        replace_content(move_beyond_any_disk),
        "does not hold x/data.pkl where it says",
    ),
    "header of endless length": (
        replace_content(patch(28, b"\xff\xff", b"PK\x03\x04")), "bytes are missing",
    ),
    "one over the other": (replace_content(move_onto_another), "over each other"),
    "one name twice": (replace_content(rename_second), "two files of the same name"),
    "no pickle": (replace_members(("data/0", bytes(24))), "but not one of PyTorch's"),
    "two pickles": (
        replace_members(("data.pkl", GOOD), ("x/data.pkl", GOOD)), "but not one of PyTorch's",
    ),
    "the other order of bytes": (
        replace_members(("data.pkl", GOOD), ("byteorder", b"big"), ("data/0", bytes(24))),
        "orders bytes the other way round",
    ),
    "a pickle of 16 MB": (
        replace_members(("data.pkl", bytes(16_000_001))), "in 16,000,001 bytes, too many",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", FILES)
def test_a_damaged_file_gets_a_sentence(case: str, tmp_path: Path) -> None:
    """The right words, and the path in front."""
    damage, words = FILES[case]
    path = tmp_path / "x.pt"
    damage(path)
    with pytest.raises(TorchFileError) as caught:
        read_torch_file(path)
    assert words in str(caught.value)
    assert str(caught.value).startswith(f"{path} ")


def test_a_table_beyond_the_limit_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would become objects in memory, one for each of millions of files."""
    monkeypatch.setattr(torch_reader, "TABLE_LIMIT_BYTES", 300)
    with pytest.raises(TorchFileError, match="no valid table of contents"):
        read_torch_file(write_example(tmp_path / "x.pt"))


FUZZ = settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
PIECES = st.sampled_from(
    [
        *(bytes([code]) for code in b"(tRQsu)}].ebaN\x85\x86\x87\x88\x93\x94"),
        b"q\x00", b"h\x00", b"q\x01", b"h\x01", b"K\x02", b"K\x00", b"J\xff\xff\xff\xff",
        b"ctorch._utils\n_rebuild_tensor_v2\n", b"ctorch._utils\n_rebuild_parameter\n",
        b"ccollections\nOrderedDict\n", b"ctorch\nFloatStorage\n", b"cos\nsystem\n",
        text("0"), text("storage"), text("model"), tensor(), tensor(strides=b"K\x01K\x02\x86"),
    ]
)  # fmt: skip


def read_or_refuse(path: Path) -> None:
    """Whatever lies at `path`: tensors inside the file, or a sentence."""
    try:
        tensors = read_torch_file(path)
    except ModelIOError:
        return
    for found in tensors:
        assert 0 < found.offset <= found.offset + found.data_bytes <= path.stat().st_size


@FUZZ
@given(pieces=st.lists(PIECES, max_size=40))
def test_any_instructions_as_pickle(tmp_path: Path, pieces: list[bytes]) -> None:
    """Never anything but a ModelIOError."""
    read_or_refuse(write_pickle(tmp_path / "x.pt", b"\x80\x02}" + b"".join(pieces)))


@FUZZ
@given(place=st.integers(0, 2**16), byte=st.integers(0, 255), end=st.integers(0, 2**16))
def test_a_good_pickle_with_any_damage(tmp_path: Path, place: int, byte: int, end: int) -> None:
    """Never anything but a ModelIOError."""
    pickled = bytearray(pickle_tensors(DIMS, "F32"))
    pickled[place % len(pickled)] = byte
    read_or_refuse(write_pickle(tmp_path / "x.pt", bytes(pickled[: end % (2 * len(pickled))])))


@FUZZ
@given(place=st.integers(0, 2**16), byte=st.integers(0, 255), cut=st.integers(-40, 40))
def test_a_good_file_with_any_damage(tmp_path: Path, place: int, byte: int, cut: int) -> None:
    """Never anything but a ModelIOError."""
    content = bytearray(write_example(tmp_path / "x.pt").read_bytes())
    content[place % len(content)] = byte
    (tmp_path / "x.pt").write_bytes(content[: len(content) - max(0, cut)])
    read_or_refuse(tmp_path / "x.pt")


def tensor_bytes(value: torch.Tensor) -> bytes:
    """The numbers of a tensor of PyTorch's, row after row."""
    import torch

    content = value.detach().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
    return bytes(content)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    """Nobody may ever write into it."""
    os.mkfifo(tmp_path / "x.pt")
    assert not looks_like_torch_file(tmp_path / "x.pt")
    with pytest.raises(TorchFileError, match="is not a file"):
        read_torch_file(tmp_path / "x.pt")


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_reads_what_pytorch_writes(tmp_path: Path, protocol: int) -> None:
    """All types, views of shared storages, parameters, and tied weights, byte for byte."""
    torch = pytest.importorskip("torch", reason=NO_TORCH)
    base = torch.randn(5, 6).to(torch.bfloat16)
    tensors = {
        "bf16": base, "tied": base, "rows": base[2:4], "row": base[4], "flat": base.view(-1)[7:],
        "half": torch.randn(3, 4).half(), "single": torch.randn(2, 3, 4),
        "parameter": torch.nn.Parameter(torch.randn(7, 2)), "scalar": torch.tensor(1.5),
        "empty": torch.empty(0, 3), "wide": torch.arange(300), "flags": torch.ones(2) > 0,
    }  # fmt: skip
    torch.save(tensors, tmp_path / "x.pt", pickle_protocol=protocol)
    found = {tensor.name: tensor for tensor in read_torch_file(tmp_path / "x.pt")}
    assert {n: t.shape for n, t in found.items()} == {n: tuple(t.shape) for n, t in tensors.items()}
    for name, stored in found.items():
        assert read_bytes(stored) == tensor_bytes(tensors[name])


def test_reads_the_state_of_a_module(tmp_path: Path) -> None:
    """An OrderedDict with the versions of its modules set on it."""
    torch = pytest.importorskip("torch", reason=NO_TORCH)
    module = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.LayerNorm(2)).bfloat16()
    torch.save({"model": module.state_dict(), "step": 10**12}, tmp_path / "x.pt")
    for stored in read_torch_file(tmp_path / "x.pt"):
        assert stored.dtype == "BF16"
        assert read_bytes(stored) == tensor_bytes(module.state_dict()[stored.name])


def test_refuses_a_transposed_tensor_of_pytorch(tmp_path: Path) -> None:
    """Its bytes lie in another order than its shape says."""
    torch = pytest.importorskip("torch", reason=NO_TORCH)
    torch.save({"turned": torch.randn(2, 3).T}, tmp_path / "x.pt")
    with pytest.raises(TorchFileError, match="turned transposed"):
        read_torch_file(tmp_path / "x.pt")


def test_refuses_the_old_files_of_pytorch(tmp_path: Path) -> None:
    """They are not zips."""
    torch = pytest.importorskip("torch", reason=NO_TORCH)
    torch.save({"a": torch.ones(2)}, tmp_path / "x.pt", _use_new_zipfile_serialization=False)
    with pytest.raises(TorchFileError, match="made before 2020"):
        read_torch_file(tmp_path / "x.pt")


def test_the_writer_of_the_tests_writes_as_pytorch_does(tmp_path: Path) -> None:
    """PyTorch loads its files, and pickles the same tensors to the same bytes."""
    torch = pytest.importorskip("torch", reason=NO_TORCH)
    dims = {f"layers.{n}.w": (n + 1, 70) for n in range(60)} | {"norm": (70_000,)}
    write_torch_file(tmp_path / "x.pt", dims, "BF16", number_words)
    loaded = torch.load(tmp_path / "x.pt", weights_only=True)
    for name, size in dims.items():
        assert tensor_bytes(loaded[name]) == number_words(name, size).tobytes()
    own = {name: torch.zeros(size, dtype=torch.bfloat16) for name, size in dims.items()}
    torch.save(own, tmp_path / "y.pt")
    with zipfile.ZipFile(tmp_path / "y.pt") as archive:
        assert archive.read("y/data.pkl") == pickle_tensors(dims, "BF16")
