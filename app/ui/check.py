"""A switch: on, or off. Knows nothing of what it switches."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRectF, QSize, Qt
from PySide6.QtGui import QFocusEvent, QKeyEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QCheckBox

from app.ui.buttons import keyboard_brought, paint_focus_ring
from app.ui.theme import Theme


class Check(QCheckBox):
    """Qt's own check box without a text, painted after the tokens."""

    def __init__(self, theme: Theme, name: str) -> None:
        super().__init__()
        self._theme = theme
        self._shows_focus = False
        self.setAccessibleName(name)
        theme.changed.connect(self.updateGeometry)

    def sizeHint(self) -> QSize:
        """A square that can be hit."""
        side = max(24, self._theme.px(26))
        return QSize(side, side)

    def minimumSizeHint(self) -> QSize:
        """It doesn't shrink."""
        return self.sizeHint()

    def hitButton(self, pos: QPoint) -> bool:
        """All of it can be hit."""
        return self.rect().contains(pos)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter switches, as Space does."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.click()
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Show the ring when the keyboard brought the focus."""
        self._shows_focus = keyboard_brought(event.reason())
        super().focusInEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Hide the ring."""
        self._shows_focus = False
        super().focusOutEvent(event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint the box and the tick."""
        theme, painter = self._theme, QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        side = theme.px(20)
        left, top = (self.width() - side) / 2, (self.height() - side) / 2
        box = QRectF(left, top, side, side)
        on = self.isChecked()
        painter.setPen(QPen(theme.colour("accent" if on else "control"), 1.5))
        painter.setBrush(theme.colour("accent" if on else "raised"))
        painter.drawRoundedRect(box.adjusted(0.75, 0.75, -0.75, -0.75), theme.px(5), theme.px(5))
        if on:
            size = theme.px(16)
            inset = (side - size) / 2
            ink = theme.colours.on_accent
            theme.icons.paint(painter, "check", ink, left + inset, top + inset, size)
        if self._shows_focus:
            paint_focus_ring(painter, theme, QRectF(self.rect()), theme.px(7))
