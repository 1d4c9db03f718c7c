"""The user's message: a bubble at the right. Knows nothing of the model's messages."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QWidget

from app.core.attachments import megabytes_text
from app.core.conversation import Attachment, Message
from app.ui.amounts import count_text
from app.ui.attachment_chip import AttachmentChip, place_chips
from app.ui.column import BUBBLE_EM, ColumnRect
from app.ui.keys import Deed
from app.ui.markdown import LINE_BREAK, Run, TextBlock
from app.ui.message_kit import MessageKit
from app.ui.message_view import RING_ROOM, MessageView


class UserMessageView(MessageView):
    """What the user wrote, letter by letter: Markdown is for the model."""

    def __init__(self, kit: MessageKit, message: Message) -> None:
        super().__init__(kit, message)
        self._bubble = QRectF()
        self._chips = [self._make_chip(each) for each in message.attachments]
        text = message.text.replace("\n", LINE_BREAK)
        self.body.grow([TextBlock((Run(text),))])
        versions = ""
        if message.version_count > 1:
            versions = f", version {message.version} of {count_text(message.version_count)}"
        pinned = ", pinned" if message.is_pinned else ""
        self.setAccessibleName(f"You{versions}{pinned}")
        self.setAccessibleDescription(message.text)
        self.refresh_foot()

    def controls(self) -> list[QWidget]:
        """Its files, too."""
        return [*self._chips, *super().controls()]

    def needs_foot(self) -> bool:
        """Where there are versions or a pin, one must see it."""
        return self.message.version_count > 1 or self.message.is_pinned

    def lay_out(self, column: ColumnRect) -> int:
        """The bubble is as wide as its text, at most 38 em."""
        theme = self.theme
        self.column = column
        side = theme.gap(16)
        most = min(BUBBLE_EM * theme.reading_em, column.width) - 2 * side
        gap = theme.gap(6)
        natural = self.body.texts[0].natural_width + 1
        in_a_row = sum(chip.sizeHint().width() + gap for chip in self._chips) - gap
        width = min(max(natural, in_a_row), most)
        left = column.x + column.width - side - width
        above, below = theme.gap(12), theme.gap(8)
        room = theme.gap(RING_ROOM)
        height = self._lay_chips_out(round(left), room + above, round(width))
        if self.message.text:
            height += self.body.lay_out(left, room + above + height, width)
        self._bubble = QRectF(left - side, room, width + 2 * side, above + height + below)
        bottom = round(self._bubble.bottom())
        row = theme.px(28) if self.needs_foot() else theme.gap(26) - room
        top = bottom + (theme.gap(4) if self.needs_foot() else 0)
        foot_height = self.foot.lay_out(column.width, row)
        self.foot.setGeometry(column.x, top, column.width, foot_height)
        if self.needs_foot():
            return top + foot_height + theme.gap(24) - room
        return bottom + theme.gap(26) - room

    def _lay_chips_out(self, left: int, top: int, width: int) -> float:
        """Place the files above the text; returns the height that they take."""
        if not self._chips:
            return 0
        beneath = self.theme.gap(9 if self.message.text else 4)
        return place_chips(self._chips, left, top, width, self.theme.gap(6)) - top + beneath

    def content_rect(self) -> QRectF:
        """The bubble."""
        return self._bubble.adjusted(4, 3, -4, -3)

    def paint_content(self, painter: QPainter, visible: QRectF) -> None:
        """Paint the bubble and the text."""
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self.theme.colour("bubble"))
        radius = self.theme.px(14)
        painter.drawRoundedRect(self._bubble, radius, radius)
        if self.message.text:
            self.body.paint(painter, visible, on_canvas=False)

    def deeds(self) -> dict[Deed | None, Callable[[], None]]:
        """Editing it, too."""
        return {**super().deeds(), Deed.EDIT_MESSAGE: self.ask_edit}

    def _make_chip(self, attachment: Attachment) -> AttachmentChip:
        chip = AttachmentChip(self.theme, attachment.name, _figure_of(attachment))
        chip.setParent(self)
        chip.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        chip.open_requested.connect(partial(self.attachment_requested.emit, attachment))
        chip.show()
        return chip


def _figure_of(attachment: Attachment) -> str:
    if not attachment.file_bytes:
        return "cut" if attachment.is_cut else ""
    size = megabytes_text(attachment.file_bytes)
    return f"{size}, cut" if attachment.is_cut else size
