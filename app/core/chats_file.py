"""The SQLite file that holds the chats: how it is opened, migrated and locked, and what it refuses.

Every commit is on the disk when it returns (`synchronous=FULL`), readers never wait for a writer
(WAL), and two processes of one data folder wait for each other for up to five seconds. Knows the
tables' shapes, but nothing of what the program does with them.
"""

from __future__ import annotations

import errno
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from enum import Enum
from pathlib import Path

from app.core.errors import DataFolderError
from app.core.paths import create_private_file

BUSY_TIMEOUT_SECONDS = 5.0

_FIRST_MIGRATION = """
CREATE TABLE conversation (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    title TEXT NOT NULL,
    title_is_own INTEGER NOT NULL DEFAULT 0,  -- renamed by the user
    created_at REAL NOT NULL,
    changed_at REAL NOT NULL,
    deleted_at REAL,                          -- in the bin since then
    selected_root_id INTEGER                  -- the first message of the branch that is shown
) STRICT;

CREATE TABLE message (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    conversation_id INTEGER NOT NULL REFERENCES conversation (id) ON DELETE CASCADE,
    parent_id INTEGER REFERENCES message (id) ON DELETE CASCADE
        CHECK (parent_id < id),               -- no circle is possible
    selected_child_id INTEGER                 -- where the branch goes on below this message
        CHECK (selected_child_id > id),
    role TEXT NOT NULL CHECK (role IN ('system', 'user', 'assistant')),
    text TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('growing', 'complete', 'stopped', 'cut_off')),
    token_ids BLOB NOT NULL DEFAULT x'',
    vocabulary_hash TEXT NOT NULL DEFAULT '',
    model_name TEXT NOT NULL DEFAULT '',
    created_at REAL NOT NULL,
    prompt_tokens INTEGER,                    -- the six figures are all there or all missing
    reused_tokens INTEGER,
    completion_tokens INTEGER,
    prefill_seconds REAL,
    decode_seconds REAL,
    seed INTEGER
) STRICT;

CREATE INDEX message_by_place ON message (conversation_id, parent_id);
CREATE INDEX message_by_parent ON message (parent_id);

CREATE TABLE draft (
    conversation_id INTEGER PRIMARY KEY,      -- 0 is the chat that has no message yet
    text TEXT NOT NULL,                       -- what stands in the composer
    waiting TEXT NOT NULL                     -- what was sent and waits for the model
) STRICT;

CREATE VIRTUAL TABLE message_search USING fts5 (
    text, content = 'message', content_rowid = 'id', tokenize = 'unicode61 remove_diacritics 2'
);

-- A growing reply is rewritten twice a second, so it is indexed when it has ended.
CREATE TRIGGER message_added AFTER INSERT ON message WHEN new.state <> 'growing' BEGIN
    INSERT INTO message_search (rowid, text) VALUES (new.id, new.text);
END;
CREATE TRIGGER message_removed AFTER DELETE ON message WHEN old.state <> 'growing' BEGIN
    INSERT INTO message_search (message_search, rowid, text) VALUES ('delete', old.id, old.text);
END;
-- One trigger, since the old text has to leave the index before the new one enters it.
CREATE TRIGGER message_rewritten AFTER UPDATE OF text, state ON message BEGIN
    INSERT INTO message_search (message_search, rowid, text)
        SELECT 'delete', old.id, old.text WHERE old.state <> 'growing';
    INSERT INTO message_search (rowid, text)
        SELECT new.id, new.text WHERE new.state <> 'growing';
END;
"""

_SECOND_MIGRATION = """
ALTER TABLE conversation ADD COLUMN options TEXT NOT NULL DEFAULT '';  -- JSON, empty for none
ALTER TABLE message ADD COLUMN attachments TEXT NOT NULL DEFAULT '';   -- JSON, empty for none
ALTER TABLE message ADD COLUMN summary TEXT;  -- stands for all up to here; '' leaves it out
ALTER TABLE draft ADD COLUMN attachments TEXT NOT NULL DEFAULT '';
ALTER TABLE draft ADD COLUMN waiting_attachments TEXT NOT NULL DEFAULT '';
"""

_THIRD_MIGRATION = """
ALTER TABLE message ADD COLUMN is_pinned INTEGER NOT NULL DEFAULT 0;  -- stays in the prompt
ALTER TABLE message ADD COLUMN is_edited INTEGER NOT NULL DEFAULT 0;  -- the user wrote this reply
"""

MIGRATIONS = (_FIRST_MIGRATION, _SECOND_MIGRATION, _THIRD_MIGRATION)
"""`PRAGMA user_version` counts how many of them a file has been through. Only ever append."""


class Refusal(Enum):
    """Why the file of the chats can't be used."""

    DISK_FULL = "disk full"
    READ_ONLY = "read-only"
    LOCKED = "locked"
    DAMAGED = "damaged"
    NEWER = "newer"
    OTHER = "other"


_REFUSAL_OF_CODE = {
    sqlite3.SQLITE_FULL: Refusal.DISK_FULL,
    sqlite3.SQLITE_READONLY: Refusal.READ_ONLY,
    sqlite3.SQLITE_PERM: Refusal.READ_ONLY,
    sqlite3.SQLITE_BUSY: Refusal.LOCKED,
    sqlite3.SQLITE_LOCKED: Refusal.LOCKED,
    sqlite3.SQLITE_CORRUPT: Refusal.DAMAGED,
    sqlite3.SQLITE_NOTADB: Refusal.DAMAGED,
}

_REFUSAL_OF_ERRNO = {
    errno.ENOSPC: Refusal.DISK_FULL,
    errno.EDQUOT: Refusal.DISK_FULL,
    errno.EROFS: Refusal.READ_ONLY,
    errno.EACCES: Refusal.READ_ONLY,
    errno.EPERM: Refusal.READ_ONLY,
}

_ROOM_BYTES = 256 * 1024
"""More than SQLite's log and index need to begin."""

_SENTENCES = {
    Refusal.DISK_FULL: (
        "This chat can't be saved: the disk is full.",
        "It goes on in memory; free 40 MB and it is saved by itself.",
    ),
    Refusal.READ_ONLY: (
        "This chat can't be saved: the data folder is read-only.",
        "It goes on in memory; make {folder} writable and it is saved by itself.",
    ),
    Refusal.LOCKED: (
        "This chat can't be saved: another program holds {name}.",
        "It goes on in memory; close that program and it is saved by itself.",
    ),
    Refusal.DAMAGED: (
        "The saved chats are damaged.",
        "The file {name} is kept as it is; this chat goes on in memory.",
    ),
    Refusal.NEWER: (
        "The saved chats were written by a newer Octet.",
        "This chat goes on in memory only; start the newer Octet to see the others.",
    ),
    Refusal.OTHER: (
        "This chat can't be saved: {name} can't be read or written.",
        "It goes on in memory; check the disk and the folder {folder}.",
    ),
}


class ChatsFileError(DataFolderError):
    """The file of the chats refused.

    Attributes:
        refusal: why.
        what_happened, what_to_do: the two halves of the sentence.
        details: the system's own words.
    """

    def __init__(self, refusal: Refusal, path: Path, details: str = "") -> None:
        happened, to_do = _SENTENCES[refusal]
        self.refusal = refusal
        self.what_happened = happened.format(name=path.name)
        self.what_to_do = to_do.format(name=path.name, folder=path.parent)
        self.details = details
        super().__init__(f"{self.what_happened} {self.what_to_do}")


def open_chats_file(path: Path) -> sqlite3.Connection:
    """Open the database at `path`, making or migrating it where needed.

    Raises ChatsFileError; the file stays as it was then.
    """
    with explained(path):
        create_private_file(path)
        connection = connect(path)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            _prepare(connection, path)
        except BaseException:
            connection.close()
            raise
    return connection


def connect(path: Path | str) -> sqlite3.Connection:
    """A connection that reads text leniently: one bad byte shall not hide a chat."""
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_SECONDS, isolation_level=None)
    connection.text_factory = lambda data: data.decode("utf-8", "replace")
    return connection


def open_in_memory() -> sqlite3.Connection:
    """An empty database of the same shape that lives as long as the connection.

    Foreign keys are not enforced: what they point to may stand in the file that refuses.
    """
    connection = connect(":memory:")
    _prepare(connection, Path(":memory:"))
    connection.execute("PRAGMA foreign_keys = OFF")
    return connection


def copy_into_memory(path: Path) -> sqlite3.Connection | None:
    """All of a file that can't be opened for writing, in memory; None if it can't be read either.

    Beside a database in WAL mode stands an index that a full disk has no room for. SQLite needs
    none for a file that it may think unchanging, which without a log it is, nor for one that
    nobody else has open (sqlite.org/wal.html, "Use of WAL Without Shared-Memory").
    """
    if not path.is_file():
        return None
    log = path.with_name(f"{path.name}-wal")
    has_log = log.exists() and log.stat().st_size > 0
    options = "mode=rw" if has_log else "mode=ro&immutable=1"
    memory = connect(":memory:")
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?{options}", uri=True)) as file:
            file.execute("PRAGMA locking_mode = EXCLUSIVE")
            file.backup(memory)
        _prepare(memory, path)
    except (sqlite3.DatabaseError, UnicodeDecodeError, ChatsFileError):
        memory.close()
        return None
    memory.execute("PRAGMA foreign_keys = OFF")
    return memory


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn what SQLite and the system raise about `path` into ChatsFileError."""
    try:
        yield
    except (sqlite3.IntegrityError, sqlite3.ProgrammingError):
        raise  # a defect of ours, no refusal
    except UnicodeDecodeError as error:  # in SQLite's message: a name in the schema
        raise ChatsFileError(Refusal.DAMAGED, path, str(error)) from error
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", -1)
        refusal = _REFUSAL_OF_CODE.get(code & 0xFF) or _refusal_of_folder(path.parent)
        if code == sqlite3.SQLITE_ERROR and refusal is Refusal.OTHER:
            refusal = Refusal.DAMAGED  # our SQL is right, so a table or column must be lost
        raise ChatsFileError(refusal, path, str(error)) from error
    except OSError as error:
        raise ChatsFileError(_refusal_of_folder(path.parent), path, str(error)) from error


def _refusal_of_folder(folder: Path) -> Refusal:
    """Why nothing can be written there; SQLite often knows only that an operation failed."""
    try:
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(bytes(_ROOM_BYTES))
            probe.flush()
    except OSError as error:
        return _REFUSAL_OF_ERRNO.get(error.errno or 0, Refusal.OTHER)
    return Refusal.OTHER


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All or nothing. The write lock is taken at once, so that waiting for it can't deadlock."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # a full disk has rolled back already
            connection.execute("ROLLBACK")
        raise


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    if _version(connection) == len(MIGRATIONS):
        return
    with transaction(connection):
        version = _version(connection)  # another process may have been quicker
        if version > len(MIGRATIONS):
            raise ChatsFileError(Refusal.NEWER, path, f"version {version}")
        for script in MIGRATIONS[version:]:
            _execute_script(connection, script)
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _execute_script(connection: sqlite3.Connection, script: str) -> None:
    """As `Connection.executescript`, which would commit the transaction first."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            connection.execute(statement)
            statement = ""
