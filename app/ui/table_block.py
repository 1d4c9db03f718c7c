"""A table: cells as documents in columns that are sized from their texts.

Wider than the message's column it scrolls, and the message doesn't. Knows nothing of messages.
"""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QScrollBar, QWidget

from app.ui.block_views import BlockView, Selections
from app.ui.markdown import Block, Runs, TableBlock
from app.ui.rich_text import PlacedText, TextStyle
from app.ui.theme import Theme, TypeRole

_ABSOLUTE = Qt.AlignmentFlag.AlignAbsolute  # the side that is written, in Hebrew, too
_ALIGNMENTS = {
    "left": Qt.AlignmentFlag.AlignLeft | _ABSOLUTE,
    "center": Qt.AlignmentFlag.AlignHCenter,
    "right": Qt.AlignmentFlag.AlignRight | _ABSOLUTE,
}


class TableBlockView(BlockView):
    """A table at its place in a message. The texts are the cells, row by row, the head first."""

    def __init__(self, theme: Theme, block: TableBlock, parent: QWidget) -> None:
        super().__init__(theme)
        self._block = block
        self._parent = parent
        self._rows = [self._make_row(block.head, TypeRole.NAME)]
        self._rows += [self._make_row(row) for row in block.rows]
        self._widths: list[float] = []
        self._heights: list[float] = []
        self._changed = 0  # the first row that isn't laid out
        self._bar = QScrollBar(Qt.Orientation.Horizontal, parent)
        self._bar.setAccessibleName("Scroll the table sideways")
        self._bar.valueChanged.connect(self._scroll)

    @property
    def block(self) -> TableBlock:
        """What is shown."""
        return self._block

    @property
    def texts(self) -> Sequence[PlacedText]:
        """All cells."""
        return [cell for row in self._rows for cell in row]

    @property
    def column_count(self) -> int:
        """The number of cells in a row."""
        return len(self._block.head)

    @property
    def widgets(self) -> Sequence[QWidget]:
        """The scroll bar."""
        return (self._bar,)

    def accept(self, block: Block) -> bool:
        """Keep the rows that are the same, fill the last one anew and add others."""
        if not isinstance(block, TableBlock) or block.levels != self._block.levels:
            return False
        if (block.head, block.alignments) != (self._block.head, self._block.alignments):
            return False
        known = self._block.rows
        for index, row in enumerate(block.rows):
            if index >= len(known):
                self._rows.append(self._make_row(row))
            elif row is not known[index] and row != known[index]:
                self._changed = min(self._changed, index + 1)
                for cell, runs in zip(self._rows[index + 1], row, strict=True):
                    cell.set_runs(runs)
        del self._rows[len(block.rows) + 1 :], self._heights[len(block.rows) + 1 :]
        self._changed = min(self._changed, len(self._rows))
        self._block = block
        return True

    def lay_out(self, width: float) -> None:
        """Columns first, then the rows' heights."""
        self.revision += 1
        self.width = width
        wanted = [max(row[i].natural_width for row in self._rows) for i in range(self.column_count)]
        widths = column_widths(wanted, width, self._gap, 9.0 * self.theme.em)
        if widths != self._widths:
            self._widths, self._heights = widths, []
        known = min(len(self._heights), self._changed)
        self._heights[known:] = [self._row_height(row) for row in self._rows[known:]]
        self._changed = len(self._rows)
        overflow = max(0, round(sum(self._widths) - width))
        self._bar.setRange(0, overflow)
        self._bar.setPageStep(max(1, round(width)))
        self._bar.setVisible(overflow > 0)
        bar = self._bar.sizeHint().height() if overflow else 0
        self.height = round(sum(self._heights)) + bar

    def place(self, x: float, y: float) -> None:
        """Move the cells and the scroll bar."""
        super().place(x, y)
        bar = self._bar.sizeHint().height()
        self._bar.setGeometry(round(x), round(y + self.height) - bar, round(self.width), bar)
        self._place_cells()

    def scroll_sideways(self, by: int) -> bool:
        """Move the table, if it is wider than the message."""
        self._bar.setValue(self._bar.value() + by)
        return self._bar.maximum() > 0

    def paint(self, painter: QPainter, visible: QRectF, selections: Selections) -> None:
        """Paint the cells, the head's rule and the hairlines between the rows."""
        y, columns = self.y, self.column_count
        right = self.x + min(self.width, sum(self._widths))
        for index, height in enumerate(self._heights):
            y += height
            if y < visible.top() or y - height > visible.bottom():
                continue
            for column, cell in enumerate(self._rows[index]):
                cell.paint(painter, visible, selections.get(index * columns + column))
            token = "line_strong" if index == 0 else "line"
            rule = QRectF(round(self.x), round(y) - 1, round(right - self.x), 1)
            painter.fillRect(rule, self.theme.colour(token))

    @property
    def _gap(self) -> int:
        return self.theme.gap(24)

    @property
    def _above(self) -> int:
        return self.theme.gap(8)

    def _make_row(self, cells: Sequence[Runs], role: TypeRole = TypeRole.BODY) -> list[PlacedText]:
        row = []
        for runs, alignment in zip(cells, self._block.alignments, strict=True):
            side = _ALIGNMENTS.get(alignment, Qt.AlignmentFlag.AlignLeft)
            cell = PlacedText(self.theme, TextStyle(role, alignment=side))
            cell.set_runs(runs)
            cell.repaint_wanted = self.note_change
            row.append(cell)
        return row

    def _row_height(self, row: Sequence[PlacedText]) -> float:
        pairs = zip(row, self._widths, strict=True)
        text = max(cell.set_width(width - self._gap) for cell, width in pairs)
        return max(self.theme.px(34), text + 2 * self._above - 2)

    def _place_cells(self) -> None:
        clip = QRectF(self.x, self.y, self.width, self.height)
        y, above = self.y, self._above
        for row, height in zip(self._rows, self._heights, strict=True):
            x = self.x - self._bar.value()
            for cell, width in zip(row, self._widths, strict=True):
                cell.x, cell.y, cell.clip = x, y + above, clip
                x += width
            y += height

    def _scroll(self) -> None:
        self._place_cells()
        self.revision += 1
        self._parent.update(self.rect.toAlignedRect())


def column_widths(wanted: Sequence[float], width: float, gap: float, least: float) -> list[float]:
    """Each column's width, its gap included.

    Room to spare is shared in proportion. If there is too little, columns that want less than an
    equal share get what they want and the others share the rest, but never less than `least`.
    """
    full = [column + gap for column in wanted]
    if sum(full) <= width:
        factor = width / sum(full)
        return [column * factor for column in full]
    widths = [0.0] * len(full)
    rest, waiting = width, set(range(len(full)))
    while waiting:
        share = max(rest / len(waiting), least)
        modest = {index for index in waiting if full[index] <= share}
        if not modest:
            widths = [share if i in waiting else w for i, w in enumerate(widths)]
            break
        for index in modest:
            widths[index] = full[index]
            rest -= full[index]
        waiting -= modest
    return widths
