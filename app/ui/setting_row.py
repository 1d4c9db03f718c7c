"""A row of the settings: what it is, one sentence, and the control. Knows no setting."""

from __future__ import annotations

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QBoxLayout, QHBoxLayout, QVBoxLayout, QWidget

from app.ui.labels import Label, Paragraph
from app.ui.theme import Theme, TypeRole


class SettingRow(QWidget):
    """Name and sentence at the left, the control at the right or beneath."""

    def __init__(self, theme: Theme, title: str, sentence: str, control: QWidget | None) -> None:
        super().__init__()
        self._theme = theme
        self._control = control
        self._has_rule = control is not None
        self._changed = Label(theme, "changed", TypeRole.CAPTION_HEAD, "accent")
        self._changed.hide()
        head = QHBoxLayout()
        head.addWidget(Label(theme, title, TypeRole.NAME))
        head.addWidget(self._changed)
        head.addStretch(1)
        texts = QVBoxLayout()
        texts.setSpacing(0)
        texts.addLayout(head)
        texts.addWidget(Paragraph(theme, sentence, TypeRole.SMALL, "text2"))
        self._layout = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._layout.addLayout(texts, 1)
        if control is not None:
            self._layout.addWidget(control, 0, Qt.AlignmentFlag.AlignVCenter)
        theme.changed.connect(self._take_theme)
        self._take_theme()

    def set_stacked(self, stacked: bool) -> None:
        """The control beneath the text, or at its right."""
        direction = QBoxLayout.Direction
        self._layout.setDirection(direction.TopToBottom if stacked else direction.LeftToRight)
        self._layout.setSpacing(self._theme.gap(8 if stacked else 18))
        if self._control is not None:
            side = Qt.AlignmentFlag.AlignLeft if stacked else Qt.AlignmentFlag.AlignRight
            self._layout.setAlignment(self._control, side | Qt.AlignmentFlag.AlignVCenter)

    def show_changed(self, changed: bool) -> None:
        """Whether the value isn't the default."""
        self._changed.setVisible(changed)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint the hairline beneath."""
        if self._has_rule:
            painter = QPainter(self)
            painter.setPen(QPen(self._theme.colour("line"), 1))
            painter.drawLine(0, self.height() - 1, self.width(), self.height() - 1)

    @Slot()
    def _take_theme(self) -> None:
        gap = self._theme.gap(13)
        self._layout.setContentsMargins(0, gap, 0, gap if self._has_rule else self._theme.gap(6))
