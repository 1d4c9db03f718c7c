"""What is selected in a message: from a position in one of its documents to one in another.

Knows nothing of documents, of the mouse or of painting.
"""

from __future__ import annotations

from dataclasses import dataclass

TO_THE_END = 1 << 30

Place = tuple[int, int]
"""The index of a document in reading order, and a position in it."""


@dataclass(slots=True)
class TextSelection:
    """`anchor` is where it began, `head` where it is drawn to; both None: nothing."""

    anchor: Place | None = None
    head: Place | None = None

    @property
    def is_empty(self) -> bool:
        """Whether no letter is selected."""
        return self.anchor is None or self.head is None or self.anchor == self.head

    def clear(self) -> None:
        """Select nothing."""
        self.anchor = self.head = None

    @property
    def span(self) -> tuple[Place, Place] | None:
        """Begin and end in reading order."""
        if self.anchor is None or self.head is None or self.anchor == self.head:
            return None
        return min(self.anchor, self.head), max(self.anchor, self.head)

    def within(self, first: int, count: int) -> dict[int, tuple[int, int]]:
        """The selected positions of `count` documents from `first` on, by 0-based index."""
        span = self.span
        if span is None:
            return {}
        begin, end = span
        found = {}
        for index in range(max(first, begin[0]), min(first + count, end[0] + 1)):
            start = begin[1] if index == begin[0] else 0
            stop = end[1] if index == end[0] else TO_THE_END
            found[index - first] = (start, stop)
        return found
