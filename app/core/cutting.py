"""Where a text that is too long can be cut: after a line, a page, or so many tokens.

Knows nothing of how texts are counted exactly; the share of the letters stands for that of the
tokens, and whoever cuts counts again.
"""

from __future__ import annotations

import re
from dataclasses import replace
from enum import Enum

from app.core.conversation import Attachment

_PAGE_MARK = re.compile(r"^\[Page \d+[^\]\n]*\]$", re.MULTILINE)
_CAUTION = 0.97


class CutUnit(Enum):
    """What a place in a text is counted in."""

    TOKENS = "tokens"
    LINES = "lines"
    PAGES = "pages"


def unit_count(attachment: Attachment, unit: CutUnit, all_tokens: int) -> int:
    """How many of them there are; `all_tokens` is what the whole text takes."""
    if unit is CutUnit.TOKENS:
        return all_tokens
    return len(_ends(attachment, unit))


def end_after(attachment: Attachment, unit: CutUnit, count: int, all_tokens: int) -> int:
    """The letter before which the text ends after `count` of `unit`."""
    text = attachment.text
    if unit is CutUnit.TOKENS:
        if count >= all_tokens:
            return len(text)
        return _whole_word(text, int(len(text) * max(0, count) / max(1, all_tokens)))
    ends = _ends(attachment, unit)
    return ends[min(count, len(ends)) - 1] if count > 0 and ends else 0


def count_within(attachment: Attachment, unit: CutUnit, tokens: int, all_tokens: int) -> int:
    """How many of `unit` fit into `tokens`, a little less to be sure."""
    if tokens >= all_tokens:
        return unit_count(attachment, unit, all_tokens)
    fitting = max(0, int(tokens * _CAUTION))
    if unit is CutUnit.TOKENS:
        return fitting
    letters = len(attachment.text) * fitting / max(1, all_tokens)
    return sum(1 for end in _ends(attachment, unit) if end <= letters)


def cut(attachment: Attachment, end: int) -> Attachment:
    """The attachment with only the first `end` letters of its text."""
    if end >= len(attachment.text):
        return attachment
    return replace(attachment, text=attachment.text[:end].rstrip(), is_cut=True)


def has_pages(attachment: Attachment) -> bool:
    """Whether it is a PDF whose pages are marked."""
    is_pdf = attachment.name.lower().endswith(".pdf")
    return is_pdf and _PAGE_MARK.search(attachment.text) is not None


def _ends(attachment: Attachment, unit: CutUnit) -> list[int]:
    text = attachment.text
    if unit is CutUnit.LINES:
        found = [match.end() for match in re.finditer(r"\n", text)]
    else:
        found = [match.start() for match in _PAGE_MARK.finditer(text)][1:]
    return [end for end in found if end < len(text)] + [len(text)]


def _whole_word(text: str, end: int) -> int:
    """Not within a word, unless the words are very long."""
    space = max(text.rfind(" ", 0, end + 1), text.rfind("\n", 0, end + 1))
    return space if end - space < 200 and space > 0 else end
