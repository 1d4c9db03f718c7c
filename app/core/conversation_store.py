"""Conversations in their database: trees of messages, the branch that is shown, bin and drafts.

Nothing is overwritten but the reply that grows: an edit or another answer adds a sibling. Each
writing method is one transaction and durable when it returns; each method raises ChatsFileError
when the file refuses. Used from one thread. Knows nothing of models, threads or windows.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.core.chats_file import (
    ChatsFileError,
    Refusal,
    connect,
    explained,
    open_chats_file,
    open_in_memory,
    transaction,
)
from app.core.conversation import (
    Attachment,
    Conversation,
    ConversationSummary,
    Message,
    MessageState,
    Role,
)
from app.core.message_rows import (
    REPLY_COLUMNS,
    Draft,
    clean_text,
    conversation_of,
    draft_of,
    draft_values,
    pack_attachments,
    reply_values,
)
from app.core.titles import NEW_CHAT_TITLE, title_of

_SHOWN_BRANCH = """
WITH RECURSIVE branch (id, depth) AS (
    SELECT selected_root_id, 0 FROM conversation WHERE id = ?
    UNION ALL
    SELECT m.selected_child_id, branch.depth + 1 FROM branch JOIN message AS m ON m.id = branch.id
)
"""

BRANCH_OF_LEAF = """
WITH RECURSIVE branch (id, depth) AS (
    SELECT ?, 0
    UNION ALL
    SELECT m.parent_id, branch.depth - 1 FROM branch JOIN message AS m ON m.id = branch.id
)
"""
"""The ids of a branch as the table `branch`, by its leaf's id; the root has the least `depth`."""

_MESSAGES_OF_BRANCH = """
SELECT m.*,
    (SELECT count(*) FROM message AS s WHERE s.conversation_id = m.conversation_id
        AND s.parent_id IS m.parent_id AND s.id <= m.id) AS version,
    (SELECT count(*) FROM message AS s WHERE s.conversation_id = m.conversation_id
        AND s.parent_id IS m.parent_id) AS version_count
FROM branch JOIN message AS m ON m.id = branch.id ORDER BY branch.depth
"""

_WRITE_REPLY = f"UPDATE message SET {', '.join(f'{c} = ?' for c in REPLY_COLUMNS)} WHERE id = ?"

_TAKE_OUT_OF_DRAFT = """
UPDATE draft SET waiting = '', waiting_attachments = '',
    attachments = CASE WHEN trim(text, ' ' || char(9, 10, 13)) = ?1 THEN '' ELSE attachments END,
    text = CASE WHEN trim(text, ' ' || char(9, 10, 13)) = ?1 THEN '' ELSE text END
WHERE conversation_id = ?2
"""


@dataclass(frozen=True, slots=True)
class NewReply:
    """The ids of a reply that was begun, and of its conversation."""

    conversation_id: int
    reply_id: int


class ConversationStore:
    """All conversations of one database.

    Attributes:
        connection, path: the database, and the file that errors name.
        changed_ids: conversations written since its reader cleared it; 0 is the new chat's draft.
    """

    def __init__(
        self, connection: sqlite3.Connection, path: Path, clock: Callable[[], float] = time.time
    ) -> None:
        self.connection = connection
        self.changed_ids: set[int] = set()
        self.path = path
        self._clock = clock

    @classmethod
    def open(cls, path: Path, clock: Callable[[], float] = time.time) -> ConversationStore:
        """Open the database at `path`; replies that a crash left growing are CUT_OFF from now on.

        Raises ChatsFileError.
        """
        store = cls(open_chats_file(path), path, clock)
        try:
            with store.writing() as execute:
                # A second process whose reply really grows writes its state anew when it flushes.
                execute("UPDATE message SET state = 'cut_off' WHERE state = 'growing'")
        except BaseException:
            store.close()
            raise
        return store

    @classmethod
    def open_as_it_is(cls, path: Path) -> ConversationStore:
        """A store to read a damaged file with: nothing is migrated or repaired."""
        connection = connect(path)
        connection.row_factory = sqlite3.Row
        return cls(connection, path)

    @classmethod
    def in_memory(
        cls, path: Path = Path(":memory:"), clock: Callable[[], float] = time.time
    ) -> ConversationStore:
        """An empty store that is gone with the process; `path` is the file that it stands for."""
        return cls(open_in_memory(), path, clock)

    def close(self) -> None:
        """Close the database. The store is of no use afterwards."""
        self.connection.close()

    # --- reading -----------------------------------------------------------------------------

    def list_conversations(self) -> tuple[ConversationSummary, ...]:
        """All conversations outside the bin, the one that changed last first."""
        with explained(self.path):
            rows = self.connection.execute(
                "SELECT id, title, changed_at FROM conversation WHERE deleted_at IS NULL"
                " ORDER BY changed_at DESC, id DESC"
            )
            return tuple(ConversationSummary(*row) for row in rows)

    def load_conversation(self, conversation_id: int) -> Conversation | None:
        """The conversation with the branch that was shown last; None if there is none."""
        return self._load(conversation_id, _SHOWN_BRANCH, conversation_id)

    def load_branch(self, conversation_id: int, leaf_id: int) -> Conversation | None:
        """The conversation with the branch that ends with the message `leaf_id`."""
        return self._load(conversation_id, BRANCH_OF_LEAF, leaf_id)

    def load_draft(self, conversation_id: int) -> Draft:
        """What was written in that chat and not yet saved as a message; 0 is the new chat."""
        with explained(self.path):
            row = self.connection.execute(
                "SELECT * FROM draft WHERE conversation_id = ?", (conversation_id,)
            ).fetchone()
            return draft_of(row) if row else Draft()

    # --- writing -----------------------------------------------------------------------------

    def begin_turn(
        self,
        conversation_id: int,
        parent_id: int | None,
        text: str,
        model_name: str,
        attachments: tuple[Attachment, ...] = (),
    ) -> NewReply:
        """Save a user's message below `parent_id`, and an empty reply that grows below it.

        `conversation_id` 0 makes a new conversation, and so does one whose parent another window
        has removed. `parent_id` None makes a root; the title follows the newest one until the user
        renames the conversation. What waited in the chat, and a draft that is `text`, are gone with
        it; another draft goes with the conversation.
        The branch that is shown ends with the two messages now.
        """
        with self.writing() as execute:
            if not _has_place(self.connection, conversation_id, parent_id):
                owner_id, parent_id = self._insert_conversation(), None
            else:
                owner_id = conversation_id
            role = Role.USER
            message_id = self._insert_message(owner_id, parent_id, role, text, files=attachments)
            reply_id = self._insert_message(owner_id, message_id, Role.ASSISTANT, "", model_name)
            if parent_id is None:
                title = "UPDATE conversation SET title = ? WHERE id = ? AND title_is_own = 0"
                execute(title, (title_of(text), owner_id))
            execute(_TAKE_OUT_OF_DRAFT, (text.strip(), conversation_id))
            move = "UPDATE OR REPLACE draft SET conversation_id = ? WHERE conversation_id = ?"
            execute(move, (owner_id, conversation_id))
            self._touch(owner_id)
            self.changed_ids.add(conversation_id)
        return NewReply(owner_id, reply_id)

    def begin_reply(self, conversation_id: int, parent_id: int, model_name: str) -> NewReply:
        """Save an empty reply that grows below the message `parent_id`, beside earlier ones.

        The branch that is shown ends with it now. If another window has removed the conversation,
        nothing is saved and the reply's id is 0.
        """
        with self.writing():
            if not _has_place(self.connection, conversation_id, parent_id):
                return NewReply(conversation_id, 0)
            role = Role.ASSISTANT
            reply_id = self._insert_message(conversation_id, parent_id, role, "", model_name)
            self._touch(conversation_id)
        return NewReply(conversation_id, reply_id)

    def write_reply(self, message: Message) -> None:
        """Save all of a reply that grows or has ended: text, state, ids and figures."""
        with self.writing() as execute:
            execute(_WRITE_REPLY, (*reply_values(message), message.message_id))
            self._touch(message.conversation_id)

    def show_version(self, conversation_id: int, message_id: int, step: int) -> None:
        """Show the sibling `step` places after `message_id`, at most the first or last one.

        Below it the branch goes on as it was when that sibling was shown last.
        """
        with self.writing() as execute:
            rows = execute(
                "SELECT s.id, s.parent_id FROM message AS m JOIN message AS s"
                " ON s.conversation_id = m.conversation_id AND s.parent_id IS m.parent_id"
                " WHERE m.id = ? AND m.conversation_id = ? ORDER BY s.id",
                (message_id, conversation_id),
            ).fetchall()
            siblings = [int(row["id"]) for row in rows]
            if message_id in siblings:  # another window may have removed it
                shown = rows[min(max(0, siblings.index(message_id) + step), len(rows) - 1)]
                select_message(self.connection, conversation_id, shown["parent_id"], shown["id"])
                self.changed_ids.add(conversation_id)

    def rename(self, conversation_id: int, title: str) -> None:
        """Give the conversation a title of the user's own."""
        self._update(conversation_id, "title = ?, title_is_own = 1", clean_text(title))

    def save_options(self, conversation_id: int, options: Mapping[str, object]) -> None:
        """Keep the settings that hold in that chat alone; values are what JSON can hold."""
        self._update(conversation_id, "options = ?", json.dumps(dict(options)) if options else "")

    def save_summary(self, conversation_id: int, message_id: int, text: str) -> None:
        """Keep what stands for all up to that message in the prompt; an empty text cuts only."""
        with self.writing() as execute:
            place = (clean_text(text), message_id, conversation_id)
            execute("UPDATE message SET summary = ? WHERE id = ? AND conversation_id = ?", place)
            self.changed_ids.add(conversation_id)

    def move_to_bin(self, conversation_id: int) -> None:
        """Take the conversation out of the list; everything of it is kept."""
        self._update(conversation_id, "deleted_at = ?", self._clock())

    def restore_from_bin(self, conversation_id: int) -> None:
        """Put the conversation back into the list."""
        self._update(conversation_id, "deleted_at = ?", None)

    def empty_bin(self, older_than_seconds: float) -> None:
        """Remove for good what has been in the bin for longer."""
        with self.writing() as execute:
            oldest = self._clock() - older_than_seconds
            execute("DELETE FROM conversation WHERE deleted_at < ?", (oldest,))

    def save_draft(self, conversation_id: int, draft: Draft) -> None:
        """Keep what is written in that chat and not yet saved as a message; 0 is the new chat."""
        with self.writing() as execute:
            execute("DELETE FROM draft WHERE conversation_id = ?", (conversation_id,))
            if draft != Draft():
                row = draft_values(draft)
                execute("INSERT INTO draft VALUES (?, ?, ?, ?, ?)", (conversation_id, *row))
            self.changed_ids.add(conversation_id)

    # --- pieces, inside a transaction --------------------------------------------------------

    @contextmanager
    def writing(self) -> Iterator[Callable[..., sqlite3.Cursor]]:
        """One transaction: gives what executes SQL in it. Raises ChatsFileError."""
        with explained(self.path), transaction(self.connection):
            yield self.connection.execute

    def _load(self, conversation_id: int, branch_sql: str, key: int) -> Conversation | None:
        with explained(self.path):
            row = self.connection.execute(
                "SELECT * FROM conversation WHERE id = ?", (conversation_id,)
            ).fetchone()
            if row is None:
                return None
            branch = self.connection.execute(branch_sql + _MESSAGES_OF_BRANCH, (key,))
            try:
                return conversation_of(row, branch)
            except ValueError as error:  # no rule of the tables lets such a row in
                raise ChatsFileError(Refusal.DAMAGED, self.path, str(error)) from error

    def _insert_conversation(self) -> int:
        now = self._clock()
        insert = "INSERT INTO conversation (title, created_at, changed_at) VALUES (?, ?, ?)"
        return self.connection.execute(insert, (NEW_CHAT_TITLE, now, now)).lastrowid or 0

    def _insert_message(
        self,
        conversation_id: int,
        parent_id: int | None,
        role: Role,
        text: str,
        model: str = "",
        files: Sequence[Attachment] = (),
    ) -> int:
        state = MessageState.COMPLETE if role is Role.USER else MessageState.GROWING
        row = {
            "conversation_id": conversation_id,
            "parent_id": parent_id,
            "role": role.value,
            "text": clean_text(text),
            "state": state.value,
            "model_name": model,
            "created_at": self._clock(),
            "attachments": pack_attachments(files),
        }
        insert = f"INSERT INTO message ({', '.join(row)}) VALUES (:{', :'.join(row)})"
        message_id = self.connection.execute(insert, row).lastrowid or 0
        select_message(self.connection, conversation_id, parent_id, message_id)
        return message_id

    def _update(self, conversation_id: int, assignments: str, value: str | float | None) -> None:
        with self.writing() as execute:
            update = f"UPDATE conversation SET {assignments} WHERE id = ?"
            execute(update, (value, conversation_id))
            self.changed_ids.add(conversation_id)

    def _touch(self, conversation_id: int) -> None:
        update = "UPDATE conversation SET changed_at = ? WHERE id = ?"
        self.connection.execute(update, (self._clock(), conversation_id))
        self.changed_ids.add(conversation_id)


def _has_place(connection: sqlite3.Connection, conversation_id: int, parent_id: int | None) -> bool:
    table, key = ("conversation", conversation_id)
    if parent_id is not None:
        table, key = ("message", parent_id)
    found = connection.execute(f"SELECT 1 FROM {table} WHERE id = ?", (key,))
    return found.fetchone() is not None


def select_message(
    connection: sqlite3.Connection, conversation_id: int, parent_id: int | None, message_id: int
) -> None:
    """Let the branch that is shown go on with that message; `parent_id` None: begin with it."""
    if parent_id is None:
        update = "UPDATE conversation SET selected_root_id = ? WHERE id = ?"
    else:
        update = "UPDATE message SET selected_child_id = ? WHERE id = ?"
    connection.execute(update, (message_id, parent_id or conversation_id))
