"""Opening a chat of 1,000 messages, scrolling through it, and finding words in it.

    python -m tests.benchmarks.bench_reading [--messages 1000] [--rounds 7]

The real window on the real session and a database on the disk, without a model. A click on the
chat in the list until its first paint is over, beside the same for a chat of two messages; the
memory that the process takes more; frames of 60 px while scrolling up, each laid out and painted;
and what each letter typed into the search takes. The least of the rounds counts, since other work
on the machine only adds. Exit code 1 if a limit is broken: 100 ms, 30 MB, a 60th of a second for
99 of 100 frames, 16 ms for a letter.
Without a display it runs with QT_QPA_PLATFORM=offscreen, or under xvfb-run.
"""

from __future__ import annotations

import argparse
import gc
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from app.core.conversation import Message, MessageState, Role
from app.core.conversation_store import ConversationStore
from app.core.paths import open_data_folder
from app.core.settings import Settings
from app.engine.client import EngineClient
from app.runtime.chat_session import ChatSession
from app.runtime.engine_thread import EngineThread
from app.runtime.store_thread import StoreThread
from app.ui.application_look import ApplicationLook
from app.ui.conversation_model import RowData
from app.ui.main_window import MainWindow
from app.ui.theme import Theme
from tests.benchmarks.bench_stream import markdown_section, percentile

FIRST_PAINT_MS, MORE_MB, FRAME_MS, LETTER_MS = 100.0, 30.0, 1000 / 60, 16.0
STEP_PX, FRAMES = 60, 600
TYPED = "daily means"
DEADLINE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class House:
    """The program without a model, and the ids of its two chats."""

    application: QApplication
    session: ChatSession
    window: MainWindow
    long_id: int
    short_id: int

    def spin(self, until: object) -> None:
        """Let the window live until `until()` holds."""
        assert callable(until)
        deadline = time.perf_counter() + DEADLINE_SECONDS
        while not until():
            self.application.processEvents()
            if time.perf_counter() > deadline:
                raise SystemExit("The window didn't get there within a minute.")


class PaintWatch(QObject):
    """Notes that the transcript's rows were painted."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__()
        self.painted = False
        window.page.transcript.row_made.connect(self._watch)

    def _watch(self, view: QObject) -> None:
        view.installEventFilter(self)

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:
        """A message's widget is painted in the event loop's turn that is under way."""
        self.painted |= event.type() is QEvent.Type.Paint
        return False


def fill_store(path: Path, messages: int) -> int:
    """A chat of so many messages; returns its id."""
    store = ConversationStore.open(path)
    chat_id, parent = 0, None
    for number in range(messages // 2):
        question = f"Question {number}: how do I get honest daily means from gappy readings?"
        new = store.begin_turn(chat_id, parent, question, "Mixtral")
        chat_id, parent = new.conversation_id, new.reply_id
        text = markdown_section(number)
        reply = Message(parent, chat_id, None, Role.ASSISTANT, text, MessageState.COMPLETE)
        store.write_reply(reply)
    store.close()
    return chat_id


def open_house(messages: int) -> House:
    """The window with a long chat and a short one."""
    folder = open_data_folder(Path(tempfile.mkdtemp(prefix="octet-bench-")))
    short_id = fill_store(folder.chats, 2)
    long_id = fill_store(folder.chats, messages)
    application = QApplication(sys.argv[:1])
    theme = Theme("light")
    ApplicationLook(application, theme)
    store = StoreThread(folder.chats)
    engine = EngineThread(folder.engine_log, EngineClient.start)
    settings = Settings(folder.settings, store.write_file)
    resources = folder.settings.parent / "no-model"
    session = ChatSession(folder, resources, settings, store, engine)
    window = MainWindow(session, settings, theme)
    window.show()
    session.start()
    house = House(application, session, window, long_id, short_id)
    chats = window.sidebar.list.model()
    house.spin(lambda: chats.rowCount() >= 3)
    return house


def click(house: House, chat_id: int, watch: PaintWatch) -> float:
    """Click on a chat in the list; the seconds until its first paint is over."""
    chats = house.window.sidebar.list
    model = chats.model()
    rows = range(model.rowCount())
    row = next(r for r in rows if model.index(r, 0).data(RowData.CONVERSATION_ID) == chat_id)
    spot = chats.visualRect(model.index(row, 0)).center()
    watch.painted = False
    began = time.perf_counter()
    QTest.mouseClick(chats.viewport(), Qt.MouseButton.LeftButton, pos=spot)
    transcript = house.window.page.transcript

    def is_there() -> bool:
        shown = transcript.messages
        return watch.painted and bool(shown) and shown[0].conversation_id == chat_id

    house.spin(is_there)
    return time.perf_counter() - began


def resident_mb() -> float:
    """The memory that the process holds."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096 / 2**20


def scroll(house: House) -> list[float]:
    """The milliseconds of each frame on the way up."""
    bar = house.window.page.transcript.verticalScrollBar()
    house.window.page.transcript.scroll_to_end()
    house.application.processEvents()
    frames = []
    for _ in range(FRAMES):
        began = time.perf_counter()
        bar.setValue(bar.value() - STEP_PX)
        house.application.processEvents()
        frames.append(1000 * (time.perf_counter() - began))
    return frames


def type_words(house: House) -> list[float]:
    """The milliseconds of each letter that is typed into the search."""
    page = house.window.page
    page.open_find()
    page.find_bar.field.clear()
    letters = []
    for letter in TYPED:
        began = time.perf_counter()
        QTest.keyClick(page.find_bar.field, letter)
        house.window.repaint()
        letters.append(1000 * (time.perf_counter() - began))
    finder = page.transcript.finder
    house.spin(lambda: finder.is_complete)
    for letter in TYPED[-4:]:  # all is read by now
        QTest.keyClick(page.find_bar.field, Qt.Key.Key_Backspace)
        began = time.perf_counter()
        QTest.keyClick(page.find_bar.field, letter)
        letters.append(1000 * (time.perf_counter() - began))
    page.close_find()
    return letters


def told(name: str, value: float, limit: float, unit: str, beside: str) -> bool:
    """Print one line; whether the limit is kept."""
    kept = value <= limit
    print(f"{name:22} {value:7.1f} {unit}  limit {limit:5.1f}  {beside}")
    return kept


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--messages", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    house = open_house(options.messages)
    watch = PaintWatch(house.window)
    short, long, more, frames, letters = [], [], [], [], []
    for _ in range(options.rounds):
        short.append(1000 * click(house, house.short_id, watch))
        before = resident_mb()
        long.append(1000 * click(house, house.long_id, watch))
        more.append(resident_mb() - before)
        frames.append(percentile(scroll(house), 0.99))
        letters.append(max(type_words(house)))
    house.window.close()
    house.session.close()
    ratio = min(long) / min(short)
    kept = [
        told("first paint", min(long), FIRST_PAINT_MS, "ms", f"{ratio:.2f} of a chat of two"),
        told("memory, first opening", more[0], MORE_MB, "MB", f"later {max(more[1:]):.1f} MB"),
        told("scrolling, p99", min(frames), FRAME_MS, "ms", f"{min(frames) / FRAME_MS:.2f} frames"),
        told("a letter, slowest", min(letters), LETTER_MS, "ms", f"of {options.rounds} rounds"),
    ]
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
