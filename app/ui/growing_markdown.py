"""Markdown that grows: only its last block is parsed again, what stands before it is settled.

A long list settles item by item and a block of code takes its lines without the parser, so a flush
costs the same at the end of a reply as at its beginning. Knows nothing of widgets.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from markdown_it import MarkdownIt

from app.ui.markdown import (
    Block,
    CodeBlock,
    Part,
    References,
    Runs,
    TableBlock,
    parse_parts,
    with_plain_line_ends,
)

# The beginnings of lines that may still become a marker, a fence, a rule or an underline.
_UNDECIDED = re.compile(r"[ >]*(\d{1,9}[.)]?|[-*+_#=`~|>: ]*)$")
_TABLE_HEAD = re.compile(r"(?:^|\n\n)(\|[^\n]*(?:\n[|\-: ]*)?)$")
ROWS_AT_ONCE = 16
_PLAIN_FENCE = re.compile(r"(`{3,}|~{3,})[^\n]*\n")


@dataclass(frozen=True, slots=True)
class Growth:
    """What an append changed: blocks that are final now, and those that may still change.

    `mended` holds settled blocks, by their number from the first on, that turned out to be others:
    the address of a link came only after them. Never more than at the end of the text.
    """

    settled: tuple[Block, ...]
    open: tuple[Block, ...]
    mended: tuple[tuple[int, Block], ...] = ()


@dataclass(frozen=True, slots=True)
class _Settled:
    """Text that was settled with brackets in it, and where its blocks begin."""

    text: str
    first_number: int | None
    first_block: int
    known: int  # so many addresses were known by then; -1: others that may have changed


@dataclass(slots=True)
class _Fence:
    """A block of code at the top level whose fence is open: its lines need no parser."""

    marks: str
    language: str
    lines: list[str] = field(default_factory=list)

    def take(self, tail: str) -> tuple[str, bool]:
        """Take the whole lines of `tail`; returns what is left, and whether the fence closed."""
        *whole, rest = tail.split("\n")
        for index, line in enumerate(whole):
            if self._closes(line):
                return "\n".join((*whole[index + 1 :], rest)), True
            self.lines.append(line)
        return rest, False

    def block(self, rest: str, *, is_open: bool) -> CodeBlock:
        """The code so far; `rest` is a line that isn't whole yet."""
        lines = [*self.lines, rest] if rest else self.lines
        return CodeBlock("\n".join(lines), self.language, is_open)

    def shown_of(self, rest: str) -> str:
        """What can be shown of a line that may still become the closing fence."""
        return "" if not rest.strip(" " + self.marks[0]) else rest

    def _closes(self, line: str) -> bool:
        marks = line.strip(" \t")
        indent = len(line) - len(line.lstrip(" "))
        is_long = len(marks) >= len(self.marks)
        return indent < 4 and is_long and not marks.strip(self.marks[0]) and line[0] != "\t"


@dataclass(slots=True)
class _Table:
    """A table at the top level whose first rows are read: they need not be read again."""

    head: str  # its first two lines
    known: int  # so many addresses were known by then
    lines: list[str] = field(default_factory=list)
    rows: list[tuple[Runs, ...]] = field(default_factory=list)

    def with_rows(self, parts: list[Part]) -> list[Part]:
        """The parts of a text that begins with the head, with all rows in the first one."""
        block = parts[0].blocks[0]
        if not isinstance(block, TableBlock):
            return parts
        whole = replace(block, rows=(*self.rows, *block.rows))
        return [replace(parts[0], blocks=(whole,)), *parts[1:]]


class GrowingMarkdown:
    """Takes text in pieces. All `Growth.settled`, as mended, and the last `open` are the whole."""

    def __init__(self, parser: MarkdownIt) -> None:
        self._parser = parser
        self._tail = ""
        self._held = ""  # a carriage return whose line feed may still come
        self._first_number: int | None = None
        self._references: References = {}
        self._bracketed: list[_Settled] = []
        self._block_count = 0
        self._fence: _Fence | None = None
        self._table: _Table | None = None

    def append(self, text: str) -> Growth:
        """Add text and parse the tail."""
        text = self._held + text
        self._held = "\r" if text.endswith("\r") else ""
        self._tail += with_plain_line_ends(text.removesuffix("\r"))
        settled: list[Block] = []
        if not self._grow_fence(settled) and self._fence is not None:
            rest = self._fence.shown_of(self._tail)
            return Growth((), (self._fence.block(rest, is_open=True),))
        growth = self._parse(self._tail[: _shown_length(self._tail, self._table is not None)])
        self._block_count += len(growth.settled)
        self._look_for_fence(growth.open)
        return replace(growth, settled=(*settled, *growth.settled))

    def finish(self) -> Growth:
        """Nothing comes any more: nothing is held back."""
        settled: list[Block] = []
        self._tail += with_plain_line_ends(self._held)
        self._held = ""
        if self._fence is not None:
            self._end_fence(settled)
        if self._table is not None:
            rest = self._tail.removeprefix(self._table.head)
            self._tail = self._table.head + "\n".join((*self._table.lines, rest))
            self._table = None
        self._references = found = dict(self._references)
        parts = parse_parts(self._parser, self._tail, self._first_number, found)
        settled += (block for part in parts for block in part.blocks)
        self._tail = ""
        return Growth(tuple(settled), (), tuple(self._mended()))

    # --- code --------------------------------------------------------------------------------

    def _look_for_fence(self, blocks: tuple[Block, ...]) -> None:
        """Take the code over from the parser, if the tail is nothing but an open block of code."""
        head = _PLAIN_FENCE.match(self._tail)
        if head is None or len(blocks) != 1:
            return
        block = blocks[0]
        if isinstance(block, CodeBlock) and block.is_open and not block.levels:
            self._fence = _Fence(head.group(1), block.language)
            self._tail = self._fence.take(self._tail[head.end() :])[0]
            self._first_number = None

    def _grow_fence(self, settled: list[Block]) -> bool:
        """Give the open block of code its lines; whether it closed."""
        fence = self._fence
        if fence is None:
            return True
        self._tail, is_closed = fence.take(self._tail)
        if is_closed:
            settled.append(fence.block("", is_open=False))
            self._block_count += 1
            self._fence = None
        return is_closed

    def _end_fence(self, settled: list[Block]) -> None:
        """The text ends, and perhaps the fence with it; spaces alone are no last line."""
        if not self._tail.endswith("\n"):
            self._tail = self._tail + "\n" if self._tail.strip(" \t") else ""
        if not self._grow_fence(settled) and self._fence is not None:
            settled.append(self._fence.block("", is_open=True))
            self._fence = None

    # --- the rest ----------------------------------------------------------------------------

    def _parse(self, shown: str) -> Growth:
        """The parts that are followed by a line of another part can't change any more."""
        found: References = dict(self._references)
        parts = parse_parts(self._parser, close_marks(shown), self._first_number, found)
        if self._table is not None:
            parts = self._table.with_rows(parts)
        begun = _lines_that_stand(shown)
        count = 0
        while count + 1 < len(parts) and _last_head_line(parts[count + 1]) < begun:
            count += 1
        if count:
            self._settle(parts[count], found)
        elif len(parts) == 1:
            self._keep_rows(parts[0], shown)
        settled = tuple(block for part in parts[:count] for block in part.blocks)
        return Growth(settled, tuple(block for part in parts[count:] for block in part.blocks))

    def _settle(self, following: Part, found: References) -> None:
        """Drop the text before `following`, and keep the addresses in it."""
        lines = self._tail.split("\n")
        before = lines[: following.line]
        known = len(self._references)
        if self._table is not None:
            before[2:2], known = self._table.lines, self._table.known
            self._table = None
        text = "\n".join((*before, ""))
        for label, reference in found.items():
            if reference["map"][1] <= following.line:
                self._references.setdefault(label, reference)
        if "[" in text:
            has_more = len(found) > len(self._references)  # in lines that aren't settled yet
            known = -1 if has_more else known
            settled = _Settled(text, self._first_number, self._block_count, known)
            self._bracketed.append(settled)
        self._tail = "\n".join(lines[following.line :])
        self._first_number = following.number

    def _keep_rows(self, part: Part, shown: str) -> None:
        """Take the whole rows of a long table out of the tail."""
        block = part.blocks[0] if len(part.blocks) == 1 else None
        if not isinstance(block, TableBlock) or block.levels or part.line:
            return
        whole = shown.split("\n")[:-1]
        lines, first = whole[2:], len(self._table.rows) if self._table is not None else 0
        rows = block.rows[first : first + len(lines)]
        if len(lines) < ROWS_AT_ONCE or len(rows) < len(lines):
            return
        if self._table is None:
            self._table = _Table("\n".join((*whole[:2], "")), len(self._references))
        self._table.lines += lines
        self._table.rows += rows
        self._tail = self._table.head + self._tail[len("\n".join(whole)) + 1 :]

    def _mended(self) -> Iterator[tuple[int, Block]]:
        """Links in settled text whose addresses came after them."""
        for settled in self._bracketed:
            if settled.known == len(self._references):
                continue
            found = dict(self._references)
            parts = parse_parts(self._parser, settled.text, settled.first_number, found)
            blocks = (block for part in parts for block in part.blocks)
            yield from enumerate(blocks, start=settled.first_block)


def _lines_that_stand(text: str) -> int:
    """How many lines, from the first, begin what they begin whatever follows.

    The last one may still turn out to go on with the block above it, unless it begins with a
    letter after an empty line.
    """
    count = text.count("\n")
    line_start = text.rfind("\n") + 1
    is_apart = text[line_start : line_start + 1].isalpha() and text[:line_start].endswith("\n\n")
    return count + 1 if is_apart else count


def _last_head_line(part: Part) -> int:
    """The line that says what a part is: a table's second one, else the first."""
    is_table = bool(part.blocks) and isinstance(part.blocks[0], TableBlock)
    return part.line + 1 if is_table else part.line


def _shown_length(tail: str, is_table: bool = False) -> int:
    """How much of the tail can be shown without having to be taken back by the next letters.

    `is_table`: that it begins with a table is sure.
    """
    if _has_open_fence(tail):
        line_start = tail.rfind("\n") + 1
        is_mark = tail[line_start:].strip(" `~") == "" and line_start > 0
        return line_start if is_mark and tail[line_start:].strip() else len(tail)
    head = _TABLE_HEAD.search(tail)
    if head is not None and not is_table:
        return head.start(1)
    line_start = tail.rfind("\n") + 1
    return line_start if _UNDECIDED.match(tail, line_start) else len(tail)


def _has_open_fence(tail: str) -> bool:
    fence = ""
    for line in tail.split("\n"):
        mark = re.match(r"[ >]*(?:[-*+] +|\d+[.)] +)?(`{3,}|~{3,})", line)
        if mark is None:
            continue
        if not fence:
            fence = mark.group(1)
        elif mark.group(1).startswith(fence) and not line.strip(" >`~"):
            fence = ""
    return bool(fence)


def close_marks(text: str) -> str:
    """The text with the emphasis or code span of its last line closed, as it soon will be.

    Without this a reader sees the bare asterisks until the closing ones arrive.
    """
    if _has_open_fence(text):
        return text
    line_start = text.rfind("\n") + 1
    line = text[line_start:]
    if line.count("`") % 2:
        return text + "`" if not line.endswith("`") else text[:-1]
    outside = re.sub(r"`[^`]*`", "", line)
    for mark in ("**", "__"):
        if outside.count(mark) % 2 == 0:
            continue
        stripped = text.rstrip(mark[0])
        return stripped if stripped != text else text.rstrip() + mark
    return text
