"""Takes the README's pictures: the real window, in which the demo model really answers.

    python packaging/screenshots.py [--out resources/pictures]

Writes window.png and window-dark.png. A few questions are asked in a data folder of its own, so
the sidebar has something to list; the answers are whatever the demo says at temperature 0. Runs
under any display, under xvfb-run, or with QT_QPA_PLATFORM=offscreen.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).absolute().parents[1]))

from PySide6.QtCore import QEventLoop, QTimer
from PySide6.QtWidgets import QApplication  # noqa: TID251  the window is what it pictures

from app.core.paths import open_data_folder
from app.core.settings import TEMPERATURE, Settings
from app.main import build_session
from app.runtime.chat_session import ChatSession
from app.runtime.facts import SessionState
from app.ui.application_look import ApplicationLook
from app.ui.main_window import MainWindow
from app.ui.theme import Theme

SIZE = (1180, 780)
LONGEST_MS = 180_000
CHATS = (
    ("¿Dónde se guardan mis conversaciones?",),
    ("Comment arrêter une réponse ?",),
    ("Welche Quantisierung passt zu 32 GB Speicher?",),
    ("What is a mixture of experts?", "How do I get the real Mixtral?"),
)


def wait_until(fact: Callable[[], bool]) -> None:
    """Let the window live until something is so; raises TimeoutError after three minutes."""
    loop = QEventLoop()
    look = QTimer()
    look.setInterval(20)
    look.timeout.connect(lambda: loop.quit() if fact() else None)
    look.start()
    QTimer.singleShot(LONGEST_MS, loop.quit)
    loop.exec()
    if not fact():
        raise TimeoutError("the demo didn't answer")


def ask_everything(session: ChatSession) -> None:
    """Put the questions, each chat anew."""
    wait_until(lambda: session.state is SessionState.READY)
    for questions in CHATS:
        session.new_conversation()
        for number, question in enumerate(questions, start=1):
            session.send(question)
            answered = 2 * number
            wait_until(lambda wanted=answered: has_answers(session, wanted))


def has_answers(session: ChatSession, messages: int) -> bool:
    """Whether the shown chat has so many messages, the last of them finished."""
    return session.state is SessionState.READY and len(session.conversation.branch) == messages


def take_pictures(window: MainWindow, settings: Settings, folder: Path) -> None:
    """One picture for each theme."""
    window.page.composer.draft.set_text("And which version fits this computer?")
    for mode, name in (("light", "window.png"), ("dark", "window-dark.png")):
        window.theme.set_mode(mode)
        deadline = QEventLoop()
        QTimer.singleShot(800, deadline.quit)  # the draft is counted, code is coloured
        deadline.exec()
        path = folder / name
        window.grab().save(str(path))
        print(path)
    settings.reset(TEMPERATURE)


def main() -> None:
    """Build the program as `app.main` does, on a folder that is thrown away."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("resources/pictures"))
    folder: Path = parser.parse_args().out
    folder.mkdir(parents=True, exist_ok=True)
    application = QApplication(sys.argv[:1])
    with tempfile.TemporaryDirectory(prefix="octet-pictures-") as root:
        session, settings = build_session(open_data_folder(Path(root)), is_offline=True)
        settings.set(TEMPERATURE, 0.0)
        theme = Theme("light")
        ApplicationLook(application, theme)
        window = MainWindow(session, settings, theme)
        window.resize(*SIZE)
        window.show()
        session.start()
        try:
            ask_everything(session)
            take_pictures(window, settings, folder)
        finally:
            window.close()
            session.close()


if __name__ == "__main__":
    main()
