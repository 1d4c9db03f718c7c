"""Pins messages, so that they stay in the prompt when older turns are left out.

Knows nothing of prompts.
"""

from __future__ import annotations

from app.core.conversation_store import ConversationStore


def set_pinned(
    store: ConversationStore, conversation_id: int, message_id: int, *, is_pinned: bool
) -> None:
    """Pin a message of that conversation, or let it go. Raises ChatsFileError."""
    with store.writing() as execute:
        place = (is_pinned, message_id, conversation_id)
        execute("UPDATE message SET is_pinned = ? WHERE id = ? AND conversation_id = ?", place)
        store.changed_ids.add(conversation_id)
