"""A chat's beginning is summarised by the model itself, in parts that fit, from the cache."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from app.core.errors import PromptError
from app.engine.protocol import (
    NO_CUT,
    CountPrompt,
    EarlierCut,
    Event,
    Finished,
    Generate,
    MemoryFull,
    PromptMessage,
    PromptProgressed,
    Sampling,
    StoppedBy,
    Summarise,
    TextGenerated,
    WhenFull,
)
from app.engine.session import Session
from app.engine.stop_flag import StopFlag
from app.engine.summarising import summary_token_limit
from tests.toy_model import write_toy_model

CONTEXT_TOKENS = 512
GREEDY = Sampling(temperature=0.0, max_tokens=20)


@pytest.fixture
def toy(toy_model: Path, make_session: Callable[..., Session]) -> Session:
    """Random weights with a small context."""
    return make_session(toy_model, context_tokens=CONTEXT_TOKENS, microbatch_tokens=64)


def long_chat(session: Session) -> list[PromptMessage]:
    """Exchanges, one after the other, until the next question doesn't fit any more."""
    messages: list[PromptMessage] = []
    while True:
        messages.append(PromptMessage("user", f"Question {len(messages)}. " + "word " * 40))
        told: list[Event] = []
        request = Generate(1, tuple(messages), GREEDY, when_full=WhenFull.ASK)
        if isinstance(session.generate(request, told.append, StopFlag()), MemoryFull):
            assert told == []
            return messages
        pieces = [event for event in told if isinstance(event, TextGenerated)]
        ids = tuple(token for piece in pieces for token in piece.token_ids)
        assert session._loaded is not None
        name = session._loaded.vocabulary.vocabulary_hash
        text = "".join(piece.text for piece in pieces)
        messages.append(PromptMessage("assistant", text, ids, name))


def summarise(
    session: Session, messages: list[PromptMessage], count: int, cut: EarlierCut = NO_CUT
) -> tuple[list[Event], Finished]:
    """What is told of a summary."""
    told: list[Event] = []
    request = Summarise(2, tuple(messages), count, cut)
    return told, session.summarise(request, told.append, StopFlag())


def text_of(told: list[Event]) -> str:
    """The summary's text."""
    return "".join(event.text for event in told if isinstance(event, TextGenerated))


def test_the_whole_way_of_a_full_memory(toy: Session) -> None:
    """Asked, summarised from the cache, and answered with the summary in the place of the turns."""
    messages = long_chat(toy)
    request = Generate(1, tuple(messages), GREEDY, when_full=WhenFull.SUMMARISE)
    full = toy.generate(request, lambda event: None, StopFlag())
    assert isinstance(full, MemoryFull)
    assert full.excess_tokens > 0
    assert full.outside_messages == tuple(range(full.would_drop_messages))

    told, finished = summarise(toy, messages, full.would_drop_messages)
    read_tokens = finished.prompt_tokens - finished.reused_tokens
    assert text_of(told)
    assert finished.completion_tokens <= summary_token_limit(CONTEXT_TOKENS) == 32
    assert not any(event.token_ids for event in told if isinstance(event, TextGenerated))
    assert read_tokens < finished.reused_tokens  # little more than the wish to summarise

    cut = EarlierCut(full.would_drop_messages, text_of(told))
    answered = toy.generate(replace(request, earlier_cut=cut), lambda event: None, StopFlag())
    assert isinstance(answered, Finished)
    assert answered.outside_messages == full.outside_messages
    counted = toy.count_prompt(CountPrompt(3, tuple(messages), earlier_cut=cut))
    assert counted.total_tokens == answered.prompt_tokens
    assert counted.summary_tokens > 0


def test_an_asking_engine_goes_on_at_an_agreed_cut(toy: Session) -> None:
    """Until more would have to go."""
    messages = long_chat(toy)
    asking = Generate(1, tuple(messages), GREEDY, when_full=WhenFull.ASK)
    full = toy.generate(asking, lambda event: None, StopFlag())
    assert isinstance(full, MemoryFull)
    agreed = replace(asking, earlier_cut=EarlierCut(full.would_drop_messages))

    assert isinstance(toy.generate(agreed, lambda event: None, StopFlag()), Finished)
    dropping = replace(asking, when_full=WhenFull.DROP)
    dropped = toy.generate(dropping, lambda event: None, StopFlag())
    assert isinstance(dropped, Finished)
    assert dropped.outside_messages == full.outside_messages


def test_a_chat_longer_than_the_context_is_summarised_in_parts(toy: Session) -> None:
    """An imported one; only the last summary is told, and a message of any length is cut down."""
    words = [40, 3, 200, 3, 900, 3, 40, 3]
    roles = ("user", "assistant")
    messages = [
        PromptMessage("system", "Be brief."),
        *(PromptMessage(roles[i % 2], "word " * count) for i, count in enumerate(words)),
    ]
    told, finished = summarise(toy, messages, len(words))
    began = [e for e in told if isinstance(e, PromptProgressed) and e.done_tokens == e.total_tokens]

    assert len(began) >= 3
    assert finished.prompt_tokens + summary_token_limit(CONTEXT_TOKENS) < CONTEXT_TOKENS
    assert text_of(told)
    assert told.index(next(e for e in told if isinstance(e, TextGenerated))) > told.index(began[-2])


def test_a_stop_ends_all_parts(toy: Session) -> None:
    """Before the first is read."""
    stop = StopFlag()
    stop.set()
    messages = tuple(PromptMessage("user", "word " * 900) for _ in range(4))
    finished = toy.summarise(Summarise(2, messages, 4), lambda event: None, stop)

    assert finished.stopped_by is StoppedBy.STOP


def test_counting_again_needs_no_messages(toy: Session) -> None:
    """Only the draft comes, as it does while somebody types."""
    messages = (PromptMessage("user", "Hi"), PromptMessage("assistant", "Hello"))
    first = toy.count_prompt(CountPrompt(1, messages))
    again = toy.count_prompt(CountPrompt(2, None, "and"))

    assert again.total_tokens == first.total_tokens + again.draft_tokens
    assert again.draft_tokens == toy.count_tokens((PromptMessage("user", "and"),)) - 1


def test_a_base_model_does_not_summarise(
    tmp_path: Path, make_session: Callable[..., Session]
) -> None:
    """It would only go on with the text."""
    session = make_session(write_toy_model(tmp_path / "base.gguf", template=None))
    with pytest.raises(PromptError, match="can't summarise"):
        summarise(session, [PromptMessage("user", "Hi")], 1)


def test_a_base_model_goes_on_to_the_letter(
    tmp_path: Path, make_session: Callable[..., Session]
) -> None:
    """Its text is what was there and what it said; what it said is never read again."""
    session = make_session(write_toy_model(tmp_path / "base.gguf", template=None))
    assert session._loaded is not None
    vocabulary = session._loaded.vocabulary

    def go_on(*messages: PromptMessage, continues: bool) -> tuple[str, tuple[int, ...], Finished]:
        told: list[Event] = []
        request = Generate(1, messages, GREEDY, continue_last=continues)
        finished = session.generate(request, told.append, StopFlag())
        assert isinstance(finished, Finished)
        pieces = [event for event in told if isinstance(event, TextGenerated)]
        ids = tuple(token for piece in pieces for token in piece.token_ids)
        return "".join(piece.text for piece in pieces), ids, finished

    begin = PromptMessage("user", "Once upon a time,\n there was")
    text, ids, first = go_on(begin, continues=False)
    reply = PromptMessage("assistant", text, ids, vocabulary.vocabulary_hash)
    more_text, more_ids, second = go_on(begin, reply, continues=True)
    longer = PromptMessage(
        "assistant", text + more_text, ids + more_ids, vocabulary.vocabulary_hash
    )
    _, _, third = go_on(begin, longer, PromptMessage("user", " And then"), continues=False)
    prompt_ids = session.tokenize_prompt((begin, longer), continue_last=True, raw=True)

    assert first.prompt_tokens + len(ids) == second.prompt_tokens
    assert second.reused_tokens == second.prompt_tokens - 1
    assert third.reused_tokens >= second.prompt_tokens + len(more_ids) - 1
    said = b"".join(map(vocabulary.piece, prompt_ids)).decode("utf-8", "replace")
    assert said.removeprefix(" ").startswith("Once upon a time,\n there was")
    assert said.removeprefix(" ") == begin.text + longer.text
