"""Keeps the chats safe: on the disk, or in memory for as long as the disk refuses.

When the file refuses, all of it is copied into memory and the work goes on there; `retry` writes
what has changed since then back to the disk. A damaged file is put aside, never overwritten, and
what can still be read of it goes into a new one. Used from one thread. Knows no threads or Qt.
"""

from __future__ import annotations

import contextlib
import random
import sqlite3
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from app.core.chats_backup import list_backups
from app.core.chats_file import (
    ChatsFileError,
    Refusal,
    copy_into_memory,
    explained,
    transaction,
)
from app.core.conversation_store import ConversationStore

T = TypeVar("T")

_SKIPPED_IDS = 10_000
_IDS_END = 2**31  # Qt's signals carry ids as 32-bit numbers
_FAMILY = ("", "-wal", "-shm")
_UNREADABLE = (ChatsFileError, sqlite3.Error, ValueError, TypeError)
"""What copying a damaged chat raises; the last three for values that no column can have."""
_MENDS = (
    "DELETE FROM message WHERE conversation_id NOT IN (SELECT id FROM conversation)",
    "UPDATE message SET parent_id = NULL WHERE parent_id NOT IN (SELECT id FROM message)",
)
"""What a salvaged message points to may be lost: with its parent gone it begins a branch."""
_KEY_OF_TABLE = {"conversation": "id", "message": "conversation_id", "draft": "conversation_id"}


@dataclass(frozen=True, slots=True)
class SavingFailed:
    """The chats go on in memory since now, or for another reason than before."""

    error: ChatsFileError


@dataclass(frozen=True, slots=True)
class SavingResumed:
    """Everything is on the disk again."""


@dataclass(frozen=True, slots=True)
class ChatsRestored:
    """The file was damaged: `restored_count` chats are there again; it is kept as `kept_as`.

    `copied_count` of them could only be had from the daily copies, as they were then.
    """

    restored_count: int
    kept_as: Path
    copied_count: int = 0


News = SavingFailed | SavingResumed | ChatsRestored


class ConversationKeeper:
    """Runs work on the store of the disk, or on one in memory while the disk refuses.

    `tell` hears of every change between the two, from the thread that works.
    """

    def __init__(
        self,
        path: Path,
        tell: Callable[[News], None],
        open_store: Callable[[Path], ConversationStore] = ConversationStore.open,
    ) -> None:
        self._path = path
        self._tell = tell
        self._open_store = open_store
        self._disk: ConversationStore | None = None
        self._memory: ConversationStore | None = None
        self._refusal: Refusal | None = None

    @property
    def has_unsaved(self) -> bool:
        """Whether something exists only in memory; may be asked from any thread."""
        memory = self._memory
        return memory is not None and bool(memory.changed_ids)

    @property
    def is_in_memory(self) -> bool:
        """Whether the disk refuses at the moment."""
        return self._memory is not None

    def open(self) -> None:
        """Open the file, or go on in memory. Raises nothing, whatever the file holds."""
        try:
            self._disk = self._open_disk()
        except ChatsFileError as error:
            self._survive(error)

    def run(self, work: Callable[[ConversationStore], T]) -> T:
        """What `work` returns, which must be a single call of the store.

        It is called a second time, on the store in memory, if the disk refuses.
        """
        if self._memory is None:
            disk = self._store_on_disk()
            try:
                result = work(disk)
            except ChatsFileError as error:
                self._survive(error)
            else:
                disk.changed_ids.clear()
                return result
        return work(self._memory or self._store_on_disk())

    def retry(self) -> None:
        """Write what is only in memory to the disk, if it takes it now."""
        memory = self._memory
        if memory is None:
            return
        try:
            if self._disk is None:
                self._disk = self._open_disk()
            copy_chats(memory, self._store_on_disk(), sorted(memory.changed_ids))
        except ChatsFileError as error:
            self._survive(error)
            return
        memory.close()
        self._memory = None
        self._refusal = None
        self._tell(SavingResumed())

    def close(self) -> None:
        """Save what can be saved, and close."""
        self.retry()
        for store in (self._disk, self._memory):
            if store is not None:
                store.close()
        self._disk = self._memory = None

    def _open_disk(self) -> ConversationStore:
        try:
            return self._open_store(self._path)
        except ChatsFileError:
            raise
        except Exception as error:  # the boundary to the file: without a store no word is kept
            raise ChatsFileError(Refusal.OTHER, self._path, str(error)) from error

    def _store_on_disk(self) -> ConversationStore:
        if self._disk is None:
            raise RuntimeError("the keeper is not open")
        return self._disk

    # --- when the disk refuses ---------------------------------------------------------------

    def _survive(self, error: ChatsFileError) -> None:
        memory = self._memory or self._go_on_in_memory(error.refusal)
        if error.refusal is Refusal.DAMAGED and self._replace_damaged(memory):
            return
        if error.refusal is not self._refusal:
            self._refusal = error.refusal
            self._tell(SavingFailed(error))

    def _go_on_in_memory(self, refusal: Refusal) -> ConversationStore:
        # A damaged file would be copied with its damage, a newer one would not be understood.
        can_copy = refusal not in (Refusal.DAMAGED, Refusal.NEWER)
        memory = self._copy_of_disk() if can_copy else None
        if memory is None:
            memory = ConversationStore.in_memory(self._path)
            # Nothing is known of the ids on the disk, so they begin where none should be.
            skip_ids(memory, random.randrange(_IDS_END // 4, _IDS_END // 2))
        self._memory = memory
        return memory

    def _copy_of_disk(self) -> ConversationStore | None:
        if self._disk is None:
            connection = copy_into_memory(self._path)
            memory = None if connection is None else ConversationStore(connection, self._path)
        else:
            memory = ConversationStore.in_memory(self._path)
            try:
                self._disk.connection.backup(memory.connection)
            except sqlite3.DatabaseError:
                memory.close()
                memory = None
        if memory is not None:
            skip_ids(memory, _SKIPPED_IDS)  # another window may go on writing
        return memory

    def _replace_damaged(self, memory: ConversationStore) -> bool:
        """Put the damaged file aside and go on with a new one. False if the disk refuses that."""
        damaged = self._disk or ConversationStore.open_as_it_is(self._path)
        self._disk = None
        restored_count = _salvage(damaged, memory, memory.changed_ids)
        damaged.close()
        copied_count = _fill_from_backups(self._path, memory)
        try:
            kept_as = _put_aside(self._path)
            self._disk = self._open_disk()
            copy_chats(memory, self._disk, list_all_ids(memory))
        except (OSError, ChatsFileError):
            return False
        memory.close()
        self._memory = self._refusal = None
        self._tell(ChatsRestored(restored_count + copied_count, kept_as, copied_count))
        return True


def list_all_ids(store: ConversationStore) -> list[int]:
    """The ids of all conversations, those in the bin too, and 0 for the new chat's draft."""
    with explained(store.path):
        rows = store.connection.execute("SELECT id FROM conversation")
        return [0, *(int(row["id"]) for row in rows)]


def copy_chats(
    source: ConversationStore, target: ConversationStore, conversation_ids: Sequence[int]
) -> None:
    """Let `target` take over conversations under their ids, with their drafts, all or nothing.

    Raises ChatsFileError if either store refuses.
    """
    with explained(target.path), transaction(target.connection):
        execute = target.connection.execute
        execute("PRAGMA defer_foreign_keys = ON")  # rows come in no particular order
        for conversation_id in conversation_ids:
            execute("DELETE FROM draft WHERE conversation_id = ?", (conversation_id,))
            for table, key in _KEY_OF_TABLE.items():
                for row in _rows_of(source, table, key, conversation_id):
                    execute(_upsert(table, row.keys()), tuple(row))
    target.changed_ids.update(conversation_ids)


def skip_ids(store: ConversationStore, count: int) -> None:
    """Leave the next `count` ids of conversations and messages to another store."""
    with explained(store.path), transaction(store.connection):
        execute = store.connection.execute
        for table in ("conversation", "message"):
            row = execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,)).fetchone()
            execute("DELETE FROM sqlite_sequence WHERE name = ?", (table,))
            last = row["seq"] if row else 0
            execute("INSERT INTO sqlite_sequence VALUES (?, ?)", (table, last + count))


def _rows_of(
    store: ConversationStore, table: str, key: str, conversation_id: int
) -> list[sqlite3.Row]:
    with explained(store.path):
        select = f"SELECT * FROM {table} WHERE {key} = ?"
        return store.connection.execute(select, (conversation_id,)).fetchall()


def _upsert(table: str, columns: Sequence[str]) -> str:
    """INSERT that writes over the row of the same key; unlike REPLACE it fires the triggers."""
    changes = ", ".join(f"{column} = excluded.{column}" for column in columns)
    return (
        f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
        f" ON CONFLICT DO UPDATE SET {changes}"
    )


def _salvage(
    source: ConversationStore, memory: ConversationStore, left_out: Collection[int]
) -> int:
    """Copy each conversation that can be read, but for those `left_out`; their number."""
    count, left_out = 0, set(left_out)
    with contextlib.suppress(*_UNREADABLE):
        for conversation_id in list_all_ids(source):
            with contextlib.suppress(*_UNREADABLE):
                if conversation_id not in left_out:
                    copy_chats(source, memory, [conversation_id])
                    count += conversation_id > 0
    with explained(memory.path), transaction(memory.connection):
        for mend in _MENDS:
            memory.connection.execute(mend)
    return count


def _fill_from_backups(path: Path, memory: ConversationStore) -> int:
    """Take what is missing from the daily copies, the newest first; the number of chats."""
    count = 0
    for backup in list_backups(path):
        with (
            contextlib.suppress(*_UNREADABLE),
            contextlib.closing(ConversationStore.open_as_it_is(backup)) as copy,
        ):
            count += _salvage(copy, memory, list_all_ids(memory))
    return count


def _put_aside(path: Path) -> Path:
    """Rename the database with what SQLite keeps beside it. Raises OSError."""
    stem, number = time.strftime(f"{path.stem}.damaged-%Y%m%d-%H%M%S"), 1
    kept_as = path.with_name(f"{stem}{path.suffix}")
    while kept_as.exists():  # damaged twice within a second
        number += 1
        kept_as = path.with_name(f"{stem}-{number}{path.suffix}")
    for suffix in _FAMILY:
        member = path.with_name(path.name + suffix)
        if member.exists():
            member.rename(kept_as.with_name(kept_as.name + suffix))
    return kept_as
