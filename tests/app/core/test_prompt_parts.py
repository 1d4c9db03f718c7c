"""The parts of a prompt add up to exactly what is sent, and say what the draft pushes out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from app.core.context_fit import NO_CUT, EarlierCut, fit_prompt
from app.core.prompt import ChatMessage, Prompt, build_prompt
from app.core.prompt_format import PromptFormat
from app.core.prompt_parts import PromptParts, count_parts
from app.engine.protocol import PromptMessage
from tests.app.core.test_context_fit import CONTEXT_TOKENS, V1_FRAME_TOKENS, LetterTokenizer, chat


def build(messages: Sequence[ChatMessage], continue_last: bool) -> Prompt:
    """As the engine builds them."""
    return build_prompt(
        messages,
        LetterTokenizer(),
        PromptFormat.MISTRAL_V1,
        continue_last=continue_last,
        skip_empty_replies=True,
    )


def parts_of(
    messages: Sequence[PromptMessage], draft: str = "", cut: EarlierCut = NO_CUT
) -> PromptParts:
    """What `messages` and `draft` make."""
    asked = PromptMessage("user", draft) if draft else None
    return count_parts(messages, asked, build, len, CONTEXT_TOKENS, cut)


def sum_of(parts: PromptParts) -> int:
    """All parts together."""
    return (
        parts.instruction_tokens
        + parts.summary_tokens
        + parts.message_tokens
        + parts.file_tokens
        + parts.draft_tokens
    )


@given(
    sizes=st.lists(st.integers(1, 60), max_size=14),
    draft=st.integers(0, 90),
    system=st.sampled_from(["", "Be brief."]),
    cut=st.sampled_from([NO_CUT, EarlierCut(2, "They met."), EarlierCut(4)]),
)
def test_parts_add_up_to_what_is_sent(
    sizes: list[int], draft: int, system: str, cut: EarlierCut
) -> None:
    """With all that drops, to the token."""
    messages = chat(*sizes, system=system)
    parts = parts_of(messages, "x" * draft, cut)

    assert sum_of(parts) == parts.total_tokens
    if draft:
        prompt = build([*messages, PromptMessage("user", "x" * draft)], False)
        sent = fit_prompt(prompt, CONTEXT_TOKENS, cut)
        assert parts.total_tokens == len(sent.ids)
        assert parts.outside_messages == sent.outside_messages
        assert parts.excess_tokens == 0


def test_each_part_is_counted() -> None:
    """Instructions with their blank line, the summary likewise, files apart from the words."""
    first, reply = chat(30, 10)
    messages = (
        PromptMessage("system", "Brief."),
        replace(first, text="f" * 20 + first.text, attached_characters=20),
        reply,
    )
    parts = parts_of(messages, "hello")

    assert parts.instruction_tokens == len("Brief.\n\n")
    assert parts.file_tokens == 20
    assert parts.draft_tokens == V1_FRAME_TOKENS + 5
    assert parts.message_tokens == 1 + V1_FRAME_TOKENS + 30 + 10 + 1


def test_the_draft_pushes_messages_out() -> None:
    """It says how many, beside those that were outside before."""
    messages = chat(60, 20, 60, 20, 60, 20)
    standing = parts_of(messages)
    assert standing.outside_messages == ()
    parts = parts_of(messages, "x" * 60)

    assert (parts.outside_messages, parts.pushed_out_messages) == ((0, 1), 2)
    assert parts_of(messages, "x").pushed_out_messages == 0
    assert parts.total_tokens < standing.total_tokens + parts.draft_tokens


def test_a_reply_that_has_grown_pushes_nothing_out_by_itself() -> None:
    """It counts as it stands in the cache, closed."""
    messages = chat(60, 20, 60, 200)
    parts = parts_of(messages)

    assert parts.outside_messages == ()
    assert parts.total_tokens == 1 + 2 * V1_FRAME_TOKENS + 120 + 220 + 2
    assert parts_of(messages, "and").pushed_out_messages == 2


def test_a_draft_that_is_too_long_says_by_how_much() -> None:
    """The rest is counted all the same."""
    letters = CONTEXT_TOKENS - V1_FRAME_TOKENS - 2
    parts = parts_of(chat(20, 20), "x" * (letters + 10))

    assert (parts.excess_tokens, parts.pushed_out_messages) == (10, 2)


def test_an_unanswered_message_is_joined_by_the_draft() -> None:
    """Only what it adds is the draft's."""
    messages = chat(30)
    parts = parts_of(messages, "hello")

    assert parts.draft_tokens == len("\n\nhello")
    assert parts.message_tokens == 1 + V1_FRAME_TOKENS + 30


def test_nothing_is_nothing() -> None:
    """A new chat, also with instructions."""
    assert parts_of(()) == PromptParts()
    assert parts_of([PromptMessage("system", "Brief.")]) == PromptParts()
