"""Turns the ids of a growing reply into text: whole characters, few events, nothing lost.

Knows nothing of llama.cpp: the bytes of each id are handed in.
"""

from __future__ import annotations

import codecs
import time
from collections.abc import Callable, Sequence

from app.engine.stop_strings import StopStrings

EVENT_INTERVAL_SECONDS = 0.025
"""Text that comes faster than this is gathered; the window paints about 30 times a second."""


class ReplyText:
    """Gathers ids and their bytes until it is time to send them on.

    A character whose bytes are not all there is held back with its ids, three bytes at the most:
    text and ids always belong together. A byte that no character begins with, or that breaks one
    off, becomes U+FFFD at once.
    """

    def __init__(
        self,
        *,
        strips_space: bool = False,
        stop_strings: Sequence[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`strips_space`: leave out one space at the very beginning, which SentencePiece adds.

        The text ends before the first of `stop_strings`; see `app.engine.stop_strings`.
        """
        self.strips_space = strips_space
        self._stops = StopStrings(stop_strings) if any(stop_strings) else None
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._strips_space = strips_space
        self._clock = clock
        self._sent_at = float("-inf")
        self._text = ""
        self._ids: list[int] = []
        self._held: list[tuple[int, int]] = []  # ids held back, with the count of their bytes

    @property
    def is_due(self) -> bool:
        """Whether whole characters wait, and the last were taken long enough ago."""
        has_ready = bool(self._ids) if self._stops is None else self._stops.has_ready
        return has_ready and self._clock() - self._sent_at >= EVENT_INTERVAL_SECONDS

    @property
    def is_stopped(self) -> bool:
        """Whether a stop string has come; nothing is to be added then."""
        return self._stops is not None and self._stops.is_found

    @property
    def rest(self) -> str:
        """After the last `take`: text before a stop string that begins in the middle of an id."""
        return self._stops.rest if self._stops is not None else ""

    def add(self, token: int, data: bytes) -> None:
        """Add the next id and the bytes that it stands for."""
        self._add(token, data)
        if self._stops is not None:
            self._pass_on(self._stops)

    def _pass_on(self, stops: StopStrings) -> None:
        stops.add(self._text, self._ids)
        self._text = ""
        self._ids.clear()

    def _add(self, token: int, data: bytes) -> None:
        if not self._held and data.isascii():  # nearly always, and this runs for every id
            self._add_text(data.decode("ascii"))
            self._ids.append(token)
            return
        self._add_text(self._decoder.decode(data))
        self._held.append((token, len(data)))
        # The decoder's state is the bytes that it holds of a character that isn't whole.
        self._release_ids(len(self._decoder.getstate()[0]))

    def take(self) -> tuple[str, tuple[int, ...]]:
        """The text since the last call, and its ids."""
        self._sent_at = self._clock()
        if self._stops is not None:
            return self._stops.take()
        taken = self._text, tuple(self._ids)
        self._text = ""
        self._ids.clear()
        return taken

    def give_up_partial(self) -> int:
        """Forget a character that is not whole, as if its ids had not come; how many they were."""
        count = len(self._held)
        self._held.clear()
        self._decoder.reset()
        if self._stops is not None:
            self._stops.release()
        return count

    def end(self) -> None:
        """The model says no more: a character that is not whole becomes U+FFFD."""
        self._add_text(self._decoder.decode(b"", final=True))
        self._release_ids(0)
        if self._stops is not None:
            self._pass_on(self._stops)
            self._stops.release()

    def _add_text(self, text: str) -> None:
        if text and self._strips_space:
            text = text.removeprefix(" ")
            self._strips_space = False
        self._text += text

    def _release_ids(self, partial_bytes: int) -> None:
        """Keep back only the last ids, those that the last `partial_bytes` came with."""
        kept = len(self._held)
        while partial_bytes > 0:
            kept -= 1
            partial_bytes -= self._held[kept][1]
        self._ids += [token for token, _ in self._held[:kept]]
        del self._held[:kept]
