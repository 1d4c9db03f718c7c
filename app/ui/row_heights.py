"""How high each row of the transcript is, or probably is, and so where each row begins.

Rows that were never shown are estimated. Knows nothing of widgets.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate


class RowHeights:
    """Heights in px and their running sums."""

    def __init__(self, estimates: Sequence[int] = ()) -> None:
        self._heights = list(estimates)
        self._tops: list[int] | None = None

    def __len__(self) -> int:
        return len(self._heights)

    def __getitem__(self, row: int) -> int:
        return self._heights[row]

    @property
    def total(self) -> int:
        """All rows together."""
        return self._sums()[-1]

    def top(self, row: int) -> int:
        """Where a row begins; that of the row after the last is the total."""
        return self._sums()[row]

    def row_at(self, y: int) -> int:
        """The row in which `y` lies; the last one for what is beyond."""
        found = bisect_right(self._sums(), y) - 1
        return max(0, min(found, len(self._heights) - 1))

    def set(self, row: int, height: int) -> int:
        """Put a measured height in place; returns how much higher the row is than before."""
        difference = height - self._heights[row]
        if difference:
            self._heights[row] = height
            self._tops = None
        return difference

    def append(self, height: int) -> None:
        """One more row at the end."""
        self._heights.append(height)
        self._tops = None

    def _sums(self) -> list[int]:
        if self._tops is None:
            self._tops = list(accumulate(self._heights, initial=0))
        return self._tops


def estimated_height(letters: int, lines: int, width: int, line_height: int, letter: float) -> int:
    """What a message of so many letters will probably take in a column of `width` px."""
    letters_in_line = max(10.0, width / max(letter, 1.0))
    wrapped = letters / letters_in_line + 0.6 * lines
    return round((wrapped + 1) * line_height) + 60
