"""A forked chat is shown and goes on; the first one stays."""

from __future__ import annotations

from app.runtime.chat_session import SessionState
from tests.app.runtime.house import House


def test_the_fork_is_shown_and_goes_on(house: House) -> None:
    """From a message in the middle."""
    session, facts = house.open_ready()
    house.send(session, "First question")
    house.send(session, "Second question")
    house.wait_for(session, SessionState.READY)
    first = session.conversation
    session.forks.fork(first.branch[1].message_id)
    first_id = first.summary.conversation_id
    house.until(lambda: session.conversation.summary.conversation_id != first_id)
    assert len(session.conversation.branch) == 2
    house.send(session, "Another question")

    assert session.conversation.branch[2].text == "Another question"
    house.until(lambda: len(facts.of("conversations_changed")[-1]) == 2)
    session.open_conversation(first_id)
    house.until(lambda: session.conversation.summary.conversation_id == first_id)
    assert [m.text for m in session.conversation.branch] == [m.text for m in first.branch]


def test_what_is_gone_changes_nothing(house: House) -> None:
    """The chat stays in sight."""
    session, facts = house.open_ready()
    house.send(session, "First question")
    shown = session.conversation
    lists = len(facts.of("conversations_changed"))
    session.forks.fork(999)
    house.until(lambda: len(facts.of("conversations_changed")) > lists)
    assert session.conversation.summary == shown.summary
