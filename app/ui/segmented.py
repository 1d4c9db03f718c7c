"""A choice of a few words side by side, of which one is in force. Knows nothing of settings."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QFontMetrics, QKeyEvent, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QButtonGroup, QSizePolicy, QWidget

from app.ui.buttons import PaintedButton, paint_focus_ring
from app.ui.theme import Theme, TypeRole


class _Segment(PaintedButton):
    """One word."""

    def __init__(self, theme: Theme, text: str) -> None:
        super().__init__(theme)
        self.setText(text)
        self.setCheckable(True)

    def sizeHint(self) -> QSize:
        metrics = QFontMetrics(self.theme.font(TypeRole.SMALL_STRONG))
        width = metrics.horizontalAdvance(self.text()) + 2 * self.theme.gap(11)
        return QSize(width, self.theme.px(28))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """The arrows belong to the whole choice."""
        if event.key() in (Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Up, Qt.Key.Key_Down):
            event.ignore()
        else:
            super().keyPressEvent(event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme = self.theme
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        rect = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        radius = theme.px(7)
        if self.isChecked():
            painter.setPen(QPen(theme.colour("control"), 1))
            painter.setBrush(theme.colour("raised"))
            painter.drawRoundedRect(rect, radius, radius)
        painter.setFont(theme.font(TypeRole.SMALL_STRONG))
        strong = self.isChecked() or self.hovered
        painter.setPen(theme.colour("text" if strong else "text2"))
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self.text())
        if self.shows_focus:
            paint_focus_ring(painter, theme, QRectF(self.rect()), radius)


class Segmented(QWidget):
    """The words in one frame; in little room they go on in another row.

    Signals:
        chosen(str): the value of the word that the user chose.
    """

    chosen = Signal(str)

    def __init__(self, theme: Theme, name: str, choices: Sequence[tuple[str, str]]) -> None:
        """`choices` are pairs of a value and the word for it."""
        super().__init__()
        self._theme = theme
        self.setAccessibleName(name)
        self._group = QButtonGroup(self)
        self._segments: dict[str, _Segment] = {}
        for value, word in choices:
            segment = _Segment(theme, word)
            segment.setParent(self)
            segment.setAccessibleName(f"{name}: {word}")
            segment.clicked.connect(self._take_click)
            self._group.addButton(segment)
            self._segments[value] = segment
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.updateGeometry)

    def show_value(self, value: str) -> None:
        """The choice in force; one that isn't among the words leaves none chosen."""
        self._group.setExclusive(False)
        for name, segment in self._segments.items():
            segment.setChecked(name == value)
        self._group.setExclusive(value in self._segments)

    def value(self) -> str:
        """The choice in force; "" for none."""
        return next((name for name, each in self._segments.items() if each.isChecked()), "")

    def sizeHint(self) -> QSize:
        """All words side by side."""
        widths = [segment.sizeHint().width() for segment in self._segments.values()]
        return QSize(sum(widths) + 4, self._theme.px(28) + 4)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Place the words."""
        super().resizeEvent(event)
        x = 2
        for segment in self._segments.values():
            size = segment.sizeHint()
            segment.setGeometry(x, 2, size.width(), size.height())
            x += size.width()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint the frame."""
        theme = self._theme
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(theme.colour("line"), 1))
        painter.setBrush(theme.colour("sunken"))
        rect = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.drawRoundedRect(rect, theme.px(8), theme.px(8))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Left and Right choose the neighbour."""
        steps = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}
        step = steps.get(Qt.Key(event.key()))
        focused = self.focusWidget()
        segments = list(self._segments.values())
        if step is None or focused not in segments:
            super().keyPressEvent(event)
            return
        place = segments.index(focused) + step
        if 0 <= place < len(segments):
            segments[place].setFocus(Qt.FocusReason.TabFocusReason)
            segments[place].click()

    @Slot()
    def _take_click(self) -> None:
        self.chosen.emit(self.value())
