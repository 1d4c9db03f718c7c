"""A scroll bar whose room is always reserved, and which shows nothing when nothing scrolls."""

from __future__ import annotations

from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import QScrollBar


class QuietScrollBar(QScrollBar):
    """Paints itself only while there is something to scroll."""

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the handle, if it could be moved."""
        if self.maximum() > self.minimum():
            super().paintEvent(event)
