"""Where a text that is too long can be cut: after a line, a page, or so many tokens.

Knows nothing of how texts are counted exactly; the share of the letters stands for that of the
tokens, and whoever cuts counts again.
"""

from __future__ import annotations

import re
from bisect import bisect_right
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


class CutPlaces:
    """The places at which one attachment can be cut; `all_tokens` is what its whole text takes."""

    def __init__(self, attachment: Attachment, all_tokens: int) -> None:
        self.attachment = attachment
        self.all_tokens = max(1, all_tokens)
        self._ends: dict[CutUnit, list[int]] = {}

    @property
    def has_pages(self) -> bool:
        """Whether it is a PDF whose pages are marked."""
        is_pdf = self.attachment.name.lower().endswith(".pdf")
        return is_pdf and _PAGE_MARK.search(self.attachment.text) is not None

    def count(self, unit: CutUnit) -> int:
        """How many of `unit` there are."""
        return self.all_tokens if unit is CutUnit.TOKENS else len(self._ends_of(unit))

    def end_after(self, unit: CutUnit, count: int) -> int:
        """The letter before which the text ends after `count` of `unit`."""
        text = self.attachment.text
        if unit is not CutUnit.TOKENS:
            ends = self._ends_of(unit)
            return ends[min(count, len(ends)) - 1] if count > 0 else 0
        if count >= self.all_tokens:
            return len(text)
        return _whole_word(text, int(len(text) * max(0, count) / self.all_tokens))

    def count_within(self, unit: CutUnit, tokens: int) -> int:
        """How many of `unit` fit into `tokens`, a little less to be sure."""
        if tokens >= self.all_tokens:
            return self.count(unit)
        fitting = max(0, int(tokens * _CAUTION))
        if unit is CutUnit.TOKENS:
            return fitting
        letters = len(self.attachment.text) * fitting / self.all_tokens
        return bisect_right(self._ends_of(unit), letters)

    def _ends_of(self, unit: CutUnit) -> list[int]:
        """Found once, since a long text has very many."""
        if unit not in self._ends:
            text = self.attachment.text
            if unit is CutUnit.LINES:
                found = [match.end() for match in re.finditer(r"\n", text)]
            else:
                found = [match.start() for match in _PAGE_MARK.finditer(text)][1:]
            self._ends[unit] = [*(end for end in found if end < len(text)), len(text)]
        return self._ends[unit]


def cut(attachment: Attachment, end: int) -> Attachment:
    """The attachment with only the first `end` letters of its text."""
    if end >= len(attachment.text):
        return attachment
    return replace(attachment, text=attachment.text[:end].rstrip(), is_cut=True)


def _whole_word(text: str, end: int) -> int:
    """Not within a word, unless the words are very long."""
    space = max(text.rfind(" ", 0, end + 1), text.rfind("\n", 0, end + 1))
    return space if end - space < 200 and space > 0 else end
