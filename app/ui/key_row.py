"""A row of the shortcuts: what is done, its keys, and changing them. Knows no other row."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import (
    QFontMetrics,
    QKeyEvent,
    QKeySequence,
    QPainter,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.ui.buttons import Button, ButtonKind, PaintedButton, paint_focus_ring
from app.ui.labels import Label, Paragraph
from app.ui.theme import Theme, TypeRole

_HELD_ALONE = (
    Qt.Key.Key_Control,
    Qt.Key.Key_Shift,
    Qt.Key.Key_Alt,
    Qt.Key.Key_AltGr,
    Qt.Key.Key_Meta,
    Qt.Key.Key_unknown,
)


class KeyButton(PaintedButton):
    """Shows the keys; pressed, it takes the next ones.

    Signals:
        keys_pressed(str): a portable sequence.
        left: Escape, or the focus has gone.
    """

    keys_pressed = Signal(str)
    left = Signal()

    def __init__(self, theme: Theme, deed_text: str) -> None:
        super().__init__(theme)
        self._deed_text = deed_text
        self._shown = ""
        self.is_listening = False
        self.clicked.connect(self._listen)
        self.show_keys("")

    def show_keys(self, shown: str) -> None:
        """The keys in force, as the system writes them."""
        self._shown = shown
        self.setText("Press the new key" if self.is_listening else shown or "No key")
        self.setAccessibleName(f"{self._deed_text}: {self.text()}. Change the key")
        self.updateGeometry()
        self.update()

    def end(self) -> None:
        """Listen no more."""
        if self.is_listening:
            self.is_listening = False
            self.show_keys(self._shown)

    def event(self, event: QEvent) -> bool:
        """While it listens, every key is its own: Tab, and what the window would take."""
        if self.is_listening and isinstance(event, QKeyEvent):
            if event.type() is QEvent.Type.ShortcutOverride:
                event.accept()
                return True
            if event.type() is QEvent.Type.KeyPress:
                self._take_key(event)
                return True
        return super().event(event)

    def focusOutEvent(self, event: object) -> None:
        """Whoever goes elsewhere wants no other key."""
        super().focusOutEvent(event)  # type: ignore[arg-type]
        if self.is_listening:
            self.end()
            self.left.emit()

    def sizeHint(self) -> QSize:
        """As wide as its keys."""
        metrics = QFontMetrics(self.theme.font(TypeRole.SMALL_STRONG))
        width = metrics.horizontalAdvance(self.text()) + 2 * self.theme.gap(10)
        return QSize(max(width, self.theme.px(56)), self.theme.px(28))

    def minimumSizeHint(self) -> QSize:
        """It doesn't shrink."""
        return self.sizeHint()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint a key's cap."""
        theme, painter = self.theme, QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        rect = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        radius = theme.px(6)
        edge = "accent" if self.is_listening else "line_strong"
        surface = "accent_soft" if self.is_listening else "hover" if self.hovered else "sunken"
        painter.setPen(QPen(theme.colour(edge), 1))
        painter.setBrush(theme.colour(surface))
        painter.drawRoundedRect(rect, radius, radius)
        painter.setFont(theme.font(TypeRole.SMALL_STRONG))
        painter.setPen(theme.colour("text" if self._shown or self.is_listening else "text2"))
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self.text())
        if self.shows_focus:
            paint_focus_ring(painter, theme, QRectF(self.rect()), radius)

    @Slot()
    def _listen(self) -> None:
        self.is_listening = True
        self.setFocus(Qt.FocusReason.OtherFocusReason)
        self.show_keys(self._shown)

    def _take_key(self, event: QKeyEvent) -> None:
        if event.key() in _HELD_ALONE:
            return
        self.end()
        if event.key() == Qt.Key.Key_Escape and not event.modifiers():
            self.left.emit()
            return
        held = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        keys = QKeySequence(held.value | event.key())
        self.keys_pressed.emit(keys.toString(QKeySequence.SequenceFormat.PortableText))


class KeyRow(QWidget):
    """One deed.

    Signals:
        keys_pressed(str): the keys that the user wants for it.
        taking_agreed: yes, another deed shall lose them.
        reset_requested, clear_requested: wishes.
    """

    keys_pressed = Signal(str)
    taking_agreed = Signal()
    reset_requested = Signal()
    clear_requested = Signal()

    def __init__(self, theme: Theme, text: str) -> None:
        super().__init__()
        self.text = text
        self.button = KeyButton(theme, text)
        self.reset = Button(theme, "Reset", ButtonKind.LINK, icon="undo", small=True)
        self.reset.setAccessibleName(f"Reset: {text}")
        self.clear = Button(theme, "Remove", ButtonKind.QUIET, small=True)
        self.clear.setAccessibleName(f"Remove the key: {text}")
        self._reason = Paragraph(theme, "", TypeRole.SMALL, "danger")
        self.agree = Button(theme, "Use it here", small=True)
        self._trouble = QWidget()
        trouble = QHBoxLayout(self._trouble)
        trouble.setContentsMargins(0, 0, 0, theme.gap(6))
        trouble.addWidget(self._reason, 1)
        trouble.addWidget(self.agree)
        line = QHBoxLayout()
        line.setSpacing(theme.gap(8))
        line.addWidget(Label(theme, text, TypeRole.BODY, elided=True), 1)
        line.addWidget(self.reset)
        line.addWidget(self.clear)
        line.addWidget(self.button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, theme.gap(4), 0, theme.gap(4))
        column.setSpacing(theme.gap(2))
        column.addLayout(line)
        column.addWidget(self._trouble)
        self.show_trouble("")
        self._connect()

    def show_keys(self, shown: str, *, is_changed: bool) -> None:
        """The keys in force."""
        self.button.show_keys(shown)
        self.reset.setVisible(is_changed)
        self.clear.setVisible(bool(shown) and is_changed)
        self.show_trouble("")

    def show_trouble(self, sentence: str, *, can_agree: bool = False) -> None:
        """Why the keys that were pressed aren't taken at once; "" for nothing."""
        self._reason.set_text(sentence)
        self.agree.setVisible(can_agree)
        self._trouble.setVisible(bool(sentence))

    @Slot()
    def _forget_trouble(self) -> None:
        self.show_trouble("")

    def _connect(self) -> None:
        self.button.keys_pressed.connect(self.keys_pressed)
        self.button.clicked.connect(self._forget_trouble)
        self.agree.clicked.connect(self.taking_agreed)
        self.reset.clicked.connect(self.reset_requested)
        self.clear.clicked.connect(self.clear_requested)
