"""Text that grows ends as the same blocks as text that was there at once, and nothing jumps."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.ui.growing_markdown import GrowingMarkdown, close_marks
from app.ui.markdown import CodeBlock, TextBlock, make_parser, parse_blocks, plain_text

PARSER = make_parser()

_PIECES = st.sampled_from(
    [
        "Some words. ", "more words ", "**bold** ", "`code` ", "*it* ", "\n", "\n\n", "# Head\n\n",
        "\n\n- item", "\n- item", "\n1. one", "\n2. two", "\n\n```py\nx = 1\n```\n\n",
        "\n\n> quote\n\n",
        "\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n", "\n\n---\n\n", "[link](http://a.b) ",
    ]
)  # fmt: skip


def grow(text: str, cuts: list[int]) -> tuple[object, ...]:
    """All settled blocks after the text has come in pieces."""
    growing = GrowingMarkdown(PARSER)
    settled: list[object] = []
    places = sorted({0, len(text), *(cut % (len(text) + 1) for cut in cuts)})
    for begin, end in itertools.pairwise(places):
        settled += growing.append(text[begin:end]).settled
    settled += growing.finish().settled
    return tuple(settled)


@settings(max_examples=150, deadline=None)
@given(st.lists(_PIECES, max_size=14), st.lists(st.integers(0, 10_000), max_size=25))
def test_pieces_end_as_the_whole(pieces: list[str], cuts: list[int]) -> None:
    """However the text is cut, letters and kinds of blocks are those of the whole."""
    text = "".join(pieces)
    whole = parse_blocks(PARSER, text)
    grown = grow(text, cuts)
    assert [type(block) for block in grown] == [type(block) for block in whole]
    assert [_letters(block) for block in grown] == [_letters(block) for block in whole]


def _letters(block: object) -> str:
    if isinstance(block, TextBlock):
        return plain_text(block.runs)
    return block.code if isinstance(block, CodeBlock) else ""


def test_numbers_go_on_over_cuts() -> None:
    """A list written as 1. 1. 1. counts on although its items settle one by one."""
    text = "1. a\n1. b\n1. c\n1. d\n"
    markers = [block.levels[0].marker for block in grow(text, list(range(len(text))))]
    assert markers == ["1.", "2.", "3.", "4."]


def test_a_long_list_settles_item_by_item() -> None:
    """Only the last item is parsed again, once its first line is whole."""
    growing = GrowingMarkdown(PARSER)
    growing.append("- one\n- two\n- thr")
    assert len(growing.append("ee\n- four\n  and").settled) == 2
    assert growing._tail == "- four\n  and"


@pytest.mark.parametrize(
    "text", ["Words\n-", "Words\n\n| a | b", "Words\n\n| a |\n|--", "Words\n\n``", "Words\n\n1."]
)
def test_marks_that_are_not_decided_are_held_back(text: str) -> None:
    """A dash is no underline and a pipe no paragraph before the line says so."""
    growth = GrowingMarkdown(PARSER).append(text)
    (shown,) = (*growth.settled, *growth.open)
    assert isinstance(shown, TextBlock)
    assert (shown.heading, plain_text(shown.runs)) == (0, "Words")


def test_open_marks_are_closed_for_the_eye() -> None:
    """Nobody sees bare asterisks while a bold word arrives."""
    assert close_marks("a **bo") == "a **bo**"
    assert close_marks("a **") == "a "
    assert close_marks("a `co") == "a `co`"
    assert close_marks("a **b** c") == "a **b** c"
    assert close_marks("```py\na ** b") == "```py\na ** b"


def test_an_open_fence_only_grows() -> None:
    """Each growth of code begins with what was there, so it can be appended."""
    growing = GrowingMarkdown(PARSER)
    last = ""
    for piece in ("```py\n", "x = 1", "\ny = ", "2\n", "``", "`"):
        (block,) = growing.append(piece).open
        assert isinstance(block, CodeBlock)
        assert block.code.startswith(last)
        last = block.code
    assert last == "x = 1\ny = 2"
