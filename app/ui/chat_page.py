"""The page with the conversation: notices, banner, transcript or empty state, and composer.

Puts the parts beneath each other and lays the floating ones over them. Knows nothing of the
session.
"""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QRect, QSize, Qt, Slot
from PySide6.QtGui import QColor, QLinearGradient, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import (
    QApplication,
    QFrame,
    QScrollArea,
    QSizePolicy,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)
from shiboken6 import isValid

from app.ui.column import SCROLL_BAR, ColumnHolder, column_in
from app.ui.composer import Composer
from app.ui.demo_banner import DemoBanner
from app.ui.down_button import DownButton
from app.ui.draft_edit import MOST_LINES
from app.ui.empty_state import EmptyState
from app.ui.find_bar import FindBar
from app.ui.header import Header
from app.ui.mark import MarkClock
from app.ui.notice_bar import NoticeBar
from app.ui.queued_line import QueuedLine
from app.ui.quiet_scroll_bar import QuietScrollBar
from app.ui.theme import Theme, TypeRole
from app.ui.toast import Toast
from app.ui.transcript_view import TranscriptView

FADE_HEIGHT = 22
LOW_EM = 24


class LowerFade(QWidget):
    """The transcript fades into the canvas above the composer."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint the gradient."""
        canvas = self._theme.colour("canvas")
        clear = QColor(canvas)
        clear.setAlpha(0)
        gradient = QLinearGradient(0, 0, 0, self.height())
        gradient.setColorAt(0, clear)
        gradient.setColorAt(1, canvas)
        QPainter(self).fillRect(self.rect(), gradient)


class ChatPage(QWidget):
    """Everything beneath the header, and the header itself."""

    def __init__(self, theme: Theme, clock: MarkClock) -> None:
        super().__init__()
        self.theme = theme
        self.header = Header(theme)
        self.find_bar = FindBar(theme)
        self.notices = NoticeBar(theme)
        self.banner = DemoBanner(theme)
        self.transcript = TranscriptView(theme, clock)
        self.empty = EmptyState(theme)
        self.composer = Composer(theme, clock)
        self.queued = QueuedLine(theme)
        self.toast = Toast(theme, self)
        self.down = DownButton(theme, self)
        self._focus_before_find: QWidget | None = None
        self._fade = LowerFade(theme, self)
        self._stack = QStackedWidget()
        self._empty_area = self._scrolled(self.empty)
        self._stack.addWidget(self._empty_area)
        self._stack.addWidget(self.transcript)
        self._lay_parts_out()
        self.banner.hide()
        self._stack.installEventFilter(self)
        self._connect_find()
        self.down.clicked.connect(self.transcript.scroll_to_end)
        self.transcript.follow_changed.connect(self._show_down)
        self.transcript.lines_arrived_below.connect(self._count_lines)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def _lay_parts_out(self) -> None:
        theme = self.theme
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.header)
        layout.addWidget(self.find_bar)
        layout.addWidget(ColumnHolder(theme, self.notices, above=12))
        layout.addWidget(ColumnHolder(theme, self.banner, above=12))
        layout.addWidget(self._stack, 1)
        layout.addWidget(ColumnHolder(theme, self.queued, below=6))
        layout.addWidget(ColumnHolder(theme, self.composer, below=16))

    @staticmethod
    def _scrolled(content: QWidget) -> QScrollArea:
        area = QScrollArea()
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setWidgetResizable(True)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        area.setVerticalScrollBar(QuietScrollBar(Qt.Orientation.Vertical))
        area.setWidget(content)
        return area

    def show_messages(self, has_messages: bool) -> None:
        """The transcript, or the empty state."""
        self._stack.setCurrentWidget(self.transcript if has_messages else self._empty_area)
        self.header.set_has_messages(has_messages)
        if not has_messages and not self.find_bar.isHidden():
            self.close_find()
        self._place_floating()

    @Slot()
    def open_find(self) -> None:
        """The bar in which one types what is to be found in this chat."""
        if self._stack.currentWidget() is self.transcript:
            focused = QApplication.focusWidget()
            if focused is not None and not self.find_bar.isAncestorOf(focused):
                self._focus_before_find = focused
            self.find_bar.open()
            self.transcript.finder.find(self.find_bar.field.text())

    @Slot(int)
    def step_find(self, step: int) -> None:
        """The next or the previous hit; opens the bar if it is away."""
        if self.find_bar.isHidden():
            self.open_find()
        elif self.find_bar.field.text().strip():
            self.transcript.finder.step(step)

    @Slot()
    def close_find(self) -> None:
        """Put the bar away; the focus returns where it was."""
        had_focus = self.find_bar.isAncestorOf(QApplication.focusWidget() or self)
        self.find_bar.hide()
        self.transcript.finder.end()
        if had_focus:
            self._give_focus_back()

    def minimumSizeHint(self) -> QSize:
        """It gives way as far as the window does."""
        return QSize(320, 320)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Move the floating parts along; in a low window notices and draft give way."""
        super().resizeEvent(event)
        is_low = self.height() < LOW_EM * self.theme.em
        self.notices.set_compact(is_low)
        self.banner.set_compact(is_low)
        line = self.theme.line_height(TypeRole.READING)
        self.composer.set_most_lines(max(2, min(MOST_LINES, self.height() * 2 // 5 // line)))
        self._place_floating()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """The transcript's place has changed."""
        if event.type() in (QEvent.Type.Resize, QEvent.Type.Move):
            self._place_floating()
        return super().eventFilter(watched, event)

    @Slot()
    def _show_down(self) -> None:
        shows_transcript = self._stack.currentWidget() is self.transcript
        self.down.setVisible(shows_transcript and not self.transcript.follows)
        self.down.raise_()

    @Slot(int)
    def _count_lines(self, lines: int) -> None:
        self.down.show_lines(lines)
        self._place_down()

    def _connect_find(self) -> None:
        bar, finder = self.find_bar, self.transcript.finder
        self.header.find_requested.connect(self.open_find)
        bar.text_changed.connect(finder.find)
        bar.step_requested.connect(self.step_find)
        bar.closed.connect(self.close_find)
        finder.found.connect(bar.show_found)

    def _give_focus_back(self) -> None:
        before = self._focus_before_find
        self._focus_before_find = None
        if before is not None and isValid(before) and before.isVisible():
            before.setFocus(Qt.FocusReason.OtherFocusReason)
        else:
            self.composer.draft.setFocus(Qt.FocusReason.OtherFocusReason)

    def _place_floating(self) -> None:
        theme, stack = self.theme, self._stack.geometry()
        bottom = stack.bottom() + 1
        fade = theme.px(FADE_HEIGHT)
        shows_transcript = self._stack.currentWidget() is self.transcript
        self._fade.setVisible(shows_transcript)
        self._fade.setGeometry(QRect(0, bottom - fade, self.width() - SCROLL_BAR, fade))
        self._place_down()
        self._show_down()
        self.place_toast()

    def _place_down(self) -> None:
        column = column_in(self.theme, self.width(), is_narrow=False)
        size = self.down.sizeHint()
        left = column.x + (column.width - size.width()) // 2
        bottom = self._stack.geometry().bottom() + 1 - self.theme.gap(10)
        self.down.setGeometry(left, bottom - size.height(), size.width(), size.height())

    def place_toast(self) -> None:
        """In the middle above the composer."""
        column = column_in(self.theme, self.width(), is_narrow=False)
        size = self.toast.sizeHint()
        bottom = self._stack.geometry().bottom() + 1
        self.toast.move(
            column.x + (column.width - size.width()) // 2,
            bottom - size.height() - self.theme.gap(10),
        )
