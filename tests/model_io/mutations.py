"""Damages a model's files in seeded ways: bytes, numbers, JSON, pickles, zips, and no file at all.

Each damage is a function of a path and a generator of random numbers; `damage` chooses. The same
seed makes the same damage. Knows nothing of what reads the files afterwards.
"""

from __future__ import annotations

import json
import os
import struct
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from random import Random

from model_io.gguf_reader import read_header
from model_io.gguf_values import Metadata, MetadataValue, ValueKind
from tests.model_io.hostile_values import CARDS, NAMES, NUMBERS, PICKLES, RAW_JSON, VALUES
from tests.model_io.small_models import entries_of, gguf_of, tensors_of
from tests.model_io.swellings import SWELLINGS
from tests.model_io.torch_files import write_members

Damage = Callable[[Path, Random], object]

_OPCODES = (
    b"(.0N\x88\x89IJKLMFGSTUVX\x8c\x8d])}eauRbcioqr\x94hjgpQP\x80\x81\x85\x86\x87\x8a\x8b\x93\x95"
)


def damage(folder: Path, rng: Random) -> str:
    """Damage one of the files in `folder`, without touching what else is linked to it.

    Returns what was done to which file.
    """
    paths = sorted(path for path in folder.iterdir() if path.is_file())
    path = rng.choice([path for path in paths for _ in range(_weight(path))])
    kinds = [*_BYTES, *_SPECIAL.get(path.suffix, ())]
    chance = rng.random()
    if chance < 0.07:
        kinds = [*_PLACES]
    elif chance < 0.08:
        kinds = [swelling for swelling in (SWELLINGS.get(path.suffix),) if swelling] or kinds
    elif chance < 0.5 and path.suffix in _SPECIAL:
        kinds = [*_SPECIAL[path.suffix]]
    kind = rng.choice(kinds)
    kind(path, rng)
    return f"{kind.__name__} {path.name}"


def _weight(path: Path) -> int:
    """Headers, indexes and configs more often than companions."""
    if path.suffix in (".safetensors", ".pt", ".gguf"):
        return 6
    return 6 if path.name in ("config.json", "params.json") or "index" in path.name else 1


def put(path: Path, content: bytes) -> None:
    """Give the name other content; what was linked to it stays."""
    path.unlink()
    path.write_bytes(content)


def header_span(path: Path, content: bytes | bytearray) -> tuple[int, int]:
    """Where the part lies that describes the rest; of a zip, its pickle and its table."""
    if path.suffix == ".safetensors":
        return 0, min(len(content), 8 + int.from_bytes(content[:8], "little"))
    if path.suffix == ".gguf":
        return 0, read_header(path).data_offset
    if path.suffix == ".pt":
        with zipfile.ZipFile(path) as archive:
            return archive.start_dir, len(content)
    return 0, len(content)


def _place(path: Path, content: bytes | bytearray, rng: Random) -> int:
    """Most often in the header, sometimes anywhere."""
    begin, end = header_span(path, content)
    if path.suffix == ".pt" and rng.random() < 0.5:
        begin, end = 0, 4096  # the pickle comes first
    if rng.random() < 0.15:
        begin, end = 0, len(content)
    return rng.randrange(begin, max(begin + 1, min(end, len(content))))


# What can happen to any bytes.


def flip_bytes(path: Path, rng: Random) -> None:
    """Single bits."""
    content = bytearray(path.read_bytes())
    for _ in range(rng.choice((1, 1, 2, 8))):
        content[_place(path, content, rng)] ^= 1 << rng.randrange(8)
    put(path, bytes(content))


def set_bytes(path: Path, rng: Random) -> None:
    """Other bytes."""
    content = bytearray(path.read_bytes())
    for _ in range(rng.choice((1, 1, 2, 8))):
        content[_place(path, content, rng)] = rng.choice((0, 0x7F, 0x80, 0xFF, rng.randrange(256)))
    put(path, bytes(content))


def insert_bytes(path: Path, rng: Random) -> None:
    """Random bytes between others."""
    content, size = path.read_bytes(), rng.choice((1, 8, 32, 1000))
    place = _place(path, content, rng)
    put(path, content[:place] + rng.randbytes(size) + content[place:])


def remove_bytes(path: Path, rng: Random) -> None:
    """Some bytes fewer."""
    content, size = path.read_bytes(), rng.choice((1, 8, 32, 1000))
    place = _place(path, content, rng)
    put(path, content[:place] + content[place + size :])


def repeat_bytes(path: Path, rng: Random) -> None:
    """Some bytes twice."""
    content, size = path.read_bytes(), rng.choice((1, 8, 64, 1000))
    place = _place(path, content, rng)
    put(path, content[: place + size] + content[place:])


def zero_bytes(path: Path, rng: Random) -> None:
    """Zeros in place of some bytes."""
    content, size = bytearray(path.read_bytes()), rng.choice((4, 8, 64, 1000, 100_000))
    place = _place(path, content, rng)
    size = min(size, len(content) - place)
    content[place : place + size] = bytes(size)
    put(path, bytes(content))


def cut_off(path: Path, rng: Random) -> None:
    """An early end."""
    content = path.read_bytes()
    place = rng.choice((_place(path, content, rng), rng.randrange(len(content)), 0, 8))
    put(path, content[:place])


def append_bytes(path: Path, rng: Random) -> None:
    """Random bytes at the end."""
    put(path, path.read_bytes() + rng.randbytes(rng.choice((1, 31, 32, 10_000))))


def set_number(path: Path, rng: Random) -> None:
    """An extreme number where one may stand."""
    content, width = bytearray(path.read_bytes()), rng.choice((4, 8))
    place = _place(path, content, rng) // 4 * 4
    number = rng.choice(NUMBERS) & (2 ** (8 * width) - 1)
    content[place : place + width] = number.to_bytes(width, "little")
    put(path, bytes(content))


def exchange_content(path: Path, rng: Random) -> None:
    """What another file of the model holds."""
    others = sorted(p for p in path.parent.iterdir() if p.is_file())
    put(path, rng.choice(others).read_bytes())


_BYTES: tuple[Damage, ...] = (
    flip_bytes, set_bytes, insert_bytes, remove_bytes, repeat_bytes, zero_bytes, cut_off,
    append_bytes, set_number, set_number, exchange_content,
)  # fmt: skip


# What can stand in a file's place.


def leave_out(path: Path, rng: Random) -> None:
    """Nothing."""
    path.unlink()


def make_pipe(path: Path, rng: Random) -> None:
    """A pipe that nobody writes into."""
    path.unlink()
    os.mkfifo(path)


def make_folder(path: Path, rng: Random) -> None:
    """A folder."""
    path.unlink()
    path.mkdir()


def make_link(path: Path, rng: Random) -> None:
    """A link out of the folder, to itself, to nothing, or to a device."""
    path.unlink()
    targets = ("/etc/passwd", "../..", path.name, "nowhere", "/dev/zero", "/dev/null", "/proc/self")
    path.symlink_to(rng.choice(targets))


def make_hole(path: Path, rng: Random) -> None:
    """The file goes on for 1.1 GB that take no place."""
    put(path, path.read_bytes() * rng.choice((0, 1)))
    os.truncate(path, 1_100_000_000)


def add_stray(path: Path, rng: Random) -> None:
    """A file beside it that nobody named."""
    name = rng.choice(("stray" + path.suffix, "chat_template.jinja", "chat_template.json",
                       "additional_chat_templates/x.jinja", "params.json", "model.gguf.sha256",
                       "generation_config.json", "merges.txt", "LICENSE"))  # fmt: skip
    stray, content = path.parent / name, path.read_bytes()
    stray.parent.mkdir(exist_ok=True)
    stray.unlink(missing_ok=True)
    if name.startswith("additional"):
        (path.parent / "chat_template.jinja").write_text("{{ messages }}")
    stray.write_bytes(content)
    if rng.random() < 0.5:
        make_pipe(stray, rng)


_PLACES: tuple[Damage, ...] = (
    leave_out, make_pipe, make_pipe, make_folder, make_link, make_link, make_hole, add_stray,
    add_stray,
)  # fmt: skip


# What can stand in JSON.


def _containers(value: object) -> Iterator[dict[str, object] | list[object]]:
    if isinstance(value, dict | list):
        yield value
        for part in value.values() if isinstance(value, dict) else value:
            yield from _containers(part)


def _change_json(text: bytes, rng: Random) -> bytes:
    """The JSON text with one to three values or keys changed."""
    content = json.loads(text)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        found = [container for container in _containers(content) if container]
        if not found:
            break
        container = rng.choice([found[0], rng.choice(found)])
        _change_container(container, rng)
    if rng.random() < 0.03:
        content = rng.choice(VALUES)
    changed = json.dumps(content)
    for mark, raw in RAW_JSON.items():
        changed = changed.replace(json.dumps(mark), raw)
    if rng.random() < 0.05:
        changed = changed.replace(", ", ', "a": 1, "a": ', 1)
    return changed.encode()


def _change_container(container: dict[str, object] | list[object], rng: Random) -> None:
    if isinstance(container, list):
        container[rng.randrange(len(container))] = rng.choice(VALUES)
        return
    key = rng.choice(list(container))
    match rng.choice(("set", "set", "set", "drop", "name", "swap")):
        case "set":
            container[key] = rng.choice(VALUES)
        case "drop":
            del container[key]
        case "name":
            container[rng.choice((*NAMES, key + "x", "9" * 5000))] = container.pop(key)
        case "swap":
            other = rng.choice(list(container))
            container[key], container[other] = container[other], container[key]


def edit_json(path: Path, rng: Random) -> None:
    """Other values, keys or names."""
    put(path, _change_json(path.read_bytes(), rng))


def edit_safetensors_header(path: Path, rng: Random) -> None:
    """The same in a safetensors file, whose data stay."""
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    text = _change_json(content[8 : 8 + length], rng)
    put(path, struct.pack("<Q", len(text)) + text + content[8 + length :])


# What can stand in a GGUF.


def edit_entries(path: Path, rng: Random) -> None:
    """Other values, kinds or keys of entries; other names, shapes or types of tensors."""
    entries, tensors = entries_of(read_header(path)), tensors_of(path)
    for _ in range(rng.choice((1, 1, 2))):
        if rng.random() < 0.7:
            _change_entry(entries, rng)
        else:
            place = rng.randrange(len(tensors))
            spec, data = tensors[place]
            name = rng.choice((spec.name + "x", "", "x" * 200, *(s.name for s, _ in tensors)))
            tensors[place] = (replace(spec, name=name), data)
    put(path, gguf_of(entries, tensors))


def _change_entry(entries: Metadata, rng: Random) -> None:
    key = rng.choice(list(entries))
    match rng.choice(("drop", "name", "number", "number", "text", "real", "row", "texts")):
        case "drop":
            del entries[key]
        case "name":
            entries[rng.choice((key + "x", "", "x" * 70_000, "é"))] = entries.pop(key)
        case "number":
            entries[key] = MetadataValue(ValueKind.UINT64, rng.choice(NUMBERS))
        case "text":
            texts = [name.encode("utf-8", "surrogatepass") for name in NAMES]
            entries[key] = MetadataValue(ValueKind.STRING, rng.choice((*texts, b"\xff\n")))
        case "real":
            reals = (0.0, -1.0, 1e30, float("inf"), float("nan"))
            entries[key] = MetadataValue(ValueKind.FLOAT32, rng.choice(reals))
        case "row":
            count = rng.choice((0, 1, 300, 70_000))
            entries[key] = MetadataValue(ValueKind.INT32, (rng.choice((0, -1, 1)),) * count)
        case "texts":
            entries[key] = MetadataValue(ValueKind.STRING, ("<s>",) * rng.choice((0, 1, 300)))


# What can stand in a pickle, and in the zip around it.


def swap_opcodes(path: Path, rng: Random) -> None:
    """Other instructions in a pickle."""
    with zipfile.ZipFile(path) as archive:
        pickled = bytearray(archive.read(_pickle_name(archive)))
    for _ in range(rng.choice((1, 1, 2, 5))):
        pickled[rng.randrange(len(pickled))] = rng.choice(_OPCODES)
    _put_pickle(path, bytes(pickled))


def put_hostile_pickle(path: Path, rng: Random) -> None:
    """A pickle that is a program."""
    _put_pickle(path, rng.choice(PICKLES))


def _pickle_name(archive: zipfile.ZipFile) -> str:
    return next(name for name in archive.namelist() if name.endswith("/data.pkl"))


def _put_pickle(path: Path, pickled: bytes) -> None:
    with zipfile.ZipFile(path) as archive:
        content = {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}
    path.unlink()
    write_members(path, (content | {"data.pkl": pickled}).items())


def set_zip_field(path: Path, rng: Random) -> None:
    """An extreme number in a local header, the table of contents, or the table's own end."""
    content = bytearray(path.read_bytes())
    marks = rng.choice((b"PK\3\4", b"PK\1\2", b"PK\5\6"))
    place = content.index(marks, rng.randrange(content.rindex(marks) + 1)) + rng.randrange(4, 46)
    width = rng.choice((2, 4))
    number = rng.choice(NUMBERS) & (2 ** (8 * width) - 1)
    content[place : place + width] = number.to_bytes(width, "little")
    put(path, bytes(content))


# What can stand in a model's card.


def write_card(path: Path, rng: Random) -> None:
    """A card that is hard to read."""
    text = f"---\n{rng.choice(CARDS)}---\n"
    put(path, text.encode("utf-8", "surrogatepass"))


_SPECIAL: Mapping[str, tuple[Damage, ...]] = {
    ".json": (edit_json,),
    ".safetensors": (edit_safetensors_header,),
    ".gguf": (edit_entries,),
    ".pt": (swap_opcodes, swap_opcodes, put_hostile_pickle, set_zip_field),
    ".md": (write_card,),
}
