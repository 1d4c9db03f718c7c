"""Tells as notices what becomes of the chats on the disk.

Knows nothing of how they are kept.
"""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot

from app.core.conversation_keeper import ChatsRestored, News, SavingFailed
from app.runtime import notices
from app.runtime.store_thread import StoreThread


class StoreNews(QObject):
    """Listens to the store's thread.

    Signals:
        notice_raised(object), notice_cleared(str): as those of the session.
    """

    notice_raised = Signal(object)
    notice_cleared = Signal(str)

    def __init__(self, store: StoreThread, folder: Path) -> None:
        """`folder` is where the chats are."""
        super().__init__()
        self._folder = folder
        store.news_arrived.connect(self._tell_news)
        store.work_failed.connect(self._tell_failed_work)

    @Slot(object)
    def _tell_news(self, news: News) -> None:
        if isinstance(news, SavingFailed):
            self.notice_raised.emit(notices.saving_failed(news, self._folder))
        elif isinstance(news, ChatsRestored):
            self.notice_raised.emit(notices.chats_restored(news))
        else:
            self.notice_cleared.emit(notices.SAVING)

    @Slot(str)
    def _tell_failed_work(self, sentence: str) -> None:
        self.notice_raised.emit(notices.work_failed(sentence))
