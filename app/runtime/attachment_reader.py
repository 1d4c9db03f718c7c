"""The thread that reads files which are to be attached, one after the other.

Knows nothing of messages, chats or tokens.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, Qt, Signal, Slot

from app.core.attachments import AttachmentError, ReadFile, Refusal, read_file, shown_name

ReadPath = Callable[[Path, Callable[[], bool]], ReadFile]


@dataclass(frozen=True, slots=True)
class _Order:
    file_id: int
    path: Path


class AttachmentReader(QObject):
    """Lives on the window's thread; only `_read_all` runs on the other one.

    Signals:
        file_read(int file_id, object): `ReadFile`, or the `AttachmentError` that says why not.
    """

    file_read = Signal(int, object)
    _done = Signal(int, object)

    def __init__(self, read: ReadPath = read_file) -> None:
        super().__init__()
        self._read = read
        self._orders: queue.SimpleQueue[_Order | None] = queue.SimpleQueue()
        self._given_up: set[int] = set()
        self._is_closing = False
        self._thread: threading.Thread | None = None
        self._done.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    def read(self, file_id: int, path: Path) -> None:
        """Read that file when those before it are done."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._read_all, name="attachments", daemon=True)
            self._thread.start()
        self._orders.put(_Order(file_id, path))

    def give_up(self, file_id: int) -> None:
        """That file isn't wanted any more; nothing of it is told."""
        self._given_up.add(file_id)

    def close(self) -> None:
        """End the thread, and what it reads; waits for it."""
        self._is_closing = True
        self._orders.put(None)
        if self._thread is not None:
            self._thread.join()

    @Slot(int, object)
    def _deliver(self, file_id: int, result: object) -> None:
        if file_id not in self._given_up and not self._is_closing:
            self.file_read.emit(file_id, result)
        self._given_up.discard(file_id)

    # --- on the other thread -----------------------------------------------------------------

    def _read_all(self) -> None:
        while (order := self._orders.get()) is not None:
            self._done.emit(order.file_id, self._read_one(order))

    def _read_one(self, order: _Order) -> object:
        def should_stop() -> bool:
            return self._is_closing or order.file_id in self._given_up

        if should_stop():
            return None
        try:
            return self._read(order.path, should_stop)
        except AttachmentError as error:
            return error
        except Exception as error:  # noqa: BLE001  the thread's boundary: it is always told
            name = shown_name(order.path)
            sentence = f"{name} can’t be read, for a reason that Octet doesn’t know: {error}"
            return AttachmentError(Refusal.UNREADABLE, sentence)
