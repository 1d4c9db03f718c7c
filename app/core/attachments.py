"""Files that go with a message: what of them the model reads, and why some can't be read.

Text, code and PDF. Nothing here is trusted: names, sizes, what a file says it is. Knows nothing of
windows, tokens or the chats; no call waits longer than its limits say.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from app.core.conversation import Attachment
from app.core.errors import OctetError
from app.core.file_text import FileKind, decode_text, kind_of
from app.core.pdf_reading import PdfProblem, PdfRefusal, read_pdf

MOST_TEXT_BYTES = 8 * 1000 * 1000
"""About two million tokens, which is far more than a model remembers."""

MOST_PDF_BYTES = 200 * 1000 * 1000
"""A PDF is mostly pictures; its text is bounded apart."""

MOST_PDF_PAGES = 5_000
PDF_SECONDS = 60.0

_PDF_HEAD_BYTES = 1024
ShouldStop = Callable[[], bool]


class Refusal(Enum):
    """Why a file can't be attached."""

    GONE = "gone"
    UNREADABLE = "unreadable"
    FOLDER = "folder"
    NO_FILE = "no file"  # a device, a pipe, a socket
    EMPTY = "empty"
    TOO_LARGE = "too large"
    NO_TEXT = "no text"  # pictures, programs, a scanned PDF
    LOCKED = "locked"
    DAMAGED = "damaged"
    TOO_SLOW = "too slow"
    STOPPED = "stopped"


class AttachmentError(OctetError):
    """A file can't be attached; the text says which, why, and what helps."""

    def __init__(self, refusal: Refusal, sentence: str) -> None:
        super().__init__(sentence)
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class ReadFile:
    """An attachment, about how many tokens a model will make of it, and a sentence about what had
    to be guessed to read it, which is mostly empty."""

    attachment: Attachment
    tokens: int = 0
    note: str = ""


def read_attachment(path: Path, should_stop: ShouldStop = lambda: False) -> Attachment:
    """What the model reads of the file at `path`. Raises AttachmentError."""
    return read_file(path, should_stop).attachment


def read_file(path: Path, should_stop: ShouldStop = lambda: False) -> ReadFile:
    """The same, with what was guessed. Raises AttachmentError."""
    name = shown_name(path)
    descriptor, size = _open(path, name)
    with os.fdopen(descriptor, "rb") as file:
        try:
            head = file.read(_PDF_HEAD_BYTES)
            if b"%PDF-" in head:
                return _with_estimate(_read_pdf(path, name, size, should_stop))
            rest = file.read(MOST_TEXT_BYTES + 1 - len(head))
        except OSError as error:
            raise _unreadable(name, error) from None
    data = head + (rest or b"")
    if not data:
        raise AttachmentError(Refusal.EMPTY, f"{name} is empty.")
    return _read_text(data, name, max(size, len(data)), path.suffix)


def shown_name(path: Path) -> str:
    """The file's name without its folder, in one line, whatever bytes it has."""
    name = os.fsencode(path.name or str(path)).decode("utf-8", "replace")
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in name)


def megabytes_text(size_bytes: int) -> str:
    """A file's size: "340 MB", "1.4 MB", "12 kB"."""
    if size_bytes < 1_000_000:
        return f"{max(1, round(size_bytes / 1000))} kB"
    megabytes = size_bytes / 1e6
    return f"{megabytes:.1f} MB" if megabytes < 10 else f"{megabytes:,.0f} MB"


def estimated_tokens(text: str) -> int:
    """About how many tokens a model makes of `text`; for as long as there is none to ask.

    Measured with Mixtral's vocabulary: 4.0 bytes a token in English prose, 3.0 in code.
    """
    length = len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
    tokens = round(length / 3.5)
    step: int = 10 ** max(0, len(str(tokens)) - 2)
    return max(1, -(-tokens // step) * step)


def _open(path: Path, name: str) -> tuple[int, int]:
    """An open descriptor of an ordinary file, and its size."""
    try:
        _check_node(path.stat().st_mode, name)  # before: opening a device can do things
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        descriptor = os.open(path, flags)
    except FileNotFoundError:
        sentence = f"{name} is not there any more. Nothing was attached."
        raise AttachmentError(Refusal.GONE, sentence) from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise _unreadable(name, error) from None
    try:
        status = os.fstat(descriptor)
        _check_node(status.st_mode, name)  # it may be another one by now
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor, status.st_size


def _check_node(mode: int, name: str) -> None:
    if stat.S_ISDIR(mode):
        sentence = f"{name} is a folder. Attach the files in it one by one."
        raise AttachmentError(Refusal.FOLDER, sentence)
    if not stat.S_ISREG(mode):
        sentence = f"{name} is a device or a pipe, not a file. Nothing was attached."
        raise AttachmentError(Refusal.NO_FILE, sentence)


def _unreadable(name: str, error: Exception) -> AttachmentError:
    reason = getattr(error, "strerror", None) or "it can't be opened"
    sentence = f"{name} can’t be read: {reason}. Nothing was attached."
    return AttachmentError(Refusal.UNREADABLE, sentence)


def _read_text(data: bytes, name: str, size: int, suffix: str) -> ReadFile:
    if kind := kind_of(data, suffix):
        raise AttachmentError(Refusal.NO_TEXT, _no_text(name, kind))
    if len(data) > MOST_TEXT_BYTES:
        if decode_text(data[:_PDF_HEAD_BYTES]) is None and b"\0" in data[:_PDF_HEAD_BYTES]:
            raise AttachmentError(Refusal.NO_TEXT, _no_text(name, None))
        raise _too_large(name, size, MOST_TEXT_BYTES)
    decoded = decode_text(data)
    if decoded is None:
        raise AttachmentError(Refusal.NO_TEXT, _no_text(name, None))
    if not decoded.text.strip():
        raise AttachmentError(Refusal.EMPTY, f"{name} has no text in it, only white space.")
    note = ""
    if decoded.is_guess:
        note = (
            f"{name} doesn’t say how its letters are stored. "
            f"Octet read it as {decoded.encoding}; letters with accents may be wrong."
        )
    return _with_estimate(Attachment(name, decoded.text, size), note)


def _with_estimate(attachment: Attachment, note: str = "") -> ReadFile:
    return ReadFile(attachment, estimated_tokens(attachment.text), note)


def _no_text(name: str, kind: FileKind | None) -> str:
    return _KIND_SENTENCES.get(kind, _NOT_A_TEXT).format(name=name)


def _too_large(name: str, size: int, limit: int) -> AttachmentError:
    has, takes = megabytes_text(size), megabytes_text(limit)
    sentence = f"{name} has {has}. Octet reads up to {takes}; attach a part of it."
    return AttachmentError(Refusal.TOO_LARGE, sentence)


def _read_pdf(path: Path, name: str, size: int, should_stop: ShouldStop) -> Attachment:
    if size > MOST_PDF_BYTES:
        raise _too_large(name, size, MOST_PDF_BYTES)
    try:
        text = read_pdf(path, MOST_PDF_PAGES, MOST_TEXT_BYTES, PDF_SECONDS, should_stop)
    except PdfProblem as problem:
        refusal, sentence = _PDF_SENTENCES[problem.refusal]
        seconds, most = round(PDF_SECONDS), f"{MOST_PDF_PAGES:,}"
        sentence = sentence.format(
            name=name, pages=f"{problem.pages:,}", seconds=seconds, most=most
        )
        raise AttachmentError(refusal, sentence) from None
    return Attachment(name, text, size)


_NOT_A_TEXT = "{name} is not a text. Octet reads text, code and PDF."
_KIND_SENTENCES: dict[FileKind | None, str] = {
    FileKind.PICTURE: "{name} is a picture. Octet can’t read pictures.",
    FileKind.ARCHIVE: "{name} is an archive. Unpack it and attach the files in it.",
    FileKind.OFFICE: "{name} is an office document. Octet can’t read those; save it as a PDF.",
    FileKind.PROGRAM: "{name} is a program. Octet reads text, code and PDF.",
    FileKind.MODEL: "{name} is a model. Open it from the list of models instead.",
    FileKind.SOUND: "{name} is a sound. Octet reads text, code and PDF.",
    FileKind.FILM: "{name} is a film. Octet reads text, code and PDF.",
    FileKind.DATABASE: "{name} is a database. Octet reads text, code and PDF.",
}

_PDF_SENTENCES = {
    PdfRefusal.LOCKED: (
        Refusal.LOCKED,
        "{name} is locked with a password. Save it without one and attach that.",
    ),
    PdfRefusal.NO_TEXT: (
        Refusal.NO_TEXT,
        "{name} has no text, only pictures. Octet can’t read pictures.",
    ),
    PdfRefusal.NO_PAGES: (Refusal.EMPTY, "{name} has no pages."),
    PdfRefusal.TOO_MANY_PAGES: (
        Refusal.TOO_LARGE,
        "{name} has {pages} pages. Octet reads up to {most}; attach a part of it.",
    ),
    PdfRefusal.TOO_MUCH_TEXT: (
        Refusal.TOO_LARGE,
        "{name} has too much text, more than ten times what a model remembers. "
        "Attach a part of it.",
    ),
    PdfRefusal.TOO_MUCH_MEMORY: (
        Refusal.TOO_LARGE,
        "{name} takes too much memory to read. Nothing was attached; save it anew as a PDF.",
    ),
    PdfRefusal.TOO_SLOW: (
        Refusal.TOO_SLOW,
        "{name} was not read after {seconds} s. Nothing was attached; attach a part of it.",
    ),
    PdfRefusal.DAMAGED: (
        Refusal.DAMAGED,
        "{name} is damaged and can’t be read. Nothing was attached; save it anew as a PDF.",
    ),
    PdfRefusal.DIED: (
        Refusal.DAMAGED,
        "{name} can’t be read: what read it ended by itself. Nothing was attached.",
    ),
    PdfRefusal.STOPPED: (Refusal.STOPPED, "{name} was not read, since you took it away."),
}
