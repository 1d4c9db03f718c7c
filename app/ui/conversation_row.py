"""How a row of the conversation list is painted and renamed.

Knows nothing of chats.
"""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QLineEdit,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from app.ui.buttons import paint_focus_ring
from app.ui.conversation_model import Index, RowData
from app.ui.mark import MarkClock, paint_mark
from app.ui.theme import Theme, TypeRole


class ConversationRow(QStyledItemDelegate):
    """Paints heads and chats."""

    def __init__(self, theme: Theme, clock: MarkClock, view: QAbstractItemView) -> None:
        super().__init__(view)
        self._theme = theme
        self._clock = clock
        self._view = view
        self.shows_focus = False

    def sizeHint(self, _option: QStyleOptionViewItem, index: Index) -> QSize:
        """34 px for a chat, 30 for a head."""
        return QSize(10, self._theme.px(30 if index.data(RowData.IS_HEAD) else 34))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Paint one row."""
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if index.data(RowData.IS_HEAD):
            self._paint_head(painter, option.rect, str(index.data()))
        else:
            self._paint_chat(painter, option, index)
        painter.restore()

    def createEditor(
        self, parent: QWidget, _option: QStyleOptionViewItem, _index: Index
    ) -> QWidget:
        """A line to write the title in."""
        editor = QLineEdit(parent)
        editor.setAccessibleName("Title of the chat")
        return editor

    def updateEditorGeometry(  # noqa: N802  Qt's name
        self, editor: QWidget, option: QStyleOptionViewItem, _index: Index
    ) -> None:
        """As large as the row."""
        editor.setGeometry(self._row_rect(option.rect))

    def menu_rect(self, row: QRect) -> QRect:
        """Where the "…" of a row is."""
        side = self._theme.px(28)
        inner = self._row_rect(row)
        return QRect(inner.right() - side - 3, inner.center().y() - side // 2, side, side)

    def has_menu(self, index: Index) -> bool:
        """The chat that isn't written yet has nothing to rename or delete."""
        return not index.data(RowData.IS_HEAD) and bool(index.data(RowData.CONVERSATION_ID))

    def is_on_menu(self, point: QPoint, row: QRect, index: Index) -> bool:
        """Whether a point is on the "…" of a row."""
        return self.has_menu(index) and self.menu_rect(row).contains(point)

    def _row_rect(self, rect: QRect) -> QRect:
        return rect.adjusted(0, 1, 0, -1)

    def _paint_head(self, painter: QPainter, rect: QRect, text: str) -> None:
        theme = self._theme
        painter.setFont(theme.font(TypeRole.CAPTION_HEAD))
        painter.setPen(theme.colour("text2"))
        inner = rect.adjusted(theme.gap(10), theme.px(5), 0, 0)
        painter.drawText(inner, Qt.AlignmentFlag.AlignVCenter, text)

    def _paint_chat(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        theme = self._theme
        state = option.state
        hovered = bool(state & QStyle.StateFlag.State_MouseOver)
        focused = self.shows_focus and bool(state & QStyle.StateFlag.State_HasFocus)
        is_open = bool(index.data(RowData.IS_OPEN))
        rect = QRectF(self._row_rect(option.rect))
        radius = theme.px(8)
        if is_open or hovered:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.colour("selected" if is_open else "hover"))
            painter.drawRoundedRect(rect, radius, radius)
        if focused:
            paint_focus_ring(painter, theme, rect, radius)
        replying = bool(index.data(RowData.IS_REPLYING))
        shows_menu = (hovered or focused) and self.has_menu(index)
        self._paint_title(painter, rect, str(index.data()), is_open, shows_menu or replying)
        spot = QRectF(self.menu_rect(option.rect))
        if shows_menu:
            size = theme.px(16)
            corner = spot.center().toPoint()
            theme.icons.paint(
                painter,
                "more",
                theme.colours.text2,
                corner.x() - size / 2,
                corner.y() - size / 2,
                size,
            )
        elif replying:
            size = theme.px(18)
            centre = spot.center()
            lit = self._clock.lit
            paint_mark(painter, theme, centre.x() - size / 2, centre.y() - size / 2, size, lit)

    def _paint_title(
        self, painter: QPainter, rect: QRectF, title: str, is_open: bool, has_spot: bool
    ) -> None:
        theme = self._theme
        font = theme.font(TypeRole.BUTTON if is_open else TypeRole.BODY)
        room = rect.adjusted(theme.gap(10), 0, -theme.gap(10), 0)
        if has_spot:
            room.setRight(rect.right() - theme.px(34))
        painter.setFont(font)
        painter.setPen(theme.colour("text"))
        shown = QFontMetrics(font).elidedText(title, Qt.TextElideMode.ElideRight, int(room.width()))
        painter.drawText(room, Qt.AlignmentFlag.AlignVCenter, shown)
