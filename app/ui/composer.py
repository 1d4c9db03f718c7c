"""Where one writes: the draft, the style of the replies, the draft's tokens, send and stop.

Knows nothing of the session; says what is wished by signals.
"""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QRectF, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QMouseEvent, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.core.settings import STYLES
from app.ui.amounts import speed_text, tokens_text
from app.ui.buttons import Button, ButtonKind, IconButton
from app.ui.draft_edit import DraftEdit
from app.ui.labels import Label
from app.ui.mark import Mark, MarkClock
from app.ui.popup_menu import PopupMenu
from app.ui.send_button import SendButton
from app.ui.theme import Theme, TypeRole

MEASURE_MS = 250


class Composer(QWidget):
    """The box at the window's foot.

    Signals:
        send_requested(str): a message; the composer is empty afterwards.
        edit_finished(int, str): the message that was changed, and its new text.
        stop_requested, last_message_requested: wishes of the keys.
        draft_changed(str): the draft stands still for a moment.
        style_chosen(str): a preset of the replies.
    """

    send_requested = Signal(str)
    edit_finished = Signal(int, str)
    stop_requested = Signal()
    left = Signal()
    last_message_requested = Signal()
    draft_changed = Signal(str)
    style_chosen = Signal(str)

    def __init__(self, theme: Theme, clock: MarkClock) -> None:
        super().__init__()
        self._theme = theme
        self._edited_id: int | None = None
        self._put_aside = ""
        self.draft = DraftEdit(theme)
        self._editing = Label(theme, "", TypeRole.SMALL, "text2", elided=True)
        self._editing.setText("You change a message. The old version stays.")
        self._leave_edit = IconButton(theme, "close", "Leave the message as it is", "Esc", 28)
        self._style = Button(theme, "Balanced", ButtonKind.QUIET, small=True, trailing_icon="down")
        self._mark = Mark(theme, 18, clock)
        self._figure = Label(theme, "", TypeRole.SMALL, "text2")
        self.send_button = SendButton(theme)
        for part in self._parts():
            part.setParent(self)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(MEASURE_MS)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._connect()
        self.set_style("Balanced")
        self.show_reply(False)

    # --- what is shown -----------------------------------------------------------------------

    def set_placeholder(self, text: str) -> None:
        """What stands there while nothing is written."""
        self.draft.setPlaceholderText(text)

    def set_send_key(self, sends_with_enter: bool) -> None:
        """Enter sends, or Ctrl+Enter."""
        self.draft.sends_with_enter = sends_with_enter

    def set_most_lines(self, lines: int) -> None:
        """How many lines the draft may take before it scrolls."""
        if lines != self.draft.most_lines:
            self.draft.most_lines = lines
            self._lay_out()

    def set_style(self, name: str) -> None:
        """The preset in force; "" is own values."""
        shown = name or "Own values"
        self._style.setText(shown)
        self._style.setAccessibleName(f"Style of the replies: {shown}")
        self._style.setToolTip("Style of the replies")
        self._lay_out()

    def show_reply(self, is_under_way: bool) -> None:
        """The round button stops, or sends."""
        self.send_button.set_stops(is_under_way)
        self._mark.setVisible(is_under_way)
        self._figure.setText("")
        self._take_text()

    def show_speed(self, tokens_per_second: float) -> None:
        """How fast the reply grows."""
        if self.send_button.stops:
            self._say(speed_text(tokens_per_second, 0))

    def show_draft_tokens(self, tokens: int, warning: str = "") -> None:
        """What the draft takes; the warning says what it pushes out of the memory."""
        if not self.send_button.stops:
            text = tokens_text(tokens) if tokens and self.text().strip() else ""
            self._say(f"{text}: {warning}" if warning else text, "warn" if warning else "text2")

    def show_draft(self, text: str) -> None:
        """Another chat's draft."""
        self._leave_editing()
        if text != self.text():
            self.draft.set_text(text)
        self._timer.stop()

    def edit_message(self, message_id: int, text: str) -> None:
        """Change a message that was sent; what was being written is put aside."""
        if self._edited_id is None:
            self._put_aside = self.text()
        self._edited_id = message_id
        self.draft.set_text(text)
        self._lay_out()
        self.draft.setFocus(Qt.FocusReason.OtherFocusReason)

    def flush_draft(self) -> None:
        """Tell the draft now: the window closes."""
        if self._timer.isActive():
            self._timer.stop()
            self._tell_draft()

    def text(self) -> str:
        """What is written."""
        return self.draft.toPlainText()

    @property
    def is_editing(self) -> bool:
        """Whether a message that was sent is being changed."""
        return self._edited_id is not None

    # --- geometry ----------------------------------------------------------------------------

    def sizeHint(self) -> QSize:
        """As high as the draft's lines."""
        theme = self._theme
        height = theme.gap(12) + self._editing_height() + self.draft.height_wanted()
        return QSize(40 * theme.em, height + theme.gap(5) + theme.px(34) + theme.gap(8))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Place the parts."""
        super().resizeEvent(event)
        self._lay_out()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint the box."""
        theme = self._theme
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        focused = self.draft.hasFocus()
        painter.setPen(QPen(theme.colour("accent" if focused else "control"), 1))
        painter.setBrush(theme.colour("raised"))
        rect = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.drawRoundedRect(rect, theme.px(16), theme.px(16))
        if self.is_editing:
            size = theme.px(16)
            y = theme.gap(9) + (theme.px(28) - size) / 2
            theme.icons.paint(painter, "edit", theme.colours.text2, theme.gap(18), y, size)

    def mousePressEvent(self, _event: QMouseEvent) -> None:
        """Anywhere in the box is the draft."""
        self.draft.setFocus(Qt.FocusReason.MouseFocusReason)

    def _parts(self) -> tuple[QWidget, ...]:
        return (
            self._editing,
            self._leave_edit,
            self.draft,
            self._style,
            self._mark,
            self._figure,
            self.send_button,
        )

    def _editing_height(self) -> int:
        return self._theme.px(28) + self._theme.gap(4) if self.is_editing else 0

    @Slot()
    def _lay_out(self) -> None:
        theme, width = self._theme, self.width()
        side, bottom = theme.gap(17), self.height() - theme.gap(8)
        self._lay_out_editing(width)
        top = theme.gap(12) + self._editing_height()
        self.draft.setGeometry(side, top, width - 2 * side, self.draft.height_wanted())
        middle = bottom - theme.px(34) // 2
        send = theme.px(34)
        self.send_button.setGeometry(width - theme.gap(8) - send, bottom - send, send, send)
        style = self._style.sizeHint()
        left = side - theme.gap(10)
        self._style.setGeometry(left, middle - style.height() // 2, style.width(), style.height())
        self._lay_out_figure(left + style.width(), width - theme.gap(8) - send, middle)
        self.updateGeometry()
        self.update()

    def _lay_out_editing(self, width: int) -> None:
        theme = self._theme
        self._editing.setVisible(self.is_editing)
        self._leave_edit.setVisible(self.is_editing)
        left, row, top = theme.gap(18) + theme.px(16) + theme.gap(8), theme.px(28), theme.gap(9)
        self._editing.setGeometry(left, top, max(0, width - left - row - theme.gap(12)), row)
        self._leave_edit.setGeometry(width - row - theme.gap(10), top, row, row)

    def _lay_out_figure(self, left: int, right: int, middle: int) -> None:
        theme = self._theme
        hint = self._figure.sizeHint()
        room = right - left - theme.gap(16)
        right -= theme.gap(13)
        shown = hint.width() <= room
        self._figure.setVisible(shown and bool(self._figure.text()))
        self._figure.setGeometry(
            right - hint.width(), middle - hint.height() // 2, hint.width(), hint.height()
        )
        size = self._mark.sizeHint().width()
        taken = hint.width() + theme.gap(8) if self._figure.text() and shown else 0
        self._mark.move(right - taken - size, middle - size // 2)

    # --- what is done ------------------------------------------------------------------------

    def _connect(self) -> None:
        self._theme.changed.connect(self._lay_out)
        self._timer.timeout.connect(self._tell_draft)
        self._style.clicked.connect(self._show_styles)
        self._leave_edit.clicked.connect(self.leave_editing)
        self.send_button.clicked.connect(self._take_button)
        self.draft.send_requested.connect(self._send)
        self.draft.left.connect(self._take_escape)
        self.draft.last_message_requested.connect(self.last_message_requested)
        self.draft.height_changed.connect(self._lay_out)
        self.draft.textChanged.connect(self._take_text)
        self.draft.textChanged.connect(self._timer.start)
        self.draft.focus_changed.connect(self.update)

    def _say(self, text: str, colour: str = "text2") -> None:
        self._figure.setText(text)
        self._figure.set_colour(colour)
        self._lay_out()

    @Slot()
    def _take_text(self) -> None:
        has_text = bool(self.text().strip())
        self.send_button.setEnabled(has_text or self.send_button.stops)
        if not has_text and not self.send_button.stops:
            self._figure.setText("")
        self._lay_out()

    @Slot()
    def _tell_draft(self) -> None:
        if not self.is_editing:
            self.draft_changed.emit(self.text())

    @Slot()
    def _take_button(self) -> None:
        if self.send_button.stops:
            self.stop_requested.emit()
        else:
            self._send()

    @Slot()
    def _send(self) -> None:
        text = self.text().strip()
        if not text:
            return
        self._timer.stop()
        edited = self._edited_id
        if edited is not None:
            self.leave_editing()
            self.edit_finished.emit(edited, text)
            return
        self.draft.set_text("")
        self._timer.stop()
        self.send_requested.emit(text)

    @Slot()
    def _take_escape(self) -> None:
        if self.is_editing:
            self.leave_editing()
        else:
            self.left.emit()

    @Slot()
    def leave_editing(self) -> None:
        """Back to what was being written before."""
        if self._edited_id is not None:
            text = self._put_aside
            self._leave_editing()
            self.draft.set_text(text)

    def _leave_editing(self) -> None:
        self._edited_id = None
        self._put_aside = ""
        self._lay_out()

    @Slot()
    def _show_styles(self) -> None:
        menu = PopupMenu(self._theme, self)
        for style in STYLES:
            is_chosen = style.name == self._style.text()
            choose = partial(self.style_chosen.emit, style.name)
            menu.add(style.name, choose, icon="check" if is_chosen else "")
        menu.popup_above(self._style)
