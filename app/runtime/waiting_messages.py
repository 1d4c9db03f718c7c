"""Messages that wait to be sent, until the model is loaded or the reply under way has ended.

Knows nothing of why they wait.
"""

from __future__ import annotations


class WaitingMessages:
    """At most one text for each chat, in the order in which the chats began to wait."""

    def __init__(self) -> None:
        self._texts: dict[int, str] = {}

    def __bool__(self) -> bool:
        return bool(self._texts)

    def add(self, conversation_id: int, text: str) -> str:
        """Let `text` wait, below what waits there already; returns all that waits there."""
        earlier = self._texts.get(conversation_id, "")
        self._texts[conversation_id] = f"{earlier}\n\n{text}" if earlier else text
        return self._texts[conversation_id]

    def text(self, conversation_id: int) -> str:
        """What waits in that chat; empty if nothing."""
        return self._texts.get(conversation_id, "")

    def remove(self, conversation_id: int) -> None:
        """Let nothing wait in that chat any more."""
        self._texts.pop(conversation_id, None)

    def take_first(self) -> tuple[int, str]:
        """Take out the chat that has waited longest, and its text. KeyError if nothing waits."""
        conversation_id = next(iter(self._texts), None)
        if conversation_id is None:
            raise KeyError("nothing waits")
        return conversation_id, self._texts.pop(conversation_id)
