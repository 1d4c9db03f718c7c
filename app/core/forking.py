"""Makes a chat of its own of the beginning of another one.

Knows nothing of who asks for it, nor of how the copy is shown.
"""

from __future__ import annotations

import sqlite3

from app.core.conversation_store import BRANCH_OF_LEAF, ConversationStore, select_message

_OWN = frozenset({"id", "conversation_id", "parent_id", "selected_child_id", "state"})
"""The columns of a message that a copy has otherwise."""

_MESSAGES = """
SELECT m.* FROM branch JOIN message AS m ON m.id = branch.id
WHERE m.conversation_id = ? ORDER BY branch.depth
"""


def fork(store: ConversationStore, conversation_id: int, message_id: int, now: float) -> int:
    """Copy the branch that ends with a message into a new conversation; its id.

    Versions beside the branch stay where they are. The copy has the chat's title and its own
    settings; a reply that grows is cut off in it. `now` in seconds since the epoch. 0 if another
    window has removed the message. Raises ChatsFileError.
    """
    with store.writing() as execute:
        branch = execute(BRANCH_OF_LEAF + _MESSAGES, (message_id, conversation_id)).fetchall()
        if not branch:
            return 0
        made = execute(
            "INSERT INTO conversation (title, title_is_own, created_at, changed_at, options)"
            " SELECT title, 1, ?, ?, options FROM conversation WHERE id = ?",
            (now, now, conversation_id),
        )
        copy_id = made.lastrowid or 0
        _copy_messages(store.connection, branch, copy_id)
        store.changed_ids.add(copy_id)
    return copy_id


def _copy_messages(connection: sqlite3.Connection, branch: list[sqlite3.Row], copy_id: int) -> None:
    columns = ", ".join(name for name in branch[0].keys() if name not in _OWN)  # noqa: SIM118
    insert = (
        f"INSERT INTO message (conversation_id, parent_id, state, {columns})"
        " SELECT ?, ?, CASE state WHEN 'growing' THEN 'cut_off' ELSE state END,"
        f" {columns} FROM message WHERE id = ?"
    )
    parent_id: int | None = None
    for row in branch:
        message_id = connection.execute(insert, (copy_id, parent_id, row["id"])).lastrowid or 0
        select_message(connection, copy_id, parent_id, message_id)
        parent_id = message_id
