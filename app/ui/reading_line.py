"""What stands in a reply's place while the prompt is read: words, and after a second a bar.

Knows nothing of messages.
"""

from __future__ import annotations

from PySide6.QtCore import QRectF, QTimer, Slot
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from app.runtime.facts import ReadingProgress
from app.ui.amounts import seconds_text, tokens_text
from app.ui.theme import Theme, TypeRole

BAR_AFTER_MS = 1000


class ReadingLine(QWidget):
    """One line of text and a progress bar of 5 px beneath it."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self._progress: ReadingProgress | None = None
        self._patience = QTimer(self)
        self._patience.setSingleShot(True)
        self._patience.setInterval(BAR_AFTER_MS)
        self._patience.timeout.connect(self._tell)
        self._patience.start()
        self._text = ""
        self._tell()

    def show_progress(self, progress: ReadingProgress) -> None:
        """How far it is."""
        self._progress = progress
        self._tell()

    def height_wanted(self) -> int:
        """Text, gap and bar; the bar's room is always kept."""
        return self._theme.line_height(TypeRole.READING) + self._theme.gap(12)

    def text(self) -> str:
        """What it says now."""
        return self._text

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint the line and the bar."""
        theme = self._theme
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(theme.font(TypeRole.READING))
        painter.setPen(theme.colour("text2"))
        ascent = painter.fontMetrics().ascent()
        painter.drawText(0, ascent, self._text)
        if self._progress is None or self._patience.isActive():
            return
        fresh = self._progress.total_tokens - self._progress.reused_tokens
        done = self._progress.done_tokens - self._progress.reused_tokens
        share = min(1.0, max(0.0, done / fresh)) if fresh > 0 else 1.0
        height = theme.px(5)
        bar = QRectF(0, self.height() - height, self.width(), height)
        painter.setPen(theme.colour("trough"))
        painter.setBrush(theme.colour("trough"))
        painter.drawRoundedRect(bar, height / 2, height / 2)
        bar.setWidth(max(height, bar.width() * share))
        painter.setPen(theme.colour("accent"))
        painter.setBrush(theme.colour("accent"))
        painter.drawRoundedRect(bar, height / 2, height / 2)

    @Slot()
    def _tell(self) -> None:
        self._text = "Reading your message"
        progress = self._progress
        if progress is not None and not self._patience.isActive():
            fresh = progress.total_tokens - progress.reused_tokens
            self._text = f"Reading {tokens_text(max(fresh, 1))}"
            if progress.seconds_left is not None:
                self._text += f", about {seconds_text(progress.seconds_left)} left"
        self.setAccessibleName(self._text)
        self.update()
