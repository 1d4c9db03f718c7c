"""The one centred column that transcript, notices and composer share.

Knows nothing of what stands in it.
"""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QEvent, QObject, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.ui.theme import Theme

COLUMN_EM, BUBBLE_EM, NARROW_EM, FOLDED_EM = 48, 38, 52, 60
SCROLL_BAR = 12
GUTTER = 36


@dataclass(frozen=True, slots=True)
class ColumnRect:
    """Left edge and width of the column in px; `gutter` is 0 in a narrow window."""

    x: int
    width: int
    gutter: int


def column_in(theme: Theme, width: int, *, is_narrow: bool) -> ColumnRect:
    """The column in `width` px, the reserved scroll bar included."""
    room = width - SCROLL_BAR - 2 * theme.gap(24)
    wanted = min(COLUMN_EM * theme.reading_em, room)
    x = round((width - SCROLL_BAR - wanted) / 2)
    return ColumnRect(x, wanted, 0 if is_narrow else theme.px(GUTTER))


def is_narrow_window(theme: Theme, window_width: int) -> bool:
    """Below 52 em the gutter disappears, the chip and the gauge are shortened."""
    return window_width < NARROW_EM * theme.em


class ColumnHolder(QWidget):
    """Holds one widget in the column, with gaps above and below (px at 100 %).

    Its height follows the widget's; a hidden widget takes no room.
    """

    def __init__(self, theme: Theme, content: QWidget, above: int = 0, below: int = 0) -> None:
        super().__init__()
        self._theme = theme
        self._content = content
        self._above, self._below = above, below
        content.setParent(self)
        content.installEventFilter(self)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.refit)

    def event(self, event: QEvent) -> bool:
        """The content wants another size."""
        if event.type() is QEvent.Type.LayoutRequest:
            self.refit()
        return super().event(event)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """The content was shown or hidden."""
        if event.type() in (QEvent.Type.ShowToParent, QEvent.Type.HideToParent):
            self.refit()
        return super().eventFilter(watched, event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Fit the content into the column."""
        super().resizeEvent(event)
        self.refit()

    @Slot()
    def refit(self) -> None:
        """Take the height that the content needs in the column."""
        if self._content.isHidden():
            self.setFixedHeight(0)
            return
        column = column_in(self._theme, self.width(), is_narrow=False)
        content = self._content
        if content.hasHeightForWidth():
            height = content.heightForWidth(column.width)
        else:
            height = content.sizeHint().height()
        above, below = self._theme.gap(self._above), self._theme.gap(self._below)
        self.setFixedHeight(above + height + below)
        content.setGeometry(column.x, above, column.width, height)
