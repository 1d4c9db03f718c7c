"""Blocks written as Markdown again, so that what is selected can be taken along.

What the blocks don't know is chosen: bullets are "-", emphasis is "*", code stands in fences.
Knows nothing of documents or widgets.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import takewhile

from app.core.attached_text import fence_around
from app.ui.markdown import (
    LINE_BREAK,
    Block,
    CodeBlock,
    Level,
    LevelKind,
    Levels,
    RuleBlock,
    Run,
    Runs,
    TableBlock,
    TextBlock,
)

_SPECIAL = re.compile(r"[\\`*\[\]~]|<(?=[A-Za-z/!?])|&(?=#?\w+;)|(?<!\w)_|_(?!\w)")
_LINE_START = re.compile(r"(?m)^( *)(#{1,6}(?= |$)|[-+=>|]|\d{1,9}(?=[.)]))")
_TASKS = {"☐": "[ ] ", "☑": "[x] "}


def write_markdown(blocks: Sequence[Block]) -> str:
    """The blocks as Markdown that gives the same blocks when it is read."""
    pieces: list[str] = []
    above: Block | None = None
    other_marks = False  # the second kind of bullet or number, where a list follows a list
    for block in blocks:
        if above is not None:
            other_marks ^= _begins_other_list(above, block)
            pieces.append(_joint(above, block))
        first, rest = _prefixes(block.levels, other_marks=other_marks)
        lines = _lines_of(block)
        pieces.append(first + ("\n" + rest).join(lines))
        above = block
    text = "".join(pieces)
    return "\n".join(line if line.strip(" >") else line.rstrip() for line in text.split("\n"))


def _lines_of(block: Block) -> list[str]:
    if isinstance(block, CodeBlock):
        return _code_lines(block)
    if isinstance(block, TableBlock):
        return _table_lines(block)
    if isinstance(block, RuleBlock):
        return ["***"]
    return _text_lines(block)


def _text_lines(block: TextBlock) -> list[str]:
    text = _LINE_START.sub(_escape_start, write_runs(block.runs))
    if not block.heading:
        return text.split("\n")
    if "\n" in text and block.heading <= 2:
        return [*text.split("\n"), "=" * 3 if block.heading == 1 else "---"]
    line = re.sub(r"(#+)$", r"\\\1", write_runs(block.runs).replace("\n", " "))
    return [f"{'#' * block.heading} {line}".rstrip()]


def _escape_start(found: re.Match[str]) -> str:
    """What would begin a block at the beginning of a line."""
    indent, mark = found.groups()
    return f"{indent}{mark}\\" if mark.isdigit() else f"{indent}\\{mark}"


def _code_lines(block: CodeBlock) -> list[str]:
    fence = fence_around(block.code)
    code = block.code.split("\n") if block.code else []
    return [fence + block.language, *code, fence]


def _table_lines(block: TableBlock) -> list[str]:
    rules = {"": "---", "left": ":--", "center": ":-:", "right": "--:"}
    rows = [block.head, *block.rows]
    lines = [f"| {' | '.join(_cell(cell) for cell in row)} |" for row in rows]
    lines.insert(1, f"|{'|'.join(rules.get(each, '---') for each in block.alignments)}|")
    return lines


def _cell(runs: Runs) -> str:
    return write_runs(runs).replace("|", "\\|").replace("\n", " ")


# --- containers ------------------------------------------------------------------------------


def _prefixes(levels: Levels, *, other_marks: bool) -> tuple[str, str]:
    """What stands before a block's first line, and before its others."""
    first, rest = "", ""
    for level in levels:
        if level.kind is LevelKind.QUOTE:
            first, rest = f"{first}> ", f"{rest}> "
            continue
        marker = _marker(level, other=other_marks)
        indent = " " * (len(marker) if level.marker not in _TASKS else 2)
        first += marker if level.begins else indent
        rest += indent
    return first, rest


def _marker(level: Level, *, other: bool) -> str:
    if level.marker[:-1].isdigit():
        return f"{level.marker[:-1]}{')' if other else '.'} "
    return f"{'*' if other else '-'} {_TASKS.get(level.marker, '')}"


def _joint(above: Block, below: Block) -> str:
    """An empty line, in the quotes that both stand in; none between the items of a list."""
    if below.levels and below.levels[-1].begins and not isinstance(above, TableBlock):
        shared = list(zip(above.levels, below.levels, strict=False))
        if any(one.kind is LevelKind.ITEM for one, _ in shared):
            return "\n"
    pairs = zip(above.levels, below.levels, strict=False)
    common = takewhile(lambda pair: _goes_on(*pair), pairs)
    prefix = _prefixes(tuple(level for _, level in common), other_marks=False)[1]
    return f"\n{prefix}\n"


def _goes_on(above: Level, below: Level) -> bool:
    return above.kind is below.kind and not below.begins


def _begins_other_list(above: Block, below: Block) -> bool:
    """Whether a list of its own follows one: its numbers begin anew."""
    if len(above.levels) < 1 or not below.levels or not below.levels[0].begins:
        return False
    one, other = above.levels[0].marker[:-1], below.levels[0].marker[:-1]
    return one.isdigit() and other.isdigit() and int(other) != int(one) + 1


# --- runs ------------------------------------------------------------------------------------


def write_runs(runs: Runs) -> str:
    """Runs as Markdown; spaces at the edges of emphasis go outside of it."""
    written, space = "", ""
    open_marks: list[tuple[str, str]] = []
    for run in runs:
        text = run.text
        core = text.strip(" \t\n" + LINE_BREAK) if not run.code else text
        if not core:
            space += text
            continue
        begin = text.index(core)
        lead, trail = text[:begin], text[begin + len(core) :]
        wanted = _marks_of(run)
        kept = _common_length(open_marks, wanted)
        written += "".join(closing for _, closing in reversed(open_marks[kept:]))
        written += space + lead if written else ""
        opening = "".join(opening for opening, _ in wanted[kept:])
        if opening.startswith("[") and written.endswith("!"):
            written = f"{written[:-1]}\\!"  # else a link would be a picture
        written += opening + _core(run, core)
        open_marks, space = wanted, trail
    for _, closing in reversed(open_marks):
        written += closing
    return (written + space.rstrip()).replace(LINE_BREAK, "\n")


def _common_length(one: Sequence[object], other: Sequence[object]) -> int:
    pairs = zip(one, other, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _marks_of(run: Run) -> list[tuple[str, str]]:
    """What opens and closes around a run, from the outside in."""
    marks = [("[", f"]({_address(run.href)})")] if run.href else []
    marks += [("**", "**")] if run.bold else []
    marks += [("*", "*")] if run.italic else []
    return [*marks, ("~~", "~~")] if run.struck else marks


def _core(run: Run, core: str) -> str:
    if run.is_image:
        return f"![{_SPECIAL.sub(_escape, core)}]({_address(run.source)})"
    if not run.code:
        return _SPECIAL.sub(_escape, core)
    longest = max((len(marks) for marks in re.findall(r"`+", core)), default=0)
    marks = "`" * (longest + 1 if longest else 1)
    pad = " " if core[:1] in ("`", " ") or core[-1:] in ("`", " ") else ""
    return f"{marks}{pad}{core}{pad}{marks}"


def _escape(found: re.Match[str]) -> str:
    return f"\\{found.group()}"


def _address(href: str) -> str:
    return f"<{href}>" if re.search(r"[ ()<>]", href) else href
