"""Markdown into blocks: what a reply consists of, as values.

CommonMark with tables and strike-through, parsed by markdown-it; raw HTML is text, an image is
its alt text. Knows nothing of fonts, colours or widgets.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import TypedDict

from markdown_it import MarkdownIt
from markdown_it.token import Token

LINE_BREAK = "\u2028"
_TASK_MARKERS = {"[ ] ": "☐", "[x] ": "☑", "[X] ": "☑"}


@dataclass(frozen=True, slots=True)
class Run:
    """Text of one style. `href` makes it a link; `is_image` says that it stands for a picture.

    `source` is a picture's address: it is never loaded, only copied.
    """

    text: str
    bold: bool = False
    italic: bool = False
    struck: bool = False
    code: bool = False
    href: str = ""
    is_image: bool = False
    source: str = ""


Runs = tuple[Run, ...]


class LevelKind(Enum):
    """What a block stands in."""

    ITEM = "item"
    QUOTE = "quote"


@dataclass(frozen=True, slots=True)
class Level:
    """One container around a block. `begins` is true for the first block of a list item."""

    kind: LevelKind
    marker: str = ""
    begins: bool = False


Levels = tuple[Level, ...]


@dataclass(frozen=True, slots=True)
class TextBlock:
    """A paragraph, or a heading of the level 1 to 6."""

    runs: Runs
    heading: int = 0
    levels: Levels = ()


@dataclass(frozen=True, slots=True)
class CodeBlock:
    """A fenced or indented block of code; `is_open` while its fence isn't closed."""

    code: str
    language: str = ""
    is_open: bool = False
    levels: Levels = ()


@dataclass(frozen=True, slots=True)
class TableBlock:
    """Rows of as many cells as the head; alignments are "", left, center or right."""

    head: tuple[Runs, ...]
    rows: tuple[tuple[Runs, ...], ...]
    alignments: tuple[str, ...]
    levels: Levels = ()


@dataclass(frozen=True, slots=True)
class RuleBlock:
    """A horizontal rule."""

    levels: Levels = ()


Block = TextBlock | CodeBlock | TableBlock | RuleBlock


@dataclass(frozen=True, slots=True)
class Part:
    """Where one top-level block, or one item of a top-level list, begins: its line and blocks.

    `number` is the item's number in an ordered list, None elsewhere.
    """

    line: int
    blocks: tuple[Block, ...]
    number: int | None = None


def make_parser() -> MarkdownIt:
    """The parser with the options that a model's text is read with."""
    parser = MarkdownIt("commonmark", {"html": False, "maxNesting": 20})
    return parser.enable(["table", "strikethrough"])


class Reference(TypedDict):
    """An address that a text defines for its links; `map`: its first line, and the one after."""

    title: str
    href: str
    map: list[int]


References = dict[str, Reference]


def parse_parts(
    parser: MarkdownIt,
    text: str,
    first_number: int | None = None,
    references: References | None = None,
) -> list[Part]:
    """The parts of `text`; `first_number` is where an ordered list goes on that was cut in two.

    `references` holds addresses that are known already, and takes those that `text` defines.
    """
    known = {} if references is None else references
    reader = _Reader(parser.parse(text, {"references": known}))
    return list(reader.parts(first_number))


def parse_blocks(parser: MarkdownIt, text: str) -> tuple[Block, ...]:
    """All blocks of a text that doesn't grow any more."""
    parts = parse_parts(parser, with_plain_line_ends(text))
    return tuple(block for part in parts for block in part.blocks)


def with_plain_line_ends(text: str) -> str:
    """The text as the parser counts its lines: models do write carriage returns, and NUL."""
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\ufffd")


class _Reader:
    """Walks through markdown-it's flat list of tokens."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self._tokens = tokens
        self._at = 0

    def parts(self, first_number: int | None) -> Iterator[Part]:
        while self._at < len(self._tokens):
            token = self._tokens[self._at]
            line = token.map[0] if token.map else 0
            if token.type in ("bullet_list_open", "ordered_list_open"):
                yield from self._list_parts((), first_number)
            else:
                yield Part(line, tuple(self._block(())))
            first_number = None

    def _list_parts(self, levels: Levels, first_number: int | None = None) -> Iterator[Part]:
        """One part for each item, from the list's opening token on."""
        opening = self._next()
        ordered = opening.type == "ordered_list_open"
        start = opening.attrGet("start")
        number = 1 if start is None else int(start)
        if ordered and first_number is not None:
            number = first_number
        while self._peek().nesting >= 0:
            item = self._next()
            line = item.map[0] if item.map else 0
            marker = f"{number}." if ordered else "•"
            blocks = tuple(self._item(levels, marker))
            yield Part(line, blocks, number if ordered else None)
            number += 1
        self._next()

    def _item(self, levels: Levels, marker: str) -> Iterator[Block]:
        level = Level(LevelKind.ITEM, marker, begins=True)
        blocks = list(self._until_close((*levels, level)))
        if not blocks:
            blocks = [TextBlock((), 0, (*levels, level))]
        first, *rest = blocks
        if isinstance(first, TextBlock):
            first = _as_task(first, len(levels))
        yield first
        depth = len(levels)
        for block in rest:
            same = replace(block.levels[depth], marker=first.levels[depth].marker, begins=False)
            yield replace(block, levels=(*block.levels[:depth], same, *block.levels[depth + 1 :]))

    def _until_close(self, levels: Levels) -> Iterator[Block]:
        while self._peek().nesting >= 0:
            yield from self._block(levels)
        self._next()

    def _block(self, levels: Levels) -> Iterator[Block]:
        token = self._peek()
        if token.type in ("bullet_list_open", "ordered_list_open"):
            for part in self._list_parts(levels):
                yield from part.blocks
            return
        self._next()
        if token.type == "blockquote_open":
            yield from self._until_close((*levels, Level(LevelKind.QUOTE)))
        elif token.type in ("paragraph_open", "heading_open"):
            heading = int(token.tag[1]) if token.type == "heading_open" else 0
            runs = inline_runs(self._next().children or ())
            self._next()
            yield TextBlock(runs, heading, levels)
        elif token.type in ("fence", "code_block"):
            yield self._code(token, levels)
        elif token.type == "table_open":
            yield self._table(levels)
        elif token.type == "hr":
            yield RuleBlock(levels)

    def _code(self, token: Token, levels: Levels) -> CodeBlock:
        code = token.content.removesuffix("\n")
        if token.type == "code_block":
            return CodeBlock(code, levels=levels)
        language = token.info.strip().split(maxsplit=1)[0] if token.info.strip() else ""
        return CodeBlock(code, language, not _is_closed(token), levels)

    def _table(self, levels: Levels) -> TableBlock:
        rows: list[tuple[Runs, ...]] = []
        alignments: list[str] = []
        cells: list[Runs] = []
        while (token := self._next()).type != "table_close":
            if token.type == "tr_open":
                cells = []
            elif token.type in ("th_open", "td_open"):
                if token.type == "th_open":
                    style = str(token.attrGet("style") or "")
                    alignments.append(style.removeprefix("text-align:"))
                cells.append(inline_runs(self._next().children or ()))
            elif token.type == "tr_close":
                rows.append(tuple(cells))
        return TableBlock(rows[0], tuple(rows[1:]), tuple(alignments), levels)

    def _peek(self) -> Token:
        return self._tokens[self._at]

    def _next(self) -> Token:
        self._at += 1
        return self._tokens[self._at - 1]


def _is_closed(fence: Token) -> bool:
    """Whether there is a line more than the opening one and those of the code."""
    begin, end = fence.map or (0, 0)
    code = fence.content
    lines = code.count("\n") + (1 if code and not code.endswith("\n") else 0)
    return end - begin - 1 > lines


def _as_task(block: TextBlock, depth: int) -> TextBlock:
    """An item that begins with "[ ] " or "[x] " has a box for its marker."""
    if not block.runs:
        return block
    marker = _TASK_MARKERS.get(block.runs[0].text[:4])
    if marker is None:
        return block
    runs = (replace(block.runs[0], text=block.runs[0].text[4:]), *block.runs[1:])
    level = replace(block.levels[depth], marker=marker)
    return replace(block, runs=runs, levels=(*block.levels[:depth], level))


_SWITCHES = ("strong", "em", "s")


def _with_marks(style: Run, depths: Counter[str]) -> Run:
    """The style within so many of each mark: emphasis may stand in emphasis."""
    bold, italic, struck = (depths[name] > 0 for name in _SWITCHES)
    return replace(style, bold=bold, italic=italic, struck=struck)


def inline_runs(tokens: Sequence[Token]) -> Runs:
    """The runs of one inline token's children. A break that the model wrote stays a break."""
    runs: list[Run] = []
    style = Run("")
    depths: Counter[str] = Counter()
    for token in tokens:
        name, _, end = token.type.rpartition("_")
        if name in _SWITCHES and end in ("open", "close"):
            depths[name] += token.nesting
            style = _with_marks(style, depths)
        elif name == "link":
            style = replace(style, href=str(token.attrGet("href") or "") if end == "open" else "")
        elif token.type in ("softbreak", "hardbreak"):
            runs.append(replace(style, text=LINE_BREAK))
        elif token.type == "code_inline":
            runs.append(replace(style, text=token.content, code=True))
        elif token.type == "image":
            alt, source = _alt_text(token) or "image", str(token.attrGet("src") or "")
            runs.append(replace(style, text=alt, is_image=True, source=source))
        elif token.content:
            runs.append(replace(style, text=token.content))
    return tuple(_joined(runs))


def _alt_text(token: Token) -> str:
    """What stands for a picture: its alt text without marks, those of pictures within it too."""
    pieces = []
    for child in token.children or ():
        if child.type in ("softbreak", "hardbreak"):
            pieces.append(" ")
        else:
            pieces.append(_alt_text(child) if child.type == "image" else child.content)
    return "".join(pieces)


def _joined(runs: Sequence[Run]) -> Iterator[Run]:
    """Neighbours of the same style as one run."""
    last: Run | None = None
    for run in runs:
        if last is not None and replace(last, text="") == replace(run, text=""):
            last = replace(last, text=last.text + run.text)
            continue
        if last is not None:
            yield last
        last = run
    if last is not None:
        yield last


def plain_text(runs: Runs) -> str:
    """The text without its styles."""
    return "".join(run.text for run in runs).replace(LINE_BREAK, "\n")
