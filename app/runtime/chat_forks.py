"""Forks the shown chat: a copy of its beginning, which is shown from then on.

Knows nothing of how chats are copied.
"""

from __future__ import annotations

import time

from PySide6.QtCore import QObject, Slot

from app.core.forking import fork
from app.runtime.chat_shelf import ChatShelf
from app.runtime.store_thread import StoreThread


class ChatForks(QObject):
    """A part of the session, as the window sees it."""

    def __init__(self, store: StoreThread, shelf: ChatShelf) -> None:
        super().__init__()
        self._store = store
        self._shelf = shelf

    @Slot(int)
    def fork(self, message_id: int) -> None:
        """Make a chat of its own of all up to that message of the shown chat, and show it."""
        shown_id, now = self._shelf.shown_id, time.time()
        self._store.run(lambda store: fork(store, shown_id, message_id, now), self._show)

    def _show(self, conversation_id: int) -> None:
        if conversation_id:
            self._shelf.open(conversation_id)
        self._shelf.refresh()
