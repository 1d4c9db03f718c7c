"""Messages that wait to be sent, until the model is loaded or the reply under way has ended.

Knows nothing of why they wait.
"""

from __future__ import annotations

from dataclasses import dataclass

from app.core.conversation import Attachment


@dataclass(frozen=True, slots=True)
class WrittenMessage:
    """What the user has written: a text, and the files that go with it."""

    text: str
    attachments: tuple[Attachment, ...] = ()

    @property
    def title(self) -> str:
        """Its text; without one, the names of its files."""
        return self.text or ", ".join(each.name for each in self.attachments)


class WaitingMessages:
    """At most one message for each chat, in the order in which the chats began to wait."""

    def __init__(self) -> None:
        self._messages: dict[int, WrittenMessage] = {}

    def __bool__(self) -> bool:
        return bool(self._messages)

    def add(
        self, conversation_id: int, text: str, attachments: tuple[Attachment, ...] = ()
    ) -> WrittenMessage:
        """Let `text` wait, below what waits there already; returns all that waits there."""
        earlier = self._messages.get(conversation_id, WrittenMessage(""))
        joined = "\n\n".join(part for part in (earlier.text, text) if part)
        message = WrittenMessage(joined, (*earlier.attachments, *attachments))
        self._messages[conversation_id] = message
        return message

    def title(self, conversation_id: int) -> str:
        """What waits in that chat, to be shown; empty if nothing."""
        message = self._messages.get(conversation_id)
        return message.title if message is not None else ""

    def remove(self, conversation_id: int) -> None:
        """Let nothing wait in that chat any more."""
        self._messages.pop(conversation_id, None)

    def take_first(self) -> tuple[int, WrittenMessage]:
        """Take out what has waited longest, and its chat. KeyError if nothing waits."""
        conversation_id = next(iter(self._messages), None)
        if conversation_id is None:
            raise KeyError("nothing waits")
        return conversation_id, self._messages.pop(conversation_id)
