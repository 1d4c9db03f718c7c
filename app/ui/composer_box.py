"""The box that the composer stands in. Knows nothing of what is in it."""

from __future__ import annotations

from PySide6.QtCore import QRectF
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from app.ui.theme import Theme


class ComposerBox(QWidget):
    """Raised, with round corners; its border is the accent's while one writes in it."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.theme = theme

    def is_written_in(self) -> bool:
        """Whether the border is the accent's."""
        raise NotImplementedError

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint the box."""
        theme, painter = self.theme, QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(theme.colour("accent" if self.is_written_in() else "control"), 1))
        painter.setBrush(theme.colour("raised"))
        rect = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.drawRoundedRect(rect, theme.px(16), theme.px(16))
