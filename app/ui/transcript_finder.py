"""Finds words in the open chat: marks them where they are in sight, and goes from hit to hit.

Knows the rows of the transcript, and nothing of the bar in which the words are typed.
"""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from app.core.conversation import Message
from app.ui.block_views import BlockView
from app.ui.chat_search import ChatSearch
from app.ui.folded_text import FoldedText, fold
from app.ui.markdown import Block
from app.ui.message_marks import hit_place, mark_hits, show_sideways
from app.ui.message_texts import block_texts
from app.ui.message_view import MessageView
from app.ui.reply_view import ReplyView
from app.ui.transcript_rows import TranscriptRows

GROWTH_MS = 250


class TranscriptFinder(QObject):
    """One for a transcript.

    Signals:
        found(int, int, bool): the current hit's number from 1 (0: none), how many there are, and
            whether the whole chat is searched by now.
    """

    found = Signal(int, int, bool)

    def __init__(self, rows: TranscriptRows) -> None:
        super().__init__(rows)
        self._rows = rows
        self._search = ChatSearch(rows.parser, self)
        self._current: tuple[int, int] | None = None  # a message's id, and a hit in it
        self._only: int | None = None  # the one message in which words are marked
        self._grown: dict[BlockView, tuple[Block, tuple[FoldedText, ...]]] = {}
        self._growth = QTimer(self)
        self._growth.setSingleShot(True)
        self._growth.setInterval(GROWTH_MS)
        self._growth.timeout.connect(self._take_growth)
        self._search.counted.connect(self._take_count)
        rows.row_made.connect(self._mark)
        rows.messages_changed.connect(self._take_messages)
        rows.reply_grew.connect(self._note_growth)

    @property
    def is_active(self) -> bool:
        """Whether the chat is being searched."""
        return self._search.is_active

    @property
    def is_complete(self) -> bool:
        """Whether every message is searched."""
        return self._search.is_idle

    @property
    def current(self) -> tuple[int, int] | None:
        """The id of the message in which the current hit stands, and its number in it."""
        return self._current

    @Slot()
    def begin(self) -> None:
        """Get ready: the texts are read while the words are typed."""
        if not self._search.is_active:
            self._search.begin()
            self._take_messages()

    @Slot(str)
    def find(self, text: str) -> None:
        """Mark `text` everywhere, and go to the first hit from what is in sight on."""
        self.begin()
        self._only = None
        self._current = None
        self._search.search((text,))
        self._mark_all()

    def step(self, step: int) -> None:
        """To the next hit, or with -1 to the previous one."""
        if self._only is not None:
            return
        at = self._current or (self._message_in_sight(), -1 if step > 0 else 0)
        self._go_to(self._search.step_from(*at, step))

    @Slot()
    def end(self) -> None:
        """No marks any more."""
        self._search.end()
        self._grown.clear()
        self._current = self._only = None
        self._mark_all()

    def show_message(self, message_id: int, words: str) -> None:
        """Scroll to a message, and mark each of these words in it."""
        row = self._rows.row_of(message_id)
        if row < 0:
            return
        self.end()
        self._search.search(words.split())
        self._only, self._current = message_id, (message_id, 0)
        self._rows.scroll_to_row(row)
        self._mark_all()
        self._scroll_to_current()

    # --- parts -------------------------------------------------------------------------------

    def _go_to(self, hit: tuple[int, int] | None) -> None:
        before, self._current = self._current, hit
        for message_id in {each[0] for each in (before, hit) if each is not None}:
            view = self._rows.view(self._rows.row_of(message_id))
            if isinstance(view, MessageView):
                self._mark(view)
        self._scroll_to_current()
        self._tell()

    def _scroll_to_current(self) -> None:
        """Bring the current hit into sight, down to where it stands in a long line."""
        if self._current is None:
            return
        row = self._rows.row_of(self._current[0])
        if row < 0:
            return
        if self._rows.view(row) is None:
            self._rows.scroll_to_row(row)
        view = self._rows.view(row)
        if not isinstance(view, MessageView):
            return
        place = hit_place(view.body, self._current[1])
        if place is not None:
            self._rows.show_stretch(row, round(place.top()), round(place.bottom()))
            show_sideways(view.body, self._current[1])

    def _message_in_sight(self) -> int:
        place = self._rows.place_of_reading()
        rows = self._rows.rows[place[0] :] if place is not None else []
        return next((row.message_id for row in rows if isinstance(row, Message)), -1)

    def _mark_all(self) -> None:
        for row in self._rows.rows_alive():
            view = self._rows.view(row)
            if isinstance(view, MessageView):
                self._mark(view)

    @Slot(object)
    def _mark(self, view: MessageView) -> None:
        is_meant = self._only is None or self._only == view.message_id
        words = self._search.words if is_meant else ()
        is_current = self._current is not None and self._current[0] == view.message_id
        hit = self._current[1] if is_current and self._current is not None else -1
        mark_hits(view.body, words, hit)
        view.update()

    @Slot()
    def _take_messages(self) -> None:
        """Other messages: those that are known needn't be read again."""
        if not self._search.is_active:
            if self._only is not None and self._rows.row_of(self._only) < 0:
                self.end()
            return
        messages = self._rows.messages
        in_sight = self._message_in_sight()
        first = next((i for i, each in enumerate(messages) if each.message_id == in_sight), 0)
        self._grown.clear()
        self._search.show_messages(messages, first=first)
        if self._current is not None and self._rows.row_of(self._current[0]) < 0:
            self._current = None
        self._take_count()

    @Slot()
    def _take_count(self) -> None:
        """Go to the first hit, as soon as there is one."""
        if self._only is not None:
            return
        if self._current is None and self._search.words:
            self._go_to(self._search.step_from(self._message_in_sight(), -1, 1))
        else:
            self._tell()

    def _tell(self) -> None:
        place = self._search.place_of(*self._current) if self._current is not None else 0
        self.found.emit(place, self._search.total, self._search.is_idle)

    @Slot()
    def _note_growth(self) -> None:
        if self._search.is_active and not self._growth.isActive():
            self._growth.start()

    @Slot()
    def _take_growth(self) -> None:
        """The growing reply, of which only new blocks are read again."""
        view = self._rows.last_reply()
        if view is None or not self._search.is_active:
            return
        self._search.take_texts(view.message_id, view.message.text, self._texts_of(view))
        self._mark(view)

    def _texts_of(self, view: ReplyView) -> list[FoldedText]:
        texts: list[FoldedText] = []
        for block_view in view.body.views:
            block, known = self._grown.get(block_view, (None, ()))
            if block is not block_view.block:
                known = tuple(fold(text) for text in block_texts(block_view.block))
                self._grown[block_view] = (block_view.block, known)
            texts += known
        return texts
