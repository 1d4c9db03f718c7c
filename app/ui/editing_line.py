"""The line above the draft that says that a sent message is being changed. Knows no messages."""

from __future__ import annotations

from PySide6.QtCore import QSize, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QWidget

from app.ui.buttons import IconButton
from app.ui.labels import Label
from app.ui.theme import Theme, TypeRole


class EditingLine(QWidget):
    """Pencil, sentence, cross.

    Signals:
        left: the cross.
    """

    left = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        text = "You change a message. The old version stays."
        self._text = Label(theme, text, TypeRole.SMALL, "text2", elided=True)
        self._cross = IconButton(theme, "close", "Leave the message as it is", "Esc", 28)
        self._text.setParent(self)
        self._cross.setParent(self)
        self._cross.clicked.connect(self.left)

    def sizeHint(self) -> QSize:
        """One row."""
        return QSize(self._theme.px(200), self._theme.px(28))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Place sentence and cross."""
        super().resizeEvent(event)
        row = self.height()
        left = self._theme.px(16) + self._theme.gap(8)
        self._text.setGeometry(left, 0, max(0, self.width() - left - row), row)
        self._cross.setGeometry(self.width() - row, 0, row, row)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint the pencil."""
        theme, painter = self._theme, QPainter(self)
        size = theme.px(16)
        top = (self.height() - size) / 2
        theme.icons.paint(painter, "edit", theme.colours.text2, 0, top, size)
