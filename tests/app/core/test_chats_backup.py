"""Daily copies: whole, few, and there when the database is damaged."""

from __future__ import annotations

import sqlite3
import stat
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

import pytest

from app.core.chats_backup import KEPT_COPIES, back_up, backup_folder, list_backups
from app.core.chats_file import ChatsFileError, Refusal
from app.core.conversation_keeper import ChatsRestored, ConversationKeeper, News
from app.core.conversation_store import ConversationStore

TODAY = date(2026, 11, 25)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database with two chats, which is open in another process's way: closed."""
    path = tmp_path / "chats.sqlite3"
    store = ConversationStore.open(path)
    store.begin_turn(0, None, "First question", "demo")
    store.begin_turn(0, None, "Second question", "demo")
    store.close()
    return path


def titles(path: Path) -> list[str]:
    """The chats of a database, in the order of their ids."""
    with closing(sqlite3.connect(path)) as connection:
        return [row[0] for row in connection.execute("SELECT title FROM conversation ORDER BY id")]


def test_a_copy_is_whole_and_private(path: Path) -> None:
    """One file, without a log, that only its owner reads."""
    copy = back_up(path, TODAY)

    assert copy is not None
    assert copy.name == "2026-11-25.sqlite3"
    assert titles(copy) == ["First question", "Second question"]
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert stat.S_IMODE(copy.parent.stat().st_mode) == 0o700
    assert [each.name for each in copy.parent.iterdir()] == [copy.name]


def test_one_a_day(path: Path) -> None:
    """The day's first state stays."""
    assert back_up(path, TODAY) is not None
    assert back_up(path, TODAY) is None


def test_nothing_to_copy(tmp_path: Path) -> None:
    """Before the first chat there is no database, and no folder for copies either."""
    assert back_up(tmp_path / "chats.sqlite3", TODAY) is None
    assert list_backups(tmp_path / "chats.sqlite3") == []


def test_it_holds_what_is_still_in_the_log(path: Path) -> None:
    """While the program has the database open."""
    store = ConversationStore.open(path)
    store.begin_turn(0, None, "Third question", "demo")
    copy = back_up(path, TODAY)
    store.close()

    assert copy is not None
    assert titles(copy)[-1] == "Third question"


def test_seven_are_kept(path: Path) -> None:
    """And what isn't ours in that folder is left alone."""
    backup_folder(path).mkdir()
    other = backup_folder(path) / "mine.sqlite3"
    other.write_bytes(b"")
    for day in range(10):
        back_up(path, TODAY + timedelta(days=day))

    names = [each.stem for each in list_backups(path)]
    assert len(names) == KEPT_COPIES
    assert (names[0], names[-1]) == ("2026-12-04", "2026-11-28")
    assert other.exists()


def test_a_damaged_database_displaces_no_copy(path: Path) -> None:
    """It is refused, and nothing half-written stays."""
    for day in range(KEPT_COPIES):
        back_up(path, TODAY + timedelta(days=day))
    before = list_backups(path)
    data = bytearray(path.read_bytes())
    data[4096:8192] = b"\xff" * 4096
    path.write_bytes(data)

    with pytest.raises(ChatsFileError) as caught:
        back_up(path, TODAY + timedelta(days=20))
    assert caught.value.refusal is Refusal.DAMAGED
    assert list_backups(path) == before
    assert len(list(backup_folder(path).iterdir())) == len(before)


def test_what_is_lost_comes_from_the_copies(path: Path) -> None:
    """The newest that has it; what the damaged file still holds is newer."""
    back_up(path, TODAY)
    store = ConversationStore.open(path)
    store.begin_turn(0, None, "Third question", "demo")
    store.close()
    back_up(path, TODAY + timedelta(days=1))
    path.write_bytes(b"no database" * 500)
    news: list[News] = []
    keeper = ConversationKeeper(path, news.append)
    keeper.open()
    found = keeper.run(lambda store: store.list_conversations())
    keeper.close()

    assert {each.title for each in found} == {"First question", "Second question", "Third question"}
    (restored,) = news
    assert isinstance(restored, ChatsRestored)
    assert (restored.restored_count, restored.copied_count) == (3, 3)
