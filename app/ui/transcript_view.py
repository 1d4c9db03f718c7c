"""The transcript: the messages of the open branch beneath each other.

A reply's text is gathered as it comes and shown in the clock's tick; only its last block is laid
out anew, and what is finished stays where it is. Knows nothing of the session.
"""

from __future__ import annotations

from PySide6.QtCore import QRect, Qt, Signal, Slot
from PySide6.QtGui import QFocusEvent, QFontMetricsF, QKeyEvent
from PySide6.QtWidgets import QApplication

from app.core.conversation import Message, MessageState, Role
from app.runtime.facts import Notice, ReadingProgress
from app.ui.block_pictures import BlockPictures
from app.ui.code_colours import CodeColours
from app.ui.mark import MarkClock
from app.ui.markdown import make_parser
from app.ui.memory_line import MemoryLine
from app.ui.message_kit import MessageKit
from app.ui.message_view import MessageView
from app.ui.reply_view import ReplyView
from app.ui.row_heights import estimated_height
from app.ui.theme import Theme, TypeRole
from app.ui.user_message_view import UserMessageView
from app.ui.virtual_rows import RowWidget, VirtualRows

_PASSED_ON = (
    "copy_requested",
    "edit_requested",
    "again_requested",
    "continue_requested",
    "version_requested",
    "link_activated",
)


class TranscriptView(VirtualRows):
    """The messages of one branch.

    Signals: those of `MessageView`, passed on; and
        notice_action_requested, notice_details_requested(object): the notice in a reply's place.
        follow_changed(bool): whether the end is kept in sight.
    """

    copy_requested = Signal(int)
    edit_requested = Signal(int)
    again_requested = Signal(int)
    continue_requested = Signal(int)
    version_requested = Signal(int, int)
    link_activated = Signal(str)
    notice_action_requested = Signal(object)
    notice_details_requested = Signal(object)
    follow_changed = Signal(bool)

    def __init__(self, theme: Theme, clock: MarkClock) -> None:
        super().__init__(theme)
        self._kit = MessageKit(
            theme, clock, make_parser(), CodeColours(theme, self), BlockPictures(theme)
        )
        self._rows: list[Message | int] = []  # a number: the memory line, of so many messages
        self._waiting: list[str] = []
        self._notice: Notice | None = None
        self._current = -1
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAccessibleName("Messages")
        clock.ticked.connect(self.flush)
        theme.changed.connect(self._rebuild)

    @property
    def colours(self) -> CodeColours:
        """What colours the code; it is warmed up once the window stands."""
        return self._kit.colours

    @property
    def messages(self) -> list[Message]:
        """The branch as it is shown."""
        return [row for row in self._rows if isinstance(row, Message)]

    # --- what is shown -----------------------------------------------------------------------

    def show_branch(self, branch: tuple[Message, ...]) -> None:
        """Show these messages, the end in sight."""
        self._rows = list(branch)
        self._waiting.clear()
        self._notice = None
        self._current = -1
        self.set_rows([self._estimate(row) for row in self._rows])

    def add_message(self, message: Message) -> None:
        """One more at the end; the user's own brings the end into sight."""
        self.flush()
        self._rows.append(message)
        self._tell_last()
        self.append_row(self._estimate(message))
        if message.role is Role.USER or self.follows:
            self.scroll_to_end()

    def grow(self, message_id: int, text: str) -> None:
        """Text for the last reply; it is shown in the next tick."""
        if self._is_last_reply(message_id):
            self._waiting.append(text)

    @Slot()
    def flush(self) -> None:
        """Show what has been gathered."""
        if not self._waiting:
            return
        text = "".join(self._waiting)
        self._waiting.clear()
        view = self._last_view()
        if view is None:
            return
        view.grow(text)
        row = len(self._rows) - 1
        self._rows[row] = view.message
        top = round(view.growing_top())
        self.lay_out_row(row)
        view.update(QRect(0, top, view.width(), view.height() - top))

    def finish_reply(self, message: Message) -> None:
        """The last reply is complete, or stopped."""
        if not self._is_last_reply(message.message_id):
            return
        self._waiting.clear()
        self._rows[-1] = message
        view = self._last_view()
        if view is not None:
            view.finish(message)
        self.lay_out_row(len(self._rows) - 1)

    def resume_reply(self, message: Message) -> None:
        """The last reply grows again."""
        if self._is_last_reply(message.message_id):
            self._rows[-1] = message
            self._rebuild()

    def show_reading(self, progress: ReadingProgress) -> None:
        """How much of the prompt is read, in the growing reply's place."""
        view = self._last_view()
        if view is not None and view.is_growing:
            view.show_reading(progress)

    def show_notice(self, notice: Notice | None) -> None:
        """News about the last reply, in its place; None takes it away."""
        self._notice = notice
        view = self._last_view()
        if view is not None:
            view.show_notice(notice)

    def move_memory_line(self, dropped_messages: int) -> None:
        """The model no longer sees so many of the oldest messages."""
        messages = self.messages
        self._rows = list(messages)
        if 0 < dropped_messages < len(messages):
            self._rows.insert(dropped_messages, dropped_messages)
        self._current = -1
        self._rebuild()

    def last_code(self) -> str | None:
        """The code of the last block of code that is near what is seen."""
        for row in reversed(self.rows_alive()):
            view = self.view(row)
            code = view.body.last_code() if isinstance(view, MessageView) else None
            if code is not None:
                return code
        return None

    # --- rows --------------------------------------------------------------------------------

    def make_row(self, row: int) -> RowWidget:
        """A bubble, a reply or the memory line."""
        content = self._rows[row]
        if isinstance(content, int):
            return MemoryLine(self.theme, content)
        view = self._make_view(content)
        view.set_last(row == len(self._rows) - 1)
        for name in _PASSED_ON:
            getattr(view, name).connect(getattr(self, name))
        view.height_changed.connect(self._lay_out_sender)
        view.pointer.selection_changed.connect(self._clear_other_selections)
        view.focused.connect(self._note_focus)
        return view

    def keeps_row(self, row: int) -> bool:
        """The growing reply stays, and what has the focus."""
        content = self._rows[row]
        if isinstance(content, Message) and content.state is MessageState.GROWING:
            return True
        view, focused = self.view(row), QApplication.focusWidget()
        return (
            view is not None
            and focused is not None
            and (view is focused or view.isAncestorOf(focused))
        )

    def note_follow(self, follows: bool) -> None:
        """Tell it."""
        self.follow_changed.emit(follows)

    # --- focus -------------------------------------------------------------------------------

    def step_message(self, step: int) -> None:
        """Focus the previous or the next message; from outside, the last one."""
        rows = [row for row, content in enumerate(self._rows) if isinstance(content, Message)]
        if not rows:
            return
        if self._current not in rows or not self._has_focus_within():
            wanted = rows[-1]
        else:
            place = rows.index(self._current) + step
            wanted = rows[max(0, min(place, len(rows) - 1))]
        self._focus_row(wanted)

    def focused_message(self) -> Message | None:
        """The message that has the focus, else the last one."""
        if self._has_focus_within() and 0 <= self._current < len(self._rows):
            content = self._rows[self._current]
            return content if isinstance(content, Message) else None
        return self.messages[-1] if self.messages else None

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Tab comes to the message that had the focus last, or to the last one."""
        super().focusInEvent(event)
        if self._rows:
            row = self._current if 0 <= self._current < len(self._rows) else len(self._rows) - 1
            self._focus_row(row)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Up and Down go through the messages; the rest scrolls."""
        if event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down) and not event.modifiers():
            self.step_message(1 if event.key() == Qt.Key.Key_Down else -1)
        elif event.key() == Qt.Key.Key_End:
            self.scroll_to_end()
        else:
            super().keyPressEvent(event)

    def _focus_row(self, row: int) -> None:
        self._current = row
        self.scroll_to_row(row)
        view = self.view(row)
        if isinstance(view, MessageView):
            view.focus_by_keyboard()

    def _has_focus_within(self) -> bool:
        focused = QApplication.focusWidget()
        return focused is not None and (focused is self or self.isAncestorOf(focused))

    # --- parts -------------------------------------------------------------------------------

    def _make_view(self, message: Message) -> MessageView:
        if message.role is Role.USER:
            return UserMessageView(self._kit, message)
        view = ReplyView(self._kit, message)
        view.notice_action_requested.connect(self.notice_action_requested)
        view.notice_details_requested.connect(self.notice_details_requested)
        if self._notice is not None and message is self._rows[-1]:
            view.show_notice(self._notice)
        return view

    def _last_view(self) -> ReplyView | None:
        view = self.view(len(self._rows) - 1)
        return view if isinstance(view, ReplyView) else None

    def _is_last_reply(self, message_id: int) -> bool:
        last = self._rows[-1] if self._rows else None
        return isinstance(last, Message) and last.message_id == message_id

    def _tell_last(self) -> None:
        for row in self.rows_alive():
            view = self.view(row)
            if isinstance(view, MessageView):
                view.set_last(row == len(self._rows) - 1)

    def _estimate(self, row: Message | int) -> int:
        line = self.theme.line_height(TypeRole.READING)
        if isinstance(row, int):
            return 2 * line
        letter = QFontMetricsF(self.theme.font(TypeRole.READING)).averageCharWidth()
        width = self.column.width or 40 * self.theme.em
        return estimated_height(len(row.text), row.text.count("\n"), width, line, letter)

    @Slot()
    def _rebuild(self) -> None:
        self._kit.pictures.clear()
        self.set_rows([self._estimate(row) for row in self._rows], at_end=self.follows)

    @Slot()
    def _lay_out_sender(self) -> None:
        sender = self.sender()
        for row in self.rows_alive():
            if self.view(row) is sender:
                self.lay_out_row(row)
                return

    @Slot()
    def _clear_other_selections(self) -> None:
        chosen = self.sender()
        for row in self.rows_alive():
            view = self.view(row)
            if isinstance(view, MessageView) and view.pointer is not chosen:
                view.clear_selection()

    @Slot(int)
    def _note_focus(self, message_id: int) -> None:
        for row, content in enumerate(self._rows):
            if isinstance(content, Message) and content.message_id == message_id:
                self._current = row
