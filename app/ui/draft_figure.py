"""What stands beside the round button: the draft's tokens, or the mark and the reply's speed.

Knows nothing of where the figures come from.
"""

from __future__ import annotations

from PySide6.QtCore import QSize
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QWidget

from app.ui.labels import Label
from app.ui.mark import Mark, MarkClock
from app.ui.theme import Theme, TypeRole


class DraftFigure(QWidget):
    """The mark while a reply grows, and a figure."""

    def __init__(self, theme: Theme, clock: MarkClock) -> None:
        super().__init__()
        self._theme = theme
        self._mark = Mark(theme, 18, clock)
        self._label = Label(theme, "", TypeRole.SMALL, "text2", elided=True)
        self._mark.setParent(self)
        self._label.setParent(self)
        self._mark.hide()
        self._label.hide()

    def text(self) -> str:
        """The figure."""
        return self._label.text()

    def show_mark(self, shown: bool) -> None:
        """Whether the model works."""
        self._mark.setVisible(shown)

    def say(self, text: str, colour: str = "text2") -> None:
        """Another figure."""
        self._label.setText(text)
        self._label.setVisible(bool(text))
        self._label.set_colour(colour)
        self.setToolTip(text)

    def sizeHint(self) -> QSize:
        """As wide as both."""
        height = max(self._theme.px(18), self._label.sizeHint().height())
        return QSize(self._mark_width() + self._label.sizeHint().width(), height)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Place them."""
        super().resizeEvent(event)
        side = self._mark.sizeHint().width()
        self._mark.move(0, (self.height() - side) // 2)
        left = self._mark_width()
        self._label.setGeometry(left, 0, max(0, self.width() - left), self.height())

    def _mark_width(self) -> int:
        if self._mark.isHidden():
            return 0
        gap = self._theme.gap(8) if self._label.text() else 0
        return self._mark.sizeHint().width() + gap
