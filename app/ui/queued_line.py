"""The message that waits to be sent, in one line above the composer. Knows no session."""

from __future__ import annotations

from PySide6.QtCore import QSize
from PySide6.QtWidgets import QSizePolicy

from app.ui.labels import Label
from app.ui.theme import Theme, TypeRole


class QueuedLine(Label):
    """ "Waits for its turn: …", hidden while nothing waits."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, "", TypeRole.SMALL, "text2", elided=True)
        self._height_of = theme
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.hide()

    def show_text(self, text: str) -> None:
        """What waits; "" for nothing."""
        one_line = " ".join(text.split())
        self.setText(f"Waits for its turn: {one_line}" if one_line else "")
        self.setVisible(bool(one_line))

    def sizeHint(self) -> QSize:
        """One line."""
        return QSize(100, self._height_of.line_height(TypeRole.SMALL))
