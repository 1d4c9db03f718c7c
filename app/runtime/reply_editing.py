"""Lets the user write a version of a reply; the model's own stays beside it.

Knows nothing of how versions are kept.
"""

from __future__ import annotations

import time

from PySide6.QtCore import QObject, Slot

from app.core.reply_versions import add_version
from app.runtime.chat_shelf import ChatShelf
from app.runtime.store_thread import StoreThread


class ReplyEditing(QObject):
    """A part of the session, as the window sees it."""

    def __init__(self, store: StoreThread, shelf: ChatShelf) -> None:
        super().__init__()
        self._store = store
        self._shelf = shelf

    @Slot(int, str)
    def edit(self, message_id: int, text: str) -> None:
        """Put `text` beside a reply of the shown chat, and show it; an empty one is no reply."""
        shown_id, now, text = self._shelf.shown_id, time.time(), text.strip()
        if text:
            self._store.run(lambda store: add_version(store, shown_id, message_id, text, now))
            self._shelf.open(shown_id)
            self._shelf.refresh()
