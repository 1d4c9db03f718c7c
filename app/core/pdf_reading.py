"""The text of a PDF, read in a process of its own that has little time and memory.

Both sides of it: `read_pdf` starts the process and watches it, `serve` is what runs in it. A PDF is
a program of sorts, and some are made to hang whoever reads them. Knows nothing of attachments.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from model_io.child import Child, start_child

if TYPE_CHECKING:
    from pypdf import PdfReader

MOST_MEMORY_BYTES = 2**30
"""What the process may have; a large sound PDF takes a quarter of it."""

_POLL_SECONDS = 0.1
_EXIT_SECONDS = 5.0


class PdfRefusal(Enum):
    """Why there is no text."""

    LOCKED = "locked"
    NO_TEXT = "no text"
    NO_PAGES = "no pages"
    TOO_MANY_PAGES = "too many pages"
    TOO_MUCH_TEXT = "too much text"
    TOO_MUCH_MEMORY = "too much memory"
    TOO_SLOW = "too slow"
    DAMAGED = "damaged"
    DIED = "died"
    STOPPED = "stopped"


class PdfProblem(Exception):
    """A PDF gave no text; `pages` is how many it has, if that matters."""

    def __init__(self, refusal: PdfRefusal, pages: int = 0) -> None:
        super().__init__(refusal, pages)
        self.refusal = refusal
        self.pages = pages


@dataclass(frozen=True, slots=True)
class _Order:
    path: Path
    most_pages: int
    most_letters: int
    seconds: float


# --- the parent's side -----------------------------------------------------------------------


def read_pdf(
    path: Path,
    most_pages: int,
    most_letters: int,
    seconds: float,
    should_stop: Callable[[], bool] = lambda: False,
) -> str:
    """The text, page by page beneath page marks. Raises PdfProblem, after `seconds` at the latest.

    Asks `should_stop` ten times a second.
    """
    deadline = time.monotonic() + seconds
    with tempfile.TemporaryDirectory(prefix="octet-", ignore_cleanup_errors=True) as folder:
        try:
            child = start_child(__name__, Path(folder) / "pdf.log")
        except OSError:
            raise PdfProblem(PdfRefusal.DIED) from None
        try:
            child.connection.send(_Order(path.absolute(), most_pages, most_letters, seconds))
            return _follow(child, deadline, should_stop)
        except (EOFError, OSError):
            raise PdfProblem(PdfRefusal.DIED) from None
        finally:
            _bury(child)


def _follow(child: Child, deadline: float, should_stop: Callable[[], bool]) -> str:
    while not child.connection.poll(_POLL_SECONDS):
        if should_stop():
            raise PdfProblem(PdfRefusal.STOPPED)
        if time.monotonic() > deadline:
            raise PdfProblem(PdfRefusal.TOO_SLOW)
        # The limit that the child sets itself isn't kept by every system.
        if _memory_of(child) > MOST_MEMORY_BYTES:
            raise PdfProblem(PdfRefusal.TOO_MUCH_MEMORY)
    answer: object = child.connection.recv()
    if isinstance(answer, PdfProblem):
        raise answer
    return str(answer)


def _memory_of(child: Child) -> int:
    with contextlib.suppress(psutil.Error):
        return int(psutil.Process(child.process.pid).memory_info().rss)
    return 0


def _bury(child: Child) -> None:
    child.connection.close()
    child.process.kill()  # it has nothing to lose
    child.process.join(_EXIT_SECONDS)
    if child.process.exitcode is not None:
        child.process.close()


# --- the child's side ------------------------------------------------------------------------


def serve(connection: Connection) -> None:
    """Read the one PDF that is asked for."""
    order: _Order = connection.recv()
    threading.Thread(target=_end_with, args=(connection,), daemon=True).start()
    _limit_this_process(order.seconds)
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # it warns at each flaw of each page
    try:
        answer: str | PdfProblem = extract_text(order.path, order.most_pages, order.most_letters)
    except PdfProblem as problem:
        answer = problem
    except MemoryError:
        answer = PdfProblem(PdfRefusal.TOO_MUCH_MEMORY)
    connection.send(answer)


def extract_text(path: Path, most_pages: int, most_letters: int) -> str:
    """The text of the PDF at `path`, in this process. Raises PdfProblem and MemoryError."""
    from pypdf import PdfReader
    from pypdf.errors import DependencyError, FileNotDecryptedError, WrongPasswordError

    try:
        reader = PdfReader(path)
        # What only forbids printing or copying opens with an empty password, as in any viewer.
        if reader.is_encrypted and not reader.decrypt(""):
            raise PdfProblem(PdfRefusal.LOCKED)
        count = len(reader.pages)
    except (FileNotDecryptedError, WrongPasswordError, DependencyError, NotImplementedError):
        raise PdfProblem(PdfRefusal.LOCKED) from None
    except (PdfProblem, MemoryError):
        raise
    except Exception:  # noqa: BLE001  a damaged file raises whatever it meets in pypdf
        raise PdfProblem(PdfRefusal.DAMAGED) from None
    if count == 0:
        raise PdfProblem(PdfRefusal.NO_PAGES)
    if count > most_pages:
        raise PdfProblem(PdfRefusal.TOO_MANY_PAGES, count)
    return _join_pages(_read_pages(reader, count), most_letters)


def _read_pages(reader: PdfReader, count: int) -> Iterable[str | None]:
    """Each page's text; None for one that is damaged."""
    for number in range(count):
        try:
            yield _clean(reader.pages[number].extract_text())
        except MemoryError:
            raise
        except Exception:  # noqa: BLE001  one broken page doesn't cost the others
            yield None


def _clean(text: str) -> str:
    """Lines without blanks at their ends, and no halves of letters, which no database takes."""
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    kept = "".join(each for each in text if each in "\n\t" or each >= " ")
    return "\n".join(line.rstrip() for line in kept.split("\n")).strip("\n")


def _join_pages(pages: Iterable[str | None], most_letters: int) -> str:
    parts: list[str] = []
    letters, has_text, all_broken = 0, False, True
    for number, text in enumerate(pages, 1):
        all_broken = all_broken and text is None
        has_text = has_text or bool(text and text.strip())
        if text is None:
            parts.append(f"[Page {number}, which can’t be read]")
        elif text.strip():
            parts.append(f"[Page {number}]\n{text}")
        else:
            parts.append(f"[Page {number}, without text]")
        letters += len(parts[-1])
        if letters > most_letters:
            raise PdfProblem(PdfRefusal.TOO_MUCH_TEXT)
    if not has_text:
        raise PdfProblem(PdfRefusal.DAMAGED if all_broken else PdfRefusal.NO_TEXT)
    return "\n\n".join(parts)


def _limit_this_process(seconds: float) -> None:
    if sys.platform == "win32":
        return
    import resource

    limits = (
        (resource.RLIMIT_AS, MOST_MEMORY_BYTES),
        (resource.RLIMIT_CPU, int(seconds) + 10),  # for when nobody is left to look at the clock
    )
    for kind, limit in limits:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (limit, limit))


def _end_with(connection: Connection) -> None:
    """The end of the pipe is the end of whoever wanted this."""
    with contextlib.suppress(EOFError, OSError):
        connection.recv()
    os._exit(1)
