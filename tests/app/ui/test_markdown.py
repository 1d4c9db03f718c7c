"""What a model writes becomes the blocks that it means."""

from __future__ import annotations

import pytest

from app.ui.markdown import (
    LINE_BREAK,
    CodeBlock,
    Level,
    LevelKind,
    RuleBlock,
    Run,
    TableBlock,
    TextBlock,
    make_parser,
    parse_blocks,
    plain_text,
)

PARSER = make_parser()


def blocks(text: str) -> tuple[object, ...]:
    return parse_blocks(PARSER, text)


def test_styles_become_runs() -> None:
    """Bold, italic, struck, code and links."""
    (block,) = blocks("a **b** *c* ~~d~~ `e` [f](http://g.h)")
    assert isinstance(block, TextBlock)
    assert block.runs[1] == Run("b", bold=True)
    assert block.runs[3] == Run("c", italic=True)
    assert block.runs[5] == Run("d", struck=True)
    assert block.runs[7] == Run("e", code=True)
    assert block.runs[9] == Run("f", href="http://g.h")


@pytest.mark.parametrize("level", range(1, 7))
def test_headings_keep_their_level(level: int) -> None:
    """One to six."""
    assert blocks("#" * level + " Head") == (TextBlock((Run("Head"),), level),)


def test_a_line_break_that_was_written_stays() -> None:
    """Models break lines in poems and addresses."""
    (block,) = blocks("one\ntwo")
    assert isinstance(block, TextBlock)
    assert block.runs == (Run(f"one{LINE_BREAK}two"),)
    assert plain_text(block.runs) == "one\ntwo"


def test_ordered_items_are_counted_from_the_start() -> None:
    """The written numbers count only for the first one, as CommonMark has it."""
    markers = [block.levels[0].marker for block in parse_blocks(PARSER, "3. a\n3. b\n3. c")]
    assert markers == ["3.", "4.", "5."]


def test_only_the_first_block_of_an_item_begins_it() -> None:
    """What follows keeps the marker for its indent."""
    first, code = parse_blocks(PARSER, "1. Do this:\n\n   ```sh\n   ls\n   ```")
    assert first.levels == (Level(LevelKind.ITEM, "1.", begins=True),)
    assert code == CodeBlock("ls", "sh", levels=(Level(LevelKind.ITEM, "1."),))


def test_nested_lists_and_quotes_stand_in_levels() -> None:
    """From the outside in."""
    _, inner = parse_blocks(PARSER, "- a\n  > - b")
    kinds = [level.kind for level in inner.levels]
    assert kinds == [LevelKind.ITEM, LevelKind.QUOTE, LevelKind.ITEM]


def test_tasks_have_boxes() -> None:
    """Done and not done."""
    markers = [each.levels[0].marker for each in parse_blocks(PARSER, "- [ ] a\n- [x] b")]
    assert markers == ["☐", "☑"]


def test_a_table_has_head_rows_and_alignments() -> None:
    """Short rows are filled."""
    (table,) = blocks("| a | b |\n|:-:|--:|\n| 1 | 2 |\n| 3 |")
    assert isinstance(table, TableBlock)
    assert table.alignments == ("center", "right")
    assert table.head == ((Run("a"),), (Run("b"),))
    assert table.rows == (((Run("1"),), (Run("2"),)), ((Run("3"),), ()))


@pytest.mark.parametrize(
    ("text", "code", "is_open"),
    [
        ("```py\nx", "x", True),
        ("```py\nx\n```", "x", False),
        ("````\n```\n````", "```", False),
        ("~~~\nx\n```", "x\n```", True),
    ],
)
def test_a_fence_is_open_until_its_own_marks(text: str, code: str, is_open: bool) -> None:
    """Other marks don't close it."""
    (block,) = blocks(text)
    assert isinstance(block, CodeBlock)
    assert (block.code, block.is_open) == (code, is_open)


def test_html_is_text_and_images_are_their_alt_text() -> None:
    """Nothing in a message can load anything."""
    (block,) = blocks('<img src="http://evil/x.png"> ![a cat](http://evil/cat.png)')
    assert isinstance(block, TextBlock)
    assert block.runs[0].text.startswith('<img src="http://evil')
    assert block.runs[1] == Run("a cat", is_image=True, source="http://evil/cat.png")


def test_a_rule_is_a_block() -> None:
    """Between two texts."""
    assert blocks("a\n\n---\n\nb")[1] == RuleBlock()
