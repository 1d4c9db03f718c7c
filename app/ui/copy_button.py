"""A button that copies, and says so for a moment. Knows nothing of what is copied."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QTimer, Slot
from PySide6.QtGui import QGuiApplication

from app.ui.buttons import Button, ButtonKind
from app.ui.theme import Theme

COPIED_MS = 1500


class CopyButton(Button):
    """Puts what `text` gives on the clipboard; "Copied" for 1.5 s."""

    def __init__(
        self,
        theme: Theme,
        name: str,
        text: Callable[[], str],
        kind: ButtonKind = ButtonKind.PLAIN,
        *,
        small: bool = False,
    ) -> None:
        super().__init__(theme, "Copy", kind, icon="copy", small=small)
        self.setAccessibleName(name)
        self._text_to_copy = text
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(COPIED_MS)
        self._timer.timeout.connect(self._say_copy)
        self.clicked.connect(self._copy)

    @Slot()
    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self._text_to_copy())
        self.setText("Copied")
        self.set_icon("check")
        self._timer.start()

    @Slot()
    def _say_copy(self) -> None:
        self.setText("Copy")
        self.set_icon("copy")
