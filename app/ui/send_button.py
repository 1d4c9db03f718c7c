"""The round button of the composer: send, or stop while a reply grows.

Knows nothing of what is sent.
"""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen

from app.ui.buttons import PaintedButton
from app.ui.theme import Theme


class SendButton(PaintedButton):
    """A circle of 34 px."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme)
        self._stops = False
        self.set_stops(False)

    @property
    def stops(self) -> bool:
        """Whether a click stops the reply."""
        return self._stops

    def set_stops(self, stops: bool) -> None:
        """A reply is under way, or not."""
        self._stops = stops
        name, keys = ("Stop the reply", "Esc") if stops else ("Send the message", "Enter")
        self.setAccessibleName(name)
        self.setToolTip(f"{name} ({keys})")
        self.update()

    def sizeHint(self) -> QSize:
        """A circle."""
        return QSize(self.theme.px(34), self.theme.px(34))

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint the circle, the icon and the focus ring."""
        theme = self.theme
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self._stops:
            fill, ink = "text", "raised"
        elif self.isEnabled():
            fill, ink = ("accent_hover" if self.hovered else "accent"), "on_accent"
        else:
            fill, ink = "hover", "text3"
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour(fill))
        painter.drawEllipse(QRectF(self.rect()))
        size = theme.px(20)
        corner = (self.width() - size) / 2
        icon = "stop" if self._stops else "send"
        theme.icons.paint(painter, icon, getattr(theme.colours, ink), corner, corner, size)
        if self.shows_focus:
            painter.setPen(QPen(theme.colour("raised" if self._stops else "on_accent"), 1.75))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawEllipse(QRectF(self.rect()).adjusted(3, 3, -3, -3))
