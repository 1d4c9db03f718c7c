"""Several lines of text that are taken a moment after the last letter.

Knows nothing of what they are for.
"""

from __future__ import annotations

from PySide6.QtCore import QTimer, Signal, Slot
from PySide6.QtGui import QFocusEvent
from PySide6.QtWidgets import QPlainTextEdit

from app.ui.theme import Theme, TypeRole

WRITE_AFTER_MS = 500
LINES = 3


class TextBox(QPlainTextEdit):
    """Plain text.

    Signals:
        text_written(str): what stands there now, without blanks around it.
    """

    text_written = Signal(str)

    def __init__(self, theme: Theme, name: str, placeholder: str = "", *, is_code: bool) -> None:
        super().__init__()
        self._theme = theme
        self._role = TypeRole.CODE if is_code else TypeRole.BODY
        self._told = ""
        self.setAccessibleName(name)
        self.setPlaceholderText(placeholder)
        self.setTabChangesFocus(True)
        self._timer = QTimer(self, singleShot=True, interval=WRITE_AFTER_MS)
        self._timer.timeout.connect(self.tell)
        self.textChanged.connect(self._timer.start)
        theme.changed.connect(self._take_theme)
        self._take_theme()

    def show_text(self, text: str) -> None:
        """The text in force, unless it is the one that is being written."""
        self._told = text
        if text != self.toPlainText().strip():
            self.blockSignals(True)
            self.setPlainText(text)
            self.blockSignals(False)

    @Slot()
    def tell(self) -> None:
        """Take what stands there now."""
        self._timer.stop()
        text = self.toPlainText().strip()
        if text != self._told:
            self._told = text
            self.text_written.emit(text)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """What was written counts."""
        super().focusOutEvent(event)
        self.tell()

    @Slot()
    def _take_theme(self) -> None:
        self.setFont(self._theme.font(self._role))
        line = self.fontMetrics().lineSpacing()
        self.setFixedHeight(LINES * line + self._theme.gap(26))
