"""A version of a reply that the user wrote."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from app.core.conversation import MessageState
from app.core.conversation_store import ConversationStore
from app.core.reply_versions import add_version


def test_it_stands_beside_the_models(tmp_path: Path) -> None:
    """Shown, complete, without ids; the model's is one step away."""
    store = ConversationStore.open(tmp_path / "chats.sqlite3", clock=lambda: 1000.0)
    begun = store.begin_turn(0, None, "Question", "demo")
    chat_id, reply_id = begun.conversation_id, begun.reply_id
    before = store.load_conversation(chat_id)
    assert before is not None
    reply = replace(before.branch[-1], text="Answer", token_ids=(5,), vocabulary_hash="v")
    store.write_reply(replace(reply, state=MessageState.COMPLETE))
    version_id = add_version(store, chat_id, reply_id, "Better answer", 2000.0)
    after = store.load_conversation(chat_id)
    store.show_version(chat_id, version_id, -1)
    back = store.load_conversation(chat_id)
    gone = add_version(store, chat_id, before.branch[0].message_id, "no reply", 2000.0)
    store.close()

    assert after is not None
    edited = after.branch[-1]
    assert (edited.message_id, edited.text, edited.model_name) == (
        version_id,
        "Better answer",
        "demo",
    )
    assert (edited.state, edited.token_ids, edited.is_edited) == (MessageState.COMPLETE, (), True)
    assert (edited.version, edited.version_count) == (2, 2)
    assert after.summary.changed_at == 2000.0
    assert back is not None
    assert (back.branch[-1].text, back.branch[-1].is_edited) == ("Answer", False)
    assert gone == 0
