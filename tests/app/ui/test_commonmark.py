"""The specification's examples and documents at random: whole and grown, and against the HTML."""

from __future__ import annotations

import pytest
from markdown_it import MarkdownIt

from app.ui import growing_markdown
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


def test_long_tables_grow_to_the_same_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their rows are read once; links in them find addresses that come before and after."""
    monkeypatch.setattr(growing_markdown, "ROWS_AT_ONCE", 2)
    row, head = "| [a] `x` | **b** |\n", "| h | [word] |\n|---|:-:|\n"
    ends = ("", "\n[a]: /u\n", "\ntext\n", "# x\n", "> q\n", "- l\n", "    c\n", "| half", "---\n")
    texts = [
        f"{first}{head}{row * 7}{end}" for first in ("", "p\n\n", "[a]: /u\n\n") for end in ends
    ]
    texts += [f"{text}{head}{row * 3}\n[word]: /w\n" for text in texts]
    for number, text in enumerate(texts):
        whole = parse_blocks(PARSER, text)
        for cut in range(6):
            pieces = random_pieces(text, 10 * number + cut)
            assert grown(PARSER, pieces) == whole, pieces


def test_long_code_grows_without_the_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each line is read once; the parser sees none of them after the first."""
    growing = growing_markdown.GrowingMarkdown(PARSER)
    growing.append("```py\nx = 0\n")
    parsed: list[str] = []
    parse = growing_markdown.parse_parts
    monkeypatch.setattr(
        growing_markdown,
        "parse_parts",
        lambda p, text, *more: parsed.append(text) or parse(p, text, *more),
    )
    for number in range(1000):
        growing.append(f"x = {number}\n")
    assert parsed == []
    (block,) = growing.append("```\n").settled
    assert isinstance(block, CodeBlock)
    assert block.code.count("\n") == 1000
