"""PDFs of every kind: sound, locked, broken, and made to hang whoever reads them."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import psutil
import pytest

from app.core import pdf_reading
from app.core.pdf_reading import PdfProblem, PdfRefusal, extract_text, read_pdf
from tests.app.core.pdfs import (
    bomb_pdf,
    circular_pdf,
    locked_pdf,
    raw_pdf,
    stream,
    text_objects,
    text_pdf,
    write,
)

MOST_PAGES, MOST_LETTERS, SECONDS = 5000, 1_000_000, 60.0


def problem_of(path: Path, most_pages: int = MOST_PAGES, most_letters: int = MOST_LETTERS) -> str:
    """Why there is no text; in this process, since most of them do no harm."""
    with pytest.raises(PdfProblem) as caught:
        extract_text(path, most_pages, most_letters)
    return caught.value.refusal.value


def text_of(path: Path) -> str:
    """The text, read in this process."""
    return extract_text(path, MOST_PAGES, MOST_LETTERS)


def test_text_comes_page_by_page(tmp_path: Path) -> None:
    """With page marks, also for a page without text among others."""
    path = write(tmp_path, "a.pdf", text_pdf("One", "", "Déjà"))
    assert text_of(path) == "[Page 1]\nOne\n\n[Page 2, without text]\n\n[Page 3]\nDéjà"


@pytest.mark.parametrize("algorithm", ["RC4-40", "RC4-128", "AES-128", "AES-256"])
def test_what_only_forbids_printing_can_be_read(tmp_path: Path, algorithm: str) -> None:
    """Its user's password is empty, as of many forms and statements."""
    path = write(tmp_path, "a.pdf", locked_pdf(text_pdf("Statement"), "", algorithm))
    assert text_of(path) == "[Page 1]\nStatement"


@pytest.mark.parametrize("algorithm", ["RC4-128", "AES-256"])
def test_what_is_locked_stays_locked(tmp_path: Path, algorithm: str) -> None:
    """No password is guessed."""
    path = write(tmp_path, "a.pdf", locked_pdf(text_pdf("Secret"), "pw", algorithm))
    assert problem_of(path) == "locked"


def test_an_unknown_lock_is_a_lock(tmp_path: Path) -> None:
    """As of a rights-managed document."""
    data = raw_pdf(text_objects("x") | {6: b"<< /Filter /Adobe.APS /V 4 >>"})
    data = data.replace(b"/Root 1 0 R", b"/Root 1 0 R /Encrypt 6 0 R /ID [(a) (a)]")
    assert problem_of(write(tmp_path, "a.pdf", data)) == "locked"


def test_a_broken_table_of_places_is_searched_for(tmp_path: Path) -> None:
    """Missing, or wrong."""
    without = raw_pdf(text_objects("Found"), with_table=False)
    assert text_of(write(tmp_path, "a.pdf", without)) == "[Page 1]\nFound"
    at = without.rindex(b"startxref")
    wrong = without[:at] + b"startxref\n999999\n%%EOF\n"
    assert text_of(write(tmp_path, "b.pdf", wrong)) == "[Page 1]\nFound"


def test_a_circle_of_pages_ends(tmp_path: Path) -> None:
    """A tree that contains itself is a damaged file."""
    assert problem_of(write(tmp_path, "a.pdf", circular_pdf())) == "damaged"


@pytest.mark.parametrize("nested", [b"[" * 9000, b"<<" * 9000, b"<</A " * 9000])
def test_brackets_without_end_are_damage(tmp_path: Path, nested: bytes) -> None:
    """However deep they go; what is left of the file may be a tree without pages."""
    objects = text_objects("x")
    objects[2] = b"<< /Type /Pages /Count 1 /Kids " + nested
    assert problem_of(write(tmp_path, "a.pdf", raw_pdf(objects))) in ("damaged", "no pages")


def test_a_drawing_that_draws_itself_ends(tmp_path: Path) -> None:
    """Its page is read, or said to be unreadable; the other one is there."""
    objects = text_objects("One", "Two")
    objects[4] = objects[4].replace(b"/Font", b"/XObject << /X 8 0 R >> /Font")
    objects[5] = stream(b"BT /F1 12 Tf (One) Tj ET /X Do")
    objects[8] = stream(
        b"/X Do",
        b"/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /X 8 0 R >> >>",
    )
    assert "[Page 2]\nTwo" in text_of(write(tmp_path, "a.pdf", raw_pdf(objects)))


def test_pages_are_counted_before_they_are_read(tmp_path: Path) -> None:
    """Ten thousand of them cost their count, and the number is told."""
    path = write(tmp_path, "a.pdf", text_pdf(*["x"] * 10_000))
    with pytest.raises(PdfProblem) as caught:
        extract_text(path, MOST_PAGES, MOST_LETTERS)
    assert (caught.value.refusal, caught.value.pages) == (PdfRefusal.TOO_MANY_PAGES, 10_000)


def test_text_without_end_is_cut_off(tmp_path: Path) -> None:
    """Before the last page is read."""
    path = write(tmp_path, "a.pdf", text_pdf(*["word " * 50] * 100))
    assert problem_of(path, most_letters=2000) == "too much text"


def test_a_pdf_without_pages_is_said(tmp_path: Path) -> None:
    """It is no scanned one."""
    objects = text_objects("x")
    objects[2] = b"<< /Type /Pages /Count 0 /Kids [] >>"
    assert problem_of(write(tmp_path, "a.pdf", raw_pdf(objects))) == "no pages"


def test_one_broken_page_costs_only_itself(tmp_path: Path) -> None:
    """The others are read."""
    objects = text_objects("One", "Two", "Three")
    objects[7] = stream(b"not packed", b"/Filter /NoSuchFilter")
    text = text_of(write(tmp_path, "a.pdf", raw_pdf(objects)))
    assert text == "[Page 1]\nOne\n\n[Page 2, which can’t be read]\n\n[Page 3]\nThree"


@pytest.mark.parametrize("data", [b"", b"%PDF-1.7\n", b"%PDF-1.7\n" + b"\xff" * 5000])
def test_rubbish_is_damaged(tmp_path: Path, data: bytes) -> None:
    """Whatever the library raises at it."""
    assert problem_of(write(tmp_path, "a.pdf", data)) == "damaged"


# --- the process of its own ------------------------------------------------------------------


def test_the_process_gives_the_same_text(tmp_path: Path) -> None:
    """And the same problems."""
    path = write(tmp_path, "a.pdf", text_pdf("One", "Two"))
    assert read_pdf(path, MOST_PAGES, MOST_LETTERS, SECONDS) == text_of(path)
    with pytest.raises(PdfProblem) as caught:
        read_pdf(path, 1, MOST_LETTERS, SECONDS)
    assert (caught.value.refusal, caught.value.pages) == (PdfRefusal.TOO_MANY_PAGES, 2)


def test_a_page_that_unfolds_without_end_does_no_harm(tmp_path: Path) -> None:
    """Half a gigabyte out of half a megabyte."""
    path = write(tmp_path, "a.pdf", bomb_pdf(500))
    with pytest.raises(PdfProblem):
        read_pdf(path, MOST_PAGES, MOST_LETTERS, SECONDS)


def test_time_is_limited(tmp_path: Path) -> None:
    """Whatever it is that takes so long; the process is gone afterwards."""
    path = write(tmp_path, "a.pdf", text_pdf(*["x"] * 4000))
    begin = time.monotonic()
    with pytest.raises(PdfProblem) as caught:
        read_pdf(path, MOST_PAGES, MOST_LETTERS, 0.0)
    assert caught.value.refusal is PdfRefusal.TOO_SLOW
    assert time.monotonic() - begin < 10


def test_memory_is_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By whoever watches the process, where the system keeps no limit itself."""
    path = write(tmp_path, "a.pdf", text_pdf(*["x"] * 4000))
    monkeypatch.setattr(pdf_reading, "MOST_MEMORY_BYTES", 1)
    with pytest.raises(PdfProblem) as caught:
        read_pdf(path, MOST_PAGES, MOST_LETTERS, SECONDS)
    assert caught.value.refusal is PdfRefusal.TOO_MUCH_MEMORY


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps the limit")
def test_the_process_limits_its_own_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing has to be noticed in time then."""
    import resource

    kept: dict[int, tuple[int, int]] = {}
    monkeypatch.setattr(resource, "setrlimit", kept.__setitem__)
    pdf_reading._limit_this_process(60)
    assert kept[resource.RLIMIT_AS] == (2**30, 2**30)
    assert kept[resource.RLIMIT_CPU] == (70, 70)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
def test_a_process_that_dies_is_told(tmp_path: Path) -> None:
    """Killed from outside, as by the system when memory runs out."""
    path = write(tmp_path, "a.pdf", text_pdf(*["x"] * 4000))

    def kill_it() -> bool:
        for child in psutil.Process().children():
            if "spawn_main" in " ".join(child.cmdline()):
                os.kill(child.pid, signal.SIGKILL)
        return False

    with pytest.raises(PdfProblem) as caught:
        read_pdf(path, MOST_PAGES, MOST_LETTERS, SECONDS, kill_it)
    assert caught.value.refusal is PdfRefusal.DIED
