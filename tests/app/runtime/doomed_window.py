"""A window's process that streams a reply until it is killed; run by test_sudden_end.

Says on its standard output what is on the disk: "asked" when the engine has the question,
"saved N" when N characters of the reply have been committed.
"""

from __future__ import annotations

import sys
from pathlib import Path

from PySide6.QtCore import QCoreApplication

from app.core.conversation import Message
from app.core.conversation_store import ConversationStore
from app.core.paths import open_data_folder
from app.core.settings import Settings
from app.engine.protocol import Generate, Request
from app.runtime.chat_session import ChatSession, SessionState
from app.runtime.engine_thread import EngineThread
from app.runtime.store_thread import StoreThread
from tests.fakes import ScriptedEngine

QUESTION = "What is never lost?"
PIECES = tuple(f"{number} " for number in range(1_000_000))
FLUSH_MS = 5


def tell(line: str) -> None:
    """One line for the test, at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


class TellingStore(ConversationStore):
    """Tells of each reply that is on the disk."""

    def write_reply(self, message: Message) -> None:
        """As the store does, and tell it."""
        super().write_reply(message)
        tell(f"saved {len(message.text)}")


def start_engine(log_path: Path) -> ScriptedEngine:
    """An engine that says a piece whenever the window has had its turn."""
    engine = ScriptedEngine(PIECES, pieces_allowed=1)
    poll = engine.poll

    def poll_and_allow(timeout_seconds: float | None) -> object:
        engine.allow(1)
        return poll(timeout_seconds)

    def hear(request: Request) -> None:
        if isinstance(request, Generate):
            tell("asked")

    engine.poll = poll_and_allow  # type: ignore[method-assign,assignment]
    engine.hear = hear
    return engine


def main(root: Path) -> None:
    """Ask one question and stream its reply for ever."""
    application = QCoreApplication([])
    folder = open_data_folder(root / "data")
    store = StoreThread(folder.chats, open_store=TellingStore.open)
    engine = EngineThread(folder.engine_log, start_engine)
    session = ChatSession(folder, root / "resources", Settings(folder.settings), store, engine)
    session._answering._pulse.setInterval(FLUSH_MS)

    def ask(state: SessionState) -> None:
        if state is SessionState.READY:
            session.send(QUESTION)

    session.state_changed.connect(ask)
    session.start()
    application.exec()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
