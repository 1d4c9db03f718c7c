"""Work for the disk is done elsewhere, in order, and nothing of it is lost at the end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytestqt.exceptions import capture_exceptions
from pytestqt.qtbot import QtBot

from app.core.chats_file import ChatsFileError, Refusal
from app.core.conversation_keeper import SavingFailed, SavingResumed
from app.core.conversation_store import ConversationStore
from app.runtime.store_thread import StoreThread


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "chats.sqlite3"


@pytest.fixture
def store(path: Path, qtbot: QtBot) -> Iterator[StoreThread]:
    store = StoreThread(path)
    store.start()
    yield store
    store.close()


def begin(text: str) -> Callable[[ConversationStore], int]:
    return lambda store: store.begin_turn(0, None, text, "m").conversation_id


def saved_titles(path: Path) -> list[str]:
    store = ConversationStore.open_as_it_is(path)
    titles = [summary.title for summary in store.list_conversations()]
    store.close()
    return titles


def test_result_comes_on_the_windows_thread(store: StoreThread, qtbot: QtBot) -> None:
    """The work itself is done on another one."""
    threads: list[int] = []
    store.run_apart(threading.get_ident, threads.append)
    store.run_apart(lambda: None, lambda _: threads.append(threading.get_ident()))
    qtbot.waitUntil(lambda: len(threads) == 2)

    assert threads[0] != threads[1] == threading.get_ident()


def test_handing_work_over_does_not_wait_for_the_disk(store: StoreThread, qtbot: QtBot) -> None:
    """A disk that takes its time holds the results, not the window."""
    may_write, results = threading.Event(), []
    store.run_apart(may_write.wait)
    store.run(begin("One"), results.append)
    before = list(results)
    may_write.set()
    qtbot.waitUntil(lambda: len(results) == 1)

    assert before == []


def test_close_does_all_that_was_handed_over(store: StoreThread, path: Path) -> None:
    """In the order in which it was; results nobody waits for are dropped."""
    results: list[int] = []
    for text in ("One", "Two", "Three"):
        store.run(begin(text), results.append)
    store.close()

    assert saved_titles(path) == ["Three", "Two", "One"]
    assert results == []


def test_defect_in_some_work_is_raised_on_the_windows_thread(
    store: StoreThread, qtbot: QtBot
) -> None:
    """Nothing fails silently, and the thread goes on."""
    results: list[int] = []
    with capture_exceptions() as exceptions:
        store.run_apart(lambda: 1 // 0, results.append)
        store.run_apart(lambda: 1, results.append)
        qtbot.waitUntil(lambda: results == [1])

    assert [kind for kind, _, _ in exceptions] == [ZeroDivisionError]


def test_file_that_cannot_be_written_is_told(
    store: StoreThread, qtbot: QtBot, tmp_path: Path
) -> None:
    """As a sentence."""
    (tmp_path / "settings.json").mkdir()
    with qtbot.waitSignal(store.work_failed) as told:
        store.write_file(tmp_path / "settings.json", b"{}")

    assert "can't be written" in told.args[0]


def test_saving_resumes_by_itself(path: Path, qtbot: QtBot) -> None:
    """While the disk refuses it is tried again and again."""
    refuses = threading.Event()
    refuses.set()

    def open_store(path: Path) -> ConversationStore:
        if refuses.is_set():
            raise ChatsFileError(Refusal.DISK_FULL, path)
        return ConversationStore.open(path)

    store = StoreThread(path, retry_seconds=0.01, open_store=open_store)
    news: list[object] = []
    store.news_arrived.connect(news.append)
    store.start()
    store.run(begin("In memory"))
    qtbot.waitUntil(lambda: store.has_unsaved)
    refuses.clear()
    qtbot.waitUntil(lambda: not store.has_unsaved)
    qtbot.waitUntil(lambda: len(news) == 2)
    store.close()

    assert [type(item) for item in news] == [SavingFailed, SavingResumed]
    assert saved_titles(path) == ["In memory"]


def test_retry_can_be_asked_for(path: Path, qtbot: QtBot) -> None:
    """A click on the notice doesn't have to wait for the next try."""
    refusals = [ChatsFileError(Refusal.LOCKED, path)]

    def open_store(path: Path) -> ConversationStore:
        if refusals:
            raise refusals.pop()
        return ConversationStore.open(path)

    store = StoreThread(path, retry_seconds=1000, open_store=open_store)
    store.start()
    store.run(begin("In memory"))
    store.retry()
    store.close()

    assert saved_titles(path) == ["In memory"]
