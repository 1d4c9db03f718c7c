"""Searches the texts of a chat: which message has how many hits, and which hit is the current one.

Messages are read into folded texts a few milliseconds at a time; a search goes through what is
read and grows with the rest. Knows nothing of widgets.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markdown_it import MarkdownIt
from PySide6.QtCore import QObject, QTimer, Signal, Slot

from app.core.conversation import Message
from app.ui.folded_text import FoldedText, fold
from app.ui.message_texts import message_texts

SLICE_SECONDS = 0.004


@dataclass(slots=True)
class _Read:
    """A message's texts, and the text of the message that they were read from."""

    source: str
    texts: tuple[FoldedText, ...]
    hits: int = 0


class ChatSearch(QObject):
    """Hits are named by the message's id and their number in it, from 0.

    Signals:
        counted: there are other hits than before.
    """

    counted = Signal()

    def __init__(self, parser: MarkdownIt, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.words: tuple[str, ...] = ()
        self.is_active = False
        self._parser = parser
        self._order: list[int] = []
        self._read: dict[int, _Read] = {}
        self._unread: deque[Message] = deque()
        self._timer = QTimer(self)
        self._timer.setInterval(0)
        self._timer.timeout.connect(self._work)

    @property
    def is_idle(self) -> bool:
        """Whether every message is read."""
        return not self._unread

    @property
    def total(self) -> int:
        """All hits that are known by now."""
        return sum(self.hits_in(message_id) for message_id in self._order)

    def hits_in(self, message_id: int) -> int:
        """The hits of one message."""
        read = self._read.get(message_id)
        return read.hits if read is not None and self.words else 0

    def place_of(self, message_id: int, hit: int) -> int:
        """The number of that hit among all, from 1."""
        before = self._order[: self._order.index(message_id)] if message_id in self._order else ()
        return sum(self.hits_in(each) for each in before) + hit + 1

    def show_messages(self, messages: Sequence[Message], *, first: int = 0) -> None:
        """Read these messages, the row `first` and what follows it before the others."""
        self._order = [message.message_id for message in messages]
        kept = set(self._order)
        self._read = {key: read for key, read in self._read.items() if key in kept}
        self._unread = deque(
            message
            for message in (*messages[first:], *reversed(messages[:first]))
            if not self._knows(message)
        )
        if self.is_active and self._unread:
            self._timer.start()

    def begin(self) -> None:
        """Read from now on."""
        self.is_active = True
        if self._unread:
            self._timer.start()

    def end(self) -> None:
        """Search no more, and let the texts go."""
        self.is_active = False
        self.words = ()
        self._timer.stop()
        self._order.clear()
        self._read.clear()
        self._unread.clear()

    def search(self, words: Iterable[str]) -> None:
        """Search for these words, each by itself."""
        folded = (fold(word).text for word in words)
        self.words = tuple(word for word in folded if word.strip())
        for read in self._read.values():
            self._count(read)
        self.counted.emit()

    def take_texts(self, message_id: int, source: str, texts: Iterable[FoldedText]) -> None:
        """A message that is known better elsewhere: the growing reply."""
        if not self.is_active:
            return
        if message_id not in self._order:
            self._order.append(message_id)
        read = _Read(source, tuple(texts))
        self._read[message_id] = read
        self._count(read)
        self.counted.emit()

    def step_from(self, message_id: int, hit: int, step: int) -> tuple[int, int] | None:
        """The next hit, or the previous one with -1, round the end; None if there is none.

        `hit` may be one before the first or one past the last of that message.
        """
        order = self._order
        if not order or not self.total:
            return None
        row = order.index(message_id) if message_id in order else 0
        if 0 <= hit + step < self.hits_in(order[row]):
            return order[row], hit + step
        for distance in range(1, len(order) + 1):
            other = order[(row + step * distance) % len(order)]
            hits = self.hits_in(other)
            if hits:
                return other, 0 if step > 0 else hits - 1
        return None

    def _knows(self, message: Message) -> bool:
        read = self._read.get(message.message_id)
        return read is not None and read.source == message.text

    def _count(self, read: _Read) -> None:
        read.hits = sum(text.count(self.words) for text in read.texts) if self.words else 0

    @Slot()
    def _work(self) -> None:
        until = time.perf_counter() + SLICE_SECONDS
        found = 0
        while self._unread and time.perf_counter() < until:
            message = self._unread.popleft()
            texts = tuple(fold(text) for text in message_texts(self._parser, message))
            read = _Read(message.text, texts)
            self._read[message.message_id] = read
            self._count(read)
            found += read.hits
        if not self._unread:
            self._timer.stop()
        if found or not self._unread:
            self.counted.emit()
