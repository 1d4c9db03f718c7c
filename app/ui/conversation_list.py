"""The list of chats: opening, renaming and deleting by mouse and keyboard.

Knows nothing of the session; says what is wished by signals.
"""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QModelIndex, QPoint, Qt, Signal, Slot
from PySide6.QtGui import QFocusEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractItemView, QFrame, QListView

from app.core.conversation import ConversationSummary
from app.ui.buttons import keyboard_brought
from app.ui.conversation_model import ConversationModel, RowData
from app.ui.conversation_row import ConversationRow
from app.ui.mark import MarkClock
from app.ui.popup_menu import PopupMenu
from app.ui.theme import Theme, TypeRole


class ConversationList(QListView):
    """All chats, by day.

    Signals:
        open_requested, delete_requested(int): a chat's id.
        rename_requested(int, str): a chat's id and its new title.
    """

    open_requested = Signal(int)
    delete_requested = Signal(int)
    rename_requested = Signal(int, str)

    def __init__(self, theme: Theme, clock: MarkClock) -> None:
        super().__init__()
        self._theme = theme
        self._rows = ConversationModel()
        self._delegate = ConversationRow(theme, clock, self)
        self._open_id = 0
        self.setModel(self._rows)
        self.setItemDelegate(self._delegate)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.viewport().setAutoFillBackground(False)
        self.setMouseTracking(True)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.setAccessibleName("Chats")
        self._connect(clock)

    def show_conversations(self, summaries: Sequence[ConversationSummary]) -> None:
        """Other chats, or in another order."""
        self._rows.show_conversations(summaries)
        self._take_current()

    def set_open(self, conversation_id: int) -> None:
        """The chat that is shown."""
        self._open_id = conversation_id
        self._rows.set_open(conversation_id)
        self._take_current()

    def set_replying(self, conversation_id: int) -> None:
        """The chat whose reply grows; -1 for none."""
        self._rows.set_replying(conversation_id)

    def set_filter(self, text: str) -> None:
        """Only chats with these words in their title."""
        self._rows.set_filter(text)
        self.viewport().update()
        self._take_current()

    @Slot()
    def focus_first(self) -> None:
        """The uppermost chat, for who comes from the filter."""
        self.setFocus(Qt.FocusReason.TabFocusReason)
        first = self._rows.first_chat
        if first >= 0:
            self.setCurrentIndex(self._rows.index(first))

    @Slot()
    def rename_current(self) -> None:
        """Write another title for the chat under the keyboard's focus."""
        index = self.currentIndex()
        if index.isValid() and index.flags() & Qt.ItemFlag.ItemIsEditable:
            self.edit(index)

    def rename(self, conversation_id: int) -> None:
        """Write another title for a chat."""
        row = self._rows.row_of(conversation_id)
        if row >= 0:
            self.setCurrentIndex(self._rows.index(row))
            self.rename_current()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter opens, F2 renames, Delete moves to the bin, the menu key opens the menu."""
        index = self.currentIndex()
        chat = index.data(RowData.CONVERSATION_ID) if index.isValid() else None
        if chat is None or self.state() is QAbstractItemView.State.EditingState:
            super().keyPressEvent(event)
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self.open_requested.emit(chat)
        elif event.key() == Qt.Key.Key_F2:
            self.rename_current()
        elif event.key() == Qt.Key.Key_Delete and chat:
            self.delete_requested.emit(chat)
        else:
            super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """A press on "…" opens the menu, and not the chat."""
        index = self._menu_index(event)
        if index is None:
            super().mousePressEvent(event)
        else:
            self._show_row_menu(index)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Nor does letting go of "…"."""
        if self._menu_index(event) is None:
            super().mouseReleaseEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Say so if the filter leaves nothing."""
        super().paintEvent(event)
        if self._rows.rowCount() == 0 and self._rows.is_filtered:
            painter = QPainter(self.viewport())
            painter.setFont(self._theme.font(TypeRole.SMALL))
            painter.setPen(self._theme.colour("text2"))
            room = self.viewport().rect().adjusted(self._theme.gap(10), self._theme.gap(10), 0, 0)
            painter.drawText(
                room, Qt.TextFlag.TextWordWrap, "No chat has these words in its title."
            )

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Show the ring if the keyboard brought the focus."""
        self._delegate.shows_focus = keyboard_brought(event.reason())
        super().focusInEvent(event)
        if not self.currentIndex().isValid():
            self._take_current()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Hide the ring."""
        self._delegate.shows_focus = False
        super().focusOutEvent(event)

    def _connect(self, clock: MarkClock) -> None:
        self.clicked.connect(self._open_clicked)
        self._rows.rename_requested.connect(self.rename_requested)
        self.customContextMenuRequested.connect(self._show_menu_at)
        clock.stepped.connect(self._turn)
        self._theme.changed.connect(self.doItemsLayout)

    def _take_current(self) -> None:
        row = self._rows.row_of(self._open_id)
        if row >= 0:
            self.setCurrentIndex(self._rows.index(row))

    def _menu_index(self, event: QMouseEvent) -> QModelIndex | None:
        """The row whose "…" the left button is on."""
        point = event.position().toPoint()
        index = self.indexAt(point)
        if event.button() is not Qt.MouseButton.LeftButton or not index.isValid():
            return None
        on_menu = self._delegate.is_on_menu(point, self.visualRect(index), index)
        return index if on_menu else None

    @Slot()
    def _turn(self) -> None:
        row = self._rows.replying_row
        if row >= 0:
            self.update(self._rows.index(row))

    @Slot(QModelIndex)
    def _open_clicked(self, index: QModelIndex) -> None:
        if not index.data(RowData.IS_HEAD):
            self.open_requested.emit(index.data(RowData.CONVERSATION_ID))

    @Slot(QPoint)
    def _show_menu_at(self, point: QPoint) -> None:
        index = self.indexAt(point)
        if not index.isValid():
            index = self.currentIndex()
            point = self.visualRect(index).center()
        if index.isValid() and self._delegate.has_menu(index) and not index.data(RowData.IS_HEAD):
            self._show_menu(index, self.viewport().mapToGlobal(point))

    def _show_row_menu(self, index: QModelIndex) -> None:
        rect = self._delegate.menu_rect(self.visualRect(index))
        self._show_menu(index, self.viewport().mapToGlobal(rect.bottomLeft()))

    def _show_menu(self, index: QModelIndex, place: QPoint) -> None:
        chat = index.data(RowData.CONVERSATION_ID)
        menu = PopupMenu(self._theme, self)
        menu.add("Rename", lambda: self.rename(chat), icon="edit", keys="F2")
        menu.addSeparator()
        menu.add(
            "Move to the bin",
            lambda: self.delete_requested.emit(chat),
            icon="trash",
            keys="Del",
            is_danger=True,
        )
        menu.popup(place)
