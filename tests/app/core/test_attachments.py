"""Files that are attached: what is read of them, and the sentence when nothing is."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest

from app.core import attachments
from app.core.attachments import (
    MOST_TEXT_BYTES,
    AttachmentError,
    Refusal,
    estimated_tokens,
    megabytes_text,
    read_attachment,
    read_file,
    shown_name,
)
from tests.app.core.pdfs import locked_pdf, text_pdf, write

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")


def refusal_of(path: Path) -> tuple[Refusal, str]:
    """Why a file is refused."""
    with pytest.raises(AttachmentError) as caught:
        read_attachment(path)
    return caught.value.refusal, str(caught.value)


def test_a_text_file_is_read(tmp_path: Path) -> None:
    """With its name and size; nothing had to be guessed."""
    read = read_file(write(tmp_path, "notes.txt", "Grüße\r\n".encode()))
    attachment = read.attachment
    assert (attachment.name, attachment.text, attachment.file_bytes) == ("notes.txt", "Grüße\n", 9)
    assert (attachment.is_cut, read.note) == (False, "")


def test_a_guess_is_said(tmp_path: Path) -> None:
    """With the encoding's name."""
    read = read_file(write(tmp_path, "old.txt", "déjà".encode("cp1252")))
    assert read.attachment.text == "déjà"
    assert "Windows-1252" in read.note


def test_a_link_is_followed(tmp_path: Path) -> None:
    """It is called as the link is."""
    write(tmp_path, "target.txt", b"words")
    link = tmp_path / "link.md"
    link.symlink_to(tmp_path / "target.txt")
    assert read_attachment(link).name == "link.md"
    assert read_attachment(link).text == "words"


def test_what_is_gone_is_said(tmp_path: Path) -> None:
    """Also a link to nothing."""
    assert refusal_of(tmp_path / "gone.txt")[0] is Refusal.GONE
    (tmp_path / "link").symlink_to(tmp_path / "gone.txt")
    assert refusal_of(tmp_path / "link") == (
        Refusal.GONE,
        "link is not there any more. Nothing was attached.",
    )


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    """The system counts them."""
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    assert refusal_of(tmp_path / "a")[0] is Refusal.UNREADABLE


def test_a_folder_is_refused(tmp_path: Path) -> None:
    """With what to do instead."""
    assert refusal_of(tmp_path)[0] is Refusal.FOLDER


def test_nothing_is_refused(tmp_path: Path) -> None:
    """No byte, or nothing to be seen."""
    assert refusal_of(write(tmp_path, "a.txt", b""))[0] is Refusal.EMPTY
    assert refusal_of(write(tmp_path, "b.txt", b" \r\n\t"))[0] is Refusal.EMPTY


@POSIX
def test_pipes_sockets_and_devices_block_nobody(tmp_path: Path) -> None:
    """Opening a pipe that nobody writes into would wait for ever."""
    os.mkfifo(tmp_path / "pipe")
    assert refusal_of(tmp_path / "pipe")[0] is Refusal.NO_FILE
    assert refusal_of(Path("/dev/zero"))[0] is Refusal.NO_FILE
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        assert refusal_of(tmp_path / "s")[0] is Refusal.NO_FILE


@POSIX
def test_a_file_that_becomes_a_pipe_blocks_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at it and its opening."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    checks: list[int] = []
    check = attachments._check_node

    def let_the_first_through(mode: int, name: str) -> None:
        checks.append(mode)
        if len(checks) > 1:
            check(mode, name)

    monkeypatch.setattr(attachments, "_check_node", let_the_first_through)
    assert refusal_of(path)[0] is Refusal.NO_FILE
    assert len(checks) == 2


def test_what_may_not_be_read_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the system's reason; the tests may run as root, who may read everything."""

    def refuse(path: Path, flags: int) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(attachments.os, "open", refuse)
    refusal, sentence = refusal_of(write(tmp_path, "secret.txt", b"words"))
    assert refusal is Refusal.UNREADABLE
    assert sentence == "secret.txt can’t be read: Permission denied. Nothing was attached."


def test_binary_files_are_refused(tmp_path: Path) -> None:
    """A picture by its name, others as what they are not."""
    picture = write(tmp_path, "p.txt", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")
    assert refusal_of(picture) == (
        Refusal.NO_TEXT,
        "p.txt is a picture. Octet can’t read pictures.",
    )
    noise = write(tmp_path, "n.dat", bytes(range(256)) * 10)
    assert refusal_of(noise) == (
        Refusal.NO_TEXT,
        "n.dat is not a text. Octet reads text, code and PDF.",
    )


def test_a_very_long_text_is_refused_with_the_numbers(tmp_path: Path) -> None:
    """Just as long as allowed is allowed."""
    path = tmp_path / "long.log"
    path.write_bytes(b"x" * MOST_TEXT_BYTES)
    assert len(read_attachment(path).text) == MOST_TEXT_BYTES
    with path.open("ab") as file:
        file.truncate(340_000_000)  # a hole: it takes no room on the disk
    refusal, sentence = refusal_of(path)
    assert refusal is Refusal.TOO_LARGE
    assert sentence == "long.log has 340 MB. Octet reads up to 8.0 MB; attach a part of it."


def test_a_name_is_one_line(tmp_path: Path) -> None:
    """Whatever bytes it has; a name can't write a second line into a prompt."""
    assert shown_name(Path("a\nb.txt")) == "a\ufffdb.txt"
    raw = Path(os.fsdecode(b"caf\xe9.txt"))
    shown_name(raw).encode("utf-8")
    assert read_attachment(write(tmp_path, "x\ty.txt", b"w")).name == "x\ufffdy.txt"


def test_a_pdf_is_known_by_its_content(tmp_path: Path) -> None:
    """Not by its name; its size is the file's."""
    data = text_pdf("Hello there", "Second page")
    attachment = read_attachment(write(tmp_path, "report.bin", data))
    assert attachment.text == "[Page 1]\nHello there\n\n[Page 2]\nSecond page"
    assert attachment.file_bytes == len(data)


@pytest.mark.parametrize(
    ("name", "data", "refusal", "words"),
    [
        ("station_9.pdf", text_pdf(""), Refusal.NO_TEXT, "has no text, only pictures"),
        ("locked.pdf", locked_pdf(text_pdf("x"), "pw"), Refusal.LOCKED, "with a password"),
        ("half.pdf", text_pdf("Hello")[:150], Refusal.DAMAGED, "is damaged"),
    ],
)
def test_pdfs_without_text_have_their_sentences(
    tmp_path: Path, name: str, data: bytes, refusal: Refusal, words: str
) -> None:
    """First what is, then what to do."""
    found, sentence = refusal_of(write(tmp_path, name, data))
    assert found is refusal
    assert sentence.startswith(name)
    assert words in sentence


def test_reading_a_pdf_can_be_given_up(tmp_path: Path) -> None:
    """Within a tenth of a second."""
    path = write(tmp_path, "a.pdf", text_pdf("Hello"))
    with pytest.raises(AttachmentError) as caught:
        read_attachment(path, lambda: True)
    assert caught.value.refusal is Refusal.STOPPED


def test_tokens_are_estimated_with_two_figures() -> None:
    """Nobody takes "about 2,300" for a measurement."""
    assert estimated_tokens("") == 1
    assert estimated_tokens("a" * 8000) == 2300
    assert estimated_tokens("é" * 35) == 20


def test_sizes_are_in_units_of_a_thousand() -> None:
    """As files' sizes are everywhere in the program."""
    sizes = [megabytes_text(n) for n in (1, 12_400, 1_400_000, 340_000_000, 2_100_000_000)]
    assert sizes == ["1 kB", "12 kB", "1.4 MB", "340 MB", "2,100 MB"]
