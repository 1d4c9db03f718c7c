"""Ends a reply before a stop string, wherever it stands among the tokens.

Text that may still become a stop string is held back, with the ids that it came with, until it is
one or can't be one any more. What is given out is whole ids with all their text. Knows nothing of
models.
"""

from __future__ import annotations

from collections.abc import Sequence


class StopStrings:
    """Between a reply's text and its reader.

    When a stop string has come, `take` gives the ids whose text lies before it; what is left
    between them and the stop string, in the middle of an id, is `rest`.
    """

    def __init__(self, strings: Sequence[str]) -> None:
        """Empty strings are none."""
        self._strings = tuple(string for string in strings if string)
        self._longest = max(map(len, self._strings), default=0)
        self._text = ""
        self._ids: list[tuple[int, int]] = []  # each with the end of its text in `_text`
        self._found_at = -1
        self._is_released = False

    @property
    def is_found(self) -> bool:
        """Whether a stop string has come."""
        return self._found_at >= 0

    @property
    def has_ready(self) -> bool:
        """Whether `take` would give something."""
        return bool(self._ids) and self._ids[0][1] <= self._safe_end()

    @property
    def rest(self) -> str:
        """After the last `take`: what the reply shows of an id that reaches into a stop string."""
        return self._text[: self._found_at] if self.is_found else ""

    def add(self, text: str, ids: Sequence[int]) -> None:
        """More of the reply; nothing is to be added once a stop string is found."""
        look_from = max(0, len(self._text) - self._longest + 1)
        self._text += text
        self._ids += [(token, len(self._text)) for token in ids]
        found = [at for s in self._strings if (at := self._text.find(s, look_from)) >= 0]
        self._found_at = min(found, default=-1)

    def release(self) -> None:
        """The reply is over: nothing that is held back can become a stop string."""
        self._is_released = True

    def take(self) -> tuple[str, tuple[int, ...]]:
        """What can't be part of a stop string, and its ids."""
        safe_end = self._safe_end()
        count = sum(end <= safe_end for _, end in self._ids)
        end = self._ids[count - 1][1] if count else 0
        if self._is_released and not self.is_found:
            end = len(self._text)
        taken = self._text[:end], tuple(token for token, _ in self._ids[:count])
        self._text = self._text[end:]
        self._ids = [(token, token_end - end) for token, token_end in self._ids[count:]]
        self._found_at -= end if self.is_found else 0
        return taken

    def _safe_end(self) -> int:
        if self.is_found:
            return self._found_at
        if self._is_released:
            return len(self._text)
        for held in range(min(self._longest - 1, len(self._text)), 0, -1):
            tail = self._text[-held:]
            if any(string.startswith(tail) for string in self._strings):
                return len(self._text) - held
        return len(self._text)
