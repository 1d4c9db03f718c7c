"""The round button that leads back to the transcript's end. Knows no transcript."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from app.ui.buttons import PaintedButton, paint_focus_ring
from app.ui.theme import Theme, TypeRole, tabular


class DownButton(PaintedButton):
    """A circle of 34 px, wider when it counts the new lines."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(theme)
        self.setParent(parent)
        self._lines = 0
        self.show_lines(0)
        self.hide()

    def show_lines(self, lines: int) -> None:
        """So many lines have come beneath what is seen."""
        self._lines = lines
        more = f", {lines} new lines" if lines else ""
        self.setAccessibleName(f"To the end{more}")
        self.setToolTip("To the end (End)")
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        """A circle, or a pill."""
        side = self.theme.px(34)
        return QSize(side + self._text_width(), side)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint surface, arrow and count."""
        theme = self.theme
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        rect = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        radius = rect.height() / 2
        painter.setPen(QPen(theme.colour("control"), 1))
        painter.setBrush(theme.colour("hover" if self.hovered else "raised"))
        painter.drawRoundedRect(rect, radius, radius)
        size = theme.px(18)
        left = (theme.px(34) - size) / 2
        theme.icons.paint(
            painter, "down", theme.colours.text2, left, (self.height() - size) / 2, size
        )
        if self._lines:
            painter.setFont(tabular(theme.font(TypeRole.SMALL)))
            painter.setPen(theme.colour("text2"))
            baseline = (self.height() + painter.fontMetrics().capHeight()) / 2
            painter.drawText(round(left + size + theme.gap(4)), round(baseline), str(self._lines))
        if self.shows_focus:
            paint_focus_ring(painter, theme, QRectF(self.rect()), radius)

    def _text_width(self) -> int:
        if not self._lines:
            return 0
        font = tabular(self.theme.font(TypeRole.SMALL))
        return QFontMetrics(font).horizontalAdvance(str(self._lines)) + self.theme.gap(8)
