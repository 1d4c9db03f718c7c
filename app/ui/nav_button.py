"""A row at the sidebar's foot that leads somewhere. Knows nothing of where."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent

from app.ui.buttons import PaintedButton, paint_focus_ring
from app.ui.theme import Theme, TypeRole


class NavButton(PaintedButton):
    """An icon and a word, 34 px high."""

    def __init__(self, theme: Theme, icon: str, text: str, keys: str = "") -> None:
        super().__init__(theme)
        self._icon = icon
        self._chosen = False
        self.setText(text)
        if keys:
            self.setToolTip(f"{text} ({keys})")

    def set_chosen(self, chosen: bool) -> None:
        """Whether it stands for what is shown now."""
        self._chosen = chosen
        self.update()

    def sizeHint(self) -> QSize:
        """A row."""
        return QSize(self.theme.px(200), self.theme.px(34))

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint the row."""
        theme = self.theme
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        rect = QRectF(self.rect()).adjusted(0, 1, 0, -1)
        radius = theme.px(8)
        if self._chosen or self.hovered:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.colour("selected" if self._chosen else "hover"))
            painter.drawRoundedRect(rect, radius, radius)
        size = theme.px(18)
        left = theme.gap(10)
        top = (self.height() - size) / 2
        theme.icons.paint(painter, self._icon, theme.colours.text2, left, top, size)
        painter.setFont(theme.font(TypeRole.BODY))
        painter.setPen(theme.colour("text"))
        room = self.rect().adjusted(left + size + theme.gap(10), 0, 0, 0)
        painter.drawText(room, Qt.AlignmentFlag.AlignVCenter, self.text())
        if self.shows_focus:
            paint_focus_ring(painter, theme, rect, radius)
