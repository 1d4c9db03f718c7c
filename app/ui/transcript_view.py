"""The transcript: the messages of the open branch beneath each other.

A reply's text is gathered as it comes and shown in the clock's tick; only its last block is laid
out anew, and what is finished stays where it is. Knows nothing of the session.
"""

from __future__ import annotations

from PySide6.QtCore import QRect, Qt, Signal, Slot
from PySide6.QtGui import QFocusEvent, QKeyEvent
from PySide6.QtWidgets import QApplication

from app.core.conversation import Message, Role
from app.runtime.facts import Notice, ReadingProgress
from app.ui.buttons import keyboard_brought
from app.ui.mark import MarkClock
from app.ui.message_view import MessageView
from app.ui.theme import Theme, TypeRole
from app.ui.transcript_finder import TranscriptFinder
from app.ui.transcript_rows import TranscriptRows
from app.ui.transcript_selection import TranscriptSelection


class TranscriptView(TranscriptRows):
    """The messages of one branch.

    Signals: those of `TranscriptRows`; and
        lines_arrived_below(int): so many lines have come since the reader left the end.
    """

    lines_arrived_below = Signal(int)

    def __init__(self, theme: Theme, clock: MarkClock) -> None:
        super().__init__(theme, clock)
        self._waiting: list[str] = []
        self._end_when_left = 0
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAccessibleName("Messages")
        self.finder = TranscriptFinder(self)
        self.selection = TranscriptSelection(self)
        clock.ticked.connect(self.flush)

    # --- what is shown -----------------------------------------------------------------------

    def show_branch(self, branch: tuple[Message, ...]) -> None:
        """Show these messages.

        Another chat begins with its end in sight. Another branch of the same one keeps the first
        message that differs where the old one was, unless the end was in sight.
        """
        parting = self._parting_row(branch)
        is_other_chat = not self.messages or parting is None
        place = None if is_other_chat or self.follows else self.place_of(parting or 0)
        had_focus = self._has_focus_within()
        self.rows = list(branch)
        self._waiting.clear()
        self.notice = None
        self.current = -1
        self.set_rows([self.estimate(row) for row in self.rows], at_end=place is None)
        if place is not None:
            self.restore_place(*place)
        if had_focus and parting is not None and self.rows:
            self._focus_row(min(parting, len(self.rows) - 1))
        self.messages_changed.emit()

    def add_message(self, message: Message) -> None:
        """One more at the end; the user's own brings the end into sight."""
        self.flush()
        self.rows.append(message)
        self.tell_last()
        self.append_row(self.estimate(message))
        if message.role is Role.USER or self.follows:
            self.scroll_to_end()
        self.messages_changed.emit()

    def grow(self, message_id: int, text: str) -> None:
        """Text for the last reply; it is shown in the next tick."""
        if self.is_last(message_id):
            self._waiting.append(text)

    @Slot()
    def flush(self) -> None:
        """Show what has been gathered."""
        view = self.last_reply()
        if not self._waiting or view is None:
            return
        view.grow("".join(self._waiting))
        self._waiting.clear()
        row = len(self.rows) - 1
        self.rows[row] = view.message
        top = round(view.growing_top())
        self.lay_out_row(row)
        view.update(QRect(0, top, view.width(), view.height() - top))
        self._count_lines_below()
        self.reply_grew.emit()

    def finish_reply(self, message: Message) -> None:
        """The last reply is complete, or stopped."""
        if not self.is_last(message.message_id):
            return
        self._waiting.clear()
        self.rows[-1] = message
        view = self.last_reply()
        if view is not None:
            view.finish(message)
        self.lay_out_row(len(self.rows) - 1)
        self._count_lines_below()
        self.messages_changed.emit()

    def resume_reply(self, message: Message) -> None:
        """The last reply grows again."""
        if self.is_last(message.message_id):
            self.rows[-1] = message
            self.rebuild()

    def show_reading(self, progress: ReadingProgress) -> None:
        """How much of the prompt is read, in the growing reply's place."""
        view = self.last_reply()
        if view is not None and view.is_growing:
            view.show_reading(progress)

    def show_notice(self, notice: Notice | None) -> None:
        """News about the last reply, in its place; None takes it away."""
        self.notice = notice
        view = self.last_reply()
        if view is not None:
            view.show_notice(notice)

    def move_memory_line(self, dropped_messages: int) -> None:
        """The model no longer sees so many of the oldest messages."""
        messages = self.messages
        self.rows = list(messages)
        if 0 < dropped_messages < len(messages):
            self.rows.insert(dropped_messages, dropped_messages)
        self.current = -1
        self.rebuild()

    def last_code(self) -> str | None:
        """The code of the last block of code that is near what is seen."""
        for row in reversed(self.rows_alive()):
            view = self.view(row)
            code = view.body.last_code() if isinstance(view, MessageView) else None
            if code is not None:
                return code
        return None

    def as_markdown(self) -> str:
        """The whole branch, with who says what."""
        texts = []
        for message in self.messages:
            name = "You" if message.role is Role.USER else message.model_name or "Model"
            texts.append(f"**{name}:**\n\n{message.text}")
        return "\n\n".join(texts)

    def note_follow(self, follows: bool) -> None:
        """From now on lines are counted, or no more."""
        self._end_when_left = self.verticalScrollBar().maximum()
        self.lines_arrived_below.emit(0)
        super().note_follow(follows)

    def show_message(self, message_id: int, words: str = "") -> None:
        """Scroll to a message, and mark these words in it."""
        self.finder.show_message(message_id, words)

    # --- focus -------------------------------------------------------------------------------

    def step_message(self, step: int) -> None:
        """Focus the previous or the next message; from outside, the last one."""
        rows = [row for row, content in enumerate(self.rows) if isinstance(content, Message)]
        if not rows:
            return
        if self.current not in rows or not self._has_focus_within():
            wanted = rows[-1]
        else:
            place = rows.index(self.current) + step
            wanted = rows[max(0, min(place, len(rows) - 1))]
        self._focus_row(wanted)

    def focused_message(self) -> Message | None:
        """The message that has the focus, else the last one."""
        if self._has_focus_within() and 0 <= self.current < len(self.rows):
            content = self.rows[self.current]
            return content if isinstance(content, Message) else None
        return self.messages[-1] if self.messages else None

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Tab comes to the message that had the focus last, or to the last one."""
        super().focusInEvent(event)
        if self.rows and keyboard_brought(event.reason()):
            row = self.current if 0 <= self.current < len(self.rows) else len(self.rows) - 1
            self._focus_row(row)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Up and Down go through the messages; the rest scrolls."""
        is_arrow = event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down)
        step = 1 if event.key() == Qt.Key.Key_Down else -1
        if is_arrow and not event.modifiers():
            self.step_message(step)
        elif is_arrow and event.modifiers() == Qt.KeyboardModifier.ShiftModifier:
            self._extend_selection(step)
        elif event.key() == Qt.Key.Key_End:
            self.scroll_to_end()
        else:
            super().keyPressEvent(event)

    def _extend_selection(self, step: int) -> None:
        """The message that has the focus, then one more with each press."""
        message = self.focused_message()
        if message is None:
            return
        if self.selection.whole_head == message.message_id:
            self.step_message(step)
            message = self.focused_message() or message
        self.selection.extend_to_message(message.message_id)

    def _focus_row(self, row: int) -> None:
        self.current = row
        self.scroll_to_row(row)
        view = self.view(row)
        if isinstance(view, MessageView):
            view.focus_by_keyboard()

    def _has_focus_within(self) -> bool:
        focused = QApplication.focusWidget()
        return focused is not None and (focused is self or self.isAncestorOf(focused))

    # --- parts -------------------------------------------------------------------------------

    def _parting_row(self, branch: tuple[Message, ...]) -> int | None:
        """The first row in which another branch of this chat differs; None for another chat."""
        messages = self.messages
        if not messages or not branch:
            return None
        if messages[0].conversation_id != branch[0].conversation_id:
            return None
        for row, (old, new) in enumerate(zip(messages, branch, strict=False)):
            if old.message_id != new.message_id:
                return row
        return min(len(messages), len(branch)) - 1

    def _count_lines_below(self) -> None:
        if not self.follows:
            more = self.verticalScrollBar().maximum() - self._end_when_left
            line = self.theme.line_height(TypeRole.READING)
            self.lines_arrived_below.emit(max(0, round(more / line)))
