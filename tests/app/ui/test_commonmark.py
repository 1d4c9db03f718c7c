"""The specification's examples and documents at random: whole and grown, and against the HTML."""

from __future__ import annotations

import pytest
from markdown_it import MarkdownIt

from app.ui.markdown import Block, CodeBlock, Run, TextBlock, make_parser, parse_blocks
from tests.app.ui.documents import (
    Example,
    HtmlLetters,
    Letter,
    examples,
    grown,
    random_document,
    random_pieces,
)

PARSER = make_parser()
HTML_PARSER = MarkdownIt("commonmark")
DOCUMENTS, CUTS = 600, 2


def letters(blocks: tuple[Block, ...]) -> list[Letter]:
    """What the blocks show, as the HTML's letters are told."""
    found: list[Letter] = []
    for block in blocks:
        if isinstance(block, CodeBlock):
            found += ((letter, "c") for letter in block.code if not letter.isspace())
        elif isinstance(block, TextBlock):
            for run in block.runs:
                style = _style(run, block.heading)
                found += ((letter, style) for letter in run.text if not letter.isspace())
    return found


def _style(run: Run, heading: int) -> str:
    styles = [f"h{heading}" if heading else "", "b" if run.bold else "", "i" if run.italic else ""]
    styles += ["c" if run.code else "", f">{run.href}" if run.href else ""]
    return " ".join(sorted(filter(None, styles)))


def _has_html(text: str) -> bool:
    tokens = HTML_PARSER.parse(text)
    inner = [child for token in tokens for child in token.children or ()]
    return any(token.type in ("html_block", "html_inline") for token in (*tokens, *inner))


def test_all_examples_are_there() -> None:
    """Version 0.31.2 has 652."""
    assert [each.number for each in examples()] == list(range(1, 653))


@pytest.mark.parametrize("example", examples(), ids=lambda each: str(each.number))
def test_an_example_shows_what_its_html_shows(example: Example) -> None:
    """Letter by letter with its style; raw HTML is text here, so all of it must be seen."""
    shown = letters(parse_blocks(PARSER, example.markdown))
    if _has_html(example.markdown):
        plain = MarkdownIt("commonmark", {"html": False})
        assert shown == HtmlLetters(plain.render(example.markdown)).letters
    else:
        assert shown == HtmlLetters(example.html).letters


@pytest.mark.parametrize("example", examples(), ids=lambda each: str(each.number))
def test_an_example_grows_to_the_same_blocks(example: Example) -> None:
    """Whatever the pieces."""
    whole = parse_blocks(PARSER, example.markdown)
    for seed in range(4):
        assert grown(PARSER, random_pieces(example.markdown, seed)) == whole


def test_documents_at_random_grow_to_the_same_blocks() -> None:
    """Letter by letter, in small pieces and in large ones."""
    for seed in range(DOCUMENTS):
        text = random_document(seed)
        whole = parse_blocks(PARSER, text)
        for cut in range(CUTS):
            pieces = random_pieces(text, seed * CUTS + cut)
            assert grown(PARSER, pieces) == whole, (seed, pieces)
