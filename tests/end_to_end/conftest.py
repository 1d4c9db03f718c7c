"""The whole program in this process: real session, real engine, real window, real demo model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.core.conversation import Message
from app.core.paths import open_data_folder, resources
from app.core.settings import Settings
from app.engine.client import EngineClient
from app.runtime.chat_session import ChatSession, SessionState
from app.runtime.engine_thread import EngineThread
from app.runtime.store_thread import StoreThread
from app.ui.application_look import ApplicationLook
from app.ui.main_window import MainWindow
from app.ui.theme import Theme

PATIENCE_MS = 60_000


class Program:
    """One run of Octet on a data folder. Everything is done with the keyboard."""

    def __init__(self, qtbot: QtBot, root: Path, model: Path | None) -> None:
        self._qtbot = qtbot
        folder = open_data_folder(root)
        self.engines: list[EngineClient] = []
        store = StoreThread(folder.chats)
        engine = EngineThread(folder.engine_log, self._start_engine)
        settings = Settings(folder.settings, store.write_file)
        self.session = ChatSession(folder, resources(), settings, store, engine, offline=True)
        self.theme = Theme("light", 100)
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        self._look = ApplicationLook(application, self.theme)
        self.window = MainWindow(self.session, settings, self.theme)
        self.replies: list[Message] = []
        self.heard: dict[int, str] = {}
        self.session.reply_grew.connect(self._hear)
        self.session.reply_finished.connect(self.replies.append)
        qtbot.addWidget(self.window)
        self.window.show()
        qtbot.waitExposed(self.window)
        self.session.start(str(model) if model else "")
        self.until(lambda: self.session.state is SessionState.READY)

    def _start_engine(self, log_path: Path) -> EngineClient:
        self.engines.append(EngineClient.start(log_path))
        return self.engines[-1]

    def _hear(self, message_id: int, text: str) -> None:
        self.heard[message_id] = self.heard.get(message_id, "") + text

    def until(self, is_so: Callable[[], bool]) -> None:
        """Run the window until a fact holds."""
        self._qtbot.waitUntil(is_so, timeout=PATIENCE_MS)

    def type(self, text: str) -> None:
        """Type into whatever has the focus."""
        self._qtbot.keyClicks(QApplication.focusWidget(), text)

    def press(
        self, key: Qt.Key, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier
    ) -> None:
        """Press one key, where the focus is."""
        self._qtbot.keyClick(QApplication.focusWidget(), key, modifier)

    def ask(self, text: str) -> str:
        """Type, Enter, and wait for the whole reply."""
        count = len(self.replies)
        self.type(text)
        self.press(Qt.Key.Key_Return)
        self.until(lambda: len(self.replies) > count)
        return self.replies[-1].text

    def ask_until_growing(self, text: str) -> int:
        """Type, Enter, and wait for the reply's first words; returns its message id."""
        known = set(self.heard)
        self.type(text)
        self.press(Qt.Key.Key_Return)
        self.until(lambda: bool(set(self.heard) - known))
        return next(iter(set(self.heard) - known))

    def close(self) -> None:
        """As if the window had been closed."""
        self.window.close()
        self.session.close()


StartProgram = Callable[..., Program]


@pytest.fixture
def start_program(qtbot: QtBot, tmp_path: Path) -> Iterator[StartProgram]:
    """Start Octet on this test's data folder, with the demo or a given model."""
    programs: list[Program] = []

    def start(model: Path | None = None) -> Program:
        programs.append(Program(qtbot, tmp_path / "octet", model))
        return programs[-1]

    yield start
    for program in programs:
        program.close()
