"""One notice: an icon, a bold sentence what happened, a sentence what it means, one button.

Knows nothing of where it stands; the button says what is wished.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from PySide6.QtCore import QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.runtime.facts import Notice, NoticeAction, NoticeKind
from app.ui.buttons import Button, IconButton
from app.ui.labels import Label, Paragraph
from app.ui.theme import Theme, TypeRole

_LOOKS = {
    NoticeKind.ERROR: ("error", "danger", "danger_soft"),
    NoticeKind.WARNING: ("warning", "warn", "warn_soft"),
    NoticeKind.INFO: ("info", "accent", "accent_soft"),
}
ACTION_NAMES = {
    NoticeAction.TRY_AGAIN: "Try again",
    NoticeAction.LOAD_AGAIN: "Load again",
    NoticeAction.DETAILS: "Details",
    NoticeAction.SHOW_FOLDER: "Show",
    NoticeAction.CUT_FILE: "Cut to fit",
    NoticeAction.UNDO_DELETE: "Undo",
    NoticeAction.DROP_OLDEST: "Drop the oldest",
    NoticeAction.SUMMARISE_OLDEST: "Summarise",
    NoticeAction.LARGER_CONTEXT: "Larger context",
}


class NoticeCard(QWidget):
    """A notice as a coloured card.

    Signals:
        action_requested(object): the notice whose button was pressed; of several ways on, its
            `action` is the one that was chosen.
        details_requested(object): the notice whose technical lines are wanted.
        closed(object): the notice that was put away.
    """

    action_requested = Signal(object)
    details_requested = Signal(object)
    closed = Signal(object)

    def __init__(self, theme: Theme, *, can_close: bool = True) -> None:
        super().__init__()
        self._theme = theme
        self._notice: Notice | None = None
        self._text = Paragraph(theme, "", TypeRole.SMALL, "text")
        self._waiting = Label(theme, "", TypeRole.CAPTION, "text2")
        self._action = Button(theme, "", small=True)
        self._details = Button(theme, "Details", small=True)
        self._close = IconButton(theme, "close", "Put this notice away", size=28)
        self._more: list[Button] = []
        self._can_close = can_close
        self._is_compact = False
        for widget in (self._text, self._waiting, self._action, self._details, self._close):
            widget.setParent(self)
        self._action.clicked.connect(self._ask_action)
        self._details.clicked.connect(self._ask_details)
        self._close.clicked.connect(self._ask_close)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    @property
    def notice(self) -> Notice | None:
        """What is shown."""
        return self._notice

    def show_notice(self, notice: Notice, waiting: int = 0) -> None:
        """Show a notice; `waiting` others come after it."""
        self._notice = notice
        self._text.set_text("" if self._is_compact else notice.text, notice.title)
        self.setToolTip(notice.text if self._is_compact else "")
        self._waiting.setText(f"{waiting} more" if waiting else "")
        self._action.setVisible(notice.action is not None)
        if notice.action is not None:
            self._action.setText(ACTION_NAMES[notice.action])
        self._show_more(notice)
        has_more = bool(notice.details) and notice.action in (
            NoticeAction.TRY_AGAIN,
            NoticeAction.LOAD_AGAIN,
        )
        self._details.setVisible(has_more)
        self._close.setVisible(self._can_close)
        self._waiting.setVisible(bool(waiting))
        self.setAccessibleName(f"{notice.title} {notice.text}")
        self.updateGeometry()
        self._lay_out(self.width())
        self.update()

    def _show_more(self, notice: Notice) -> None:
        for button in self._more:
            button.hide()
            button.deleteLater()
        self._more = [Button(self._theme, ACTION_NAMES[a], small=True) for a in notice.more_actions]
        last: QWidget = self._action
        for button, action in zip(self._more, notice.more_actions, strict=True):
            button.setParent(self)
            button.clicked.connect(partial(self._ask_other, replace(notice, action=action)))
            button.show()
            QWidget.setTabOrder(last, button)
            last = button

    def set_compact(self, is_compact: bool) -> None:
        """In a low window the bold sentence alone; the other one is its tooltip."""
        if is_compact != self._is_compact:
            self._is_compact = is_compact
            if self._notice is not None:
                self.show_notice(self._notice)

    def controls(self) -> list[QWidget]:
        """The buttons that are shown."""
        everything = (self._action, *self._more, self._details, self._close)
        return [widget for widget in everything if not widget.isHidden()]

    def hasHeightForWidth(self) -> bool:
        """The sentences wrap."""
        return True

    def heightForWidth(self, width: int) -> int:
        """The height in `width` px."""
        return self._lay_out(width)

    def sizeHint(self) -> QSize:
        """As high as the text at the present width."""
        return QSize(self.width(), self._lay_out(max(self.width(), 1)))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Place text and buttons."""
        super().resizeEvent(event)
        self._lay_out(self.width())

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint the card and its icon."""
        if self._notice is None:
            return
        theme = self._theme
        icon, ink, surface = _LOOKS[self._notice.kind]
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour(surface))
        painter.drawRoundedRect(QRectF(self.rect()), theme.px(10), theme.px(10))
        size = theme.px(18)
        top = self._text.y() + (theme.line_height(TypeRole.SMALL) - size) / 2
        colour = getattr(theme.colours, ink)
        theme.icons.paint(painter, icon, colour, theme.gap(14), top, size)

    def _lay_out(self, width: int) -> int:
        """Text at the left, buttons at the right; in little room the buttons come beneath."""
        theme = self._theme
        buttons = ([] if self._waiting.isHidden() else [self._waiting]) + self.controls()
        gap, side = theme.gap(8), theme.gap(10)
        left = theme.gap(14) + theme.px(18) + theme.gap(12)
        taken = sum(button.sizeHint().width() + gap for button in buttons)
        room = width - left - side - taken - gap
        beneath = room < 14 * theme.em
        text_width = max(width - left - side if beneath else room, 40)
        text_height = self._text.heightForWidth(text_width)
        above = theme.gap(11)
        self._text.setGeometry(left, above, text_width, text_height)
        row = theme.px(28)
        height = max(text_height + above + theme.gap(8), row + 2 * theme.gap(8))
        middle = height / 2
        if beneath:
            middle = above + text_height + theme.gap(6) + row / 2
            height = round(middle + row / 2 + theme.gap(8))
        self._place_buttons(buttons, width - side, round(middle))
        if not beneath and text_height < theme.line_height(TypeRole.SMALL) * 1.5:
            self._text.move(left, round((height - text_height) / 2))
        return height

    def _place_buttons(self, buttons: list[QWidget], right: int, middle: int) -> None:
        for button in reversed(buttons):
            size = button.sizeHint()
            right -= size.width()
            button.setGeometry(right, middle - size.height() // 2, size.width(), size.height())
            right -= self._theme.gap(8)

    @Slot()
    def _ask_action(self) -> None:
        self.action_requested.emit(self._notice)

    def _ask_other(self, notice: Notice) -> None:
        self.action_requested.emit(notice)

    @Slot()
    def _ask_details(self) -> None:
        self.details_requested.emit(self._notice)

    @Slot()
    def _ask_close(self) -> None:
        self.closed.emit(self._notice)
