"""Text as it is searched: without case, accents and what has no width; and where a hit stands.

Knows nothing of messages, documents or Qt.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

Span = tuple[int, int]
"""Begin and end of a hit, in letters of the text as it was given."""

_GAPS = str.maketrans(dict.fromkeys("\t\n\r\u00a0\u2028\u2029", " "))
_NOTHING = ("Mn", "Me", "Cf")  # accents that stand alone, and marks without width


@dataclass(frozen=True, slots=True)
class FoldedText:
    """`text` is folded; `places` says which letter each of its letters was, None: the same one."""

    text: str
    places: tuple[int, ...] | None
    length: int

    def count(self, words: Sequence[str]) -> int:
        """How many hits `spans` would give."""
        if len(words) == 1:
            return self.text.count(words[0])
        return len(self.spans(words))

    def spans(self, words: Sequence[str]) -> list[Span]:
        """Where the folded `words` stand, from the first to the last; hits don't overlap."""
        found = sorted(span for word in words for span in self._spans_of(word))
        apart: list[Span] = []
        for begin, end in found:
            if not apart or begin >= apart[-1][1]:
                apart.append((begin, end))
        if self.places is None:
            return apart
        places = (*self.places, self.length)
        return [(places[begin], places[end]) for begin, end in apart]

    def _spans_of(self, word: str) -> list[Span]:
        spans, at = [], self.text.find(word)
        while at >= 0 and word:
            spans.append((at, at + len(word)))
            at = self.text.find(word, at + len(word))
        return spans


def fold(text: str) -> FoldedText:
    """The text as it is searched."""
    if text.isascii():
        return FoldedText(text.translate(_GAPS).lower(), None, len(text))
    pieces = [_folded_letter(letter) for letter in text]
    folded = "".join(pieces)
    if all(len(piece) == 1 for piece in pieces):
        return FoldedText(folded, None, len(text))
    places = tuple(index for index, piece in enumerate(pieces) for _ in piece)
    return FoldedText(folded, places, len(text))


@lru_cache(maxsize=8192)
def _folded_letter(letter: str) -> str:
    """As the search over all chats folds it (unicode61 with remove_diacritics 2), and case too."""
    if letter.translate(_GAPS) == " ":
        return " "
    parts = unicodedata.normalize("NFKD", letter)
    kept = (part for part in parts if unicodedata.category(part) not in _NOTHING)
    return "".join(kept).casefold()
