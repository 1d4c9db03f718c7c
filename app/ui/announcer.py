"""Says news to screen readers: a reply sentence by sentence, errors at once.

Knows nothing of the session.
"""

from __future__ import annotations

import re

from PySide6.QtCore import QObject
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent

_SENTENCE = re.compile(r".+?(?:[.!?:](?=\s)|\n)", re.DOTALL)


class Announcer:
    """Speaks in the name of `source`; silent while no assistive technology listens."""

    def __init__(self, source: QObject) -> None:
        self._source = source
        self._rest = ""

    def add_text(self, text: str) -> None:
        """More of the reply; its finished sentences are said."""
        if not QAccessible.isActive():
            return
        self._rest += text
        end = 0
        for match in _SENTENCE.finditer(self._rest):
            self.say(match.group().strip())
            end = match.end()
        self._rest = self._rest[end:]

    def end_text(self) -> None:
        """The reply is complete."""
        if self._rest.strip():
            self.say(self._rest.strip())
        self._rest = ""

    def say(self, text: str, *, is_urgent: bool = False) -> None:
        """One sentence, when the reader has finished the last one, or at once."""
        if not text or not QAccessible.isActive():
            return
        event = QAccessibleAnnouncementEvent(self._source, text)
        politeness = QAccessible.AnnouncementPoliteness
        event.setPoliteness(politeness.Assertive if is_urgent else politeness.Polite)
        QAccessible.updateAccessibility(event)
