"""How attached files stand in a message, for whoever sends, counts or exports it.

Each file is a line with its name and its text between two fences of backticks, longer than any in
the text, so that no file can end its own fence and pass for the user's words. Then comes what the
user wrote. Knows nothing of how the text was read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from app.core.conversation import Attachment

_SHORTEST_FENCE = 3
_BACKTICKS = re.compile(r"`+")


def text_with_attachments(text: str, attachments: Sequence[Attachment]) -> str:
    """What the model reads of a message: the files, then `text`."""
    return attached_text(attachments) + text


def attached_text(attachments: Sequence[Attachment]) -> str:
    """The files alone, with the blank line that parts them from the message; empty for none."""
    return "".join(_describe(attachment) for attachment in attachments)


def fence_around(text: str) -> str:
    """Backticks, more than stand side by side anywhere in `text`."""
    longest = max((len(run) for run in _BACKTICKS.findall(text)), default=0)
    return "`" * max(_SHORTEST_FENCE, longest + 1)


def _describe(attachment: Attachment) -> str:
    fence = fence_around(attachment.text)
    # A name is one line, whatever the file system allows in it.
    name = " ".join(attachment.name.split()) or "unnamed"
    cut = " (only the beginning)" if attachment.is_cut else ""
    line_end = "" if attachment.text.endswith("\n") or not attachment.text else "\n"
    return f"File {name}{cut}:\n{fence}\n{attachment.text}{line_end}{fence}\n\n"
