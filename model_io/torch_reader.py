"""Reads which tensor lies where in a PyTorch file, without PyTorch and without running anything.

A pickle is a program. The machine here follows it just as far as torch.save's own pickles go, and
can make nothing but texts, numbers, tuples, dictionaries and the places of tensors: it imports no
name and calls no function that the file asks for. Reads no weight, and knows nothing of what the
tensors are for. Sources of the layouts: APPNOTE.TXT of the zip format; for the pickle, what
PyTorch's serialization.py and _utils.py write, and CPython's pickletools.py.
"""

from __future__ import annotations

import io
import math
import os
import struct
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from itertools import pairwise
from pathlib import Path
from typing import TypeGuard

from model_io.errors import MissingFileError, TorchFileError
from model_io.stored_tensor import StoredTensor

# A thousand tensors take 0.1 MB of the zip's table, 0.2 MB of pickle and 30,000 steps.
TABLE_LIMIT_BYTES = 2_000_000  # 40,000 files at most
PICKLE_LIMIT_BYTES = 16_000_000
STEPS_LIMIT = 1_000_000

_ZIP_MAGIC = b"PK\x03\x04"
_OLD_MAGIC = bytes.fromhex("80028a0a6cfc9c46f9206aa850192e")  # torch.save before version 1.6
_LOCAL_HEADER = struct.Struct("<4s22xHH")
_ENCRYPTED = 0x2041  # in the old way, in a strong one, or with its names
_FETCH = "download it again"
_CHOOSE = "choose a file with a model's weights"
_AVOID = "download the model's safetensors files, or PyTorch files from a source that you trust"


@dataclass(frozen=True, slots=True)
class _Member:
    """A file in the zip: its header at `start`, its data at `offset`."""

    start: int
    offset: int
    data_bytes: int


class _Function(Enum):
    """What a pickle may ask for, as a name and nothing else."""

    DICTIONARY = "collections.OrderedDict"
    TENSOR = "torch._utils._rebuild_tensor_v2"
    PARAMETER = "torch._utils._rebuild_parameter"


@dataclass(frozen=True, slots=True)
class _Storage:
    """`elements` numbers of a type, which the file data/`key` in the zip holds."""

    dtype: str
    width_bytes: int
    key: str = ""
    elements: int = 0


@dataclass(frozen=True, slots=True)
class _Tensor:
    """A view of a storage that begins at its number `first`, as the pickle describes it."""

    storage: _Storage
    first: int
    shape: tuple[object, ...]
    strides: tuple[object, ...]


_GLOBALS = {function.value: function for function in _Function} | {
    "torch.BFloat16Storage": _Storage("BF16", 2), "torch.HalfStorage": _Storage("F16", 2),
    "torch.FloatStorage": _Storage("F32", 4), "torch.DoubleStorage": _Storage("F64", 8),
    "torch.BoolStorage": _Storage("BOOL", 1), "torch.ByteStorage": _Storage("U8", 1),
    "torch.CharStorage": _Storage("I8", 1), "torch.ShortStorage": _Storage("I16", 2),
    "torch.IntStorage": _Storage("I32", 4), "torch.LongStorage": _Storage("I64", 8),
}  # fmt: skip


def looks_like_torch_file(path: Path) -> bool:
    """Whether the file at `path` begins as torch.save's files do, and every zip.

    False for what can't be read, and for the files of PyTorch before version 1.6.
    """
    try:
        if not path.is_file():  # nothing may be waited for, as a pipe would make us
            return False
        with path.open("rb") as file:
            return file.read(len(_ZIP_MAGIC)) == _ZIP_MAGIC
    except OSError:
        return False


def read_torch_file(path: Path) -> list[StoredTensor]:
    """The tensors of one file by torch.save, sorted by name.

    They are the entries of the dictionary that the file holds or, if none of those is a tensor,
    of the one under "model" or "state_dict" in it. Entries that aren't tensors, and those whose
    key is no text, are left out; tensors may share bytes. Raises MissingFileError if there is no
    file, and TorchFileError if it is damaged, no such file, or asks for anything but tensors.
    """
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise TorchFileError(path, "is not a file", _CHOOSE)
        with _BoundedFile(io.FileIO(path)) as file:
            members = _read_members(path, file)
            pickled = _read_pickle(path, file, members)
    except FileNotFoundError:
        raise MissingFileError(path, "is missing", "download it") from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise TorchFileError(path, f"can't be read: {reason}", "check the file") from None
    tensors = _choose_tensors(path, _Machine(path, pickled).run())
    placed = [_place(path, members, name, tensor) for name, tensor in tensors.items()]
    return sorted(placed, key=lambda tensor: tensor.name)


class _BoundedFile(io.BufferedReader):
    """A file that gives `zipfile` no table of contents larger than the limit."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or size < 0:
            size = TABLE_LIMIT_BYTES
        if size > TABLE_LIMIT_BYTES:
            raise zipfile.BadZipFile
        return super().read(size)

    def read_place(self, offset: int, size: int) -> bytes:
        """Up to `size` bytes, which the caller has bounded, from `offset`."""
        self.seek(offset)
        return super().read(size)


def _read_members(path: Path, file: _BoundedFile) -> dict[str, _Member]:
    """Where each file of the zip lies, by its name without the archive's own folder."""
    _check_magic(path, file.read(len(_OLD_MAGIC)))
    try:
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OverflowError, struct.error):
        problem = "has no valid table of contents: it is cut off or damaged"
        raise TorchFileError(path, problem, _FETCH) from None
    members = {entry.filename: _locate(path, file, entry) for entry in entries}
    if len(members) != len(entries):
        raise TorchFileError(path, "holds two files of the same name", _FETCH)
    _check_extents(path, os.fstat(file.fileno()).st_size, members)
    folders = [name.removesuffix("data.pkl") for name in members if name.endswith("/data.pkl")]
    if len(folders) != 1:
        raise TorchFileError(path, "is a zip, but not one of PyTorch's", _CHOOSE)
    folder = folders[0]
    return {n.removeprefix(folder): m for n, m in members.items() if n.startswith(folder)}


def _check_magic(path: Path, start: bytes) -> None:
    if start == _OLD_MAGIC:
        problem = "is a PyTorch file of the kind made before 2020, which is not read"
        raise TorchFileError(path, problem, _AVOID)
    if not start.startswith(_ZIP_MAGIC):
        raise TorchFileError(path, "is not a PyTorch file", _CHOOSE)


def _locate(path: Path, file: _BoundedFile, entry: zipfile.ZipInfo) -> _Member:
    """Find the data behind the entry's local header, which has lengths of its own."""
    shown, start = entry.filename[:80], entry.header_offset
    is_plain = entry.compress_size == entry.file_size and not entry.flag_bits & _ENCRYPTED
    if entry.compress_type != zipfile.ZIP_STORED or not is_plain:
        problem = f"holds {shown} compressed or encrypted, as PyTorch never does"
        raise TorchFileError(path, problem, _CHOOSE)
    is_inside = 0 <= start < os.fstat(file.fileno()).st_size
    header = file.read_place(start, _LOCAL_HEADER.size) if is_inside else b""
    if len(header) != _LOCAL_HEADER.size or not header.startswith(_ZIP_MAGIC):
        raise TorchFileError(path, f"does not hold {shown} where it says", _FETCH)
    _, name_bytes, extra_bytes = _LOCAL_HEADER.unpack(header)
    offset = start + _LOCAL_HEADER.size + name_bytes + extra_bytes
    return _Member(start, offset, entry.file_size)


def _check_extents(path: Path, file_bytes: int, members: Mapping[str, _Member]) -> None:
    """Each file, its header included, has a part of the zip to itself."""
    extents = sorted((m.start, m.offset + m.data_bytes) for m in members.values())
    end = max((end for _, end in extents), default=0)
    if end > file_bytes:
        problem = f"is cut off: {end - file_bytes:,} of its {end:,} bytes are missing"
        raise TorchFileError(path, problem, _FETCH)
    if any(end > start for (_, end), (start, _) in pairwise(extents)):
        raise TorchFileError(path, "places two of its files over each other", _FETCH)


def _read_pickle(path: Path, file: _BoundedFile, members: Mapping[str, _Member]) -> bytes:
    """The pickle that describes the tensors, once it is known how their bytes are ordered."""
    order = members.get("byteorder")
    if order and file.read_place(order.offset, min(order.data_bytes, 16)) != b"little":
        problem = "was written on a computer that orders bytes the other way round"
        raise TorchFileError(path, problem, "download the model's safetensors files")
    pickled = members["data.pkl"]
    if pickled.data_bytes > PICKLE_LIMIT_BYTES:
        problem = f"describes its tensors in {pickled.data_bytes:,} bytes, too many to be true"
        raise TorchFileError(path, problem, _AVOID)
    return file.read_place(pickled.offset, pickled.data_bytes)


class _Machine:
    """Follows a pickle, with `stacks` for what is being made and `memo` for what is used again.

    Time and memory grow with the number of steps only: nothing that was made is ever walked
    through, compared, hashed or shown, except texts and single numbers. A stack or a pickle that
    ends too early, or a value of the wrong kind, is a LookupError or a ValueError in here.
    """

    def __init__(self, path: Path, pickled: bytes) -> None:
        self._path = path
        self._pickled = pickled
        self._place = 0
        self.stacks: list[list[object]] = [[]]
        self.memo: dict[int, object] = {}

    def run(self) -> object:
        """What the pickle makes. Raises TorchFileError for any that torch.save doesn't write."""
        try:
            for _ in range(STEPS_LIMIT):
                code = self.take(1)
                if code == b".":
                    return self.pop()
                if code not in _OPERATIONS:
                    problem = f"uses the pickle instruction 0x{code.hex()}, which no tensor needs"
                    raise TorchFileError(self._path, problem, _AVOID)
                _OPERATIONS[code](self)
            problem, remedy = f"describes its tensors in more than {STEPS_LIMIT:,} steps", _AVOID
        except (LookupError, ValueError):
            problem, remedy = "describes its tensors in a way that is damaged", _FETCH
        raise TorchFileError(self._path, problem, remedy)

    def take(self, count: int) -> bytes:
        taken = self._pickled[self._place : self._place + count]
        if len(taken) != count:
            raise ValueError
        self._place += count
        return taken

    def number(self, width_bytes: int, *, signed: bool = False) -> int:
        return int.from_bytes(self.take(width_bytes), "little", signed=signed)

    def text(self, width_bytes: int) -> str:
        """The next text, whose length stands before it in so many bytes."""
        return self.take(self.number(width_bytes)).decode()

    def line(self) -> str:
        end = self._pickled.index(b"\n", self._place)
        return self.take(end + 1 - self._place)[:-1].decode()

    def push(self, value: object) -> None:
        self.stacks[-1].append(value)

    def pop(self) -> object:
        return self.stacks[-1].pop()

    def pop_last(self, count: int) -> list[object]:
        return [self.pop() for _ in range(count)][::-1]

    def pop_row(self) -> list[object]:
        """Take all values since the last mark."""
        return self.stacks.pop()

    def keep(self, number: int) -> None:
        """Remember the value on top of the stack."""
        self.memo[number] = self.stacks[-1][-1]

    def push_global(self, module: object, name: object) -> None:
        """Put a name on the stack, if it is one of those that describe tensors."""
        if not isinstance(module, str) or not isinstance(name, str):
            raise ValueError
        full_name = f"{module}.{name}"
        if full_name not in _GLOBALS:
            problem = f"holds {full_name[:120]}, which is a program and not a tensor"
            raise TorchFileError(self._path, problem, _AVOID)
        self.push(_GLOBALS[full_name])

    def push_storage(self) -> None:
        """Make a storage of the five values by which torch.save stands for one."""
        match self.pop():
            case ("storage", _Storage() as kind, str(key), _, int(elements)):
                self.push(replace(kind, key=key, elements=elements))
            case _:
                raise ValueError

    def reduce(self) -> None:
        """Make what a known name and its arguments stand for."""
        match self.pop_last(2):
            case [_Function.DICTIONARY, ()]:
                self.push({})
            case [_Function.PARAMETER, (_Tensor() as tensor, *_)]:
                self.push(tensor)
            case [
                _Function.TENSOR,
                (_Storage() as storage, int(n), tuple(shape), tuple(steps), *_),
            ]:
                self.push(_Tensor(storage, n, shape, steps))
            case _:
                raise ValueError

    def set_items(self, row: list[object]) -> None:
        """Put in what stands under texts: no other key leads to a tensor, or is safe to hash."""
        target = self.stacks[-1][-1]
        if not isinstance(target, dict):
            raise ValueError
        for key, value in zip(row[::2], row[1::2], strict=True):
            if isinstance(key, str):
                if key in target:
                    raise TorchFileError(self._path, f"holds {key[:80]!r} twice", _FETCH)
                target[key] = value


_OPERATIONS: Mapping[bytes, Callable[[_Machine], object]] = {
    b"\x80": lambda machine: machine.take(1),  # the protocol, up to 5
    b"\x95": lambda machine: machine.take(8),  # a frame's length
    b"N": lambda machine: machine.push(None),
    b"\x88": lambda machine: machine.push(True),
    b"\x89": lambda machine: machine.push(False),
    b"K": lambda machine: machine.push(machine.number(1)),
    b"M": lambda machine: machine.push(machine.number(2)),
    b"J": lambda machine: machine.push(machine.number(4, signed=True)),
    b"\x8a": lambda machine: machine.push(machine.number(machine.number(1), signed=True)),
    b"G": lambda machine: machine.push(struct.unpack(">d", machine.take(8))[0]),
    b"\x8c": lambda machine: machine.push(machine.text(1)),
    b"X": lambda machine: machine.push(machine.text(4)),
    b"(": lambda machine: machine.stacks.append([]),
    b")": lambda machine: machine.push(()),
    b"\x85": lambda machine: machine.push(tuple(machine.pop_last(1))),
    b"\x86": lambda machine: machine.push(tuple(machine.pop_last(2))),
    b"\x87": lambda machine: machine.push(tuple(machine.pop_last(3))),
    b"t": lambda machine: machine.push(tuple(machine.pop_row())),
    b"]": lambda machine: machine.push([]),
    b"a": lambda machine: machine.pop(),  # a list stays empty: none leads to a tensor
    b"e": lambda machine: machine.pop_row(),
    b"}": lambda machine: machine.push({}),
    b"s": lambda machine: machine.set_items(machine.pop_last(2)),
    b"u": lambda machine: machine.set_items(machine.pop_row()),
    b"q": lambda machine: machine.keep(machine.number(1)),
    b"r": lambda machine: machine.keep(machine.number(4)),
    b"\x94": lambda machine: machine.keep(len(machine.memo)),
    b"h": lambda machine: machine.push(machine.memo[machine.number(1)]),
    b"j": lambda machine: machine.push(machine.memo[machine.number(4)]),
    b"c": lambda machine: machine.push_global(machine.line(), machine.line()),
    b"\x93": lambda machine: machine.push_global(*machine.pop_last(2)),
    b"Q": _Machine.push_storage,
    b"R": _Machine.reduce,
    b"b": lambda machine: machine.pop(),  # what is to be set on it, such as its version
}


def _choose_tensors(path: Path, made: object) -> dict[str, _Tensor]:
    top = made if isinstance(made, dict) else {}
    for entries in (top, top.get("model"), top.get("state_dict")):
        found = entries if isinstance(entries, dict) else {}
        if tensors := {name: value for name, value in found.items() if isinstance(value, _Tensor)}:
            return tensors
    raise TorchFileError(path, "holds no tensors that have names", _CHOOSE)


def _place(path: Path, members: Mapping[str, _Member], name: str, tensor: _Tensor) -> StoredTensor:
    """Check what the pickle says of a tensor, and find its bytes."""
    shown, storage, shape, strides = name[:120], tensor.storage, tensor.shape, tensor.strides
    extent = (tensor.first, storage.elements)
    if not _is_sizes(extent) or not _is_sizes(shape) or not _is_sizes(strides):
        raise TorchFileError(path, f"describes {shown} in a way that makes no sense", _FETCH)
    if len(shape) != len(strides) or not _is_contiguous(shape, strides):
        problem = f"holds {shown} transposed or with gaps"
        raise TorchFileError(path, problem, "download the model's safetensors files")
    width = storage.width_bytes
    begin, stored = width * tensor.first, width * storage.elements
    end = begin + width * math.prod(shape)
    member = members.get(f"data/{storage.key}")
    if member is None or end > stored or stored > member.data_bytes:
        raise TorchFileError(path, f"holds less of {shown} than it says", _FETCH)
    return StoredTensor(name, path, storage.dtype, shape, member.offset + begin, end - begin)


def _is_sizes(value: object) -> TypeGuard[tuple[int, ...]]:
    return (
        isinstance(value, tuple)
        and len(value) <= 8
        and all(type(number) is int and 0 <= number < 2**60 for number in value)
    )


def _is_contiguous(shape: tuple[int, ...], strides: tuple[int, ...]) -> bool:
    """Whether the elements lie row after row; an axis of size 1 may have any stride."""
    steps = [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]
    axes = zip(shape, strides, steps, strict=True)
    return 0 in shape or all(size == 1 or stride == step for size, stride, step in axes)
