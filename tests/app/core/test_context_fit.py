"""A full context loses its oldest turns, down to three quarters at once, always at one place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.context_fit import NO_CUT, EarlierCut, FittedPrompt, fit_prompt
from app.core.errors import PromptError
from app.core.prompt import build_prompt
from app.core.prompt_format import PromptFormat
from app.engine.protocol import PromptMessage

CONTEXT_TOKENS = 400
V1_FRAME_TOKENS = len("[INST]  [/INST]")


class LetterTokenizer:
    """An id for each letter, so that sizes can be seen."""

    bos_id: int | None = 1
    eos_id = 2
    im_start_id: int | None = None
    im_end_id: int | None = None
    vocabulary_hash = "letters"

    def tokenize(self, text: str) -> list[int]:
        return [ord(letter) + 10 for letter in text]

    def read(self, ids: Iterable[int]) -> str:
        """The text again, with a bar for each control token."""
        return "".join(chr(i - 10) if i > 10 else "|" for i in ids)


def chat(*sizes: int, system: str = "") -> list[PromptMessage]:
    """Messages of so many letters, the user's first."""
    roles = ("user", "assistant")
    messages = [
        PromptMessage(roles[index % 2], chr(97 + index % 26) * size)
        for index, size in enumerate(sizes)
    ]
    return [PromptMessage("system", system), *messages] if system else messages


def fit(messages: list[PromptMessage], *, continue_last: bool = False) -> tuple[int, int]:
    """The prompt's size and the dropped messages."""
    prompt = build_prompt(
        messages, LetterTokenizer(), PromptFormat.MISTRAL_V1, continue_last=continue_last
    )
    fitted = fit_prompt(prompt, CONTEXT_TOKENS)
    return len(fitted.ids), fitted.dropped_messages


def test_what_fits_is_kept() -> None:
    """Nothing is dropped while there is room for a reply."""
    assert fit(chat(100, 100, 100)) == (1 + 2 * V1_FRAME_TOKENS + 300 + 1, 0)


def test_three_quarters_remain() -> None:
    """One turn would do, but then the next message would cost as much again."""
    size, dropped = fit(chat(60, 20, 60, 20, 60, 20, 60))

    assert dropped == 2
    assert size <= CONTEXT_TOKENS * 3 // 4


def test_the_system_message_stays() -> None:
    """It moves into the first turn that remains."""
    messages = chat(150, 20, 150, 20, 100, system="Be brief.")
    prompt = build_prompt(messages, LetterTokenizer(), PromptFormat.MISTRAL_V1)
    text = LetterTokenizer().read(fit_prompt(prompt, CONTEXT_TOKENS).ids)

    assert text.startswith("|[INST] Be brief.\n\nc")


def test_the_cut_stays_until_the_context_is_full_again() -> None:
    """Over a long chat every cut is followed by turns without one."""
    drops = [fit(chat(*[20, 20] * turns, 20))[1] for turns in range(60)]
    cuts = [turn for turn in range(1, 60) if drops[turn] != drops[turn - 1]]
    between = [after - before for before, after in pairwise(cuts)]

    assert drops == sorted(drops)
    assert len(cuts) > 5
    assert min(between) >= 2


@given(sizes=st.lists(st.integers(1, 150), min_size=1, max_size=30).filter(lambda s: len(s) % 2))
def test_what_was_cut_stays_cut(sizes: list[int]) -> None:
    """The later prompt never brings back what an earlier one of the same chat had dropped."""
    drops = [fit(chat(*sizes[:count]))[1] for count in range(1, len(sizes) + 1, 2)]

    assert drops == sorted(drops)


@given(sizes=st.lists(st.integers(1, 150), min_size=1, max_size=30).filter(lambda s: len(s) % 2))
def test_whatever_is_asked_fits(sizes: list[int]) -> None:
    """With room for at least one token, and never without the message itself."""
    size, dropped = fit(chat(*sizes))

    assert size < CONTEXT_TOKENS
    assert dropped < len(sizes)
    assert dropped % 2 == 0


def test_too_long_a_message_is_told_with_its_excess() -> None:
    """How much too long, and what to do."""
    letters = CONTEXT_TOKENS - V1_FRAME_TOKENS - 2
    assert fit(chat(letters)) == (CONTEXT_TOKENS - 1, 0)

    with pytest.raises(PromptError) as raised:
        fit(chat(20, 20, letters + 1310))

    assert str(raised.value) == (
        "This message is 1,310 tokens longer than the model's memory of 400. "
        "Shorten it or choose a larger context."
    )


def test_instructions_that_leave_no_room_are_named() -> None:
    """The message alone would fit."""
    with pytest.raises(PromptError, match="instructions and this message together are 19 tokens"):
        fit(chat(200, system="s" * 200))


def test_a_reply_that_fills_the_context_cannot_go_on() -> None:
    """There is nothing older to drop."""
    with pytest.raises(PromptError, match="can't go on"):
        fit(chat(200, 200), continue_last=True)


def test_older_turns_make_room_for_a_reply_to_go_on() -> None:
    """A reply that reached the end of the context goes on after a cut."""
    _, dropped = fit(chat(50, 50, 50, 200), continue_last=True)

    assert dropped == 2


def fitted(messages: list[PromptMessage], *pinned: int, cut: EarlierCut = NO_CUT) -> FittedPrompt:
    """The prompt of `messages`, some of them pinned."""
    messages = [replace(m, is_pinned=index in pinned) for index, m in enumerate(messages)]
    prompt = build_prompt(messages, LetterTokenizer(), PromptFormat.MISTRAL_V1)
    return fit_prompt(prompt, CONTEXT_TOKENS, cut)


def test_turns_with_a_pin_stay_in_their_place() -> None:
    """Both messages of the turn; the others around them go, and are told one by one."""
    messages = chat(60, 20, 50, 20, 60, 20, 60, 20, 60)
    found = fitted(messages, 3)
    text = LetterTokenizer().read(found.ids)

    assert found.outside_messages == (0, 1, 4, 5)
    assert found.dropped_messages == 6
    assert text.startswith("|[INST] ccc")
    assert "d|[INST] ggg" in text
    assert len(found.ids) <= CONTEXT_TOKENS * 3 // 4


def test_the_oldest_pinned_turn_has_the_instructions() -> None:
    """They stand in the first turn that remains."""
    found = fitted(chat(60, 20, 60, 20, 60, 20, 60), 0)

    assert LetterTokenizer().read(found.ids).startswith("|[INST] aaa")
    assert found.outside_messages == (2, 3)


def test_a_pin_in_what_remains_changes_nothing() -> None:
    """Nothing is counted twice."""
    messages = chat(60, 20, 60, 20, 60, 20, 60)

    assert fitted(messages, 5, 6) == fitted(messages)


def test_too_many_pins_are_told_with_numbers() -> None:
    """Without them the message would fit."""
    with pytest.raises(PromptError) as raised:
        fitted(chat(150, 20, 150, 20, 100), 0, 2)

    assert str(raised.value) == (
        "The pinned messages take 372 tokens. With them this message is 89 tokens longer than the "
        "model's memory of 400. Unpin some or choose a larger context."
    )


@given(
    sizes=st.lists(st.integers(1, 60), min_size=1, max_size=30).filter(lambda s: len(s) % 2),
    pinned=st.sets(st.integers(0, 30), max_size=2),
)
def test_with_pins_what_was_cut_stays_cut(sizes: list[int], pinned: set[int]) -> None:
    """All that is outside stays outside, never a pinned turn, and the prompt fits."""
    outside: set[int] = set()
    for count in range(1, len(sizes) + 1, 2):
        shown = [index for index in pinned if index < count]
        found = fitted(chat(*sizes[:count]), *shown)
        assert outside <= set(found.outside_messages)
        outside = set(found.outside_messages)
        turns = {index // 2 for index in shown}
        assert not {index // 2 for index in outside} & turns
        assert len(found.ids) < CONTEXT_TOKENS


def test_an_agreed_cut_is_where_the_prompt_begins() -> None:
    """Its summary stands after the instructions; nothing more is left out than was agreed on."""
    messages = chat(40, 20, 40, 20, 40, system="Be brief.")
    cut = EarlierCut(2, " They met. ")
    found = fitted(messages, cut=cut)
    text = LetterTokenizer().read(found.ids)

    assert text.startswith(
        "|[INST] Be brief.\n\nSummary of the earlier conversation: They met.\n\nccc"
    )
    assert (found.outside_messages, found.exceeds_cut) == ((0, 1), False)
    assert (
        LetterTokenizer()
        .read(fitted(chat(9, 9, 9), cut=EarlierCut(2)).ids)
        .startswith("|[INST] ccc")
    )


def test_more_than_was_agreed_on_is_told() -> None:
    """With how much too long it would be, so that one can ask before anything is dropped."""
    found = fitted(chat(60, 20, 60, 20, 60, 20, 60), cut=EarlierCut(2))
    assert not found.exceeds_cut
    found = fitted(chat(60, 20, 60, 20, 60, 20, 60))
    kept_tokens = 1 + 4 * V1_FRAME_TOKENS + 4 * 60 + 3 * 21

    assert found.exceeds_cut
    assert found.excess_tokens == kept_tokens - (CONTEXT_TOKENS - CONTEXT_TOKENS // 8)


def test_a_cut_never_takes_the_last_message() -> None:
    """Nor half a turn."""
    assert fitted(chat(10, 10, 10), cut=EarlierCut(9)).outside_messages == (0, 1)
    assert fitted(chat(10, 10, 10), cut=EarlierCut(1)).outside_messages == ()
