"""The chats as rows of a list: heads by day, and beneath each the chats, newest first.

Knows nothing of how rows are painted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, Qt, Signal

from app.core.conversation import ConversationSummary
from app.ui.amounts import day_head

Index = QModelIndex | QPersistentModelIndex


class RowData(IntEnum):
    """What the delegate asks a row for, besides its text."""

    CONVERSATION_ID = Qt.ItemDataRole.UserRole
    IS_HEAD = Qt.ItemDataRole.UserRole + 1
    IS_OPEN = Qt.ItemDataRole.UserRole + 2
    IS_REPLYING = Qt.ItemDataRole.UserRole + 3


@dataclass(frozen=True, slots=True)
class _Row:
    text: str
    conversation_id: int = -1

    @property
    def is_head(self) -> bool:
        return self.conversation_id < 0


class ConversationModel(QAbstractListModel):
    """The rows of the conversation list.

    Signals:
        rename_requested(int, str): the user wrote another title.
    """

    rename_requested = Signal(int, str)

    def __init__(self) -> None:
        super().__init__()
        self._summaries: tuple[ConversationSummary, ...] = ()
        self._filter = ""
        self._rows: list[_Row] = []
        self._open_id = 0
        self._replying_id = -1

    def rowCount(self, _parent: Index | None = None) -> int:
        """Heads and chats."""
        return len(self._rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """A row's text, its accessible name, or one of `RowData`."""
        row = self._rows[index.row()]
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole):
            return row.text
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return self._accessible_text(row)
        found: dict[int, object] = {
            RowData.CONVERSATION_ID: row.conversation_id,
            RowData.IS_HEAD: row.is_head,
            RowData.IS_OPEN: not row.is_head and row.conversation_id == self._open_id,
            RowData.IS_REPLYING: not row.is_head and row.conversation_id == self._replying_id,
        }
        return found.get(role)

    def setData(  # noqa: N802  Qt's name
        self, index: Index, value: object, role: int = Qt.ItemDataRole.EditRole
    ) -> bool:
        """A new title is wished for; the list changes when it is a fact."""
        title = str(value).strip()
        row = self._rows[index.row()]
        if role != Qt.ItemDataRole.EditRole or row.is_head or not title or title == row.text:
            return False
        self.rename_requested.emit(row.conversation_id, title)
        return True

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Heads can't be chosen; the chat that isn't written yet can't be renamed."""
        row = self._rows[index.row()]
        if row.is_head:
            return Qt.ItemFlag.NoItemFlags
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        return flags | Qt.ItemFlag.ItemIsEditable if row.conversation_id else flags

    def show_conversations(self, summaries: Sequence[ConversationSummary]) -> None:
        """Other chats, or in another order."""
        self._summaries = tuple(summaries)
        self._lay_out()

    def set_filter(self, text: str) -> None:
        """Only chats whose title has all the words of `text`."""
        self._filter = text
        self._lay_out()

    def set_open(self, conversation_id: int) -> None:
        """The chat that is shown."""
        if conversation_id != self._open_id:
            self._open_id = conversation_id
            self._tell_all()

    def set_replying(self, conversation_id: int) -> None:
        """The chat in which a reply grows; -1 for none."""
        if conversation_id != self._replying_id:
            self._replying_id = conversation_id
            self._tell_all()

    @property
    def first_chat(self) -> int:
        """The row of the uppermost chat; -1 if there is none."""
        return next((row for row, content in enumerate(self._rows) if not content.is_head), -1)

    @property
    def is_filtered(self) -> bool:
        """Whether chats are left out."""
        return bool(self._filter.strip())

    @property
    def replying_row(self) -> int:
        """The row that turns; -1 for none."""
        return self.row_of(self._replying_id) if self._replying_id >= 0 else -1

    def row_of(self, conversation_id: int) -> int:
        """A chat's row; -1 if it isn't listed."""
        for row, content in enumerate(self._rows):
            if content.conversation_id == conversation_id:
                return row
        return -1

    def title_of(self, conversation_id: int) -> str:
        """A chat's title; "" if it isn't there."""
        for summary in self._summaries:
            if summary.conversation_id == conversation_id:
                return summary.title
        return ""

    def _lay_out(self) -> None:
        rows: list[_Row] = []
        head = ""
        words = self._filter.casefold().split()
        for summary in self._summaries:
            title = summary.title.casefold()
            if not all(word in title for word in words):
                continue
            day = day_head(summary.changed_at) if summary.conversation_id else "Today"
            if day != head:
                head = day
                rows.append(_Row(head))
            rows.append(_Row(summary.title, summary.conversation_id))
        if rows != self._rows:
            self.beginResetModel()
            self._rows = rows
            self.endResetModel()

    def _accessible_text(self, row: _Row) -> str:
        if not row.is_head and row.conversation_id == self._replying_id:
            return f"{row.text}, a reply is under way"
        return row.text

    def _tell_all(self) -> None:
        if self._rows:
            self.dataChanged.emit(self.index(0), self.index(len(self._rows) - 1))
