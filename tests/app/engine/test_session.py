"""Conversations are answered: text, ids and figures that agree, and nothing read twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import gguf
import pytest
import sentencepiece

from app.core.errors import EngineError, PromptError
from app.engine.protocol import (
    Event,
    Finished,
    Generate,
    PromptMessage,
    PromptProgressed,
    Sampling,
    StoppedBy,
    TextGenerated,
)
from app.engine.session import Session
from app.engine.stop_flag import StopFlag
from tests.toy_model import CHATML_TEMPLATE, write_toy_model

MakeSession = Callable[..., Session]
MakeScripted = Callable[[Sequence[int]], Path]
GREEDY = Sampling(temperature=0.0)
HELLO_IDS = (22557, 28705, 243, 162, 169, 159, 3614)  # " Hello 🦜 ok"
QUESTION = PromptMessage("user", "Hi")


class Answer:
    """What became of one request."""

    def __init__(self, session: Session, request: Generate, stop: StopFlag | None = None) -> None:
        self.events: list[Event] = []
        self.finished: Finished = session.generate(request, self.events.append, stop or StopFlag())

    @property
    def pieces(self) -> list[TextGenerated]:
        return [event for event in self.events if isinstance(event, TextGenerated)]

    @property
    def text(self) -> str:
        return "".join(piece.text for piece in self.pieces)

    @property
    def ids(self) -> tuple[int, ...]:
        return tuple(token for piece in self.pieces for token in piece.token_ids)

    def as_message(self, vocabulary_hash: str) -> PromptMessage:
        return PromptMessage("assistant", self.text, self.ids, vocabulary_hash)


def ask(session: Session, *messages: PromptMessage, **settings: object) -> Answer:
    """The greedy answer to `messages`, or with other settings."""
    sampling = replace(GREEDY, **settings)  # type: ignore[arg-type]
    return Answer(session, Generate(1, messages, sampling))


def vocabulary_hash(session: Session) -> str:
    """Of the session's model."""
    assert session._loaded is not None
    return session._loaded.vocabulary.vocabulary_hash


@pytest.fixture
def toy(toy_model: Path, make_session: MakeSession) -> Session:
    """Random weights: it says thousands of different things and doesn't end."""
    return make_session(toy_model, microbatch_tokens=64)


@pytest.fixture
def parrot(make_scripted_model: MakeScripted, make_session: MakeSession) -> Session:
    """It always says "Hello 🦜 ok"."""
    return make_session(make_scripted_model(HELLO_IDS), microbatch_tokens=64)


def test_a_reply_is_told_in_text_and_ids(parrot: Session) -> None:
    """Whole characters, without SentencePiece's space, until the model ends."""
    answer = ask(parrot, QUESTION)

    assert (answer.text, answer.ids) == ("Hello 🦜 ok", HELLO_IDS)
    assert answer.pieces[0].text == "Hello"
    assert answer.finished.stopped_by is StoppedBy.END
    assert answer.finished.completion_tokens == len(HELLO_IDS)


def test_figures_agree(toy: Session) -> None:
    """Every id is counted once, and the context grows by it."""
    answer = ask(toy, QUESTION, max_tokens=100)
    finished, used = answer.finished, answer.finished.prompt_tokens

    for piece in answer.pieces:
        used += len(piece.token_ids)
        assert piece.context_used_tokens == used
    assert finished.context_used_tokens == used == finished.prompt_tokens + 100
    assert finished.completion_tokens == len(answer.ids) == 100
    assert finished.prefill_seconds > 0
    assert finished.decode_seconds > 0


def test_reading_is_told(toy: Session) -> None:
    """From what is held to the whole prompt."""
    request = PromptMessage("user", "word " * 200)
    told = [e for e in ask(toy, request, max_tokens=1).events if isinstance(e, PromptProgressed)]

    assert [e.done_tokens for e in told] == [0, 64, 128, 192, 208, 209]
    assert {e.total_tokens for e in told} == {209}


def test_a_character_is_never_cut(parrot: Session) -> None:
    """A limit in the middle of one leaves its ids out; the reply goes on with the whole one."""
    cut = ask(parrot, QUESTION, max_tokens=4)
    assert (cut.text, cut.ids) == ("Hello ", HELLO_IDS[:2])
    assert cut.finished.stopped_by is StoppedBy.LENGTH
    assert cut.finished.completion_tokens == 2
    message = cut.as_message(vocabulary_hash(parrot))
    request = Generate(2, (QUESTION, message), GREEDY, continue_last=True)
    rest = Answer(parrot, request)

    assert (rest.text, rest.ids) == ("🦜 ok", HELLO_IDS[2:])


def test_bytes_that_are_no_text_show_at_once(
    make_scripted_model: MakeScripted, make_session: MakeSession
) -> None:
    """The stream doesn't wait for them to become something."""
    session = make_session(make_scripted_model((22557, 3 + 0xFF, 3614)))

    assert ask(session, QUESTION).text == "Hello\N{REPLACEMENT CHARACTER} ok"


def test_a_second_turn_reads_only_what_is_new(parrot: Session) -> None:
    """The reply is held as it was made; its end and the new message are read."""
    first = ask(parrot, QUESTION)
    reply = first.as_message(vocabulary_hash(parrot))
    second = ask(parrot, QUESTION, reply, PromptMessage("user", "And?")).finished

    assert second.reused_tokens == first.finished.prompt_tokens + len(HELLO_IDS)


def test_answering_again_reads_one_id(toy: Session) -> None:
    """And says the same again if nothing is left to chance."""
    first = ask(toy, QUESTION, max_tokens=20)
    again = ask(toy, QUESTION, max_tokens=20)

    assert again.finished.reused_tokens == again.finished.prompt_tokens - 1
    assert again.ids == first.ids


def test_an_edit_reads_from_the_edit_on(toy: Session) -> None:
    """What stands before it is held."""
    before, after = PromptMessage("user", "a " * 50 + "b"), PromptMessage("user", "a " * 50 + "c")
    ask(toy, before, max_tokens=3)

    assert ask(toy, after, max_tokens=3).finished.reused_tokens > 50


def test_a_seed_is_told_and_says_the_same_again(toy: Session) -> None:
    """Fresh each time, unless it is given."""
    first = ask(toy, QUESTION, temperature=2.0, max_tokens=20)
    other = ask(toy, QUESTION, temperature=2.0, max_tokens=20)
    again = ask(toy, QUESTION, temperature=2.0, max_tokens=20, seed=first.finished.seed)

    assert other.finished.seed != first.finished.seed
    assert other.ids != first.ids
    assert again.ids == first.ids


def test_a_stop_ends_after_the_token_under_way(toy: Session) -> None:
    """What had been made is kept."""
    stop, events = StopFlag(), []

    def stop_at_first_text(event: Event) -> None:
        events.append(event)
        if isinstance(event, TextGenerated):
            stop.set()

    finished = toy.generate(Generate(1, (QUESTION,), GREEDY), stop_at_first_text, stop)
    ids = [i for event in events if isinstance(event, TextGenerated) for i in event.token_ids]

    assert finished.stopped_by is StoppedBy.STOP
    assert finished.completion_tokens == len(ids) <= 2


def test_a_stop_while_reading_keeps_what_was_read(toy: Session) -> None:
    """The next try goes on from there."""
    stop = StopFlag()
    request = Generate(1, (PromptMessage("user", "word " * 300),), replace(GREEDY, max_tokens=1))

    def stop_at_some_progress(event: Event) -> None:
        if isinstance(event, PromptProgressed) and event.done_tokens >= 128:
            stop.set()

    finished = toy.generate(request, stop_at_some_progress, stop)

    assert (finished.stopped_by, finished.completion_tokens) == (StoppedBy.STOP, 0)
    assert Answer(toy, request).finished.reused_tokens == 128


def test_a_stop_before_the_start_is_honoured(toy: Session) -> None:
    """Nothing is read."""
    stop = StopFlag()
    stop.set()
    finished = Answer(toy, Generate(1, (QUESTION,), GREEDY), stop).finished

    assert (finished.stopped_by, finished.completion_tokens) == (StoppedBy.STOP, 0)


def test_a_reply_ends_where_the_context_does(toy_model: Path, make_session: MakeSession) -> None:
    """With every place in it used."""
    session = make_session(toy_model, context_tokens=256, microbatch_tokens=64)
    answer = ask(session, QUESTION)

    assert answer.finished.stopped_by is StoppedBy.CONTEXT
    assert answer.finished.context_used_tokens == 256


def test_a_full_context_drops_whole_turns_and_goes_on(
    toy_model: Path, make_session: MakeSession
) -> None:
    """The system message stays, the number is told, and most turns drop nothing anew."""
    session = make_session(toy_model, context_tokens=512, microbatch_tokens=64)
    chat, dropped, reread = [PromptMessage("system", "Be brief.")], [], 0
    for turn in range(24):
        chat.append(PromptMessage("user", f"This is question number {turn}."))
        answer = ask(session, *chat, max_tokens=20)
        chat.append(answer.as_message(vocabulary_hash(session)))
        dropped.append(answer.finished.dropped_messages)
        reread += answer.finished.reused_tokens < 25
        assert answer.finished.prompt_tokens <= 512 - 64

    assert dropped == sorted(dropped)
    assert dropped[-1] > 0
    assert dropped[-1] % 2 == 0
    assert reread == len(set(dropped))


def test_too_long_a_message_is_refused(toy_model: Path, make_session: MakeSession) -> None:
    """With the excess, before anything is read."""
    session = make_session(toy_model, context_tokens=256, microbatch_tokens=64)
    with pytest.raises(PromptError, match=r"tokens longer than the model's memory of 256\."):
        ask(session, PromptMessage("user", "word " * 400))


def test_a_reply_without_words_does_not_block_the_chat(
    make_scripted_model: MakeScripted, make_session: MakeSession
) -> None:
    """A model that ends at once, or a stop before the first word, leaves an empty message."""
    session = make_session(make_scripted_model(()))
    empty = ask(session, QUESTION)
    assert (empty.text, empty.finished.stopped_by) == ("", StoppedBy.END)

    assert ask(session, QUESTION, PromptMessage("assistant", ""), QUESTION).finished


def test_raw_text_goes_on_with_its_space(
    make_scripted_model: MakeScripted, make_session: MakeSession
) -> None:
    """A base model's next word keeps what separates it from the last."""
    session = make_session(make_scripted_model((22557, 3614)))
    request = Generate(1, (PromptMessage("user", "[/INST]"),), GREEDY, raw=True)

    assert Answer(session, request).text == " Hello ok"


def test_chatml_is_spoken(tmp_path: Path, make_session: MakeSession) -> None:
    """From the line's end after "assistant" to its own end token."""
    kind = gguf.TokenType.CONTROL
    extra = (("<|im_end|>", kind), ("<|im_start|>", kind))
    script = (13, 16230, 3614, 32000)
    path = write_toy_model(
        tmp_path / "chatml.gguf", script=script, template=CHATML_TEMPLATE, extra_tokens=extra
    )
    answer = ask(make_session(path), QUESTION)

    assert answer.text == "Hello ok"
    assert answer.finished.stopped_by is StoppedBy.END


def test_tokens_are_counted_as_they_will_be_read(
    toy: Session, pieces: sentencepiece.SentencePieceProcessor
) -> None:
    """A draft as a prompt; a finished chat as what the next message will follow."""
    question, reply = len(pieces.encode("[INST] Hi [/INST]")), len(pieces.encode("Hello"))
    answered = (QUESTION, PromptMessage("assistant", "Hello"))

    assert toy.count_tokens((QUESTION,)) == 1 + question
    assert toy.count_tokens(answered) == 1 + question + reply + 1
    assert toy.count_tokens((*answered, QUESTION)) == 1 + 2 * question + reply + 1


def test_ids_are_told_strictly(toy: Session) -> None:
    """For `octet tokens`, which shows what a conversation is and what can't be one."""
    ids = toy.tokenize_prompt((QUESTION,), continue_last=False, raw=False)

    assert ids[:3] == [1, 733, 16289]
    with_empty_reply = (QUESTION, PromptMessage("assistant", ""), QUESTION)
    with pytest.raises(PromptError, match="reply without text"):
        toy.tokenize_prompt(with_empty_reply, continue_last=False, raw=False)


def test_without_weights_there_is_no_answer(toy_model: Path, make_session: MakeSession) -> None:
    """But tokens can be counted."""
    session = make_session(toy_model, vocabulary_only=True)

    assert session.count_tokens((QUESTION,)) == 9
    with pytest.raises(EngineError, match="No model is loaded"):
        ask(session, QUESTION)


def test_after_an_error_of_ours_nothing_is_held(toy: Session) -> None:
    """What was in disorder is read anew."""
    ask(toy, QUESTION, max_tokens=3)
    toy.forget()

    assert ask(toy, QUESTION, max_tokens=3).finished.reused_tokens == 0
