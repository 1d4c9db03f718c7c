"""A text is a chat without roles: what is new is sent, what was changed is another version."""

from __future__ import annotations

from app.core.conversation import MessageState
from app.engine.protocol import Generate
from app.runtime.chat_session import ChatSession
from tests.app.runtime.house import House, Recorder


def go_on(house: House, session: ChatSession, facts: Recorder, text: str) -> Generate:
    """Let the model continue, and wait for it; what the engine was asked."""
    count = len(facts.of("reply_finished"))
    session.texts.continue_text(text)
    house.until(lambda: len(facts.of("reply_finished")) == count + 1)
    request = house.engines.last.asked(Generate)[-1]
    assert isinstance(request, Generate)
    return request


def test_a_text_goes_on_to_the_letter(house: House) -> None:
    """Spaces and all; the chat becomes the text."""
    session, facts = house.open_ready()
    request = go_on(house, session, facts, " Once upon \n")

    assert (request.raw, request.continue_last) == (True, False)
    assert [m.text for m in request.messages] == [" Once upon \n"]
    assert session.texts.text == " Once upon \nHello there."


def test_an_unchanged_text_lets_the_reply_grow(house: House) -> None:
    """Also a reply that the model had closed itself; its ids stay."""
    session, facts = house.open_ready()
    go_on(house, session, facts, "Once")
    request = go_on(house, session, facts, session.texts.text)
    reply = session.conversation.branch[-1]

    assert (request.raw, request.continue_last) == (True, True)
    assert request.messages[-1].token_ids == (1001, 1002, 1003)
    assert (reply.text, reply.state) == ("Hello there.Hello there.", MessageState.COMPLETE)
    assert len(reply.token_ids) == 6
    assert len(session.conversation.branch) == 2


def test_what_was_added_is_a_message(house: House) -> None:
    """To the letter, below what was there."""
    session, facts = house.open_ready()
    go_on(house, session, facts, "Once")
    request = go_on(house, session, facts, f"{session.texts.text} And\n")

    assert [m.text for m in request.messages] == ["Once", "Hello there.", " And\n"]
    assert request.messages[1].token_ids
    assert session.texts.text == "OnceHello there. And\nHello there."


def test_a_change_further_up_is_another_version(house: House) -> None:
    """The text as it was stays beside it."""
    session, facts = house.open_ready()
    go_on(house, session, facts, "Once")
    go_on(house, session, facts, "Twice")
    first = session.conversation.branch[0]

    assert (first.text, first.version, first.version_count) == ("Twice", 2, 2)
    assert session.texts.text == "TwiceHello there."


def test_nothing_is_not_continued(house: House) -> None:
    """There is nothing to go on from."""
    session, _ = house.open_ready()
    session.texts.continue_text("")

    assert not house.engines.last.asked(Generate)
