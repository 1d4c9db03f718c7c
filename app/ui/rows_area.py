"""Where rows scroll, with the scroll bar's room always reserved. Knows nothing of the rows."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from app.ui.quiet_scroll_bar import QuietScrollBar

SCROLL_BAR = 12


class RowsArea(QScrollArea):
    """Scrolls up and down, never sideways."""

    def __init__(self, *rows: QWidget) -> None:
        super().__init__()
        content = QWidget()
        self._box = QVBoxLayout(content)
        self._box.setSpacing(0)
        for row in rows:
            self._box.addWidget(row)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setVerticalScrollBar(QuietScrollBar())
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setWidget(content)

    def set_side(self, side: int) -> None:
        """The margin at the right, the scroll bar included."""
        self._box.setContentsMargins(0, 0, max(0, side - SCROLL_BAR), 0)
