"""Puts a version of a reply that the user wrote beside the model's.

Knows nothing of windows; nothing is overwritten.
"""

from __future__ import annotations

from app.core.conversation_store import ConversationStore, select_message
from app.core.message_rows import clean_text


def add_version(
    store: ConversationStore, conversation_id: int, reply_id: int, text: str, now: float
) -> int:
    """Save `text` as another version of a reply, and show it; its id.

    It is complete, has no token ids, and remembers the model whose reply it was. `now` in seconds
    since the epoch. 0 if another window has removed the reply. Raises ChatsFileError.
    """
    with store.writing() as execute:
        reply = execute(
            "SELECT parent_id FROM message WHERE id = ? AND conversation_id = ?"
            " AND role = 'assistant'",
            (reply_id, conversation_id),
        ).fetchone()
        if reply is None:
            return 0
        made = execute(
            "INSERT INTO message"
            " (conversation_id, parent_id, role, text, state, model_name, created_at, is_edited)"
            " SELECT conversation_id, parent_id, role, ?, 'complete', model_name, ?, 1"
            " FROM message WHERE id = ?",
            (clean_text(text), now, reply_id),
        )
        version_id = made.lastrowid or 0
        select_message(store.connection, conversation_id, reply["parent_id"], version_id)
        execute("UPDATE conversation SET changed_at = ? WHERE id = ?", (now, conversation_id))
        store.changed_ids.add(conversation_id)
    return version_id
