"""The composer's last row: attach, style, a figure, and the round button.

Knows nothing of what is written above it.
"""

from __future__ import annotations

from PySide6.QtCore import QSize, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QWidget

from app.ui.buttons import IconButton
from app.ui.draft_figure import DraftFigure
from app.ui.mark import MarkClock
from app.ui.send_button import SendButton
from app.ui.style_button import StyleButton
from app.ui.theme import Theme


class ComposerFoot(QWidget):
    """What can be done at the left; what it costs and sending it at the right."""

    def __init__(self, theme: Theme, clock: MarkClock) -> None:
        super().__init__()
        self._theme = theme
        self.attach_button = IconButton(theme, "attach", "Attach files", "Ctrl+O")
        self.style_button = StyleButton(theme)
        self.figure = DraftFigure(theme, clock)
        self.send_button = SendButton(theme)
        for part in (self.attach_button, self.style_button, self.figure, self.send_button):
            part.setParent(self)

    def sizeHint(self) -> QSize:
        """As high as the round button."""
        return QSize(self._theme.px(200), self._theme.px(34))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Place the parts."""
        super().resizeEvent(event)
        self.lay_out()

    @Slot()
    def lay_out(self) -> None:
        """The figure gets what the others leave."""
        theme, middle, left = self._theme, self.height() // 2, 0
        for part, gap in ((self.attach_button, 2), (self.style_button, 4)):
            size = part.sizeHint()
            part.setGeometry(left, middle - size.height() // 2, size.width(), size.height())
            left += size.width() + theme.gap(gap)
        send = theme.px(34)
        self.send_button.setGeometry(self.width() - send, middle - send // 2, send, send)
        right = self.width() - send - theme.gap(13)
        hint = self.figure.sizeHint()
        shown = max(0, min(hint.width(), right - left))
        self.figure.setGeometry(right - shown, middle - hint.height() // 2, shown, hint.height())
