"""The line that says that a very small model is talking. Knows nothing of the session."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.ui.buttons import Button, ButtonKind, IconButton
from app.ui.labels import Paragraph
from app.ui.theme import Theme, TypeRole

TEXT = "You are talking to the demo, a very small model. Mixtral knows far more."
SHORT_TEXT = "You are talking to the demo."


class DemoBanner(QWidget):
    """Flask, sentence, Get Mixtral, cross.

    Signals:
        get_mixtral_requested: the button.
        closed: the cross; it is gone until the next start.
    """

    get_mixtral_requested = Signal()
    closed = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._text = Paragraph(theme, TEXT, TypeRole.SMALL, "text")
        self._get = Button(theme, "Get Mixtral", ButtonKind.PRIMARY, small=True)
        self._close = IconButton(theme, "close", "Put this line away", size=28)
        for part in (self._text, self._get, self._close):
            part.setParent(self)
        self._get.clicked.connect(self.get_mixtral_requested)
        self._close.clicked.connect(self.closed)
        self.setAccessibleName(TEXT)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def set_compact(self, is_compact: bool) -> None:
        """In a low window only what one must know."""
        self._text.set_text(SHORT_TEXT if is_compact else TEXT)

    def hasHeightForWidth(self) -> bool:
        """The sentence wraps."""
        return True

    def heightForWidth(self, width: int) -> int:
        """44 px, or more if the sentence wraps."""
        return self._lay_out(width)

    def sizeHint(self) -> QSize:
        """As high as the sentence at the present width."""
        return QSize(self.width(), self._lay_out(max(self.width(), 1)))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Place the parts."""
        super().resizeEvent(event)
        self._lay_out(self.width())

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint the surface and the flask."""
        theme = self._theme
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour("accent_soft"))
        painter.drawRoundedRect(QRectF(self.rect()), theme.px(10), theme.px(10))
        size = theme.px(18)
        top = (self.height() - size) / 2
        theme.icons.paint(painter, "flask", theme.colours.accent, theme.gap(15), top, size)

    def _lay_out(self, width: int) -> int:
        theme = self._theme
        left = theme.gap(15) + theme.px(18) + theme.gap(11)
        get, close = self._get.sizeHint(), self._close.sizeHint()
        right = width - theme.gap(7) - close.width()
        button_left = right - theme.gap(11) - get.width()
        room = max(button_left - theme.gap(10) - left, 40)
        text = self._text.heightForWidth(room)
        height = max(theme.px(28) + 2 * theme.gap(8), text + 2 * theme.gap(8))
        self._close.setGeometry(
            right, (height - close.height()) // 2, close.width(), close.height()
        )
        self._get.setGeometry(button_left, (height - get.height()) // 2, get.width(), get.height())
        self._text.setGeometry(left, round((height - text) / 2) + 1, room, text)
        return height
