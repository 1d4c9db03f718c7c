"""The bytes of a file -> its text, if it is one: encodings, line ends, and what is no text.

Knows nothing of the disk, and nothing of PDF.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from enum import Enum


class FileKind(Enum):
    """What a file without text is."""

    PICTURE = "picture"
    ARCHIVE = "archive"
    OFFICE = "office"
    PROGRAM = "program"
    MODEL = "model"
    SOUND = "sound"
    FILM = "film"
    DATABASE = "database"


_MARKS = (  # the longer before the shorter, which begins alike
    (codecs.BOM_UTF8, "utf-8", "UTF-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le", "UTF-32"),
    (codecs.BOM_UTF32_BE, "utf-32-be", "UTF-32"),
    (codecs.BOM_UTF16_LE, "utf-16-le", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16-be", "UTF-16"),
)
_LAST_RESORTS = (("cp1252", "Windows-1252"), ("latin-1", "Latin-1"))

_KINDS = (
    (b"\x89PNG\r\n\x1a\n", FileKind.PICTURE),
    (b"\xff\xd8\xff", FileKind.PICTURE),
    (b"GIF8", FileKind.PICTURE),
    (b"BM", FileKind.PICTURE),
    (b"II*\x00", FileKind.PICTURE),
    (b"MM\x00*", FileKind.PICTURE),
    (b"PK\x03\x04", FileKind.ARCHIVE),
    (b"\x1f\x8b", FileKind.ARCHIVE),
    (b"7z\xbc\xaf\x27\x1c", FileKind.ARCHIVE),
    (b"BZh", FileKind.ARCHIVE),
    (b"\xfd7zXZ\x00", FileKind.ARCHIVE),
    (b"\x7fELF", FileKind.PROGRAM),
    (b"MZ", FileKind.PROGRAM),
    (b"GGUF", FileKind.MODEL),
    (b"ID3", FileKind.SOUND),
    (b"OggS", FileKind.SOUND),
    (b"fLaC", FileKind.SOUND),
    (b"SQLite format 3\x00", FileKind.DATABASE),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", FileKind.OFFICE),
)
_OFFICE = (".docx", ".xlsx", ".pptx", ".odt", ".ods", ".odp")

_HARMLESS = frozenset("\t\n\r\f\x1b\x08")
_MOST_CONTROLS = 1 / 200
"""A larger share of control characters is no text; a log that was cut by a crash has a few."""

_LOOKED_AT = 64 * 1024


@dataclass(frozen=True, slots=True)
class DecodedText:
    """A text with line ends of one kind, and how its letters were stored.

    `is_guess`: the file doesn't say it, and it isn't UTF-8 either.
    """

    text: str
    encoding: str
    is_guess: bool = False


def decode_text(data: bytes) -> DecodedText | None:
    """The text that `data` is; None if it is none."""
    marked = next((mark for mark in _MARKS if data.startswith(mark[0])), None)
    if marked is not None:
        mark, codec, name = marked
        text = data[len(mark) :].decode(codec, "replace")
        return _sound(text, name, is_guess=False)
    if kind_of(data):
        return None
    try:
        return _sound(data.decode("utf-8"), "UTF-8", is_guess=False) or _wide(data)
    except UnicodeDecodeError:
        return _wide(data) or _narrow(data)


def kind_of(data: bytes, suffix: str = "") -> FileKind | None:
    """What a file without text is; None if that isn't known, or it may be a text."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return FileKind.PICTURE
    if data[4:8] == b"ftyp":
        return FileKind.FILM
    kind = next((kind for start, kind in _KINDS if data.startswith(start)), None)
    if kind is FileKind.ARCHIVE and suffix.lower() in _OFFICE:
        return FileKind.OFFICE
    # A text may begin with two or four such letters, too.
    return kind if b"\0" in data[:_LOOKED_AT] else None


def _wide(data: bytes) -> DecodedText | None:
    """UTF-16 without a mark: most of its letters have a NUL beside them, on one side."""
    head = data[:_LOOKED_AT]
    if len(head) < 4 or len(data) % 2:
        return None
    even, odd = head[::2].count(0), head[1::2].count(0)
    half = len(head) // 2
    if odd > half * 0.4 and even < half * 0.05:
        codec = "utf-16-le"
    elif even > half * 0.4 and odd < half * 0.05:
        codec = "utf-16-be"
    else:
        return None
    try:
        return _sound(data.decode(codec), "UTF-16", is_guess=True)
    except UnicodeDecodeError:
        return None


def _narrow(data: bytes) -> DecodedText | None:
    for codec, name in _LAST_RESORTS:
        try:
            return _sound(data.decode(codec), name, is_guess=True)
        except UnicodeDecodeError:
            continue
    return None


def _sound(text: str, encoding: str, *, is_guess: bool) -> DecodedText | None:
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    controls = {letter for letter in _letters_of(text) if _is_control(letter)}
    if controls:
        if sum(map(text.count, controls)) > len(text) * _MOST_CONTROLS:
            return None
        text = text.translate({ord(letter): None for letter in controls})
    return DecodedText(text.removeprefix("\ufeff"), encoding, is_guess)


def _letters_of(text: str) -> set[str]:
    """In pieces, since one call over a long text would keep all other threads waiting."""
    letters: set[str] = set()
    for start in range(0, len(text), _LOOKED_AT):
        letters.update(text[start : start + _LOOKED_AT])
    return letters


def _is_control(letter: str) -> bool:
    return (letter < " " or "\x7f" <= letter <= "\x9f") and letter not in _HARMLESS
