"""One reply at a time: asks the engine for it, saves it while it grows, tells how it goes.

The user's words are on the disk before this begins. Knows nothing of which chat is shown.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from PySide6.QtCore import QObject, QTimer, Signal

from app.core.conversation import Message, MessageState
from app.core.conversation_store import ConversationStore
from app.engine.protocol import (
    EarlierCut,
    Event,
    Failed,
    Finished,
    Generate,
    LoadedModel,
    MemoryFull,
    PromptProgressed,
    Sampling,
    StoppedBy,
    Summarise,
    TextGenerated,
    WhenFull,
)
from app.runtime.engine_thread import EngineThread
from app.runtime.facts import ReadingProgress
from app.runtime.progress_clock import ProgressClock
from app.runtime.prompting import Asked
from app.runtime.reply import GrowingReply, GrowingSummary
from app.runtime.store_thread import StoreThread

FLUSH_MS = 500


class Answering(QObject):
    """Brings one reply to its end, whatever the engine does.

    Signals:
        reading_progressed(object): `ReadingProgress`.
        text_arrived(int message_id, str text): appended to that reply.
        speed_changed(float): tokens a second, about twice a second.
        context_used(int): tokens that the context holds, as often.
        messages_dropped(int, object): the model's memory begins after so many messages; the
            indices of those that are outside.
        summary_began(int message_id): the chat is summarised up to that message first.
        summary_grew(str): appended to the summary.
        summary_made(int conversation_id, int message_id, str text): it is in the prompt now.
        ended(object, object): the `Message` as it stays, and what ended it: `Finished`, `Failed`
            or `MemoryFull`. Exactly once for each `begin`; the message is being saved.
    """

    reading_progressed = Signal(object)
    text_arrived = Signal(int, str)
    speed_changed = Signal(float)
    context_used = Signal(int)
    messages_dropped = Signal(int, object)
    summary_began = Signal(int)
    summary_grew = Signal(str)
    summary_made = Signal(int, int, str)
    ended = Signal(object, object)

    def __init__(
        self,
        store: StoreThread,
        engine: EngineThread,
        flush_ms: int = FLUSH_MS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self.prefill_tokens_per_second = 0.0
        self._store = store
        self._engine = engine
        self._clock = clock
        self._reply: GrowingReply | None = None
        self._asked = Asked((), Sampling())
        self._summary: GrowingSummary | None = None
        self._progress = ProgressClock(clock)
        self._flush_is_under_way = False
        self._pulse = QTimer(self, interval=flush_ms)
        self._pulse.timeout.connect(self._beat)

    @property
    def reply(self) -> Message | None:
        """The reply as it stands now; None when none grows."""
        return self._reply.message() if self._reply is not None else None

    @property
    def conversation_id(self) -> int:
        """The chat in which a reply grows; 0 for none."""
        return self._reply.conversation_id if self._reply is not None else 0

    def begin(self, message: Message, asked: Asked, model: LoadedModel) -> None:
        """Let `message`, which is in the store, grow; text that it has already is continued."""
        self._reply = GrowingReply(message, 0, model.vocabulary_hash, self._clock)
        self._asked = asked
        self._pulse.start()
        self._ask(self._reply)

    def _ask(self, reply: GrowingReply) -> None:
        asked, self._summary = self._asked, None
        reply.job_id = self._engine.new_job_id()
        self._progress.start()
        generate = Generate(
            reply.job_id,
            asked.messages,
            asked.sampling,
            raw=asked.raw,
            continue_last=bool(reply.message().text),
            when_full=asked.when_full,
            earlier_cut=asked.cut,
        )
        self._engine.send(generate, self._receive)

    def stop(self) -> None:
        """Ask for the end of the reply; what has arrived is kept."""
        if self._reply is not None:
            self._engine.stop(self._reply.job_id)

    def last_message_of(self, full: MemoryFull) -> int:
        """The id of the last message that would have to leave the model's memory."""
        return self._asked.message_ids[full.would_drop_messages - 1]

    # --- events of the engine ----------------------------------------------------------------

    def _receive(self, event: Event) -> None:
        reply = self._reply
        if reply is None:
            return
        if isinstance(event, PromptProgressed):
            self._tell_reading(event)
        elif isinstance(event, MemoryFull):
            self._make_room(reply, event)
        elif self._summary is not None and isinstance(event, TextGenerated):
            self._summary.add(event.text)
            self.summary_grew.emit(event.text)
        elif self._summary is not None and isinstance(event, Finished):
            self._use_summary(reply, self._summary, event)
        elif isinstance(event, TextGenerated):
            reply.add(event)
            self.text_arrived.emit(reply.message_id, event.text)
        elif isinstance(event, Finished):
            self._finish(reply, event)
        elif isinstance(event, Failed):
            self._end(reply.message(MessageState.CUT_OFF), event)

    def _make_room(self, reply: GrowingReply, full: MemoryFull) -> None:
        """Nothing was read: the oldest messages are summarised first, or the user is asked."""
        if self._asked.when_full is not WhenFull.SUMMARISE:
            self._end(reply.message(MessageState.CUT_OFF), full)
            return
        count, asked = full.would_drop_messages, self._asked
        reply.job_id = self._engine.new_job_id()
        self._summary = GrowingSummary(count, asked.message_ids[count - 1])
        self._progress.start()
        self.summary_began.emit(self._summary.message_id)
        summarise = Summarise(reply.job_id, asked.messages, count, asked.cut)
        self._engine.send(summarise, self._receive)

    def _use_summary(self, reply: GrowingReply, summary: GrowingSummary, event: Finished) -> None:
        if event.stopped_by is StoppedBy.STOP:
            self._end(reply.message(MessageState.STOPPED), event)
            return
        text = summary.finished_text(is_cut=event.stopped_by is not StoppedBy.END)
        self._asked = replace(self._asked, cut=EarlierCut(summary.message_count, text))
        self.summary_made.emit(reply.conversation_id, summary.message_id, text)
        self._ask(reply)

    def _tell_reading(self, event: PromptProgressed) -> None:
        if self._summary is None:
            self.messages_dropped.emit(event.dropped_messages, event.outside_messages)
        seconds_left = self._progress.seconds_left(event.done_tokens, event.total_tokens)
        self.reading_progressed.emit(
            ReadingProgress(
                event.done_tokens, event.total_tokens, event.reused_tokens, seconds_left
            )
        )

    def _finish(self, reply: GrowingReply, event: Finished) -> None:
        read_tokens = event.prompt_tokens - event.reused_tokens
        if event.prefill_seconds > 0 and read_tokens > 0:
            self.prefill_tokens_per_second = read_tokens / event.prefill_seconds
        self.messages_dropped.emit(event.dropped_messages, event.outside_messages)
        self.context_used.emit(event.context_used_tokens)
        self._end(reply.finished(event), event)

    def _end(self, message: Message, event: Finished | Failed | MemoryFull) -> None:
        self._pulse.stop()
        self._reply = self._summary = None
        self._store.run(partial(_write_reply, message))
        self.ended.emit(message, event)

    # --- twice a second ----------------------------------------------------------------------

    def _beat(self) -> None:
        reply = self._reply
        if reply is None or not reply.has_grown:
            return
        reply.has_grown = False
        self.speed_changed.emit(reply.tokens_per_second)
        self.context_used.emit(reply.context_used_tokens)
        if not self._flush_is_under_way:  # a slow disk is asked again when it has answered
            self._flush_is_under_way = True
            self._store.run(partial(_write_reply, reply.message()), self._flushed)
        else:
            reply.has_grown = True

    def _flushed(self, _: None) -> None:
        self._flush_is_under_way = False


def _write_reply(message: Message, store: ConversationStore) -> None:
    store.write_reply(message)
