"""A chat's own settings reach the engine, and go with the chat."""

from __future__ import annotations

from app.core import settings as rows
from app.engine.protocol import Generate
from app.runtime.chat_session import ChatSession
from tests.app.runtime.house import House


def kept_by(session: ChatSession) -> list[tuple[int, object]]:
    """What is handed over to be kept, from now on."""
    kept: list[tuple[int, object]] = []
    session.chat_settings.options_kept.connect(lambda chat, options: kept.append((chat, options)))
    return kept


def asked_last(house: House) -> Generate:
    """The last reply that was asked for."""
    request = house.engines.last.asked(Generate)[-1]
    assert isinstance(request, Generate)
    return request


def own(session: ChatSession, **options: object) -> None:
    """Let the shown chat have these values of its own."""
    session.chat_settings.set_options(options)


def test_they_hold_in_that_chat_alone(house: House) -> None:
    """Sampling and instructions, from the next reply on."""
    session, _ = house.open_ready()
    house.send(session, "First")
    own(session, temperature=1.5, instructions="Be a pirate.", seed=7, max_tokens=9)
    house.send(session, "Second")
    in_chat = asked_last(house)
    session.new_conversation()
    house.send(session, "Third")
    elsewhere = asked_last(house)

    assert in_chat.sampling.temperature == 1.5
    assert (in_chat.sampling.seed, in_chat.sampling.max_tokens) == (7, 9)
    assert in_chat.messages[0].text == "Be a pirate."
    assert elsewhere.sampling.temperature == 0.7
    assert elsewhere.sampling.seed is None
    assert elsewhere.messages[0].text == "Third"


def test_a_new_chats_are_kept_with_its_first_message(house: House) -> None:
    """Since only then it has an id; they hold from that message on."""
    session, _ = house.open_ready()
    kept = kept_by(session)
    own(session, top_k=3)
    before = list(kept)
    house.send(session, "Hello")

    assert before == []
    assert kept == [(session.conversation.summary.conversation_id, {"top_k": 3})]
    assert asked_last(house).sampling.top_k == 3
    assert session.chat_settings.shown.options == {"top_k": 3}


def test_the_next_new_chat_has_none(house: House) -> None:
    """What was set in one that was left without a message is forgotten."""
    session, _ = house.open_ready()
    own(session, top_k=3)
    session.new_conversation()

    assert session.chat_settings.shown.options == {}


def test_the_newest_hold_when_the_chat_is_opened_again(house: House) -> None:
    """Also before the store has told of them."""
    session, facts = house.open_ready()
    house.send(session, "Hello")
    chat_id = session.conversation.summary.conversation_id
    own(session, top_k=3)
    session.new_conversation()
    count = len(facts.of("conversation_opened"))
    session.open_conversation(chat_id)
    house.until(lambda: len(facts.of("conversation_opened")) > count)

    assert session.chat_settings.shown.get(rows.TOP_K) == 3


def test_the_same_once_more_is_no_news(house: House) -> None:
    """Nothing is kept twice."""
    session, _ = house.open_ready()
    house.send(session, "Hello")
    kept = kept_by(session)
    own(session, top_k=3)
    own(session, top_k=3)

    assert len(kept) == 1


def test_the_styles_instructions_follow_the_general_ones(house: House) -> None:
    """In one message for the model."""
    session, _ = house.open_ready()
    own(session, instructions="Be brief.", style_instructions=" Rhyme. ")
    house.send(session, "Hello")

    assert asked_last(house).messages[0].text == "Be brief.\n\nRhyme."


def test_other_instructions_are_counted_at_once(house: House) -> None:
    """The gauge tells what a prompt would take now."""
    session, facts = house.open_ready()
    house.send(session, "Hello")
    house.until(lambda: session._gauge.used_tokens > 0)
    before = session._gauge.used_tokens
    count = len(facts.of("context_changed"))
    own(session, instructions="one two three four five six seven eight nine ten")
    house.until(lambda: len(facts.of("context_changed")) > count)
    house.until(lambda: session._gauge.used_tokens != before)
