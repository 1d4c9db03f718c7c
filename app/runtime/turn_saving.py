"""Puts a turn on the disk before anybody may answer it.

Knows nothing of models that answer; every way ends with a branch whose last message grows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from app.core.conversation import Conversation, Message, MessageState
from app.core.conversation_store import NewReply
from app.runtime.store_thread import StoreThread
from app.runtime.waiting_messages import WrittenMessage

TurnSaved = Callable[[int, Conversation | None], None]
"""Called with the chat in which the wish was made (0: the new chat), and the branch that ends with
the growing reply; None if another window has removed it."""


class TurnSaver:
    """The four ways in which a reply begins. Each calls `then` once everything is committed."""

    def __init__(self, store: StoreThread) -> None:
        self._store = store

    def append(
        self,
        conversation_id: int,
        written: WrittenMessage,
        model_name: str,
        then: TurnSaved,
    ) -> None:
        """A user's message at the end of the chat's branch."""

        def add_at_end(conversation: Conversation | None) -> None:
            parent_id = conversation.branch[-1].message_id if conversation else None
            self.add(conversation_id, parent_id, written, model_name, then)

        self._store.run(lambda store: store.load_conversation(conversation_id), add_at_end)

    def add(
        self,
        conversation_id: int,
        parent_id: int | None,
        written: WrittenMessage,
        model_name: str,
        then: TurnSaved,
    ) -> None:
        """A user's message below `parent_id`, beside others that may stand there."""
        self._store.run(
            lambda store: store.begin_turn(
                conversation_id, parent_id, written.text, model_name, written.attachments
            ),
            partial(self._load, conversation_id, then),
        )

    def answer_again(self, reply: Message, model_name: str, then: TurnSaved) -> None:
        """Another version of `reply`; or the same, if it has no text worth keeping."""
        owner_id, parent_id = reply.conversation_id, reply.parent_id
        if not reply.text or parent_id is None:
            self.resume(reply, model_name, then)
            return
        self._store.run(
            lambda store: store.begin_reply(owner_id, parent_id, model_name),
            partial(self._load, owner_id, then),
        )

    def resume(self, reply: Message, model_name: str, then: TurnSaved) -> None:
        """The same `reply` grows again; its text stays."""
        resumed = replace(reply, state=MessageState.GROWING, model_name=model_name)
        begun = NewReply(reply.conversation_id, reply.message_id)
        self._store.run(
            lambda store: store.write_reply(resumed),
            lambda _: self._load(reply.conversation_id, then, begun),
        )

    def _load(self, asked_id: int, then: TurnSaved, begun: NewReply) -> None:
        # By the reply, since the chat may show another branch by now.
        self._store.run(
            lambda store: store.load_branch(begun.conversation_id, begun.reply_id),
            lambda conversation: then(asked_id, _with_growing_end(conversation)),
        )


def _with_growing_end(conversation: Conversation | None) -> Conversation | None:
    if conversation is None or not conversation.branch:
        return None
    *before, reply = conversation.branch
    growing = replace(reply, state=MessageState.GROWING)
    return replace(conversation, branch=(*before, growing))
