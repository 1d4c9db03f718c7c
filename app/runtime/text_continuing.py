"""Continues a text with the model, as a base model does: no roles, nothing between the pieces.

A text is a chat whose messages, joined, are the text: the user's pieces and the model's, which stay
the ids that they were, so that only what is new has to be read. Knows nothing of editors.
"""

from __future__ import annotations

from PySide6.QtCore import QObject, Slot

from app.core.conversation import Message, Role
from app.runtime.chat_shelf import ChatShelf
from app.runtime.prompting import Manner
from app.runtime.turn_taking import TurnTaking

_RAW = Manner(raw=True)


class TextContinuing(QObject):
    """A part of the session, as the editor sees it."""

    def __init__(self, shelf: ChatShelf, turns: TurnTaking) -> None:
        super().__init__()
        self._shelf = shelf
        self._turns = turns

    @property
    def text(self) -> str:
        """The shown chat as one text."""
        return text_of(self._shelf.shown.branch)

    @Slot(str)
    def continue_text(self, text: str) -> None:
        """Let the model go on with `text`, which the shown chat becomes, to the letter.

        If the chat's end is unchanged, its last reply grows. What was added at the end becomes a
        message. A text that was changed further up is another version of the first message; the
        text as it was stays beside it.
        """
        branch = self._shelf.shown.branch
        known = text_of(branch)
        chat_id = self._shelf.shown_id
        if not text:
            return
        if text == known and branch[-1].role is Role.ASSISTANT:
            self._turns.resume(branch[-1], _RAW)
        elif branch and text.startswith(known) and text != known:
            self._turns.answer_text(chat_id, branch[-1].message_id, text[len(known) :], _RAW)
        else:
            self._turns.answer_text(chat_id, None, text, _RAW)


def text_of(branch: tuple[Message, ...]) -> str:
    """The messages' texts, joined without anything in between."""
    return "".join(message.text for message in branch)
