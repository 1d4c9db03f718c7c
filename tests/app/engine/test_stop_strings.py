"""A reply ends before a stop string, wherever it stands among the ids; text and ids agree."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.engine.protocol import (
    Event,
    Finished,
    Generate,
    PromptMessage,
    Sampling,
    StoppedBy,
    TextGenerated,
)
from app.engine.session import Session
from app.engine.stop_flag import StopFlag
from app.engine.stop_strings import StopStrings

HELLO_IDS = (22557, 28705, 243, 162, 169, 159, 3614)  # " Hello 🦜 ok"
QUESTION = PromptMessage("user", "Hi")


@given(
    pieces=st.lists(st.text("ab\n", min_size=1, max_size=4), max_size=12),
    stops=st.lists(st.text("ab\n", min_size=1, max_size=4), min_size=1, max_size=3),
)
def test_what_is_given_out_never_holds_a_stop_string(pieces: list[str], stops: list[str]) -> None:
    """Whatever the pieces: all text before it, ids with exactly their texts, and the rest."""
    watch, text, ids = StopStrings(stops), "", []
    for number, piece in enumerate(pieces):
        watch.add(piece, [number])
        taken, taken_ids = watch.take()
        text, ids = text + taken, [*ids, *taken_ids]
        assert text == "".join(pieces[: len(ids)])
        if watch.is_found:
            break
    found = watch.is_found
    if not found:
        watch.release()
        taken, taken_ids = watch.take()
        text, ids = text + taken, [*ids, *taken_ids]
    whole = "".join(pieces)
    places = [whole.find(stop) for stop in stops if stop in whole]

    assert found == bool(places)
    assert ids == list(range(len(ids)))
    if found:
        shown = text + watch.rest
        assert whole.startswith(shown)
        assert not any(stop in shown for stop in stops)
        assert any(whole.startswith(stop, len(shown)) for stop in stops)
    else:
        assert (text, len(ids)) == (whole, len(pieces))


Say = Callable[..., tuple[str, tuple[int, ...], Finished]]


@pytest.fixture
def parrot(
    make_scripted_model: Callable[[Sequence[int]], Path], make_session: Callable[..., Session]
) -> Session:
    """It always says "Hello 🦜 ok"."""
    return make_session(make_scripted_model(HELLO_IDS), microbatch_tokens=64)


@pytest.fixture
def say(parrot: Session) -> Say:
    """Its answer, given stop strings."""

    def generate(*stops: str, more: tuple[PromptMessage, ...] = ()) -> tuple[object, ...]:
        events: list[Event] = []
        sampling = Sampling(temperature=0.0, stop_strings=stops)
        request = Generate(1, (QUESTION, *more), sampling)
        finished = parrot.generate(request, events.append, StopFlag())
        pieces = [event for event in events if isinstance(event, TextGenerated)]
        ids = tuple(token for piece in pieces for token in piece.token_ids)
        return "".join(piece.text for piece in pieces), ids, finished

    return generate  # type: ignore[return-value]


def test_a_reply_ends_before_a_stop_string(say: Say) -> None:
    """Over several ids, one of them only half of a character."""
    text, ids, finished = say(" 🦜 o", "never")

    assert (text, ids) == ("Hello", HELLO_IDS[:1])
    assert finished.stopped_by is StoppedBy.STOP_STRING
    assert finished.completion_tokens == 1


def test_what_only_begins_like_one_is_told_in_the_end(say: Say) -> None:
    """Nothing that was held back is lost."""
    text, ids, finished = say("ok, then", "")

    assert (text, ids, finished.stopped_by) == ("Hello 🦜 ok", HELLO_IDS, StoppedBy.END)


def test_half_an_id_gets_ids_of_its_own(say: Say, parrot: Session) -> None:
    """The text is shown to the letter, and its ids say that text alone."""
    text, ids, finished = say("llo")
    assert parrot._loaded is not None
    vocabulary = parrot._loaded.vocabulary

    assert text == "He"
    assert ids == tuple(vocabulary.tokenize("He"))
    assert b"".join(map(vocabulary.piece, ids)) == b" He"
    assert finished.context_used_tokens == finished.prompt_tokens + len(ids)


def test_the_next_prompt_reuses_what_was_shown(say: Say, parrot: Session) -> None:
    """The ids told are a prefix of what the cache holds."""
    text, ids, finished = say("ok")
    assert parrot._loaded is not None
    reply = PromptMessage("assistant", text, ids, parrot._loaded.vocabulary.vocabulary_hash)
    _, _, following = say(more=(reply, QUESTION))

    assert text == "Hello 🦜 "
    assert following.reused_tokens >= finished.prompt_tokens + len(HELLO_IDS) - 1
