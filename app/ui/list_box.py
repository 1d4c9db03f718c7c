"""A choice of one from a list that opens. Knows nothing of what is chosen."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent, QPen, QWheelEvent
from PySide6.QtWidgets import QComboBox, QSizePolicy

from app.ui.buttons import paint_focus_ring
from app.ui.theme import Theme, TypeRole


class ListBox(QComboBox):
    """Qt's own, painted after the tokens.

    Signals:
        chosen(object): the value of the entry that the user chose.
    """

    chosen = Signal(object)

    def __init__(self, theme: Theme, name: str) -> None:
        super().__init__()
        self._theme = theme
        self._values: list[object] = []
        self.setAccessibleName(name)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.activated.connect(self._take_index)
        theme.changed.connect(self._take_theme)
        self._take_theme()

    def set_choices(self, choices: Sequence[tuple[object, str, str]]) -> None:
        """Each a value, its word, and a tooltip or ""."""
        self._values = [value for value, _, _ in choices]
        self.clear()
        for place, (_, word, tip) in enumerate(choices):
            self.addItem(word)
            self.setItemData(place, tip, Qt.ItemDataRole.ToolTipRole)
        self.updateGeometry()

    def show_value(self, value: object) -> None:
        """The choice in force; one that isn't in the list leaves none chosen."""
        self.setCurrentIndex(self._values.index(value) if value in self._values else -1)

    def value(self) -> object:
        """The choice in force; None for none."""
        place = self.currentIndex()
        return self._values[place] if 0 <= place < len(self._values) else None

    def sizeHint(self) -> QSize:
        """As wide as its longest word."""
        theme, metrics = self._theme, QFontMetrics(self.font())
        words = (self.itemText(place) for place in range(self.count()))
        widest = max((metrics.horizontalAdvance(word) for word in words), default=0)
        width = widest + theme.gap(12) + theme.gap(24) + theme.px(16)
        return QSize(max(width, theme.px(220)), theme.px(34))

    def minimumSizeHint(self) -> QSize:
        """It gives way; the word is shortened then."""
        return QSize(self._theme.px(90), self._theme.px(34))

    def wheelEvent(self, event: QWheelEvent) -> None:
        """The wheel scrolls the page."""
        event.ignore()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint surface, word and chevron."""
        theme, painter = self._theme, QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        rect = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        radius = theme.px(8)
        painter.setPen(QPen(theme.colour("control"), 1))
        painter.setBrush(theme.colour("raised"))
        painter.drawRoundedRect(rect, radius, radius)
        size = theme.px(16)
        right = self.width() - theme.gap(11) - size
        middle = (self.height() - size) / 2
        theme.icons.paint(painter, "down", theme.colours.text2, right, middle, size)
        left = theme.gap(12)
        room = max(0, right - theme.gap(6) - left)
        shown = QFontMetrics(self.font()).elidedText(
            self.currentText(), Qt.TextElideMode.ElideRight, room
        )
        painter.setFont(self.font())
        painter.setPen(theme.colour("text"))
        painter.drawText(
            QRectF(left, 0, room + 1, self.height()), Qt.AlignmentFlag.AlignVCenter, shown
        )
        if self.hasFocus():
            paint_focus_ring(painter, theme, QRectF(self.rect()), radius)

    @Slot(int)
    def _take_index(self, place: int) -> None:
        self.chosen.emit(self._values[place])

    @Slot()
    def _take_theme(self) -> None:
        self.setFont(self._theme.font(TypeRole.BODY))
        self.view().setFont(self.font())
        self.updateGeometry()
        self.update()
