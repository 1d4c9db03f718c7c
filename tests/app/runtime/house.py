"""A session with a scripted engine, and a recorder of what it tells."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pytestqt.qtbot import QtBot

from app.core.conversation import Message
from app.core.conversation_store import ConversationStore
from app.core.paths import DataFolder, open_data_folder
from app.core.settings import Settings
from app.runtime.chat_session import ChatSession, SessionState
from app.runtime.engine_thread import EngineThread
from app.runtime.session_facts import SessionFacts
from app.runtime.store_thread import StoreThread
from tests.fakes import ScriptedEngines

FACTS = [
    "state_changed",
    "model_changed",
    "models_changed",
    "loading_progressed",
    "conversations_changed",
    "conversation_opened",
    "draft_opened",
    "title_changed",
    "message_added",
    "reply_resumed",
    "reading_progressed",
    "reply_grew",
    "reply_finished",
    "speed_changed",
    "context_changed",
    "memory_line_moved",
    "queued_changed",
    "notice_raised",
    "notice_cleared",
]


class Recorder:
    """Every fact that a session has told, in order: `of("reply_grew")` are the arguments."""

    def __init__(self, session: SessionFacts) -> None:
        self.facts: list[tuple[str, tuple[object, ...]]] = []
        for name in FACTS:
            getattr(session, name).connect(self._writer(name))

    def _writer(self, name: str) -> Callable[..., None]:
        return lambda *arguments: self.facts.append((name, arguments))

    def names(self) -> list[str]:
        """The facts' names only."""
        return [name for name, _ in self.facts]

    def of(self, wanted: str) -> list[Any]:
        """The facts of one name; their only argument, or all of them as a tuple."""
        found = [arguments for name, arguments in self.facts if name == wanted]
        return [found_one[0] if len(found_one) == 1 else found_one for found_one in found]


class House:
    """A data folder with a model in it, and the sessions that live there one after the other."""

    def __init__(self, qtbot: QtBot, root: Path) -> None:
        self.qtbot = qtbot
        self.folder: DataFolder = open_data_folder(root / "data")
        self.resources_folder = root / "resources"
        self.engines = ScriptedEngines()
        self.sessions: list[ChatSession] = []
        self.open_store: Callable[[Path], ConversationStore] = ConversationStore.open
        self.flush_ms = 20
        (self.resources_folder / "models").mkdir(parents=True)
        self.demo = self.resources_folder / "models" / "octet-demo-q8_0.gguf"
        self.demo.write_bytes(b"a scripted engine doesn't read it")

    def open(self) -> tuple[ChatSession, Recorder]:
        """Another run of the program; the one before has to be closed."""
        store = StoreThread(self.folder.chats, retry_seconds=0.02, open_store=self.open_store)
        engine = EngineThread(self.folder.engine_log, self.engines.start)
        settings = Settings(self.folder.settings, store.write_file)
        session = ChatSession(self.folder, self.resources_folder, settings, store, engine)
        session._answering._pulse.setInterval(self.flush_ms)
        session._gauge._timer.setInterval(1)
        session._shelf._timer.setInterval(1)
        self.sessions.append(session)
        return session, Recorder(session)

    def open_ready(self) -> tuple[ChatSession, Recorder]:
        """The same, started and with the demo loaded."""
        session, recorder = self.open()
        session.start()
        self.wait_for(session, SessionState.READY)
        self.until(lambda: bool(recorder.of("conversations_changed")))
        return session, recorder

    def until(self, fact: Callable[[], bool]) -> None:
        """Let the event loop run until the fact is true."""
        self.qtbot.waitUntil(fact, timeout=20_000)

    def wait_for(self, session: ChatSession, state: SessionState) -> None:
        """Let the event loop run until the session is in that state."""
        self.until(lambda: session.state is state)

    def send(self, session: ChatSession, text: str) -> Message:
        """Send a message, wait for the whole reply, and return it."""
        count = len(session.conversation.branch)
        session.send(text)
        self.until(lambda: len(session.conversation.branch) >= count + 2)
        self.wait_for(session, SessionState.READY)
        return session.conversation.branch[-1]

    def send_until_growing(self, session: ChatSession, text: str) -> None:
        """Send a message and wait for the reply's first piece."""
        session.send(text)
        self.wait_for(session, SessionState.REPLYING)

    def saved(self) -> ConversationStore:
        """What another process would read now; to be closed."""
        return ConversationStore.open_as_it_is(self.folder.chats)
