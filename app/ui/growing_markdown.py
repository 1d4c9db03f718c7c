"""Markdown that grows: only its last block is parsed again, what stands before it is settled.

A long list settles item by item, so a flush costs the same at the end of a reply as at its
beginning. Knows nothing of widgets.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from markdown_it import MarkdownIt

from app.ui.markdown import Block, parse_parts, with_plain_line_ends

# The beginnings of lines that may still become a marker, a fence, a rule or an underline.
_UNDECIDED = re.compile(r"[ >]*(\d{1,9}[.)]?|[-*+_#=`~|>: ]*)$")
_TABLE_HEAD = re.compile(r"(?:^|\n\n)(\|[^\n]*(?:\n[|\-: ]*)?)$")


@dataclass(frozen=True, slots=True)
class Growth:
    """What an append changed: blocks that are final now, and those that may still change."""

    settled: tuple[Block, ...]
    open: tuple[Block, ...]


class GrowingMarkdown:
    """Takes text in pieces. All `Growth.settled` and the last `open` are the whole."""

    def __init__(self, parser: MarkdownIt) -> None:
        self._parser = parser
        self._tail = ""
        self._first_number: int | None = None

    def append(self, text: str) -> Growth:
        """Add text and parse the tail."""
        self._tail += with_plain_line_ends(text)
        return self._parse(self._tail[: _shown_length(self._tail)], is_growing=True)

    def finish(self) -> Growth:
        """Nothing comes any more: nothing is held back."""
        growth = self._parse(self._tail, is_growing=False)
        self._tail = ""
        return Growth((*growth.settled, *growth.open), ())

    def _parse(self, shown: str, *, is_growing: bool) -> Growth:
        text = close_marks(shown) if is_growing else shown
        parts = parse_parts(self._parser, text, self._first_number)
        settled = tuple(block for part in parts[:-1] for block in part.blocks)
        open_blocks = parts[-1].blocks if parts else ()
        if len(parts) > 1:
            self._drop_lines(parts[-1].line)
            self._first_number = parts[-1].number
        return Growth(settled, open_blocks)

    def _drop_lines(self, count: int) -> None:
        self._tail = "\n".join(self._tail.split("\n")[count:])


def _shown_length(tail: str) -> int:
    """How much of the tail can be shown without having to be taken back by the next letters."""
    if _has_open_fence(tail):
        line_start = tail.rfind("\n") + 1
        is_mark = tail[line_start:].strip(" `~") == "" and line_start > 0
        return line_start if is_mark and tail[line_start:].strip() else len(tail)
    head = _TABLE_HEAD.search(tail)
    if head is not None:
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
