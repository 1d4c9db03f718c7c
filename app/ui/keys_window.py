"""The list of keys (F1). Knows nothing of what they do."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QFrame, QGridLayout, QScrollArea, QVBoxLayout, QWidget

from app.ui.child_window import ChildWindow
from app.ui.keys import OTHER_KEYS, WINDOW_KEYS
from app.ui.labels import Label
from app.ui.theme import Theme, TypeRole


class KeysWindow(ChildWindow):
    """Two columns: the keys, and what they do."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(theme, "Keys", parent)
        content = QWidget()
        grid = QGridLayout(content)
        side = theme.gap(24)
        grid.setContentsMargins(side, side, side, side)
        grid.setHorizontalSpacing(theme.gap(24))
        grid.setVerticalSpacing(theme.gap(6))
        native = QKeySequence.SequenceFormat.NativeText
        rows = list(OTHER_KEYS)
        for key in WINDOW_KEYS:
            shown = " or ".join(QKeySequence(each).toString(native) for each in key.sequences)
            rows.append((shown, key.text))
        for line, (keys, text) in enumerate(rows):
            grid.addWidget(Label(theme, keys, TypeRole.BUTTON), line, 0)
            grid.addWidget(Label(theme, text, TypeRole.BODY, "text2"), line, 1)
        grid.setColumnStretch(1, 1)
        grid.setRowStretch(len(rows), 1)
        area = QScrollArea()
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._width = content.sizeHint().width() + 14
        area.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        area.setAccessibleName("Keys")
        area.setWidget(content)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(area)

    def sizeHint(self) -> QSize:
        """All keys in sight on most screens."""
        return QSize(self._width, self.theme.px(640))
