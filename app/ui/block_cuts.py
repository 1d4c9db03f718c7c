"""The part of a message's blocks between two places, as blocks and as plain text.

A place is a document's number and a position in it, as Qt counts: letters beyond U+FFFF are two.
Knows nothing of documents or widgets.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from app.ui.markdown import LINE_BREAK, Block, CodeBlock, Run, Runs, TableBlock, TextBlock
from app.ui.message_texts import PICTURE, block_texts
from app.ui.selection import TO_THE_END, Place

BEGINNING: Place = (0, 0)
END: Place = (TO_THE_END, TO_THE_END)

_Range = tuple[int, int]


def cut_blocks(blocks: Sequence[Block], begin: Place, end: Place) -> list[Block]:
    """What is selected of the blocks; those that aren't touched are left out."""
    found: list[Block] = []
    first = 0
    for block in blocks:
        texts = list(block_texts(block))
        ranges = [_range_in(text, first + i, begin, end) for i, text in enumerate(texts)]
        first += len(texts)
        if not texts and found and first <= end[0]:
            found.append(block)  # a rule between two texts
        elif any(each is not None for each in ranges):
            found.append(_cut(block, ranges))
    while found and not list(block_texts(found[-1])):
        found.pop()
    return found


def plain_text_of(blocks: Sequence[Block]) -> str:
    """The letters alone: blocks begin new lines, cells are parted by tabs, items keep markers."""
    return "\n".join(_plain(block) for block in blocks if list(block_texts(block)))


def _plain(block: Block) -> str:
    if isinstance(block, TableBlock):
        rows = [row for row in (block.head, *block.rows) if any(row)]
        return "\n".join("\t".join(_letters(cell) for cell in row) for row in rows)
    text = block.code if isinstance(block, CodeBlock) else ""
    if isinstance(block, TextBlock):
        text = _letters(block.runs)
    begun = [level.marker for level in block.levels if level.begins]
    return f"{' '.join(begun)} {text}" if begun else text


def _letters(runs: Runs) -> str:
    return "".join(run.text for run in runs).replace(LINE_BREAK, "\n")


def _range_in(text: str, number: int, begin: Place, end: Place) -> _Range | None:
    """The selected letters of the text with that number; None if it isn't touched."""
    if not begin[0] <= number <= end[0]:
        return None
    start = _letter_at(text, begin[1]) if number == begin[0] else 0
    stop = _letter_at(text, end[1]) if number == end[0] else len(text)
    return (start, stop) if start < stop or (not text and begin < (number, 0) < end) else None


def _letter_at(text: str, position: int) -> int:
    """The index of the letter at a position in UTF-16."""
    if text.isascii() or position >= 2 * len(text):
        return min(position, len(text))
    at = 0
    for index, letter in enumerate(text):
        if at >= position:
            return index
        at += 2 if letter > "\uffff" else 1
    return len(text)


def _cut(block: Block, ranges: Sequence[_Range | None]) -> Block:
    if isinstance(block, CodeBlock):
        start, stop = ranges[0] or (0, 0)
        return replace(block, code=block.code[start:stop])
    if isinstance(block, TableBlock):
        return _cut_table(block, ranges)
    if isinstance(block, TextBlock):
        return replace(block, runs=_cut_runs(block.runs, ranges[0]))
    return block


def _cut_table(block: TableBlock, ranges: Sequence[_Range | None]) -> Block:
    """The touched rows; a single cell is a paragraph. A head that isn't selected is empty."""
    columns = len(block.head)
    cells = [cell for row in (block.head, *block.rows) for cell in row]
    touched = [index for index, each in enumerate(ranges) if each is not None]
    if len(touched) == 1:
        return TextBlock(_cut_runs(cells[touched[0]], ranges[touched[0]]), 0, block.levels)
    cut = [_cut_runs(cell, each) for cell, each in zip(cells, ranges, strict=True)]
    rows = tuple(tuple(cut[i : i + columns]) for i in range(0, len(cut), columns))
    first, last = touched[0] // columns, touched[-1] // columns
    return replace(block, head=rows[0], rows=rows[max(1, first) : last + 1])


def _cut_runs(runs: Runs, selected: _Range | None) -> Runs:
    if selected is None:
        return ()
    return tuple(_cut_each(runs, *selected))


def _cut_each(runs: Runs, start: int, stop: int) -> Iterator[Run]:
    at = 0
    for run in runs:
        at += len(PICTURE) if run.is_image else 0
        text = run.text[max(0, start - at) : max(0, stop - at)]
        at += len(run.text)
        if text:
            yield replace(run, text=text)
