"""A reply, or a summary, while it grows: its pieces, its ids, its speed.

Knows nothing of the engine's process, of the disk or of the window.
"""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from app.core.conversation import Message, MessageState, ReplyFigures
from app.engine.protocol import Finished, StoppedBy, TextGenerated

SPEED_WINDOW_SECONDS = 3.0

_SENTENCE_END = re.compile(r"[.!?…]+[\"'”’»)]*(?=\s|$)|[。！？]+")


class GrowingReply:
    """The reply that the job `job_id` is writing, on top of what `message` held before."""

    def __init__(
        self,
        message: Message,
        job_id: int,
        vocabulary_hash: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.job_id = job_id
        self.has_grown = False
        self.context_used_tokens = 0
        self._before = replace(message, state=MessageState.GROWING)
        self._pieces: list[str] = []
        self._token_ids: list[int] = []
        self._vocabulary_hash = vocabulary_hash
        self._clock = clock
        self._counts: deque[tuple[float, int]] = deque()

    @property
    def message_id(self) -> int:
        """The id of the message that grows."""
        return self._before.message_id

    @property
    def conversation_id(self) -> int:
        """The conversation of the message that grows."""
        return self._before.conversation_id

    def add(self, event: TextGenerated) -> None:
        """Append what has arrived."""
        self._pieces.append(event.text)
        self._token_ids.extend(event.token_ids)
        self.context_used_tokens = event.context_used_tokens
        self.has_grown = True
        now = self._clock()
        self._counts.append((now, len(self._token_ids)))
        while now - self._counts[0][0] > SPEED_WINDOW_SECONDS and len(self._counts) > 2:
            self._counts.popleft()

    @property
    def tokens_per_second(self) -> float:
        """How fast it has grown lately; 0 until that can be said."""
        if len(self._counts) < 2:
            return 0.0
        (began, first), (ended, last) = self._counts[0], self._counts[-1]
        return (last - first) / (ended - began) if ended > began else 0.0

    def message(self, state: MessageState = MessageState.GROWING) -> Message:
        """The reply as it stands now."""
        ids_fit = not self._before.text or (
            bool(self._before.token_ids) and self._before.vocabulary_hash == self._vocabulary_hash
        )
        earlier_ids = self._before.token_ids if self._before.text else ()
        return replace(
            self._before,
            text=self._before.text + "".join(self._pieces),
            token_ids=(*earlier_ids, *self._token_ids) if ids_fit else (),
            vocabulary_hash=self._vocabulary_hash if ids_fit else "",
            state=state,
        )

    def finished(self, event: Finished) -> Message:
        """The reply at its end, with what it cost; a continued reply's costs are added up."""
        is_whole = event.stopped_by in (StoppedBy.END, StoppedBy.STOP_STRING)
        state = MessageState.COMPLETE if is_whole else MessageState.STOPPED
        earlier = self._before.figures
        figures = ReplyFigures(
            prompt_tokens=event.prompt_tokens,
            reused_tokens=event.reused_tokens,
            completion_tokens=event.completion_tokens
            + (earlier.completion_tokens if earlier else 0),
            prefill_seconds=event.prefill_seconds,
            decode_seconds=event.decode_seconds + (earlier.decode_seconds if earlier else 0.0),
            seed=event.seed,
        )
        return replace(self.message(state), figures=figures)


class GrowingSummary:
    """A summary of a chat's first `message_count` messages; `message_id` is the last of them."""

    def __init__(self, message_count: int, message_id: int) -> None:
        self.message_count = message_count
        self.message_id = message_id
        self._pieces: list[str] = []

    def add(self, text: str) -> None:
        """Append what has arrived."""
        self._pieces.append(text)

    def finished_text(self, *, is_cut: bool) -> str:
        """The whole text; one that was cut at its greatest length ends with its last sentence."""
        text = "".join(self._pieces).strip()
        ends = [match.end() for match in _SENTENCE_END.finditer(text)] if is_cut else []
        return text[: ends[-1]].rstrip() if ends else text
