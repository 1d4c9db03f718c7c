"""The rows of the transcript: which widget stands for which message.

Knows nothing of growth, of the keyboard or of the session.
"""

from __future__ import annotations

from markdown_it import MarkdownIt
from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QFontMetricsF
from PySide6.QtWidgets import QApplication

from app.core.conversation import Message, MessageState, Role
from app.runtime.facts import Notice
from app.ui.block_pictures import BlockPictures
from app.ui.code_colours import CodeColours
from app.ui.mark import MarkClock
from app.ui.markdown import make_parser
from app.ui.memory_line import MemoryLine
from app.ui.message_kit import MessageKit
from app.ui.message_letters import MessageLetters
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
    "fork_requested",
    "pin_requested",
    "version_requested",
    "attachment_requested",
    "link_activated",
)


class TranscriptRows(VirtualRows):
    """Messages, and the memory line between them.

    Signals: those of `MessageView`, passed on; and
        notice_action_requested, notice_details_requested(object): the notice in a reply's place.
        follow_changed(bool): whether the end is kept in sight.
        messages_changed: others are there, or the last one is complete.
        reply_grew: what had been gathered of the last reply is shown.
        row_made(object): the widget of a message that comes into sight.
    """

    copy_requested = Signal(int)
    edit_requested = Signal(int)
    again_requested = Signal(int)
    continue_requested = Signal(int)
    fork_requested = Signal(int)
    pin_requested = Signal(int)
    version_requested = Signal(int, int)
    attachment_requested = Signal(object)
    link_activated = Signal(str)
    notice_action_requested = Signal(object)
    notice_details_requested = Signal(object)
    follow_changed = Signal(bool)
    messages_changed = Signal()
    reply_grew = Signal()
    row_made = Signal(object)

    def __init__(self, theme: Theme, clock: MarkClock) -> None:
        super().__init__(theme)
        self._kit = MessageKit(
            theme, clock, make_parser(), CodeColours(theme, self), BlockPictures(theme)
        )
        self.rows: list[Message | int] = []  # a number: the memory line, of so many messages
        self.notice: Notice | None = None  # beneath the last reply
        self.current = -1  # the row that had the keyboard's focus last
        theme.changed.connect(self.rebuild)

    @property
    def colours(self) -> CodeColours:
        """What colours the code; it is warmed up once the window stands."""
        return self._kit.colours

    @property
    def letters(self) -> MessageLetters:
        """The letters that act on the message with the focus."""
        return self._kit.letters

    @property
    def messages(self) -> list[Message]:
        """The branch as it is shown."""
        return [row for row in self.rows if isinstance(row, Message)]

    def make_row(self, row: int) -> RowWidget:
        """A bubble, a reply or the memory line."""
        content = self.rows[row]
        if isinstance(content, int):
            return MemoryLine(self.theme, content)
        view = self._make_view(content)
        view.set_last(row == len(self.rows) - 1)
        for name in _PASSED_ON:
            getattr(view, name).connect(getattr(self, name))
        view.height_changed.connect(self._lay_out_sender)
        view.focused.connect(self._note_focus)
        view.stop_reached.connect(self._show_stop)
        self.row_made.emit(view)
        return view

    def keeps_row(self, row: int) -> bool:
        """The growing reply stays, and what has the focus."""
        content = self.rows[row]
        if isinstance(content, Message) and content.state is MessageState.GROWING:
            return True
        view, focused = self.view(row), QApplication.focusWidget()
        if view is None or focused is None:
            return False
        return view is focused or view.isAncestorOf(focused)

    def note_follow(self, follows: bool) -> None:
        """Tell it."""
        self.follow_changed.emit(follows)

    @property
    def parser(self) -> MarkdownIt:
        """What reads the replies."""
        return self._kit.parser

    def row_of(self, message_id: int) -> int:
        """The row of a message; -1 if it isn't in this branch."""
        for row, content in enumerate(self.rows):
            if isinstance(content, Message) and content.message_id == message_id:
                return row
        return -1

    def last_reply(self) -> ReplyView | None:
        """The widget of the reply at the end."""
        view = self.view(len(self.rows) - 1)
        return view if isinstance(view, ReplyView) else None

    def is_last(self, message_id: int) -> bool:
        """Whether that message stands at the end."""
        last = self.rows[-1] if self.rows else None
        return isinstance(last, Message) and last.message_id == message_id

    def message_view(self, row: int) -> MessageView | None:
        """The widget of a message, if it exists now."""
        view = self.view(row)
        return view if isinstance(view, MessageView) else None

    def message_views(self) -> list[tuple[int, MessageView]]:
        """The rows that are messages and exist as widgets."""
        pairs = ((row, self.message_view(row)) for row in self.rows_alive())
        return [(row, view) for row, view in pairs if view is not None]

    def tell_last(self) -> None:
        """Another message stands at the end."""
        for row in self.rows_alive():
            view = self.view(row)
            if isinstance(view, MessageView):
                view.set_last(row == len(self.rows) - 1)

    def estimate(self, row: Message | int) -> int:
        """About how high a row is."""
        line = self.theme.line_height(TypeRole.READING)
        if isinstance(row, int):
            return 2 * line
        letter = QFontMetricsF(self.theme.font(TypeRole.READING)).averageCharWidth()
        width = self.column.width or 40 * self.theme.em
        return estimated_height(len(row.text), row.text.count("\n"), width, line, letter)

    @Slot()
    def rebuild(self) -> None:
        """Everything looks different now; the row that is read stays in sight."""
        self._kit.pictures.clear()
        at = self.place_of_reading()
        self.set_rows([self.estimate(row) for row in self.rows], at_end=self.follows)
        if at is not None and not self.follows:
            self.restore_place(*at)

    def _make_view(self, message: Message) -> MessageView:
        if message.role is Role.USER:
            return UserMessageView(self._kit, message)
        view = ReplyView(self._kit, message)
        view.notice_action_requested.connect(self.notice_action_requested)
        view.notice_details_requested.connect(self.notice_details_requested)
        if self.notice is not None and message is self.rows[-1]:
            view.show_notice(self.notice)
        return view

    @Slot()
    def _lay_out_sender(self) -> None:
        sender = self.sender()
        for row in self.rows_alive():
            if self.view(row) is sender:
                self.lay_out_row(row)
                return

    @Slot()
    def _show_stop(self) -> None:
        """Bring the link at which the keyboard is into sight."""
        for row, view in self.message_views():
            place = view.stops.place() if view is self.sender() else None
            if place is not None:
                self.show_stretch(row, *place)

    @Slot(int)
    def _note_focus(self, message_id: int) -> None:
        self.current = self.row_of(message_id)
