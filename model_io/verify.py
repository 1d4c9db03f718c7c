"""Reads a whole GGUF file once and says whether it is a Mixtral that will load.

Joins the header's reader and check with the pass over the data. What is wrong with a file is part
of the answer; nothing is repaired or written.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from model_io.errors import CorruptGGUFError, GGUFError, NotMixtralError, TruncatedGGUFError
from model_io.gguf_check import list_file_problems, list_model_problems
from model_io.gguf_config import config_of_gguf
from model_io.gguf_reader import GGUFHeader, read_header
from model_io.gguf_scan import Scan, scan_file
from model_io.progress import (
    Cancelled,
    Meter,
    ProgressCallback,
    StopCallback,
    ignore_progress,
    never_stop,
)

MOST_PROBLEMS = 20
_MOST_PARTS = 2**16 - 1  # the kind of split.count
_LONGEST_NOTE_BYTES = 4096
_NOTE = re.compile(rb"([0-9a-fA-F]{64}) [ *]([^\n]+)\n?")

_FETCH = "download it again"


@dataclass(frozen=True, slots=True)
class VerifiedFile:
    """A file that was read to its end; `sha256` is of all of it."""

    path: Path
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found. `problems` are sentences for people, `summary` is one line for them.

    `files` has one entry, or one for each part of a model in parts, in their order. Then `bytes`
    is their sum and `sha256` that of the lines which sha256sum prints for them, by name only.
    """

    path: Path
    bytes: int
    sha256: str
    ok: bool
    problems: tuple[str, ...]
    summary: str
    files: tuple[VerifiedFile, ...]


def verify(
    path: Path,
    *,
    jobs: int | None = None,
    on_progress: ProgressCallback = ignore_progress,
    should_stop: StopCallback = never_stop,
) -> Verification:
    """Read the GGUF file at `path`, and the others of its model if it is the first of several.

    One thread reads, one hashes, up to `jobs` of them (eight at most) check numbers. Raises
    NotGGUFError for a file of another kind, GGUFError for one that can't be read or changes
    meanwhile, and Cancelled.
    """
    parts, problems = _gather(path)
    meter = Meter("verify", sum(part.file_bytes for part in parts), on_progress)

    def advance(size: int) -> None:
        if should_stop():
            raise Cancelled
        meter.add(size)

    threads = jobs or os.cpu_count() or 1
    scans = [scan_file(p.path, p.file_bytes, p.header, threads, advance) for p in parts]
    files = tuple(
        VerifiedFile(part.path, part.file_bytes, scan.sha256)
        for part, scan in zip(parts, scans, strict=True)
    )
    notes = [_compare_note(file) for file in files]
    found = _Findings()
    for note in notes:
        found.add(note.problems)
    found.add(problems)
    found.add(_list_header_problems(parts, is_whole=not problems))
    for file, scan in zip(files, scans, strict=True):
        found.add(_list_data_problems(file.path, scan))
    return Verification(
        path=path,
        bytes=sum(file.bytes for file in files),
        sha256=_join_sums(files),
        ok=not found.count,
        problems=found.listed(),
        summary=_summarize(parts[0], found.count, all(note.is_there for note in notes)),
        files=files,
    )


@dataclass(frozen=True, slots=True)
class _Part:
    """A file to read; without `header` if that makes no sense."""

    path: Path
    file_bytes: int
    header: GGUFHeader | None


class _Findings:
    """The first problems, and how many there are."""

    def __init__(self) -> None:
        self.count = 0
        self._kept: list[str] = []

    def add(self, problems: Iterable[str]) -> None:
        for problem in problems:
            self.count += 1
            if len(self._kept) < MOST_PROBLEMS:
                self._kept.append(problem)

    def listed(self) -> tuple[str, ...]:
        more = self.count - len(self._kept)
        return (*self._kept, f"and {more:,} more") if more else tuple(self._kept)


def _gather(path: Path) -> tuple[list[_Part], list[str]]:
    """The files of the model, and what is wrong with them as such.

    llama.cpp's gguf-split writes parts, each with its number; src/llama-model-loader.cpp.
    """
    first, problems = _open_part(path)
    entries = first.header.metadata if first.header else {}
    count, place = entries.get("split.count"), entries.get("split.no")
    if type(count) is not int or count < 2:
        return [first], problems
    ending = f"-00001-of-{count:05}.gguf"
    if count > _MOST_PARTS or type(place) is not int or place != 0:
        remedy = f"choose the one whose name ends in {ending}"
        return [first], [_say(path, f"is one of {count:,} parts, but not the first", remedy)]
    if not path.name.endswith(ending):
        remedy = f"give it back its name, which ends in {ending}"
        return [first], [_say(path, f"is the first of {count:,} parts under another name", remedy)]
    parts = [first]
    for number in range(2, count + 1):
        name = f"{path.name.removesuffix(ending)}-{number:05}-of-{count:05}.gguf"
        try:
            part, more = _open_part(path.with_name(name))
        except GGUFError as error:
            problems.append(str(error))
            continue
        parts.append(part)
        problems += more
        if part.header and part.header.metadata.get("split.no") != number - 1:
            problems.append(_say(part.path, f"is not part {number} of the model", _FETCH))
    return parts, problems


def _open_part(path: Path) -> tuple[_Part, list[str]]:
    try:
        header = read_header(path)
        return _Part(path, header.file_bytes, header), []
    except (CorruptGGUFError, TruncatedGGUFError) as error:
        return _Part(path, path.stat().st_size, None), [str(error)]


def _list_header_problems(parts: Iterable[_Part], is_whole: bool) -> Iterator[str]:
    """Where a part is missing, only what is there is looked at, not what the model lacks."""
    headers = [part.header for part in parts if part.header]
    for header in headers:
        yield from list_file_problems(header)
    if is_whole:
        tensors = [tensor for header in headers for tensor in header.tensors]
        yield from list_model_problems(headers[0], tensors)


def _list_data_problems(path: Path, scan: Scan) -> Iterator[str]:
    for name in scan.broken:
        yield _say(path, f"has NaN or infinity in {name[:72]}", _FETCH)
    for name in scan.blank:
        yield _say(path, f"has nothing but zeros in {name[:72]}", _FETCH)


@dataclass(frozen=True, slots=True)
class _Note:
    """What a sha256 noted beside a file says of it."""

    is_there: bool
    problems: tuple[str, ...] = ()


def _compare_note(file: VerifiedFile) -> _Note:
    """The note is FILE.sha256, in sha256sum's format: 64 digits, two spaces, the file's name."""
    path = file.path.with_name(f"{file.path.name}.sha256")
    text = _read_note(path)
    if text is None:
        return _Note(False)
    match = _NOTE.fullmatch(text)
    if match is None or match[2] != os.fsencode(file.path.name):
        problem = f"is no note of the sha256 of {file.path.name}"
        return _Note(True, (_say(path, problem, "remove it or make it again with sha256sum"),))
    if match[1].decode().lower() != file.sha256:
        problem = "has another sha256 than the one noted beside it: it is damaged or changed"
        return _Note(True, (_say(file.path, problem, _FETCH),))
    return _Note(True)


def _read_note(path: Path) -> bytes | None:
    """The note, or nothing that makes sense if it can't be read; None if there is none."""
    try:
        if not path.exists():
            return None
        if not path.is_file():
            return b""
        with path.open("rb") as note:
            return note.read(_LONGEST_NOTE_BYTES)
    except OSError as error:
        return None if error.errno == errno.ENAMETOOLONG else b""


def _join_sums(files: tuple[VerifiedFile, ...]) -> str:
    if len(files) == 1:
        return files[0].sha256
    lines = (file.sha256.encode() + b"  " + os.fsencode(file.path.name) + b"\n" for file in files)
    return hashlib.sha256(b"".join(lines)).hexdigest()


def _summarize(first: _Part, count: int, is_noted: bool) -> str:
    text = f"{first.path.name} {_describe(first.header, count, is_noted)}."
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _describe(header: GGUFHeader | None, count: int, is_noted: bool) -> str:
    found = "one problem was" if count == 1 else f"{count:,} problems were"
    if header is None:
        return "will not load: its header is damaged"
    if header.metadata.get("split.no"):
        return "is one part of a model, and will not load without the first"
    try:
        config = config_of_gguf(header)
    except NotMixtralError:
        return "is not a Mixtral"
    except CorruptGGUFError:
        return f"will not load: {found} found"
    layers = config.num_hidden_layers
    model = f"is a Mixtral of {layers} layer{'s' if layers > 1 else ''}, {header.quant}"
    if header.is_split_expert:
        return f"{model}, in an old form: octet model repair makes a new file of it"
    if count:
        return f"{model}, but {found} found: don't use it"
    noted = "its sha256 is as noted" if is_noted else "no sha256 is noted beside it"
    return f"{model}. It is whole and will load; {noted}"


def _say(path: Path, problem: str, remedy: str) -> str:
    return str(GGUFError(path, problem, remedy))
