"""The model's message: no bubble, the mark in the gutter, Markdown that may still grow.

Knows nothing of the user's messages, nor of where the text comes from.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from PySide6.QtCore import QRectF, Signal, Slot
from PySide6.QtGui import QFontMetricsF, QPainter
from PySide6.QtWidgets import QWidget

from app.core.conversation import Message, MessageState
from app.runtime.facts import Notice, ReadingProgress
from app.ui.amounts import tokens_text
from app.ui.column import ColumnRect
from app.ui.growing_markdown import GrowingMarkdown, Growth
from app.ui.keys import Deed
from app.ui.mark import AT_REST, paint_mark
from app.ui.message_kit import MessageKit
from app.ui.message_view import RING_ROOM, MessageView
from app.ui.notice_card import NoticeCard
from app.ui.reading_line import ReadingLine
from app.ui.theme import TypeRole

MARK_SIZE, FOOT_GAP = 22, 9


class ReplyView(MessageView):
    """What the model wrote, or is writing.

    Signals:
        notice_action_requested, notice_details_requested(object): a button of the notice beneath.
    """

    notice_action_requested = Signal(object)
    notice_details_requested = Signal(object)

    def __init__(self, kit: MessageKit, message: Message) -> None:
        super().__init__(kit, message)
        self._clock = kit.clock
        self._markdown = GrowingMarkdown(kit.parser)
        self._reading: ReadingLine | None = None
        self._notice: NoticeCard | None = None
        self._text_bottom = 0.0
        kit.clock.stepped.connect(self._update_mark)
        self._take(self._markdown.append(message.text))
        if not self.is_growing:
            self._take(self._markdown.finish())
        self._tell_name()
        self.refresh_foot()
        self._show_reading()

    @property
    def is_growing(self) -> bool:
        """Whether the model is still at it."""
        return self.message.state is MessageState.GROWING

    def grow(self, text: str) -> None:
        """Add text at the end."""
        self.message = replace(self.message, text=self.message.text + text)
        self._take(self._markdown.append(text))
        self._show_reading()

    def finish(self, message: Message) -> None:
        """It is complete, or stopped."""
        if message.text.startswith(self.message.text):
            self._take(self._markdown.append(message.text[len(self.message.text) :]))
        self.message = message
        self._take(self._markdown.finish())
        self._tell_name()
        self._show_reading()
        self.refresh_foot()
        self.update()

    def go_on(self, message: Message) -> None:
        """A stopped reply grows again."""
        self.message = message
        self._tell_name()
        self.refresh_foot()

    def show_reading(self, progress: ReadingProgress) -> None:
        """How much of the prompt is read."""
        if self._reading is not None:
            self._reading.show_progress(progress)

    def show_notice(self, notice: Notice | None) -> None:
        """News about this reply, beneath what has arrived."""
        if notice is None:
            if self._notice is not None:
                self._notice.deleteLater()
                self._notice.hide()
                self._notice = None
        else:
            if self._notice is None:
                self._notice = NoticeCard(self.theme, can_close=False)
                self._notice.setParent(self)
                self._notice.action_requested.connect(self.notice_action_requested)
                self._notice.details_requested.connect(self.notice_details_requested)
            self._notice.show_notice(notice)
            self._notice.show()
        self.height_changed.emit()

    def needs_foot(self) -> bool:
        """Always on the last reply, once it is finished; and where one must see the pin."""
        return (self.is_last or self.message.is_pinned) and not self.is_growing

    def lay_out(self, column: ColumnRect) -> int:
        """Text beside the gutter, then the notice, then the foot."""
        theme = self.theme
        self.column = column
        left, width = column.x + column.gutter, column.width - column.gutter
        room = theme.gap(RING_ROOM)
        bottom = room + self.body.lay_out(left, room, width)
        if self._reading is not None:
            height = self._reading.height_wanted()
            self._reading.setGeometry(left, room, width, height)
            bottom = max(bottom, room + height)
        if self._notice is not None:
            top = round(bottom + (theme.gap(12) if bottom > room else 0))
            height = self._notice.heightForWidth(width)
            self._notice.setGeometry(left, top, width, height)
            bottom = top + height
        self._text_bottom = max(bottom, room + theme.line_height(TypeRole.READING))
        has_ending = self.message.state in (MessageState.STOPPED, MessageState.CUT_OFF)
        top = round(self._text_bottom + theme.gap(12 if has_ending else FOOT_GAP))
        row = theme.px(28)
        shift = 0 if has_ending else theme.px(6)
        height = self.foot.lay_out(width + shift, row)
        self.foot.setGeometry(left - shift, top, width + shift, height)
        return top + height + theme.gap(20) - room

    def content_rect(self) -> QRectF:
        """The text and the gutter."""
        top = self.theme.gap(RING_ROOM)
        return QRectF(self.column.x, top, self.column.width, self._text_bottom - top)

    def controls(self) -> list[QWidget]:
        """The notice's buttons come before the foot's."""
        extra = self._notice.controls() if self._notice is not None else []
        return [*self.body.controls(), *extra, *self.foot.controls()]

    def paint_content(self, painter: QPainter, visible: QRectF) -> None:
        """Paint the mark, the blocks and the caret."""
        if self.column.gutter:
            lit = self._clock.lit if self.is_growing else AT_REST
            rect = self._mark_rect()
            paint_mark(painter, self.theme, rect.x(), rect.y(), rect.width(), lit)
        super().paint_content(painter, visible)
        last = self.body.last_text
        if self.is_growing and last is not None and self._reading is None:
            self._paint_caret(painter, last.end_of_text())

    def deeds(self) -> dict[Deed | None, Callable[[], None]]:
        """Another answer and another wording, too; nothing is changed while it grows."""
        if self.is_growing:
            return super().deeds()
        return {
            **super().deeds(),
            Deed.MESSAGE_AGAIN: self.ask_again,
            Deed.EDIT_MESSAGE: self.ask_edit,
        }

    def growing_top(self) -> float:
        """Above this the last growth has changed nothing."""
        return self.body.dirty_top()

    def _take(self, growth: Growth) -> None:
        self.body.grow(growth.settled, growth.open)
        self.body.mend(growth.mended)

    def _show_reading(self) -> None:
        """The line stands there until the first letter comes."""
        wanted = self.is_growing and not self.message.text.strip()
        if wanted and self._reading is None:
            self._reading = ReadingLine(self.theme, self)
            self._reading.show()
        elif not wanted and self._reading is not None:
            self._reading.hide()
            self._reading.deleteLater()
            self._reading = None

    def _mark_rect(self) -> QRectF:
        """Beside the first line."""
        size = self.theme.px(MARK_SIZE)
        first = self.body.first_text
        font = first.document.defaultFont() if first else self.theme.font(TypeRole.READING)
        height = QFontMetricsF(font).height()
        top = self.theme.gap(RING_ROOM) + (height - size) / 2
        return QRectF(self.column.x, top, size, size)

    def _paint_caret(self, painter: QPainter, line: QRectF) -> None:
        metrics = QFontMetricsF(self.theme.font(TypeRole.READING))
        caret = QRectF(line.x() + 3, line.y() + 1, self.theme.px(2), metrics.height() - 1)
        painter.fillRect(caret, self.theme.colour("accent"))

    def _tell_name(self) -> None:
        message = self.message
        parts = [message.model_name or "The model"]
        if message.version_count > 1:
            parts.append(f"version {message.version} of {message.version_count}")
        if message.is_edited:
            parts.append("edited by you")
        if message.is_pinned:
            parts.append("pinned")
        if message.figures is not None:
            parts.append(tokens_text(message.figures.completion_tokens))
        self.setAccessibleName(", ".join(parts))
        if not self.is_growing:
            self.setAccessibleDescription(message.text)

    @Slot()
    def _update_mark(self) -> None:
        if self.is_growing:
            self.update(self._mark_rect().toAlignedRect())
