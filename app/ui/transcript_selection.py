"""What is selected in the transcript: from a place in one message to a place in another.

Keeps places and ids, since a message far away is no widget; what is copied is made from the
messages. Knows nothing of how a selection is painted.
"""

from __future__ import annotations

from PySide6.QtCore import QObject, QPointF, QTimer, Slot
from PySide6.QtGui import QGuiApplication

from app.core.conversation import Message, Role
from app.ui.block_cuts import BEGINNING, END, cut_blocks, plain_text_of
from app.ui.markdown import LINE_BREAK, Block, Run, TextBlock, parse_blocks
from app.ui.markdown_writer import write_markdown
from app.ui.message_pointer import MessagePointer
from app.ui.message_view import MessageView
from app.ui.selection import Place
from app.ui.transcript_rows import TranscriptRows

SCROLL_MS = 30

_Spot = tuple[int, Place]
"""A message's id, and a place in it."""


class TranscriptSelection(QObject):
    """One for a transcript."""

    def __init__(self, rows: TranscriptRows) -> None:
        super().__init__(rows)
        self._rows = rows
        self._anchor: _Spot | None = None
        self._head: _Spot | None = None
        self._whole: tuple[int, int] | None = None  # whole messages, by the keyboard: first, last
        self._dragged_at = QPointF()  # in the viewport, while the mouse is out of its message
        self._scrolling = QTimer(self)
        self._scrolling.setInterval(SCROLL_MS)
        self._scrolling.timeout.connect(self._drag_on)
        rows.row_made.connect(self._join)
        rows.messages_changed.connect(self._forget_what_is_gone)

    @property
    def whole_head(self) -> int:
        """The message to which whole messages are selected; -1 if none are."""
        return self._whole[1] if self._whole is not None else -1

    def extend_to_message(self, message_id: int) -> None:
        """Select whole messages, from the first one so selected to this one."""
        anchor = self._whole[0] if self._whole is not None else message_id
        rows = self._rows.row_of(anchor), self._rows.row_of(message_id)
        is_down = rows[0] <= rows[1]
        self._anchor = (anchor, BEGINNING if is_down else END)
        self._head = (message_id, END if is_down else BEGINNING)
        self._whole = (anchor, message_id)
        self._show()

    def plain_text(self) -> str:
        """The selected letters; messages are parted by an empty line."""
        return "\n\n".join(plain_text_of(blocks) for _, blocks in self._pieces() if blocks)

    def markdown(self) -> str:
        """What is selected, as Markdown; a message that is selected whole is as it was written."""
        texts = []
        for message, blocks in self._pieces():
            if message is not None:
                texts.append(message.text.strip("\n"))
            elif blocks:
                texts.append(write_markdown(blocks))
        return "\n\n".join(texts)

    # --- following the messages --------------------------------------------------------------

    @Slot(object)
    def _join(self, view: MessageView) -> None:
        """A message's widget is there: let it show its part, and listen to it."""
        view.pointer.selection_changed.connect(self._take_selection)
        view.pointer.extended.connect(self._extend)
        view.pointer.dragged_out.connect(self._drag)
        view.pointer.dropped.connect(self._scrolling.stop)
        view.selection_copy_requested.connect(self._copy)
        self._show_in(view)

    @Slot()
    def _take_selection(self) -> None:
        """A message's own mouse or keys selected something in it."""
        view = self._view_of(self.sender())
        if view is None:
            return
        self._scrolling.stop()
        selection = view.body.selection
        if selection.anchor is None or selection.head is None:
            self._anchor = self._head = None
        else:
            self._anchor = (view.message_id, selection.anchor)
            self._head = (view.message_id, selection.head)
        self._whole = None
        self._show()

    @Slot(object)
    def _extend(self, place: Place | None) -> None:
        """A click with Shift."""
        view = self._view_of(self.sender())
        if view is None or place is None:
            return
        spot = (view.message_id, place)
        self._anchor, self._head, self._whole = self._anchor or spot, spot, None
        self._show()

    @Slot(QPointF)
    def _drag(self, point: QPointF) -> None:
        """The mouse is above or below the message in which it was pressed."""
        view = self._view_of(self.sender())
        if view is not None:
            self._dragged_at = QPointF(view.mapTo(self._rows.viewport(), point))
            self._reach()
            height = self._rows.viewport().height()
            if 0 <= self._dragged_at.y() <= height:
                self._scrolling.stop()
            else:
                self._scrolling.start()

    @Slot()
    def _drag_on(self) -> None:
        """Scroll while the mouse is beyond the transcript's edge, faster further away."""
        y, height = self._dragged_at.y(), self._rows.viewport().height()
        beyond = y if y < 0 else max(0.0, y - height)
        bar = self._rows.verticalScrollBar()
        bar.setValue(bar.value() + round(beyond / 2))
        self._reach()

    def _reach(self) -> None:
        """Draw the selection to the place under the mouse."""
        best: tuple[float, MessageView] | None = None
        for _, view in self._rows.message_views():
            above, below = view.y() - self._dragged_at.y(), self._dragged_at.y() - view.y()
            distance = max(above, below - view.height(), 0.0)
            if best is None or distance < best[0]:
                best = (distance, view)
        if best is None or self._anchor is None:
            return
        view = best[1]
        place = view.pointer.place_at(self._dragged_at - QPointF(view.pos()))
        if place is not None:
            self._head, self._whole = (view.message_id, place), None
            self._show()

    @Slot()
    def _forget_what_is_gone(self) -> None:
        spots = [spot for spot in (self._anchor, self._head) if spot is not None]
        if any(self._rows.row_of(spot[0]) < 0 for spot in spots):
            self._anchor = self._head = self._whole = None
            self._show()

    # --- showing and copying -----------------------------------------------------------------

    def _show(self) -> None:
        for _, view in self._rows.message_views():
            self._show_in(view)

    def _show_in(self, view: MessageView) -> None:
        part = self._part_of(self._rows.row_of(view.message_id))
        if part is None:
            view.select(None, None)
        else:
            texts = view.body.texts
            last = (len(texts) - 1, texts[-1].length) if texts else BEGINNING
            view.select(min(part[0], last), min(part[1], last))

    def _part_of(self, row: int) -> tuple[Place, Place] | None:
        """Which places of a row are selected, in reading order."""
        if self._anchor is None or self._head is None:
            return None
        ends = sorted((self._rows.row_of(spot[0]), spot[1]) for spot in (self._anchor, self._head))
        (first, begin), (last, end) = ends
        if not first <= row <= last:
            return None
        return begin if row == first else BEGINNING, end if row == last else END

    def _pieces(self) -> list[tuple[Message | None, list[Block]]]:
        """The selected blocks of each message; with the message, if it is selected whole."""
        pieces: list[tuple[Message | None, list[Block]]] = []
        for row, message in enumerate(self._rows.rows):
            part = self._part_of(row) if isinstance(message, Message) else None
            if part is None or not isinstance(message, Message):
                continue
            blocks = self._blocks_of(row, message)
            cut = cut_blocks(blocks, *part)
            is_whole = bool(cut) and cut == cut_blocks(blocks, BEGINNING, END)
            pieces.append((message if is_whole else None, cut))
        return pieces

    def _blocks_of(self, row: int, message: Message) -> list[Block]:
        view = self._rows.message_view(row)
        if view is not None:
            return [each.block for each in view.body.views]
        if message.role is Role.USER:
            return [TextBlock((Run(message.text.replace("\n", LINE_BREAK)),))]
        return list(parse_blocks(self._rows.parser, message.text))

    @Slot(bool)
    def _copy(self, as_markdown: bool) -> None:
        text = self.markdown() if as_markdown else self.plain_text()
        view = self.sender()
        if text:
            QGuiApplication.clipboard().setText(text)
        elif isinstance(view, MessageView):
            view.ask_copy()

    def _view_of(self, pointer: QObject | None) -> MessageView | None:
        parent = pointer.parent() if isinstance(pointer, MessagePointer) else None
        return parent if isinstance(parent, MessageView) else None
