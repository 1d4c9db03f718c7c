"""A reply that grows: text, ids, speed, and what it costs."""

from __future__ import annotations

from dataclasses import replace

from app.core.conversation import Message, MessageState, ReplyFigures, Role
from app.engine.protocol import Finished, StoppedBy, TextGenerated
from app.runtime.reply import GrowingReply

EMPTY = Message(2, 1, 1, Role.ASSISTANT, "")
HALF = replace(
    EMPTY,
    text="Half",
    token_ids=(5, 6),
    vocabulary_hash="mixtral",
    figures=ReplyFigures(9, 0, 2, 1.0, 0.5, 3),
)


def grown(message: Message, vocabulary_hash: str = "mixtral") -> GrowingReply:
    reply = GrowingReply(message, 1, vocabulary_hash)
    reply.add(TextGenerated(1, " and", (7,), 10))
    reply.add(TextGenerated(1, " half", (8, 9), 12))
    return reply


def finished(stopped_by: StoppedBy) -> Finished:
    return Finished(1, stopped_by, 20, 5, 3, 0.25, 0.75, 11, 0, 23)


def test_text_and_ids_are_gathered() -> None:
    """Both are whole at any time."""
    message = grown(EMPTY).message()

    assert (message.text, message.token_ids) == (" and half", (7, 8, 9))
    assert (message.state, message.vocabulary_hash) == (MessageState.GROWING, "mixtral")
    assert grown(EMPTY).context_used_tokens == 12


def test_continued_reply_keeps_its_beginning() -> None:
    """Text, ids and costs go on."""
    message = grown(HALF).finished(finished(StoppedBy.END))

    assert (message.text, message.token_ids) == ("Half and half", (5, 6, 7, 8, 9))
    assert message.figures == ReplyFigures(20, 5, 5, 0.25, 1.25, 11)


def test_ids_of_two_vocabularies_are_not_mixed() -> None:
    """Continued by another model, or after an edit, only the text counts."""
    for message in (grown(HALF, "other").message(), grown(replace(HALF, token_ids=())).message()):
        assert (message.text, message.token_ids) == ("Half and half", ())
        assert message.vocabulary_hash == ""


def test_only_the_models_own_end_completes_a_reply() -> None:
    """Or a stop string; a limit or a full context leaves it to be continued."""
    states = [grown(EMPTY).finished(finished(by)).state for by in StoppedBy]

    assert states == [MessageState.COMPLETE, *[MessageState.STOPPED] * 3, MessageState.COMPLETE]


def test_speed_is_of_the_last_seconds() -> None:
    """Slower of late is told as slower."""
    now = 0.0
    reply = GrowingReply(EMPTY, 1, "mixtral", clock=lambda: now)
    speeds = [reply.tokens_per_second]
    for seconds in (0.1,) * 50 + (1.0,) * 10:
        now += seconds
        reply.add(TextGenerated(1, "x", (1,), 1))
        speeds.append(reply.tokens_per_second)

    assert speeds[:2] == [0.0, 0.0]
    assert round(speeds[50], 6) == 10.0
    assert round(speeds[-1], 6) == 1.0
