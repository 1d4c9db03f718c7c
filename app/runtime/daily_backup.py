"""Has the chats copied once a day, on a thread of its own, as long as the program runs.

What goes wrong is told once and tried again an hour later. Knows nothing of how copies are made.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import date
from pathlib import Path

from PySide6.QtCore import QObject, Qt, QTimer, Signal, Slot

from app.core.chats_backup import back_up
from app.core.chats_file import ChatsFileError

LOOK_MS = 3_600_000


class DailyBackup(QObject):
    """Looks at the start and once an hour whether today's copy is there.

    Signals:
        looked(object): the `Path` of a copy that was made, a sentence if none could be, else None.
    """

    looked = Signal(object)

    def __init__(self, chats: Path, today: Callable[[], date] = date.today) -> None:
        super().__init__()
        self._chats = chats
        self._today = today
        self._thread: threading.Thread | None = None
        self._timer = QTimer(self, interval=LOOK_MS)
        self._timer.timeout.connect(self.look)
        self.looked.connect(self._let_go, Qt.ConnectionType.QueuedConnection)

    def start(self) -> None:
        """Look now, and from now on."""
        self._timer.start()
        self.look()

    @Slot()
    def look(self) -> None:
        """Make today's copy, if it isn't there; returns at once."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="backup", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Look no more; waits for a copy that is being made."""
        self._timer.stop()
        if self._thread is not None:
            self._thread.join()

    def _work(self) -> None:
        try:
            self.looked.emit(back_up(self._chats, self._today()))
        except ChatsFileError as error:  # whoever saves the chats says so in the window
            self.looked.emit(str(error))

    @Slot(object)
    def _let_go(self, _: object) -> None:
        if self._thread is not None:
            self._thread.join()
            self._thread = None
