"""Bytes of files as text: every encoding, and what is no text at all."""

from __future__ import annotations

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.file_text import FileKind, decode_text, kind_of

TEXTS = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1)
MARKS = {
    "utf-8": codecs.BOM_UTF8,
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32-le": codecs.BOM_UTF32_LE,
    "utf-32-be": codecs.BOM_UTF32_BE,
}


@given(text=TEXTS, codec=st.sampled_from(sorted(MARKS)))
def test_a_marked_text_is_read_as_it_was_written(text: str, codec: str) -> None:
    """Whatever its letters; nothing is guessed."""
    decoded = decode_text(MARKS[codec] + text.encode(codec))
    assert decoded is not None
    assert (decoded.text, decoded.is_guess) == (text.removeprefix("\ufeff"), False)


@given(text=TEXTS.filter(lambda text: kind_of(text.encode()) is None))
def test_utf8_needs_no_mark(text: str) -> None:
    """Nor is it a guess: hardly anything else is valid UTF-8."""
    decoded = decode_text(text.encode())
    assert decoded is not None
    assert (decoded.text, decoded.encoding) == (text.removeprefix("\ufeff"), "UTF-8")
    assert not decoded.is_guess


@given(data=st.binary(max_size=300))
def test_whatever_the_bytes_the_text_is_sound(data: bytes) -> None:
    """No NUL, no carriage return, no half of a letter: databases and pipes take it."""
    decoded = decode_text(data)
    if decoded is not None:
        decoded.text.encode("utf-8")
        assert not set(decoded.text) & {"\0", "\r", "\x1a"}


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_utf16_without_a_mark_is_guessed(codec: str) -> None:
    """By the NULs beside its letters."""
    decoded = decode_text("Plain words, without a mark.\r\nTwo lines.".encode(codec))
    assert decoded is not None
    assert decoded.text == "Plain words, without a mark.\nTwo lines."
    assert (decoded.encoding, decoded.is_guess) == ("UTF-16", True)


def test_an_old_encoding_is_guessed() -> None:
    """Windows-1252 where its bytes mean something, else Latin-1."""
    french = decode_text("déjà vu, 5 €".encode("cp1252"))
    assert french is not None
    assert (french.text, french.encoding, french.is_guess) == ("déjà vu, 5 €", "Windows-1252", True)
    other = decode_text(b"a\x81" + "é".encode("latin-1") + b" and many letters more " * 20)
    assert other is not None
    assert other.encoding == "Latin-1"


def test_line_ends_are_of_one_kind() -> None:
    """Of three systems."""
    decoded = decode_text(b"one\r\ntwo\rthree\n")
    assert decoded is not None
    assert decoded.text == "one\ntwo\nthree\n"


def test_a_few_nuls_are_left_out() -> None:
    """A log that a crash has cut has some; a file full of them is no text."""
    few = decode_text(b"a line of a log\n" * 100 + b"\0\0\0")
    assert few is not None
    assert "\0" not in few.text
    assert decode_text(b"words\0\0\0\0words") is None


@pytest.mark.parametrize(
    ("data", "suffix", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", ".txt", FileKind.PICTURE),
        (b"RIFF\0\0\0\0WEBPVP8 ", "", FileKind.PICTURE),
        (b"\0\0\0 ftypisom", "", FileKind.FILM),
        (b"PK\x03\x04\x14\0\0\0", ".zip", FileKind.ARCHIVE),
        (b"PK\x03\x04\x14\0\0\0", ".DOCX", FileKind.OFFICE),
        (b"\x7fELF\x02\x01\x01\0", "", FileKind.PROGRAM),
        (b"GGUF\x03\0\0\0", "", FileKind.MODEL),
        (b"SQLite format 3\0", "", FileKind.DATABASE),
        (b"BMW is a maker of cars", "", None),
        (b"MZ: my favourite initials", "", None),
    ],
)
def test_files_without_text_are_known_by_their_beginning(
    data: bytes, suffix: str, kind: FileKind | None
) -> None:
    """Whatever they are called; words that begin alike are words."""
    assert kind_of(data, suffix) is kind
    assert (decode_text(data) is None) is (kind is not None)
