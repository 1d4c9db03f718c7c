"""Chats to show in tests of the window."""

from __future__ import annotations

from app.core.conversation import (
    Conversation,
    ConversationSummary,
    Message,
    MessageState,
    ReplyFigures,
    Role,
)

FIGURES = ReplyFigures(100, 80, 300, 0.8, 13.4, 7)

REPLY = """# Daily means

Average by hour first, then by **day**, with `resample`.

1. Parse the times.
2. Take hourly means.

| Gap | What to do |
|---|---|
| up to 3 hours | interpolate |

```python
hourly = t.resample("1h").mean()
```

> See [the guide](https://example.org/guide).
"""


def user(message_id: int, text: str = "How?", **more: object) -> Message:
    """A message of the user's."""
    return Message(message_id, 1, message_id - 1 or None, Role.USER, text, **more)


def reply(message_id: int, text: str = REPLY, **more: object) -> Message:
    """A reply of the model's, with its figures if it is complete."""
    more.setdefault("figures", FIGURES)
    more.setdefault("model_name", "Mixtral")
    return Message(message_id, 1, message_id - 1, Role.ASSISTANT, text, **more)


def growing(message_id: int, text: str = "") -> Message:
    """A reply that the model is writing."""
    return reply(message_id, text, state=MessageState.GROWING, figures=None)


def chat(*branch: Message, title: str = "Daily means", chat_id: int = 1) -> Conversation:
    """A chat with that branch open."""
    return Conversation(ConversationSummary(chat_id, title, 0.0), branch)


def long_chat(turns: int) -> Conversation:
    """A chat of so many questions and answers."""
    branch: list[Message] = []
    for number in range(turns):
        branch.append(user(2 * number + 1, f"Question {number}?"))
        branch.append(reply(2 * number + 2))
    return chat(*branch)
