"""Markdown to try the renderer on: the specification's examples, and documents made at random."""

from __future__ import annotations

import html.parser
import json
import random
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from markdown_it import MarkdownIt

from app.ui.growing_markdown import GrowingMarkdown
from app.ui.markdown import Block

EXAMPLES = Path(__file__).parents[2] / "data" / "commonmark" / "spec-0.31.2.json"

_WORDS = (
    "a",
    "word",
    "two words",
    "naïve",
    "漢字",
    "שלום",
    "😀",
    "x_1",
    "snake_case_",
    "3",
    "&amp;",
)
_INLINES = (
    "*{}*", "**{}**", "_{}_", "__{}__", "***{}***", "`{}`", "`` {} ``", "~~{}~~", "[{}](/u)",
    "[{}]", "[{}][label]", "[{}][]", "![{}](/p.png)", "<http://{}.example>", "<b>{}</b>", "\\*{}",
    "**{}", "*{}", "`{}", "[{}", "{}\\", "{}  ", "$ {} $", "![{}]", "[{}](</u v> 'title')",
)  # fmt: skip
_STARTS = (
    "", "", "", "# ", "## ", "###### ", "> ", ">", "> > ", "- ", "* ", "+ ", "1. ", "2) ", "0. ",
    "10. ", "    ", "   ", "  ", "\t", " - ", "  - ", "    - ", "- - ", "> - ", "- > ", "1. - ",
    "- [ ] ", "- [x] ", "| ", "[label]: /later ", "[word]: ", "[a]: <b> 'c'",
)  # fmt: skip
_LINES = (
    "", "", "", "", "---", "***", "___", "===", "--", "- - -", "```", "```py", "~~~", "````", "-",
    "1.", "#", ">", "| a | b |", "|---|:-:|", "|--|", "a | b", "-- | --", "<div>", "</div>",
    "<!-- no -->", "    ```", "  ```", "> ```", "- ```", "[label]:", "/address", "*\t*\t*",
    "\\[", "x = 1", "$$", "&copy;", "\t- x", "-\tx", "  ", "> ", "`" * 3 + "a`b",
)  # fmt: skip
_ENDS = ("\n", "\n", "\n", "\n", "\n", "\n\n", "\n\n", "\r\n", "\r")


@dataclass(frozen=True, slots=True)
class Example:
    """One example of the specification: the text, and the HTML that it stands for."""

    number: int
    markdown: str
    html: str


@cache
def examples() -> tuple[Example, ...]:
    """All of them, in their order."""
    found = json.loads(EXAMPLES.read_text(encoding="utf-8"))
    return tuple(Example(each["example"], each["markdown"], each["html"]) for each in found)


def random_document(seed: int) -> str:
    """Up to 24 lines of everything that Markdown knows, and of what nearly is."""
    source = random.Random(seed)
    lines: list[str] = []
    for _ in range(source.randint(1, 24)):
        line = source.choice(_LINES) if source.random() < 0.45 else _random_line(source)
        lines.append(line + source.choice(_ENDS))
    text = "".join(lines)
    return text.rstrip("\r\n") if source.random() < 0.3 else text


def _random_line(source: random.Random) -> str:
    pieces = []
    for _ in range(source.randint(1, 4)):
        word = source.choice(_WORDS)
        pieces.append(source.choice(_INLINES).format(word) if source.random() < 0.5 else word)
    return source.choice(_STARTS) + source.choice((" ", " ", "")).join(pieces)


def random_pieces(text: str, seed: int) -> list[str]:
    """The text in pieces as a model might say it, or letter by letter, or in two."""
    source = random.Random(seed)
    longest = source.choice((1, 2, 5, 5, 12, max(1, len(text))))
    pieces, at = [], 0
    while at < len(text):
        length = source.randint(1, longest)
        pieces.append(text[at : at + length])
        at += length
    return pieces


def grown(parser: MarkdownIt, pieces: list[str]) -> tuple[Block, ...]:
    """The blocks of a text that came in pieces."""
    growing = GrowingMarkdown(parser)
    blocks: list[Block] = []
    for piece in pieces:
        blocks += growing.append(piece).settled
    last = growing.finish()
    blocks += last.settled
    for index, block in last.mended:
        blocks[index] = block
    return tuple(blocks)


Letter = tuple[str, str]
"""A letter that isn't space, and its styles: "b", "i", "c" (code), "h2", and ">address"."""


class HtmlLetters(html.parser.HTMLParser):
    """The letters that HTML shows, with their styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.letters: list[Letter] = []
        self._open: list[str] = []
        self._styles = {"strong": "b", "em": "i", "code": "c"}
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a style; a picture is its alt text, and a link to nowhere is none."""
        values = dict(attrs)
        if tag == "img":
            self._add(values.get("alt") or "image")
        elif tag == "a":
            self._open.append(f">{values['href']}" if values.get("href") else "")
        elif tag in self._styles or (tag[0] == "h" and tag[1:].isdigit()):
            self._open.append(self._styles.get(tag, tag))

    def handle_endtag(self, tag: str) -> None:
        """End it."""
        if tag in (*self._styles, "a") or (tag[0] == "h" and tag[1:].isdigit()):
            self._open.pop()

    def handle_data(self, data: str) -> None:
        """Take the letters."""
        self._add(data)

    def _add(self, text: str) -> None:
        style = " ".join(sorted(filter(None, set(self._open))))
        self.letters += ((letter, style) for letter in text if not letter.isspace())
