"""A scrolled list of rows of which only those near the visible part exist as widgets.

Keeps what the reader sees where it is: when a row above is measured for the first time, the
scroll bar moves and the text doesn't. Follows the end only while the reader is there. Knows
nothing of messages.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Protocol, cast

from PySide6.QtCore import QRect, Qt, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QAbstractScrollArea, QApplication, QFrame, QWidget

from app.ui.column import ColumnRect, column_in, is_narrow_window
from app.ui.quiet_scroll_bar import QuietScrollBar
from app.ui.row_heights import RowHeights
from app.ui.theme import Theme

TOP_GAP, BOTTOM_GAP = 17, 16
MARGIN_SCREENS = 0.5
_ROUNDS = 4


class RowWidget(Protocol):
    """What a row's widget must be able to do, besides being a QWidget."""

    def lay_out(self, column: ColumnRect) -> int:
        """Fit into the column; returns the height in px."""
        ...

    def dispose(self) -> None:
        """Leave the window."""
        ...


class VirtualRows(QAbstractScrollArea):
    """Subclasses make the rows' widgets; call `set_rows` first."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.theme = theme
        self._heights = RowHeights()
        self._views: dict[int, RowWidget] = {}
        self._stale: set[int] = set()
        self._column = ColumnRect(0, 0, 0)
        self._follows = True
        self._arranging = False
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setVerticalScrollBar(QuietScrollBar(Qt.Orientation.Vertical))
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.viewport().setAutoFillBackground(False)
        self.verticalScrollBar().valueChanged.connect(self._take_scroll)

    @abstractmethod
    def make_row(self, row: int) -> RowWidget:
        """The widget of a row, a QWidget without parent."""

    def keeps_row(self, _row: int) -> bool:
        """Whether a row must stay although it is out of sight."""
        return False

    def note_follow(self, _follows: bool) -> None:
        """The reader has left the end, or has come back to it."""

    @property
    def column(self) -> ColumnRect:
        """The column of the texts, as last laid out."""
        return self._column

    @property
    def follows(self) -> bool:
        """Whether the end is kept in sight."""
        return self._follows

    def view(self, row: int) -> QWidget | None:
        """The row's widget, if it exists now."""
        return cast("QWidget | None", self._views.get(row))

    def rows_alive(self) -> list[int]:
        """The rows that exist as widgets."""
        return sorted(self._views)

    def set_rows(self, estimates: Sequence[int], *, at_end: bool = True) -> None:
        """Other rows, of about these heights."""
        self._arranging = True
        self._drop(set(self._views))
        self._arranging = False
        self._heights = RowHeights(estimates)
        self._set_follows(at_end)
        self.arrange()

    def append_row(self, estimate: int) -> None:
        """One more row at the end."""
        self._heights.append(estimate)
        self.arrange()

    def lay_out_row(self, row: int) -> None:
        """The row's height may be another now."""
        self._stale.add(row)
        self.arrange()

    def lay_out_all(self) -> None:
        """Every row's height may be another now."""
        self._stale.update(self._views)
        self.arrange()

    def scroll_to_end(self) -> None:
        """Show the end and follow it."""
        self._set_follows(True)
        self.arrange()

    def scroll_to_row(self, row: int) -> None:
        """Bring a row into sight, its beginning first, moving as little as need be."""
        bar, height = self.verticalScrollBar(), self.viewport().height()
        for _ in range(_ROUNDS):  # the rows on the way are measured for the first time
            top = self._top_of(row)
            bottom = top + self._heights[row]
            if top < bar.value() or bottom - top > height:
                wanted = top - self._top_gap() // 2
            elif bottom > bar.value() + height:
                wanted = bottom - height
            else:
                return
            self._set_follows(False)
            bar.setValue(wanted)

    def show_stretch(self, row: int, top: int, bottom: int) -> None:
        """Bring a part of a row, in px from its top, into sight; in the middle if it must move."""
        bar, height = self.verticalScrollBar(), self.viewport().height()
        margin = min(height // 4, self.theme.px(48))
        for _ in range(_ROUNDS):  # the rows on the way are measured for the first time
            begin = self._top_of(row) + top
            end = begin + bottom - top
            if bar.value() + margin <= begin and end <= bar.value() + height - margin:
                return
            self._set_follows(False)
            bar.setValue(begin - (height - (bottom - top)) // 2)

    def place_of_reading(self) -> tuple[int, int] | None:
        """The first row in sight and how far above it the visible part begins, for `restore_place`.

        None while there are no rows.
        """
        if not len(self._heights):
            return None
        row = self._heights.row_at(self.verticalScrollBar().value() - self._top_gap())
        return self.place_of(row)

    def place_of(self, row: int) -> tuple[int, int]:
        """That row, and how far above it the visible part begins."""
        return row, self.verticalScrollBar().value() - self._top_of(row)

    def restore_place(self, row: int, offset: int) -> None:
        """Scroll so that a row is where it was; the rows may be others by now."""
        bar = self.verticalScrollBar()
        for _ in range(_ROUNDS):  # the rows on the way are measured for the first time
            bar.setValue(self._top_of(min(row, len(self._heights) - 1)) + offset)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Fit the rows into the new width."""
        super().resizeEvent(event)
        self.arrange()

    def arrange(self) -> None:
        """Make, lay out and place the rows near the visible part, and drop the others."""
        if self._arranging:
            return
        self._arranging = True
        try:
            self._arrange()
        finally:
            self._arranging = False

    def _arrange(self) -> None:
        narrow = is_narrow_window(self.theme, self.window().width())
        column = column_in(self.theme, self.width(), is_narrow=narrow)
        if column != self._column:
            self._column = column
            self._stale.update(self._views)
        value = self.verticalScrollBar().value()
        anchor = self._heights.row_at(value - self._top_gap()) if len(self._heights) else 0
        offset = value - self._top_of(anchor) if len(self._heights) else 0
        for _ in range(_ROUNDS):
            value = self._wanted_value(anchor, offset)
            if not self._lay_out_near(value):
                break
        value = self._wanted_value(anchor, offset)
        self._drop(set(self._views) - set(self._near_rows(value)))
        self._set_bar(value)
        self._place(self.verticalScrollBar().value())

    def _wanted_value(self, anchor: int, offset: int) -> int:
        last = max(0, self._content_height() - self.viewport().height())
        if self._follows or not len(self._heights):
            return last
        return max(0, min(last, self._top_of(anchor) + offset))

    def _lay_out_near(self, value: int) -> bool:
        """Lay out what is near; whether a height was another than thought."""
        changed = False
        for row in self._near_rows(value):
            if row not in self._views:
                view = self.make_row(row)
                cast("QWidget", view).setParent(self.viewport())
                self._views[row] = view
                self._stale.add(row)
            if row in self._stale:
                self._stale.discard(row)
                changed |= bool(self._heights.set(row, self._views[row].lay_out(self._column)))
        return changed

    def _near_rows(self, value: int) -> list[int]:
        """The rows in sight or almost, and those that must stay."""
        if not len(self._heights):
            return []
        height = self.viewport().height()
        margin = round(height * MARGIN_SCREENS) + self._top_gap()
        first = self._heights.row_at(value - margin)
        last = self._heights.row_at(value + height + margin)
        kept = [row for row in self._views if not first <= row <= last and self.keeps_row(row)]
        return [*range(first, last + 1), *kept]

    def _set_bar(self, value: int) -> None:
        bar = self.verticalScrollBar()
        bar.setPageStep(self.viewport().height())
        bar.setSingleStep(self.theme.px(32))
        bar.setRange(0, max(0, self._content_height() - self.viewport().height()))
        bar.setValue(value)

    def _place(self, value: int) -> None:
        width = self.viewport().width()
        for row, view in self._views.items():
            widget = cast("QWidget", view)
            top = self._top_of(row) - value
            widget.setGeometry(QRect(0, top, width, self._heights[row]))
            widget.setVisible(True)

    def _drop(self, rows: set[int]) -> None:
        for row in rows:
            view = self._views.pop(row)
            self._stale.discard(row)
            focused = QApplication.focusWidget()
            widget = cast("QWidget", view)
            if focused is not None and (widget is focused or widget.isAncestorOf(focused)):
                # Else Qt passes the focus on while the row is being hidden.
                self.setFocus(Qt.FocusReason.OtherFocusReason)
            view.dispose()

    def _top_gap(self) -> int:
        return self.theme.gap(TOP_GAP)

    def _top_of(self, row: int) -> int:
        return self._top_gap() + self._heights.top(row)

    def _content_height(self) -> int:
        return self._top_gap() + self._heights.total + self.theme.gap(BOTTOM_GAP)

    def _set_follows(self, follows: bool) -> None:
        if follows != self._follows:
            self._follows = follows
            self.note_follow(follows)

    @Slot()
    def _take_scroll(self) -> None:
        if self._arranging:
            return
        bar = self.verticalScrollBar()
        self._set_follows(bar.value() >= bar.maximum() - 2)
        self.arrange()
