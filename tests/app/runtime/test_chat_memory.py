"""A full memory: the oldest leave it, or the user is asked, or the model summarises first."""

from __future__ import annotations

import pytest

from app.core import settings as rows
from app.core.conversation import MessageState, Summary
from app.engine.protocol import CountPrompt, EarlierCut, Generate, Stop, Summarise, WhenFull
from app.runtime import notices
from app.runtime.chat_session import ChatSession, NoticeAction, SessionState
from tests.app.runtime.house import House, Recorder

S = SessionState


@pytest.fixture
def full(house: House) -> tuple[House, ChatSession, Recorder]:
    """A chat of one exchange, in an engine that has no room for a second one."""
    session, facts = house.open_ready()
    house.engines.last.full_after_messages = 2
    house.send(session, "First question")
    return house, session, facts


def set_when_full(session: ChatSession, choice: str) -> None:
    """What the user has chosen."""
    session._settings.set(rows.WHEN_FULL, choice)


def send_until_asked(house: House, session: ChatSession, facts: Recorder) -> None:
    """The second question, which doesn't fit."""
    session.send("Second question")
    house.until(lambda: bool(facts.of("notice_raised")))
    house.wait_for(session, S.READY)


def last_generate(house: House) -> Generate:
    """What the engine was asked last."""
    request = house.engines.last.asked(Generate)[-1]
    assert isinstance(request, Generate)
    return request


def test_by_default_nothing_is_asked(full: tuple[House, ChatSession, Recorder]) -> None:
    """The engine drops the oldest by itself."""
    house, session, facts = full
    house.send(session, "Second question")

    assert last_generate(house).when_full is WhenFull.DROP
    assert not facts.of("notice_raised")


def test_the_user_is_asked_and_keeps_the_words(
    full: tuple[House, ChatSession, Recorder],
) -> None:
    """The notice stands in the reply's place, with three ways on."""
    house, session, facts = full
    set_when_full(session, "ask")
    send_until_asked(house, session, facts)
    (notice,) = facts.of("notice_raised")
    _, _, question, reply = session.conversation.branch

    assert notice.key == notices.REPLY
    assert (
        notice.text
        == "Your message is kept. The 2 oldest messages would have to leave the model's memory."
    )
    assert notice.action is NoticeAction.DROP_OLDEST
    assert notice.more_actions == (NoticeAction.SUMMARISE_OLDEST, NoticeAction.LARGER_CONTEXT)
    assert (question.text, reply.text, reply.state) == (
        "Second question",
        "",
        MessageState.CUT_OFF,
    )


def test_dropping_is_agreed_on_once(full: tuple[House, ChatSession, Recorder]) -> None:
    """The cut is kept with the chat, and holds for the messages that follow."""
    house, session, facts = full
    set_when_full(session, "ask")
    send_until_asked(house, session, facts)
    session.memory.drop_oldest()
    house.until(lambda: len(facts.of("reply_finished")) == 3)
    branch = session.conversation.branch

    assert branch[-1].text == "Hello there."
    assert len(branch) == 4
    assert last_generate(house).earlier_cut == EarlierCut(2, "")
    assert session.conversation.summaries == {branch[1].message_id: ""}
    assert facts.of("notice_cleared")[-2:] == [notices.REPLY, notices.ENGINE]


def test_a_summary_can_be_the_way_on(full: tuple[House, ChatSession, Recorder]) -> None:
    """For this once: the next time the user is asked again."""
    house, session, facts = full
    set_when_full(session, "ask")
    send_until_asked(house, session, facts)
    session.memory.summarise_oldest()
    house.until(lambda: len(facts.of("reply_finished")) == 3)

    assert last_generate(house).earlier_cut == EarlierCut(2, "Hello there.")
    session.send("Third question")
    house.until(lambda: len(facts.of("notice_raised")) == 2)


def test_another_try_after_a_larger_context(full: tuple[House, ChatSession, Recorder]) -> None:
    """The same reply is asked for once more."""
    house, session, facts = full
    set_when_full(session, "ask")
    send_until_asked(house, session, facts)
    house.engines.last.full_after_messages = None
    session.try_again()
    house.until(lambda: len(facts.of("reply_finished")) == 3)

    assert [m.text for m in session.conversation.branch][2:] == ["Second question", "Hello there."]


def test_the_model_summarises_first(full: tuple[House, ChatSession, Recorder]) -> None:
    """The summary is told while it grows, kept, counted, and stands in the prompt."""
    house, session, facts = full
    set_when_full(session, "summarise")
    told: list[object] = []
    session.memory.summary_began.connect(told.append)
    session.memory.summary_grew.connect(told.append)
    session.memory.summary_changed.connect(told.append)
    reply = house.send(session, "Second question")
    covered_id = session.conversation.branch[1].message_id
    (request,) = house.engines.last.asked(Summarise)
    assert isinstance(request, Summarise)

    assert request.message_count == 2
    assert told[0] == covered_id
    assert "".join(str(piece) for piece in told[1:-1]) == "Hello there."
    assert told[-1] == Summary("Hello there.", covered_id)
    assert last_generate(house).earlier_cut == EarlierCut(2, "Hello there.")
    assert (reply.text, reply.state) == ("Hello there.", MessageState.COMPLETE)
    assert len(facts.of("reply_finished")) == 2
    counted = house.engines.last.asked(CountPrompt)[-1]
    assert isinstance(counted, CountPrompt)
    assert counted.earlier_cut == EarlierCut(2, "Hello there.")


def test_a_summary_is_found_again_and_can_be_edited(
    full: tuple[House, ChatSession, Recorder],
) -> None:
    """It belongs to the chat, and what the user writes in its place is what the model reads."""
    house, session, _ = full
    set_when_full(session, "summarise")
    house.send(session, "Second question")
    chat_id, covered_id = (
        session.conversation.summary.conversation_id,
        session.conversation.branch[1].message_id,
    )
    session.memory.edit_summary(covered_id, " They greeted. ")
    session.memory.edit_summary(999, "of nothing")
    session.new_conversation()
    session.open_conversation(chat_id)
    house.until(lambda: session.conversation.summary.conversation_id == chat_id)
    assert session.conversation.summaries == {covered_id: "They greeted."}
    house.engines.last.full_after_messages = None
    house.send(session, "Third question")

    assert last_generate(house).earlier_cut == EarlierCut(2, "They greeted.")


def test_a_summary_that_is_stopped_is_none(full: tuple[House, ChatSession, Recorder]) -> None:
    """Nothing is kept of it, and the question can be asked again."""
    house, session, facts = full
    set_when_full(session, "summarise")
    engine = house.engines.last
    began: list[int] = []
    session.memory.summary_began.connect(began.append)
    engine._allowed = 0
    session.send("Second question")
    house.until(lambda: bool(began))
    session.stop()
    house.until(lambda: len(facts.of("reply_finished")) == 2)
    assert engine.asked(Stop)
    assert facts.of("reply_finished")[-1].state is MessageState.STOPPED
    assert not session.conversation.summaries
    engine.allow(100)
    session.continue_reply(session.conversation.branch[-1].message_id)
    house.until(lambda: len(facts.of("reply_finished")) == 3)

    assert session.conversation.branch[-1].text == "Hello there."


def test_an_engine_that_dies_over_a_summary(full: tuple[House, ChatSession, Recorder]) -> None:
    """The question is kept; the reply goes on in another engine."""
    house, session, facts = full
    set_when_full(session, "summarise")
    began: list[int] = []
    session.memory.summary_began.connect(began.append)
    house.engines.last._allowed = 0
    session.send("Second question")
    house.until(lambda: bool(began))
    house.engines.last.die()
    house.until(lambda: len(facts.of("reply_finished")) == 2)
    session.continue_reply(session.conversation.branch[-1].message_id)
    house.until(lambda: len(facts.of("reply_finished")) == 3)

    assert len(house.engines.started) == 2
    assert session.conversation.branch[-1].text == "Hello there."


def test_the_window_is_told_which_messages_are_outside(house: House) -> None:
    """In a shown chat; another chat begins with none."""
    session, facts = house.open_ready()
    outside: list[object] = []
    session.memory.outside_changed.connect(outside.append)
    engine = house.engines.last
    engine.dropped_messages, engine.pinned_messages = 3, (1,)
    house.send(session, "Hi")
    chat_id = session.conversation.summary.conversation_id
    session.new_conversation()
    assert (outside, facts.of("memory_line_moved")) == ([(0, 2), ()], [3, 0])
    session.open_conversation(chat_id)
    house.until(lambda: len(outside) == 3)  # known before anything is sent

    assert (outside[-1], facts.of("memory_line_moved")) == ((0, 2), [3, 0, 3])


def test_base_models_cannot_summarise() -> None:
    """The notice doesn't offer it."""
    assert notices.memory_full(1, can_summarise=False).more_actions == (
        NoticeAction.LARGER_CONTEXT,
    )


def test_a_pin_is_kept_and_goes_into_the_prompt(house: House) -> None:
    """Over a restart too; a second wish takes it away."""
    session, _ = house.open_ready()
    house.send(session, "First question")
    message_id = session.conversation.branch[0].message_id
    session.memory.pin(message_id)
    house.until(lambda: session.conversation.branch[0].is_pinned)
    house.send(session, "Second question")
    asked = house.engines.last.asked(Generate)[-1]
    assert [message.is_pinned for message in asked.messages] == [True, False, False]
    chat_id = session.conversation.summary.conversation_id
    session.close()

    again, _ = house.open_ready()
    again.open_conversation(chat_id)
    house.until(lambda: len(again.conversation.branch) == 4)
    assert again.conversation.branch[0].is_pinned
    again.memory.pin(message_id)
    house.until(lambda: not again.conversation.branch[0].is_pinned)
    again.memory.pin(999)
    assert len(again.conversation.branch) == 4
