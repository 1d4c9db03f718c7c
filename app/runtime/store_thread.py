"""The thread on which everything that waits for the disk is done.

The window hands work over and gets the result as a call on its own thread. Knows nothing of what
the work is about.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from PySide6.QtCore import QObject, Qt, Signal, Slot

from app.core.conversation_keeper import ConversationKeeper, News
from app.core.conversation_store import ConversationStore
from app.core.errors import OctetError
from app.core.paths import write_private_file

T = TypeVar("T")

RETRY_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class _Work:
    do: Callable[[], Any]
    then: Callable[[Any], None] | None = None


@dataclass(frozen=True, slots=True)
class _Done:
    value: object
    then: Callable[[Any], None] | None
    error: BaseException | None = None


class StoreThread(QObject):
    """Runs work on the conversation store, in the order in which it was handed over.

    Lives on the window's thread; only `_work_through` runs on the other one.

    Signals:
        news_arrived(object): `ConversationKeeper.News`, when saving fails, resumes or restores.
        work_failed(str sentence): some work could not be done, and its result never comes.
    """

    news_arrived = Signal(object)
    work_failed = Signal(str)
    _work_done = Signal(object)

    def __init__(
        self,
        path: Path,
        retry_seconds: float = RETRY_SECONDS,
        open_store: Callable[[Path], ConversationStore] = ConversationStore.open,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._keeper = ConversationKeeper(path, self._tell, open_store)
        self._retry_seconds = retry_seconds
        self._queue: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work_through, name="store", daemon=True)
        self._work_done.connect(self._deliver, Qt.ConnectionType.QueuedConnection)
        self._is_open = False

    @property
    def has_unsaved(self) -> bool:
        """Whether some chat exists only in memory, since the disk refuses."""
        return self._keeper.has_unsaved

    def start(self) -> None:
        """Begin; the file is opened on the thread."""
        self._is_open = True
        self._thread.start()

    def run(
        self,
        work: Callable[[ConversationStore], T],
        then: Callable[[T], None] | None = None,
    ) -> None:
        """Do `work`, a single call of the store, and hand its result to `then` over here."""
        self._queue.put(_Work(lambda: self._keeper.run(work), then))

    def run_apart(self, work: Callable[[], T], then: Callable[[T], None] | None = None) -> None:
        """The same for work that waits for the disk and doesn't need the store."""
        self._queue.put(_Work(work, then))

    def write_file(self, path: Path, data: bytes) -> None:
        """Put `data` in place of the file at `path`; for `Settings`."""
        self.run_apart(lambda: write_private_file(path, data))

    def retry(self) -> None:
        """Try at once to save what is only in memory."""
        self._queue.put(_Work(self._keeper.retry))

    def close(self) -> None:
        """Do all that was handed over, save, close the file and end the thread; waits for it.

        Results that are not delivered yet are dropped.
        """
        if self._is_open:
            self._is_open = False
            self._queue.put(None)
            self._thread.join()

    @Slot(object)
    def _deliver(self, done: _Done) -> None:
        if isinstance(done.error, OctetError):
            self.work_failed.emit(str(done.error))
        elif done.error is not None:
            raise done.error
        if self._is_open and done.then is not None:
            done.then(done.value)

    # --- on the other thread -----------------------------------------------------------------

    def _tell(self, news: News) -> None:
        self.news_arrived.emit(news)

    def _work_through(self) -> None:
        self._do(_Work(self._keeper.open))
        while True:
            try:
                timeout = self._retry_seconds if self._keeper.is_in_memory else None
                work = self._queue.get(timeout=timeout)
            except queue.Empty:
                work = _Work(self._keeper.retry)
            if work is None:
                break
            self._do(work)
        self._do(_Work(self._keeper.close))

    def _do(self, work: _Work) -> None:
        try:
            self._work_done.emit(_Done(work.do(), work.then))
        except Exception as error:  # noqa: BLE001  the thread's boundary: raised again over there
            self._work_done.emit(_Done(None, None, error))
