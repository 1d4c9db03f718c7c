"""A copy at the start, another one on the next day, and an end that waits for it."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

from pytestqt.qtbot import QtBot

from app.core.chats_backup import list_backups
from app.core.conversation_store import ConversationStore
from app.runtime.daily_backup import DailyBackup

FIRST_DAY = date(2026, 11, 25)


def test_each_day_has_its_copy(qtbot: QtBot, tmp_path: Path) -> None:
    """However often one looks."""
    chats = tmp_path / "chats.sqlite3"
    ConversationStore.open(chats).close()
    days = [FIRST_DAY]
    backup = DailyBackup(chats, lambda: days[-1])
    told: list[object] = []
    backup.looked.connect(told.append)
    backup.start()
    qtbot.waitUntil(lambda: len(told) == 1 and backup._thread is None)
    backup.look()
    qtbot.waitUntil(lambda: len(told) == 2 and backup._thread is None)
    days.append(FIRST_DAY + timedelta(days=1))
    backup.look()
    backup.close()

    assert told[1] is None
    assert [each.stem for each in list_backups(chats)] == ["2026-11-26", "2026-11-25"]


def test_a_damaged_database_is_a_sentence(qtbot: QtBot, tmp_path: Path) -> None:
    """The thread ends, and the next look begins another."""
    chats = tmp_path / "chats.sqlite3"
    chats.write_bytes(b"no database" * 500)
    backup = DailyBackup(chats, lambda: FIRST_DAY)
    told: list[object] = []
    backup.looked.connect(told.append)
    backup.look()
    qtbot.waitUntil(lambda: len(told) == 1)
    backup.close()

    assert "damaged" in str(told[0])
