"""A field that filters what stands beneath it. Knows nothing of that."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QLineEdit

from app.ui.theme import Theme, TypeRole


class FilterField(QLineEdit):
    """A line with a magnifier, and the keys that lead to it.

    Signals:
        list_requested: Down or Enter, on to what was found.
    """

    list_requested = Signal()

    def __init__(
        self,
        theme: Theme,
        placeholder: str = "Find a chat",
        name: str = "Find a chat by its title",
        keys: str = "Ctrl+K",
    ) -> None:
        """`name` is for those who don't see it; `keys` are shown, not bound."""
        super().__init__()
        self._keys = keys
        self._theme = theme
        self.setProperty("kind", "filter")  # the style sheet leaves the sidebar's surface
        self.setPlaceholderText(placeholder)
        self.setAccessibleName(name)
        self.setToolTip(f"{name} ({keys})")
        theme.changed.connect(self._take_theme)
        self._take_theme()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Escape empties it, Down and Enter go on to the list."""
        if event.key() == Qt.Key.Key_Escape and self.text():
            self.clear()
        elif event.key() in (Qt.Key.Key_Down, Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.list_requested.emit()
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the magnifier, and the keys while it is empty."""
        super().paintEvent(event)
        theme = self._theme
        painter = QPainter(self)
        size = theme.px(16)
        top = (self.height() - size) / 2
        theme.icons.paint(painter, "search", theme.colours.text2, theme.gap(10), top, size)
        if self.text() or self.hasFocus():
            return
        painter.setFont(theme.font(TypeRole.CAPTION))
        painter.setPen(theme.colour("text3"))
        room = self.rect().adjusted(0, 0, -theme.gap(11), 0)
        placeholder = self.fontMetrics().horizontalAdvance(self.placeholderText())
        keys = painter.fontMetrics().horizontalAdvance(self._keys)
        if size + theme.gap(48) + placeholder + keys > self.width():
            return
        flags = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        painter.drawText(room, flags, self._keys)

    @Slot()
    def _take_theme(self) -> None:
        theme = self._theme
        self.setFont(theme.font(TypeRole.BODY))
        self.setTextMargins(theme.px(16) + theme.gap(5), 0, 0, 0)
