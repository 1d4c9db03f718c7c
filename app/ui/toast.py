"""Short news above the composer, which goes by itself: "Copied", or an undo.

Knows nothing of what was done.
"""

from __future__ import annotations

from PySide6.QtCore import (
    QEasingCurve,
    QEvent,
    QObject,
    QPropertyAnimation,
    QRectF,
    QSize,
    QTimer,
    Signal,
    Slot,
)
from PySide6.QtGui import QEnterEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QGraphicsOpacityEffect, QWidget

from app.ui.buttons import Button, ButtonKind
from app.ui.labels import Label
from app.ui.theme import Theme, TypeRole

SHOWN_MS, FADE_MS = 6000, 120


class Toast(QWidget):
    """One line with an icon, and perhaps an Undo.

    Signals:
        undo_requested: the button.
    """

    undo_requested = Signal()

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self._icon = "copy"
        self._text = Label(theme, "", TypeRole.BODY)
        self._undo = Button(theme, "Undo", ButtonKind.LINK, icon="undo", small=True)
        self._text.setParent(self)
        self._undo.setParent(self)
        self._undo.installEventFilter(self)
        self._undo.clicked.connect(self.undo_requested)
        self._undo.clicked.connect(self.hide)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(SHOWN_MS)
        self._timer.timeout.connect(self._fade_out)
        self._effect = QGraphicsOpacityEffect(self)
        self.setGraphicsEffect(self._effect)
        self._fade = QPropertyAnimation(self._effect, b"opacity", self)
        self._fade.setDuration(FADE_MS)
        self._fade.setEasingCurve(QEasingCurve.Type.OutCubic)
        self._fade.finished.connect(self._take_end)
        self.hide()

    def say(self, text: str, icon: str, *, can_undo: bool = False) -> None:
        """Show a text for six seconds."""
        self._text.setText(text)
        self._icon = icon
        self._undo.setVisible(can_undo)
        self.setAccessibleName(text)
        self._lay_out()
        self.show()
        self.raise_()
        self._fade_to(1.0)
        self._timer.start()

    def text(self) -> str:
        """What it says."""
        return self._text.text()

    def sizeHint(self) -> QSize:
        """As wide as what it says."""
        theme = self._theme
        width = 2 * theme.gap(14) + theme.px(16) + theme.gap(10) + self._text.sizeHint().width()
        if not self._undo.isHidden():
            width += theme.gap(18) + self._undo.sizeHint().width()
        return QSize(width, theme.px(42))

    def enterEvent(self, event: QEnterEvent) -> None:
        """It stays while it is looked at."""
        self._timer.stop()
        super().enterEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        """Time goes on."""
        self._timer.start()
        super().leaveEvent(event)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """It stays while its button has the focus."""
        if event.type() is QEvent.Type.FocusIn:
            self._timer.stop()
        elif event.type() is QEvent.Type.FocusOut:
            self._timer.start()
        return super().eventFilter(watched, event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint the card and the icon."""
        theme = self._theme
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(theme.colour("control"), 1))
        painter.setBrush(theme.colour("raised"))
        rect = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.drawRoundedRect(rect, theme.px(10), theme.px(10))
        size = theme.px(16)
        top = (self.height() - size) / 2
        theme.icons.paint(painter, self._icon, theme.colours.text2, theme.gap(14), top, size)

    def _lay_out(self) -> None:
        theme = self._theme
        size = self.sizeHint()
        self.resize(size)
        hint = self._text.sizeHint()
        left = theme.gap(14) + theme.px(16) + theme.gap(10)
        self._text.setGeometry(
            left, (size.height() - hint.height()) // 2, hint.width(), hint.height()
        )
        button = self._undo.sizeHint()
        self._undo.setGeometry(
            size.width() - theme.gap(8) - button.width(),
            (size.height() - button.height()) // 2,
            button.width(),
            button.height(),
        )

    def _fade_to(self, opacity: float) -> None:
        self._fade.stop()
        self._fade.setDuration(self._theme.motion_ms(FADE_MS))
        self._fade.setStartValue(self._effect.opacity() if opacity < 1 else 0.0)
        self._fade.setEndValue(opacity)
        self._fade.start()

    @Slot()
    def _fade_out(self) -> None:
        self._fade_to(0.0)

    @Slot()
    def _take_end(self) -> None:
        if self._effect.opacity() < 0.01:
            self.hide()
