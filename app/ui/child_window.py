"""Windows beside the main one: modeless, in the theme's colours, closed by Escape.

Knows nothing of what they show.
"""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt, Signal, Slot
from PySide6.QtGui import QCloseEvent, QKeyEvent
from PySide6.QtWidgets import QApplication, QDialog, QWidget

from app.ui.theme import Theme


class ChildWindow(QDialog):
    """A modeless window; the focus returns to where it was when it closes.

    Attributes:
        screen_share: a window that opens as large as it wants to be takes at most so much of the
            screen; None leaves the size to Qt.

    Signals:
        deactivated: another window is in front now.
        closed: it is gone.
    """

    screen_share: float | None = None
    deactivated = Signal()
    closed = Signal()

    def __init__(self, theme: Theme, title: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.theme = theme
        self._came_from: QWidget | None = None
        self.setWindowTitle(title)
        self.setWindowFlag(Qt.WindowType.WindowContextHelpButtonHint, False)

    @Slot()
    def open_beside(self) -> None:
        """Show it, or bring it to the front."""
        if not self.isVisible():
            self._came_from = QApplication.focusWidget()
            if self.screen_share is not None:
                room = self.screen().availableSize() * self.screen_share
                self.resize(self.sizeHint().boundedTo(room))
        self.show()
        self.raise_()
        self.activateWindow()

    def changeEvent(self, event: QEvent) -> None:
        """Say that it is in front no more."""
        super().changeEvent(event)
        if event.type() is QEvent.Type.ActivationChange and not self.isActiveWindow():
            self.deactivated.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Escape closes; Enter belongs to the buttons."""
        if event.key() == Qt.Key.Key_Escape:
            self.close()
        elif event.key() not in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            super().keyPressEvent(event)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Give the focus back."""
        super().closeEvent(event)
        if self._came_from is not None and self._came_from.isVisible():
            self._came_from.activateWindow()
            self._came_from.setFocus(Qt.FocusReason.OtherFocusReason)
        self._came_from = None
        self.closed.emit()
