"""What the user makes of a reply is what the model reads of it."""

from __future__ import annotations

from app.engine.protocol import Generate
from tests.app.runtime.house import House


def test_the_edited_reply_is_shown_and_read(house: House) -> None:
    """With its text, since the ids are the old one's."""
    session, _ = house.open_ready()
    house.send(session, "First question")
    reply = session.conversation.branch[-1]
    session.replies.edit(reply.message_id, "  \n")
    session.replies.edit(reply.message_id, " Better. ")
    house.until(lambda: session.conversation.branch[-1].text == "Better.")
    house.send(session, "Second question")
    asked = house.engines.last.asked(Generate)[-1]

    assert session.conversation.branch[1].version_count == 2
    assert [(m.text, m.token_ids) for m in asked.messages[1:2]] == [("Better.", ())]
