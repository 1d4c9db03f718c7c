"""How a conversation gets its line in the list from what the user wrote first.

Knows nothing of where titles are kept.
"""

from __future__ import annotations

import re

NEW_CHAT_TITLE = "New chat"
TITLE_LENGTH = 60

_MARKS = re.compile(r"^(?:[#>*+\-\s]|```\w*|\d+[.)]\s)+")
_FIRST_SENTENCE = re.compile(r".{12,}?[.!?…](?=\s)")


def title_of(text: str) -> str:
    """The first sentence of `text`, at most `TITLE_LENGTH` characters, cut between words."""
    line = next((bare for bare in map(_without_marks, text.splitlines()) if bare), "")
    sentence = _FIRST_SENTENCE.match(line)
    title = sentence.group() if sentence else line
    if len(title) > TITLE_LENGTH:
        head = title[: TITLE_LENGTH - 1]
        end = head.rfind(" ", TITLE_LENGTH // 2)  # a single long word is cut inside
        title = head[: end if end > 0 else None].rstrip(" ,;:") + "…"
    return title or NEW_CHAT_TITLE


def _without_marks(line: str) -> str:
    """The line without what Markdown puts before it, its white space made single."""
    return " ".join(_MARKS.sub("", line).split())
