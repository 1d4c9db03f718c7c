"""One memory as a bar drawn to its own size, with a legend that names every part in GB.

To screen readers and to the keyboard it is a table, a row for each part. Memory is counted in 2³⁰
bytes and written "GB", as its makers do. Knows nothing of where the figures come from.
"""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QPointF,
    QRect,
    QRectF,
    QSize,
    Qt,
    Slot,
)
from PySide6.QtGui import (
    QFocusEvent,
    QFont,
    QFontMetricsF,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractItemView, QFrame, QSizePolicy, QTableView

from app.core.memory_parts import MemoryPart, MemoryUse, PartKind
from app.ui.amounts import gigabytes_text
from app.ui.buttons import keyboard_brought, paint_focus_ring
from app.ui.theme import Theme, TypeRole, tabular

BAR_HEIGHT, LEAST_GAP = 30, 2
HATCH_STEP = 6
TOKENS = {
    PartKind.OTHER: "m_other",
    PartKind.DENSE: "m_dense",
    PartKind.EXPERTS: "m_expert",
    PartKind.CONTEXT: "m_context",
    PartKind.WORK: "m_work",
    PartKind.FREE: "m_free",
}
_HEADS = ("Part", "GB")
_Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True, slots=True)
class _Entry:
    """A part in the legend; `rect` is from the legend's top left corner."""

    part: MemoryPart
    label: str
    figure: str
    label_width: float
    rect: QRectF


class MemoryBar(QTableView):
    """Icon, name and total above the bar, the legend beneath it."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._use = MemoryUse("", False, 0, ())
        self._parts = _PartsModel(self)
        self._shows_focus = False
        self.setModel(self._parts)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.viewport().setAutoFillBackground(False)
        self.horizontalHeader().hide()
        self.verticalHeader().hide()
        for set_policy in (self.setHorizontalScrollBarPolicy, self.setVerticalScrollBarPolicy):
            set_policy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setTabKeyNavigation(False)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        theme.changed.connect(self._take_theme)

    @property
    def use(self) -> MemoryUse:
        """What is shown."""
        return self._use

    def show_use(self, use: MemoryUse) -> None:
        """Show a memory."""
        self._use = use
        self._parts.show_parts(use)
        self.setAccessibleName(f"{use.name}: {total_text(use)}")
        self._take_theme()

    def hasHeightForWidth(self) -> bool:
        """The legend wraps."""
        return True

    def heightForWidth(self, width: int) -> int:
        """Head, bar and as many rows of the legend as it takes."""
        return self._legend_top() + self._lay_out_legend(width)[1]

    def sizeHint(self) -> QSize:
        """As high as the present width wants it."""
        return QSize(self._theme.px(420), self.heightForWidth(max(self.width(), 1)))

    def minimumSizeHint(self) -> QSize:
        """It narrows."""
        return QSize(self._theme.px(160), self.heightForWidth(max(self.width(), 1)))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The legend takes another height."""
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self.updateGeometry()

    def focusInEvent(self, event: QFocusEvent) -> None:
        """The first part is the current one; a ring shows if the keyboard came here."""
        self._shows_focus = keyboard_brought(event.reason())
        if not self.currentIndex().isValid():
            self.setCurrentIndex(self._parts.index(0, 0))
        super().focusInEvent(event)
        self.viewport().update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """No ring."""
        self._shows_focus = False
        super().focusOutEvent(event)
        self.viewport().update()

    def visualRect(self, index: _Index) -> QRect:  # noqa: N802  Qt's name
        """Where the part's entry in the legend is, for those who are told of it."""
        entries, _ = self._lay_out_legend(self.width())
        if not index.isValid() or index.row() >= len(entries):
            return QRect()
        return entries[index.row()].rect.translated(0, self._legend_top()).toAlignedRect()

    def scrollTo(  # noqa: N802  Qt's name
        self,
        index: _Index,
        hint: QAbstractItemView.ScrollHint = QTableView.ScrollHint.EnsureVisible,
    ) -> None:
        """Everything is always in sight."""

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint head, bar and legend."""
        painter = QPainter(self.viewport())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_head(painter)
        bar = QRectF(0, self._head_height(), self.width(), self._theme.px(BAR_HEIGHT))
        self._paint_bar(painter, bar.adjusted(0.5, 0.5, -0.5, -0.5))
        self._paint_legend(painter)

    # --- the head ----------------------------------------------------------------------------

    def _head_height(self) -> int:
        return self._theme.line_height(TypeRole.NAME) + self._theme.gap(6)

    def _paint_head(self, painter: QPainter) -> None:
        theme, height = self._theme, self._theme.line_height(TypeRole.NAME)
        size = theme.px(16)
        icon = "ram" if self._use.is_ram else "gpu"
        theme.icons.paint(painter, icon, theme.colours.text2, 0, (height - size) / 2, size)
        left = size + theme.gap(8)
        small = tabular(theme.font(TypeRole.SMALL))
        text = total_text(self._use)
        text_width = QFontMetricsF(small).horizontalAdvance(text)
        painter.setFont(theme.font(TypeRole.NAME))
        painter.setPen(theme.colour("text"))
        room = QRectF(left, 0, self.width() - left - text_width - theme.gap(12), height)
        name = painter.fontMetrics().elidedText(
            self._use.name, Qt.TextElideMode.ElideRight, max(0, int(room.width()))
        )
        painter.drawText(room, Qt.AlignmentFlag.AlignVCenter, name)
        painter.setFont(small)
        painter.setPen(theme.colour("danger" if self._use.missing_bytes else "text2"))
        right = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight
        painter.drawText(QRectF(0, 0, self.width(), height), right, text)

    # --- the bar -----------------------------------------------------------------------------

    def _paint_bar(self, painter: QPainter, rect: QRectF) -> None:
        theme, radius = self._theme, self._theme.px(6)
        shape = QPainterPath()
        shape.addRoundedRect(rect, radius, radius)
        painter.save()
        painter.setClipPath(shape)
        painter.fillRect(rect, theme.colour("m_free"))
        for part, place in zip(self._use.parts, self._places(rect), strict=True):
            if part.kind is PartKind.FREE:
                continue
            painter.fillRect(place.adjusted(0, 0, LEAST_GAP, 0), theme.colour("raised"))
            self._paint_part(painter, part.kind, place)
        painter.restore()
        painter.setPen(QPen(theme.colour("control"), 1))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(rect, radius, radius)

    def _places(self, rect: QRectF) -> list[QRectF]:
        """The parts side by side with gaps of 2 px; the smallest is still a line to be seen."""
        total, places, left = max(1, self._use.total_bytes), [], rect.left()
        for part in self._use.parts:
            width = rect.width() * part.size_bytes / total
            drawn = max(float(LEAST_GAP), width - LEAST_GAP)
            start, end = round(left), round(left + drawn)
            places.append(QRectF(start, rect.top(), end - start, rect.height()))
            left += max(width, drawn + LEAST_GAP)
        return places

    def _paint_part(self, painter: QPainter, kind: PartKind, rect: QRectF) -> None:
        theme = self._theme
        if kind is PartKind.OTHER:
            paint_hatch(painter, theme, rect)
        else:
            painter.fillRect(rect, theme.colour(TOKENS[kind]))

    # --- the legend --------------------------------------------------------------------------

    def _legend_top(self) -> int:
        return self._head_height() + self._theme.px(BAR_HEIGHT) + self._theme.gap(8)

    def _lay_out_legend(self, width: int) -> tuple[list[_Entry], int]:
        """The entries in rows of `width` px, from the top of the legend, and its height."""
        theme = self._theme
        label_font, figure_font = self._legend_fonts()
        swatch, row = theme.px(10) + theme.gap(6), theme.line_height(TypeRole.SMALL)
        entries: list[_Entry] = []
        x = y = 0.0
        for part in self._use.parts:
            label, figure = part_text(part), gigabytes_text(part.size_bytes)
            figure += "" if entries else " GB"  # the others are understood
            label_width = QFontMetricsF(label_font).horizontalAdvance(label)
            figure_width = QFontMetricsF(figure_font).horizontalAdvance(figure)
            wanted = swatch + label_width + theme.gap(6) + figure_width
            if x and x + wanted > width:
                x, y = 0.0, y + row + theme.gap(2)
            entries.append(_Entry(part, label, figure, label_width, QRectF(x, y, wanted, row)))
            x += wanted + theme.gap(18)
        return entries, round(y + row)

    def _legend_fonts(self) -> tuple[QFont, QFont]:
        theme = self._theme
        return theme.font(TypeRole.SMALL), tabular(theme.font(TypeRole.SMALL_HEAD))

    def _paint_legend(self, painter: QPainter) -> None:
        theme, top = self._theme, self._legend_top()
        label_font, figure_font = self._legend_fonts()
        middle, size = Qt.AlignmentFlag.AlignVCenter, theme.px(10)
        current = self.currentIndex().row() if self._shows_focus else -1
        for row, entry in enumerate(self._lay_out_legend(self.width())[0]):
            rect = entry.rect.translated(0, top)
            self._paint_swatch(painter, entry.part.kind, rect, size)
            left = rect.left() + size + theme.gap(6)
            painter.setFont(label_font)
            painter.setPen(theme.colour("text2"))
            painter.drawText(
                QRectF(left, rect.top(), self.width(), rect.height()), middle, entry.label
            )
            left += entry.label_width + theme.gap(6)
            painter.setFont(figure_font)
            painter.setPen(theme.colour("text"))
            painter.drawText(
                QRectF(left, rect.top(), self.width(), rect.height()), middle, entry.figure
            )
            if row == current:
                paint_focus_ring(painter, theme, rect.adjusted(-4, -1, 4, 1), theme.px(6))

    def _paint_swatch(self, painter: QPainter, kind: PartKind, rect: QRectF, size: int) -> None:
        theme = self._theme
        square = QRectF(rect.left() + 0.5, rect.center().y() - size / 2, size - 1, size - 1)
        shape = QPainterPath()
        shape.addRoundedRect(square, theme.px(3), theme.px(3))
        painter.save()
        painter.setClipPath(shape)
        self._paint_part(painter, kind, square)
        painter.restore()
        if kind is PartKind.FREE:
            painter.setPen(QPen(theme.colour("control"), 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawPath(shape)

    @Slot()
    def _take_theme(self) -> None:
        self.updateGeometry()
        self.viewport().update()


class _PartsModel(QAbstractTableModel):
    """The parts as rows: what, and how many GB."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._rows: tuple[MemoryPart, ...] = ()

    def show_parts(self, use: MemoryUse) -> None:
        """Other parts."""
        self.beginResetModel()
        self._rows = use.parts
        self.endResetModel()

    def rowCount(self, parent: _Index | None = None) -> int:
        """One for each part."""
        return 0 if parent is not None and parent.isValid() else len(self._rows)

    def columnCount(self, parent: _Index | None = None) -> int:
        """What it is, and its size."""
        return 0 if parent is not None and parent.isValid() else len(_HEADS)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> str | None:
        """The text of a cell."""
        if role not in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return None
        part = self._rows[index.row()]
        return gigabytes_text(part.size_bytes) if index.column() else part_text(part)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> str | None:
        """What stands in a column."""
        is_head = orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole
        return _HEADS[section] if is_head else None


def part_text(part: MemoryPart) -> str:
    """What a part is called: "Experts, 21 layers"."""
    if not part.layers:
        return part.kind.value
    return f"{part.kind.value}, {part.layers} layer{'' if part.layers == 1 else 's'}"


def total_text(use: MemoryUse) -> str:
    """How full it is: "22.9 of 24.0 GB in use", or what is missing."""
    if use.missing_bytes:
        return f"{gigabytes_text(use.missing_bytes)} GB too small"
    used, total = gigabytes_text(use.used_bytes), gigabytes_text(use.total_bytes)
    return (
        f"{used} of {total} GB in use" if use.is_whole else f"{used} of {total} GB that were free"
    )


def paint_hatch(painter: QPainter, theme: Theme, rect: QRectF) -> None:
    """Lines from the lower left to the upper right, for what isn't the model's."""
    painter.save()
    painter.setClipRect(rect, Qt.ClipOperation.IntersectClip)
    painter.fillRect(rect, theme.colour("m_free"))
    step = theme.px(HATCH_STEP)
    painter.setPen(QPen(theme.colour("m_other"), max(1.5, theme.px(2) * 0.9)))
    x = rect.left() - rect.height()
    while x < rect.right():
        painter.drawLine(QPointF(x, rect.bottom()), QPointF(x + rect.height(), rect.top()))
        x += step
    painter.restore()
