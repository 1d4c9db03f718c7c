"""Conversations become the ids that mistral-common's v1 gives, or are refused with a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import sentencepiece
from hypothesis import given, settings
from hypothesis import strategies as st
from mistral_common.exceptions import MistralCommonException
from mistral_common.protocol.instruct.messages import (
    AssistantMessage,
    SystemMessage,
    UserMessage,
)
from mistral_common.protocol.instruct.request import ChatCompletionRequest
from mistral_common.tokens.tokenizers.mistral import MistralTokenizer

from app.core.errors import PromptError
from app.core.prompt import build_prompt, continued_ids
from app.core.prompt_format import PromptFormat
from tests.toy_model import v1_vocabulary_path

CHATML, RAW, V1 = PromptFormat.CHATML, PromptFormat.RAW, PromptFormat.MISTRAL_V1


@dataclass(frozen=True)
class Message:
    """A message of a chat."""

    role: str
    text: str
    token_ids: tuple[int, ...] = ()
    vocabulary_hash: str = ""
    is_pinned: bool = False


class PieceTokenizer:
    """The v1 vocabulary through sentencepiece itself, with two more ids for ChatML."""

    bos_id: int | None = 1
    eos_id = 2
    im_start_id: int | None = 32001
    im_end_id: int | None = 32000
    vocabulary_hash = "v1"

    def __init__(self) -> None:
        self._pieces = sentencepiece.SentencePieceProcessor(model_file=str(v1_vocabulary_path()))

    def tokenize(self, text: str) -> list[int]:
        ids: list[int] = self._pieces.encode(text)
        return ids


@pytest.fixture(scope="module")
def tokenizer() -> PieceTokenizer:
    return PieceTokenizer()


@pytest.fixture(scope="module")
def reference() -> MistralTokenizer:
    return MistralTokenizer.v1()


def ask(reference: MistralTokenizer, messages: list[Message], *, prefix: bool) -> list[int] | None:
    """What mistral-common makes of `messages`; None if it refuses them."""
    kinds = {"system": SystemMessage, "user": UserMessage, "assistant": AssistantMessage}
    theirs = [kinds[message.role](content=message.text) for message in messages]
    if prefix and theirs and isinstance(theirs[-1], AssistantMessage):
        theirs[-1].prefix = True
    try:
        ids: list[int] = reference.encode_chat_completion(
            ChatCompletionRequest(messages=theirs)
        ).tokens
    except MistralCommonException:
        return None
    return ids


TEXTS = st.sampled_from(
    [
        "",
        " ",
        "Hi",
        "[INST]",
        "</s>",
        "<s>",
        "\n",
        "Ça va ?",
        "grüß Gott",
        "¿qué?",
        "🦜👩‍🚀",
        "▁a ",
        "x=1\n",
    ]
) | st.text(max_size=12)
MESSAGES = st.lists(
    st.builds(Message, st.sampled_from(["system", "user", "assistant"]), TEXTS), max_size=7
)


@settings(max_examples=400, deadline=None)
@given(messages=MESSAGES, prefix=st.booleans())
def test_any_conversation_is_as_in_mistral_common(
    tokenizer: PieceTokenizer, reference: MistralTokenizer, messages: list[Message], prefix: bool
) -> None:
    """Accepted with equal ids, or refused by both, whatever the roles and texts are."""
    continues = prefix and bool(messages) and messages[-1].role == "assistant"
    expected = ask(reference, messages, prefix=continues)
    try:
        ids = build_prompt(messages, tokenizer, V1, continue_last=continues).ids()
    except PromptError:
        ids = None

    assert ids == expected


def test_the_example_of_the_model_card(tokenizer: PieceTokenizer) -> None:
    """System, user, reply, user: the ids in the notes on llama.cpp, section 5."""
    messages = [
        Message("system", "Sys"),
        Message("user", "Hi"),
        Message("assistant", "Hello!"),
        Message("user", "C"),
    ]
    expected = (
        "1 733 16289 28793 318 846 13 13 23809 733 28748 16289 28793 22557 28808 2 "
        "733 16289 28793 334 733 28748 16289 28793"
    )

    assert build_prompt(messages, tokenizer, V1).ids() == [int(i) for i in expected.split()]


def test_a_reply_stays_what_the_model_made(tokenizer: PieceTokenizer) -> None:
    """Ids of the same vocabulary are taken as they are, even if the text has other ids."""
    reply = Message("assistant", "Hello", (28705, 16230), "v1")
    ids = build_prompt([Message("user", "a"), reply, Message("user", "b")], tokenizer, V1).ids()

    assert ids[ids.index(28705) : ids.index(28705) + 3] == [28705, 16230, 2]


def test_ids_of_another_vocabulary_are_not_used(tokenizer: PieceTokenizer) -> None:
    """Then the text counts."""
    reply = Message("assistant", "Hello", (5, 6, 7), "v3")
    ids = build_prompt([Message("user", "a"), reply, Message("user", "b")], tokenizer, V1).ids()

    assert 22557 in ids
    assert 5 not in ids


def test_a_reply_to_go_on_with_stays_open(tokenizer: PieceTokenizer) -> None:
    """No end token after it, and none lost before it."""
    chat = [Message("user", "a"), Message("assistant", "Hello", (22557,), "v1")]
    prompt = build_prompt(chat, tokenizer, V1, continue_last=True)

    assert prompt.continues
    assert prompt.ids()[-1] == 22557


def test_a_reply_stopped_before_its_first_word_is_left_out(tokenizer: PieceTokenizer) -> None:
    """The user's two messages become neighbours, and both count as one turn's."""
    chat = [Message("user", "a"), Message("assistant", ""), Message("user", "b")]
    prompt = build_prompt(chat, tokenizer, V1, skip_empty_replies=True)

    assert prompt.ids() == build_prompt([Message("user", "a\n\nb")], tokenizer, V1).ids()
    assert prompt.turn_count == 1


def test_an_empty_reply_to_go_on_with_is_begun(tokenizer: PieceTokenizer) -> None:
    """Continuing nothing is answering."""
    chat = [Message("user", "a"), Message("assistant", "")]
    prompt = build_prompt(chat, tokenizer, V1, continue_last=True, skip_empty_replies=True)

    assert not prompt.continues
    assert prompt.ids() == build_prompt(chat[:1], tokenizer, V1).ids()


REFUSED = {
    "empty": [],
    "a reply alone": [Message("assistant", "a")],
    "ends with a reply": [Message("user", "a"), Message("assistant", "b")],
    "system after a reply": [
        Message("user", "a"),
        Message("assistant", "b"),
        Message("system", ""),
    ],
    "reply without text": [Message("user", "a"), Message("assistant", ""), Message("user", "b")],
    "unknown role": [Message("tool", "a")],
}


@pytest.mark.parametrize("messages", REFUSED.values(), ids=REFUSED.keys())
@pytest.mark.parametrize("prompt_format", [V1, CHATML])
def test_refusals_are_sentences(
    tokenizer: PieceTokenizer, prompt_format: PromptFormat, messages: list[Message]
) -> None:
    """What can't be said in the format is refused with what to do."""
    with pytest.raises(PromptError) as raised:
        build_prompt(messages, tokenizer, prompt_format)

    assert str(raised.value).endswith(".")
    assert str(raised.value).count(". ") == 1


def test_there_has_to_be_a_reply_to_go_on_with(tokenizer: PieceTokenizer) -> None:
    """A user's message can't be continued."""
    with pytest.raises(PromptError, match="none to continue"):
        build_prompt([Message("user", "a")], tokenizer, V1, continue_last=True)


def test_oldest_turns_can_be_left_out(tokenizer: PieceTokenizer) -> None:
    """What remains is the same conversation begun later, with the system message."""
    system, chat = Message("system", "S"), list(alternate(6))
    whole = build_prompt([system, *chat, Message("user", "z")], tokenizer, V1)
    later = build_prompt([system, *chat[4:], Message("user", "z")], tokenizer, V1)

    assert whole.ids(2) == later.ids()
    assert whole.message_count(2) == 4


@given(count=st.integers(0, 4), first=st.integers(0, 4), last=st.integers(0, 4))
def test_sizes_are_those_of_the_ids(
    tokenizer: PieceTokenizer, count: int, first: int, last: int
) -> None:
    """`asked_token_count` says how long the prompt was at each turn, without making it."""
    chat = [Message("system", "S"), *alternate(2 * count), Message("user", "z")]
    first, last = min(first, last, count), min(last, count)
    asked = build_prompt(chat[: 2 * last + 2], tokenizer, V1)

    whole = build_prompt(chat, tokenizer, V1)
    assert whole.asked_token_count(first, last) == len(asked.ids(first))


def alternate(count: int) -> Iterator[Message]:
    """`count` messages, a user's first."""
    for number in range(count):
        yield Message(("user", "assistant")[number % 2], f"text {number}")


def test_chatml_frames_each_message(tokenizer: PieceTokenizer) -> None:
    """Its two control tokens stand round every message, and before the reply to come."""
    chat = [Message("system", "S"), Message("user", "Hi"), Message("assistant", "Ho")]
    ids = build_prompt([*chat, Message("user", "b")], tokenizer, CHATML).ids()
    start, end, tokenize = 32001, 32000, tokenizer.tokenize
    expected = [1]
    for text in ("system\nS", "user\nHi", "assistant\nHo", "user\nb"):
        expected += [start, *tokenize(text), end, *tokenize("\n")]

    assert ids == [*expected, start, *tokenize("assistant\n")]


def test_chatml_keeps_the_ids_of_a_reply(tokenizer: PieceTokenizer) -> None:
    """A reply goes on right after the line's end, as it was made."""
    chat = [Message("user", "a"), Message("assistant", "Ho", (7, 8), "v1")]
    ids = build_prompt(chat, tokenizer, CHATML, continue_last=True).ids()

    assert ids[-2:] == [7, 8]
    assert ids[:-2] == build_prompt(chat[:1], tokenizer, CHATML).ids()


def test_raw_text_is_only_begun(tokenizer: PieceTokenizer) -> None:
    """A base model gets the beginning of a text, nothing else."""
    ids = build_prompt([Message("user", "Once upon")], tokenizer, RAW).ids()

    assert ids == [1, *tokenizer.tokenize("Once upon")]


def test_raw_texts_are_joined_without_a_space(tokenizer: PieceTokenizer) -> None:
    """What follows a reply of a base model follows it at once."""
    chat = [Message("user", "One"), Message("assistant", "", (7,), "v1"), Message("user", "two")]
    ids = build_prompt(chat, tokenizer, RAW).ids()

    assert ids == [1, *tokenizer.tokenize("One"), 7, *continued_ids(tokenizer, "two")]
    assert continued_ids(tokenizer, "Hello") == [16230]
