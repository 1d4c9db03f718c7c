"""A fork: the branch and nothing beside it, in a chat of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from app.core.conversation import Attachment, Conversation, Message, MessageState
from app.core.conversation_store import ConversationStore
from app.core.forking import fork

NOW = 2000.0
FILE = Attachment("notes.txt", "words", 5)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ConversationStore]:
    store = ConversationStore.open(tmp_path / "chats.sqlite3", clock=lambda: 1000.0)
    yield store
    store.close()


@pytest.fixture
def chat(store: ConversationStore) -> Conversation:
    """Two exchanges; the first question has an earlier version."""
    begun = store.begin_turn(0, None, "Firts question", "demo")
    chat_id = begun.conversation_id
    begun = store.begin_turn(chat_id, None, "First question", "demo", (FILE,))
    finish(store, chat_id, "First answer")
    begun = store.begin_turn(chat_id, begun.reply_id, "Second question", "demo")
    finish(store, chat_id, "Second answer")
    store.save_options(chat_id, {"temperature": 0.1})
    return load(store, chat_id)


def finish(store: ConversationStore, chat_id: int, text: str) -> None:
    reply = load(store, chat_id).branch[-1]
    done = replace(reply, text=text, token_ids=(5, 6), vocabulary_hash="v")
    store.write_reply(replace(done, state=MessageState.COMPLETE))


def load(store: ConversationStore, chat_id: int) -> Conversation:
    conversation = store.load_conversation(chat_id)
    assert conversation is not None
    return conversation


def bare(message: Message) -> Message:
    """Without what another place in another tree changes."""
    return replace(
        message, message_id=0, conversation_id=0, parent_id=None, version=1, version_count=1
    )


def test_it_holds_all_up_to_the_message(store: ConversationStore, chat: Conversation) -> None:
    """With files, ids and settings; the first chat stays as it is."""
    copy_id = fork(store, chat.summary.conversation_id, chat.branch[1].message_id, NOW)
    copy = load(store, copy_id)

    assert [*map(bare, copy.branch)] == [*map(bare, chat.branch[:2])]
    assert copy.branch[0].attachments == (FILE,)
    assert copy.branch[1].token_ids == (5, 6)
    assert copy.branch[0].version_count == 1
    assert copy.options == {"temperature": 0.1}
    assert (copy.summary.title, copy.summary.changed_at) == (chat.summary.title, NOW)
    assert load(store, chat.summary.conversation_id) == chat


def test_both_go_on_apart(store: ConversationStore, chat: Conversation) -> None:
    """A message in one isn't in the other."""
    copy_id = fork(store, chat.summary.conversation_id, chat.branch[-1].message_id, NOW)
    end = load(store, copy_id).branch[-1].message_id
    store.begin_turn(copy_id, end, "Third question", "demo")

    texts = [message.text for message in load(store, copy_id).branch]
    assert texts[-3:] == ["Second answer", "Third question", ""]
    assert len(load(store, chat.summary.conversation_id).branch) == 4


def test_a_growing_reply_is_cut_off_in_it(store: ConversationStore, chat: Conversation) -> None:
    """Nobody writes it there."""
    chat_id = chat.summary.conversation_id
    begun = store.begin_turn(chat_id, chat.branch[-1].message_id, "Third", "demo")
    copy = load(store, fork(store, chat_id, begun.reply_id, NOW))
    state = store.connection.execute(
        "SELECT state FROM message WHERE id = ?", (copy.branch[-1].message_id,)
    ).fetchone()[0]
    assert state == "cut_off"


def test_what_is_gone_is_no_fork(store: ConversationStore, chat: Conversation) -> None:
    """Another window has removed it, or it belongs to another chat."""
    before = store.list_conversations()
    assert fork(store, chat.summary.conversation_id, 999, NOW) == 0
    assert fork(store, 999, chat.branch[0].message_id, NOW) == 0
    assert store.list_conversations() == before
