"""A file as a chip: icon, name, what it costs, and perhaps a cross. Knows nothing of its text."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRect, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QFontMetrics, QKeyEvent, QPainter, QPaintEvent, QPen, QResizeEvent

from app.ui.buttons import IconButton, PaintedButton, paint_focus_ring
from app.ui.theme import Theme, TypeRole, tabular

MOST_EM = 20


class AttachmentChip(PaintedButton):
    """Enter and a click show the file's text; Delete and the cross take it away.

    Signals:
        open_requested: its text is wanted.
        remove_requested: it isn't wanted any more; only from chips that can be removed.
    """

    open_requested = Signal()
    remove_requested = Signal()

    def __init__(self, theme: Theme, name: str, figure: str, *, can_remove: bool = False) -> None:
        super().__init__(theme)
        self._figure = figure
        self._cross: IconButton | None = None
        if can_remove:
            cross = self._cross = IconButton(theme, "close", f"Remove {name}", "Del", 24)
            cross.setParent(self)
            cross.clicked.connect(self.remove_requested)
        shows, removes = "Enter shows what the model reads of it.", "Delete takes it away."
        self.setAccessibleDescription(f"{shows} {removes}" if can_remove else shows)
        self.clicked.connect(self.open_requested)
        self.setText(name)
        self.show_figure(figure)

    def show_figure(self, figure: str) -> None:
        """What it costs, in words."""
        self._figure = figure
        self.setAccessibleName(f"{self.text()}, {figure}" if figure else self.text())
        self.setToolTip(self.accessibleName())
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        """As wide as its words, up to a limit."""
        theme = self.theme
        width = theme.gap(9) + theme.px(16) + theme.gap(7) + self._name_width() + theme.gap(4)
        if self._figure:
            width += self._figure_width() + theme.gap(6)
        width += theme.px(24) + theme.gap(2) if self._cross is not None else theme.gap(6)
        return QSize(min(width, MOST_EM * theme.em), max(24, theme.px(30)))

    def minimumSizeHint(self) -> QSize:
        """The name gives way."""
        return QSize(8 * self.theme.em, self.sizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Place the cross."""
        super().resizeEvent(event)
        if self._cross is not None:
            size = self._cross.sizeHint()
            left = self.width() - size.width() - self.theme.gap(2)
            top = (self.height() - size.height()) // 2
            self._cross.setGeometry(left, top, size.width(), size.height())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Delete takes it away."""
        if self._cross is not None and event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.remove_requested.emit()
        else:
            super().keyPressEvent(event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint surface, icon, name and figure."""
        theme, painter = self.theme, QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        rect, radius = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), theme.px(8)
        painter.setPen(QPen(theme.colour("line_strong"), 1))
        painter.setBrush(theme.colour("hover" if self.hovered or self.isDown() else "raised"))
        painter.drawRoundedRect(rect, radius, radius)
        icon = theme.px(16)
        x = theme.gap(9)
        theme.icons.paint(painter, "file", theme.colours.text2, x, (self.height() - icon) / 2, icon)
        self._paint_words(painter, x + icon + theme.gap(7))
        if self.shows_focus:
            paint_focus_ring(painter, theme, QRectF(self.rect()), radius)

    def _paint_words(self, painter: QPainter, left: int) -> None:
        theme = self.theme
        right = self.width() - theme.gap(6)
        if self._cross is not None:
            right = self._cross.x() - theme.gap(2)
        if self._figure:
            painter.setFont(tabular(theme.font(TypeRole.CAPTION)))
            painter.setPen(theme.colour("text2"))
            width = self._figure_width()
            place = QRect(right - width, 0, width, self.height())
            painter.drawText(place, Qt.AlignmentFlag.AlignVCenter, self._figure)
            right -= width + theme.gap(6)
        font = theme.font(TypeRole.SMALL_STRONG)
        room = max(0, right - left)
        name = QFontMetrics(font).elidedText(self.text(), Qt.TextElideMode.ElideMiddle, room)
        painter.setFont(font)
        painter.setPen(theme.colour("text"))
        painter.drawText(QRect(left, 0, room, self.height()), Qt.AlignmentFlag.AlignVCenter, name)

    def _name_width(self) -> int:
        metrics = QFontMetrics(self.theme.font(TypeRole.SMALL_STRONG))
        return metrics.horizontalAdvance(self.text()) + 2

    def _figure_width(self) -> int:
        metrics = QFontMetrics(tabular(self.theme.font(TypeRole.CAPTION)))
        return metrics.horizontalAdvance(self._figure) + 2

    @Slot()
    def take_theme(self) -> None:
        """The cross has another size now."""
        super().take_theme()
        self.resize(self.size())


def place_chips(chips: Sequence[AttachmentChip], left: int, top: int, width: int, gap: int) -> int:
    """Put chips side by side, in as many rows as it takes; returns the bottom of the last."""
    places = chip_places(chips, width, gap)
    for chip, place in zip(chips, places, strict=True):
        chip.setGeometry(place.translated(left, top))
    return top + height_of(places)


def chip_places(chips: Sequence[AttachmentChip], width: int, gap: int) -> list[QRect]:
    """Where chips go in `width` px."""
    places: list[QRect] = []
    x = y = 0
    for chip in chips:
        size = chip.sizeHint()
        chip_width = min(size.width(), width)
        if x and x + chip_width > width:
            x, y = 0, y + size.height() + gap
        places.append(QRect(x, y, chip_width, size.height()))
        x += chip_width + gap
    return places


def height_of(places: Sequence[QRect]) -> int:
    """What they take."""
    return max((place.y() + place.height() for place in places), default=0)
