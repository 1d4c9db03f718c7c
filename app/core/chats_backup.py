"""Daily copies of the chats' database, of which the newest seven are kept.

A copy is made beside the database while others may write to it, tested, and only then given its
name. Knows nothing of what the database holds, nor of when it is time.
"""

from __future__ import annotations

import contextlib
import os
import re
from datetime import date
from pathlib import Path

from app.core.chats_file import ChatsFileError, Refusal, connect, explained
from app.core.paths import create_private_file, make_private_folder

KEPT_COPIES = 7

_NAME = re.compile(r"\d{4}-\d\d-\d\d\.sqlite3")


def backup_folder(chats: Path) -> Path:
    """Where the copies of the database at `chats` lie."""
    return chats.with_name("backups")


def list_backups(chats: Path) -> list[Path]:
    """The copies that there are, the newest first."""
    folder = backup_folder(chats)
    try:
        found = [path for path in folder.iterdir() if _NAME.fullmatch(path.name)]
    except OSError:
        return []
    return sorted(found, reverse=True)


def back_up(chats: Path, today: date) -> Path | None:
    """Copy the database at `chats`, unless there is a copy of `today`; None if nothing was done.

    Older copies than the newest seven are removed, but only after a new one is whole on the disk,
    so that a damaged database never displaces a good copy. Raises ChatsFileError when the
    database is damaged or the disk refuses; nothing half-written is left then.
    """
    folder = backup_folder(chats)
    copy = folder / f"{today.isoformat()}.sqlite3"
    if copy.exists() or not chats.is_file():
        return None
    half = copy.with_suffix(".part")
    with explained(chats):
        make_private_folder(folder)
        half.unlink(missing_ok=True)
        try:
            create_private_file(half)
            _copy(chats, half)
            half.replace(copy)
        finally:
            for left in (half, half.with_name(half.name + "-journal")):
                with contextlib.suppress(OSError):
                    left.unlink(missing_ok=True)
    for old in list_backups(chats)[KEPT_COPIES:]:
        with contextlib.suppress(OSError):  # it is only one too many
            old.unlink()
    return copy


def _copy(chats: Path, half: Path) -> None:
    with contextlib.closing(connect(chats)) as source, contextlib.closing(connect(half)) as target:
        source.backup(target)
        target.execute("PRAGMA journal_mode = DELETE")  # one file, without a log beside it
        found = target.execute("PRAGMA integrity_check").fetchone()[0]
        if found != "ok":
            raise ChatsFileError(Refusal.DAMAGED, chats, str(found))
    with half.open("rb") as file:
        os.fsync(file.fileno())
