"""The notices under the header, one at a time; the others wait.

Knows nothing of what notices are about.
"""

from __future__ import annotations

from PySide6.QtCore import Signal, Slot

from app.runtime.facts import Notice, NoticeKind
from app.ui.notice_card import NoticeCard
from app.ui.theme import Theme

_URGENCY = {NoticeKind.ERROR: 0, NoticeKind.WARNING: 1, NoticeKind.INFO: 2}


class NoticeBar(NoticeCard):
    """The most urgent notice, the newest among equals.

    Signals:
        put_away(str): the key of a notice that the user closed.
    """

    put_away = Signal(str)

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme)
        self._notices: list[Notice] = []
        self.closed.connect(self._put_away)
        self.hide()

    @property
    def notices(self) -> tuple[Notice, ...]:
        """All that are there, the shown one first."""
        return tuple(self._notices)

    def add(self, notice: Notice) -> None:
        """Show a notice; it replaces the one with the same key."""
        if notice.key:
            self._notices = [other for other in self._notices if other.key != notice.key]
        self._notices.insert(0, notice)
        self._notices.sort(key=lambda each: _URGENCY[each.kind])
        self._show_first()

    @Slot(str)
    def clear(self, key: str) -> None:
        """Take the notice with that key away."""
        self._notices = [notice for notice in self._notices if notice.key != key]
        self._show_first()

    @Slot(object)
    def _put_away(self, notice: Notice) -> None:
        if notice in self._notices:
            self._notices.remove(notice)
        self.put_away.emit(notice.key)
        self._show_first()

    def _show_first(self) -> None:
        if self._notices:
            self.show_notice(self._notices[0], len(self._notices) - 1)
        self.setVisible(bool(self._notices))
        self.updateGeometry()
