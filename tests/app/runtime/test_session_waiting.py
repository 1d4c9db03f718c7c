"""Wishes that come too early: while a model is loading, or a reply is under way."""

from __future__ import annotations

from pathlib import Path

from app.core.conversation import MessageState
from app.engine.protocol import Generate, Load
from app.runtime.chat_session import ChatSession, NoticeAction, SessionState
from tests.app.runtime.house import House, Recorder

S = SessionState
REPLY = "Hello there."


def open_loading(house: House) -> tuple[ChatSession, Recorder]:
    """A session whose engine has begun to load and doesn't end it."""
    house.engines.holds_loads = True
    session, facts = house.open()
    session.start()
    house.until(lambda: len(facts.of("loading_progressed")) > 1)
    return session, facts


def texts(session: ChatSession) -> list[str]:
    return [message.text for message in session.conversation.branch]


def test_loading_is_told(house: House) -> None:
    """The name and the bytes, before the model is there."""
    session, facts = open_loading(house)
    progress = facts.of("loading_progressed")[-1]

    assert session.state is S.LOADING
    assert (progress.name, progress.done_bytes, progress.total_bytes) == (
        "octet-demo-q8_0",
        500,
        1000,
    )


def test_message_waits_for_the_model(house: House) -> None:
    """It is shown as waiting, and sent when the model is there."""
    session, facts = open_loading(house)
    session.send("Hi")
    waiting = facts.of("queued_changed")[-1]
    house.engines.last.finish_load()
    house.until(lambda: texts(session) == ["Hi", REPLY])

    assert waiting == "Hi"
    assert facts.of("queued_changed")[-1] == ""


def test_messages_wait_for_the_reply_as_one(house: House) -> None:
    """Two messages that wait in one chat are one message."""
    house.engines.pieces_allowed = 1
    session, facts = house.open_ready()
    house.send_until_growing(session, "Hi")
    session.send("And")
    session.send("more")
    waiting = facts.of("queued_changed")[-1]
    house.engines.last.allow(5)
    house.until(lambda: len(facts.of("reply_finished")) == 2)

    assert waiting == "And\n\nmore"
    assert texts(session) == ["Hi", REPLY, "And\n\nmore", REPLY]


def test_waiting_message_survives_a_restart_as_a_draft(house: House) -> None:
    """It was never sent, so the user decides."""
    session, _ = open_loading(house)
    session.send("Hi")
    session.measure_draft("and more")
    session.close()
    house.engines.holds_loads = False
    again, _ = house.open_ready()
    house.until(lambda: again.draft == "Hi\n\nand more")

    assert again.conversation.branch == ()


def test_edit_is_saved_before_there_is_a_model(house: House) -> None:
    """It is on the disk at once, and answered when the model is loaded."""
    session, _ = house.open_ready()
    house.send(session, "Hi")
    chat = session.conversation.summary.conversation_id
    session.close()
    house.engines.holds_loads = True
    again, _ = house.open()
    again.start()
    again.open_conversation(chat)
    house.until(lambda: texts(again) == ["Hi", REPLY])
    again.edit_message(again.conversation.branch[0].message_id, "Good day")
    house.until(lambda: texts(again) == ["Good day", ""])
    store = house.saved()
    saved = store.load_conversation(chat)
    store.close()
    house.until(lambda: bool(house.engines.started[-1].open_requests(Load)))
    house.engines.last.finish_load()
    house.until(lambda: texts(again) == ["Good day", REPLY])

    assert saved is not None
    assert [message.text for message in saved.branch] == ["Good day", ""]


def test_message_that_waits_in_a_deleted_chat_is_not_sent(house: House) -> None:
    """It is the chat's draft when the chat is brought back."""
    house.engines.pieces_allowed = 1
    session, _ = house.open_ready()
    house.send_until_growing(session, "Hi")
    session.send("And more")
    session.delete_conversation(session.conversation.summary.conversation_id)
    house.engines.last.allow(20)
    house.wait_for(session, S.READY)
    session.undo_delete()
    house.until(lambda: session.draft == "And more")

    assert (texts(session)[0], len(texts(session)), session.state) == ("Hi", 2, S.READY)


def branch_texts(house: House, chat: int) -> list[str]:
    """What another process would read of the branch that was shown last."""
    store = house.saved()
    saved = store.load_conversation(chat)
    store.close()
    return [message.text for message in saved.branch] if saved else []


def edit_while_replying(house: House, *edits: str) -> tuple[ChatSession, Recorder, int]:
    """A session whose first message is edited while its reply grows, and the chat's id."""
    house.engines.pieces_allowed = 1
    session, facts = house.open_ready()
    house.send_until_growing(session, "Hi")
    for text in edits:
        session.edit_message(session.conversation.branch[0].message_id, text)
    return session, facts, session.conversation.summary.conversation_id


def test_edit_during_a_reply_survives_the_end_of_the_program(house: House) -> None:
    """The edited message is on the disk, though nobody has begun to answer it."""
    session, _, chat = edit_while_replying(house, "Good day")
    session.close()

    assert branch_texts(house, chat) == ["Good day", ""]


def test_edit_during_a_reply_is_answered_after_it(house: House) -> None:
    """Of two edits both are kept, and the second one is answered."""
    session, _, chat = edit_while_replying(house, "Good day", "Good evening")
    house.until(lambda: texts(session) == ["Good evening", ""])
    house.engines.last.allow(20)
    house.until(lambda: texts(session) == ["Good evening", REPLY])
    house.wait_for(session, S.READY)
    session.close()

    assert session.conversation.branch[0].version_count == 3
    assert branch_texts(house, chat) == ["Good evening", REPLY]


def test_edit_during_a_reply_is_answered_by_the_model_chosen_next(
    house: House, tmp_path: Path
) -> None:
    """Choosing a model takes the place of no edit."""
    session, _, _ = edit_while_replying(house, "Good day")
    session.load_model(str(tmp_path / "other.gguf"))
    house.engines.last.allow(20)
    house.until(lambda: texts(session) == ["Good day", REPLY])

    assert session.conversation.branch[-1].model_name == "other"


def test_edit_during_a_reply_survives_the_engine(house: House) -> None:
    """The engine dies and can't be started again: the words are kept, the reply is cut off."""
    session, _, chat = edit_while_replying(house, "Good day")
    house.engines.refusal = OSError("no")
    house.engines.last.die()
    house.wait_for(session, S.NO_MODEL)
    house.until(lambda: texts(session) == ["Good day", ""])
    session.close()

    assert branch_texts(house, chat) == ["Good day", ""]


def test_edit_whose_model_cannot_be_loaded_is_kept(house: House) -> None:
    """Its reply is cut off, and can be asked for later."""
    session, _ = house.open_ready()
    house.send(session, "Hi")
    house.engines.last.holds_loads = True
    session.load_model(str(house.demo))
    session.edit_message(session.conversation.branch[0].message_id, "Good day")
    house.until(lambda: texts(session) == ["Good day", ""])
    session.cancel_load()
    cut_off = session.conversation.branch[-1].state
    session.answer_again(session.conversation.branch[-1].message_id)
    house.until(lambda: texts(session) == ["Good day", REPLY])

    assert cut_off is MessageState.CUT_OFF


def test_sent_message_is_no_draft_after_a_restart(house: House) -> None:
    """Neither in its chat nor in the new one."""
    session, facts = open_loading(house)
    session.measure_draft("Hi")
    session.send("Hi")
    session.measure_draft("")
    house.engines.last.finish_load()
    house.until(lambda: bool(facts.of("reply_finished")))
    chat = session.conversation.summary.conversation_id
    session.close()
    house.engines.holds_loads = False
    again, facts = house.open_ready()
    again.open_conversation(chat)
    house.until(lambda: len(facts.of("draft_opened")) == 2)

    assert facts.of("draft_opened") == ["", ""]


def test_cancelled_load_ends_the_engine(house: House) -> None:
    """No model is there then; a message that waits is kept until one is loaded."""
    session, facts = open_loading(house)
    session.send("Hi")
    session.cancel_load()
    state, was_killed = session.state, house.engines.last.was_killed
    house.engines.holds_loads = False
    session.load_model(str(house.demo))
    house.until(lambda: texts(session) == ["Hi", REPLY])

    assert (state, was_killed) == (S.NO_MODEL, True)
    assert facts.of("model_changed")[0] is None
    assert facts.of("notice_raised") == []


def test_message_without_model_tries_to_load_again(house: House) -> None:
    """After a cancelled load the next message brings the model."""
    session, facts = open_loading(house)
    session.cancel_load()
    house.engines.holds_loads = False
    session.send("Hi")
    house.until(lambda: bool(facts.of("reply_finished")))

    assert texts(session) == ["Hi", REPLY]


def test_another_model_replaces_the_one_that_is_loading(house: House, tmp_path: Path) -> None:
    """The first engine is ended, and only the second model is told."""
    session, facts = open_loading(house)
    first = house.engines.last
    house.engines.holds_loads = False
    other = tmp_path / "other.gguf"
    other.write_bytes(b"")
    session.load_model(str(other))
    house.wait_for(session, S.READY)

    assert first.was_killed
    assert [model.name for model in facts.of("model_changed")] == ["other"]
    assert not session.is_demo


def test_another_model_stops_the_reply(house: House, tmp_path: Path) -> None:
    """What had arrived is kept, then the model is loaded in the same engine."""
    house.engines.pieces_allowed = 1
    session, facts = house.open_ready()
    house.send_until_growing(session, "Hi")
    session.load_model(str(tmp_path / "other.gguf"))
    house.until(lambda: session.model is not None and session.model.name == "other")

    assert [m.state for m in facts.of("reply_finished")] == [MessageState.STOPPED]
    assert len(house.engines.started) == 1
    kinds = [type(request) for request in house.engines.last.requests]
    assert kinds.index(Generate) < len(kinds) - kinds[::-1].index(Load) - 1


def test_model_is_remembered(house: House, tmp_path: Path) -> None:
    """The next run loads it again, and lists it though it lies elsewhere."""
    other = tmp_path / "other.gguf"
    other.write_bytes(b"no model")
    session, facts = house.open_ready()
    session.load_model(str(other))
    house.until(lambda: str(other) in {choice.path for choice in facts.of("models_changed")[-1]})
    session.close()
    again, _ = house.open_ready()

    assert again.model is not None
    assert (again.model.path, again.is_demo) == (str(other), False)


def test_lost_model_gives_way_to_the_demo(house: House, tmp_path: Path) -> None:
    """A notice names the file that is gone."""
    other = tmp_path / "other.gguf"
    other.write_bytes(b"no model")
    session, facts = house.open_ready()
    session.load_model(str(other))
    house.until(lambda: len(facts.of("models_changed")) == 2)
    session.close()
    other.unlink()
    again, facts = house.open_ready()

    assert again.is_demo
    assert [notice.title for notice in facts.of("notice_raised")] == [
        "The model other.gguf is no longer there."
    ]


def test_without_any_model_a_message_is_kept(house: House, tmp_path: Path) -> None:
    """A notice says what is missing; the message is sent when there is a model."""
    house.demo.unlink()
    session, facts = house.open()
    session.start()
    house.until(lambda: facts.of("models_changed") == [()])
    session.send("Hi")
    notice = facts.of("notice_raised")[-1]
    session.load_model(str(tmp_path / "new.gguf"))
    house.until(lambda: texts(session) == ["Hi", REPLY])

    assert (notice.title, notice.action) == ("There is no model yet.", None)
    assert notice.key in facts.of("notice_cleared")


def test_model_that_cannot_be_loaded_is_a_notice(house: House) -> None:
    """With the engine's sentence; trying again loads it."""
    session, facts = open_loading(house)
    house.engines.last.fail(Load, "This file is no model.")
    house.wait_for(session, S.NO_MODEL)
    house.until(lambda: bool(facts.of("notice_raised")))
    notice = facts.of("notice_raised")[-1]
    session.try_again()
    house.until(lambda: bool(house.engines.last.open_requests(Load)))
    house.engines.last.finish_load()
    house.wait_for(session, S.READY)

    assert (notice.text, notice.action) == ("This file is no model.", NoticeAction.LOAD_AGAIN)
    assert notice.key in facts.of("notice_cleared")


def test_model_named_at_the_start_is_loaded(house: House, tmp_path: Path) -> None:
    """Whatever was loaded last time; the list is read all the same."""
    session, facts = house.open()
    session.start(str(tmp_path / "named.gguf"))
    house.wait_for(session, S.READY)
    house.until(lambda: bool(facts.of("models_changed")))

    assert session.model is not None
    assert session.model.name == "named"
