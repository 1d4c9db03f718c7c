"""Colours code in documents, a few milliseconds at a time, so that no frame is missed.

Knows nothing of the blocks in which the code stands.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from PySide6.QtCore import QObject, QTimer, Slot
from PySide6.QtGui import QTextBlock, QTextCharFormat, QTextCursor, QTextLayout

from app.ui.highlight import Highlighter, Stretch
from app.ui.rich_text import PlacedText
from app.ui.theme import Theme

SLICE_SECONDS = 0.0025
STRETCHES_AT_ONCE = 48


@dataclass(slots=True)
class _Job:
    text: PlacedText
    stretches: Iterator[Stretch]
    waiting: list[Stretch] = field(default_factory=list)


class CodeColours(QObject):
    """Takes code that is complete, and colours its document in the background."""

    def __init__(self, theme: Theme, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._highlighter = Highlighter()
        self._jobs: deque[_Job] = deque()
        self._timer = QTimer(self)
        self._timer.setInterval(0)
        self._timer.timeout.connect(self._work)

    @Slot()
    def warm_up(self) -> None:
        """Load Pygments before the first code comes."""
        self._highlighter.warm_up()

    @property
    def is_idle(self) -> bool:
        """Whether everything is coloured."""
        return not self._jobs

    def colour(self, text: PlacedText, code: str, language: str) -> None:
        """Colour `text`, which shows `code`: at once if it was read before, else soon."""
        known = self._highlighter.known(code, language)
        if known is not None:
            self._apply(text, known)
            return
        self._jobs.append(_Job(text, self._highlighter.stretches(code, language)))
        self._timer.start()

    def forget(self, text: PlacedText) -> None:
        """The document is gone."""
        self._jobs = deque(job for job in self._jobs if job.text is not text)

    @Slot()
    def _work(self) -> None:
        until = time.perf_counter() + SLICE_SECONDS
        while self._jobs and time.perf_counter() < until:
            job = self._jobs[0]
            stretch = next(job.stretches, None)
            if stretch is not None:
                job.waiting.append(stretch)
            if stretch is None or len(job.waiting) >= STRETCHES_AT_ONCE:
                self._finish_lines(job, is_end=stretch is None)
            if stretch is None:
                self._jobs.popleft()
        if not self._jobs:
            self._timer.stop()

    def _finish_lines(self, job: _Job, *, is_end: bool) -> None:
        """Colour the lines that are read completely; a line's formats are set once."""
        if not job.waiting:
            return
        line_start = len(job.waiting)
        if not is_end:
            document = job.text.document
            last_line = document.findBlock(job.waiting[-1].start).position()
            while line_start and job.waiting[line_start - 1].start >= last_line:
                line_start -= 1
        self._apply(job.text, job.waiting[:line_start])
        job.waiting = job.waiting[line_start:]

    def _apply(self, text: PlacedText, stretches: Sequence[Stretch]) -> None:
        lines: dict[int, list[QTextLayout.FormatRange]] = {}
        document = text.document
        for stretch in stretches:
            self._add_ranges(document.findBlock(stretch.start), stretch, lines)
        cursor = QTextCursor(document)
        cursor.beginEditBlock()
        for number, ranges in lines.items():
            document.findBlockByNumber(number).layout().setFormats(ranges)
        cursor.endEditBlock()
        text.note_repaint()

    def _add_ranges(
        self, block: QTextBlock, stretch: Stretch, lines: dict[int, list[QTextLayout.FormatRange]]
    ) -> None:
        """A stretch may go over several lines (a docstring)."""
        end = stretch.start + stretch.length
        while block.isValid() and block.position() < end:
            first = max(stretch.start, block.position())
            last = min(end, block.position() + block.length() - 1)
            if last > first:
                piece = QTextLayout.FormatRange()
                piece.start = first - block.position()
                piece.length = last - first
                char = QTextCharFormat()
                char.setForeground(self._theme.colour(stretch.token))
                piece.format = char
                lines.setdefault(block.blockNumber(), []).append(piece)
            block = block.next()
