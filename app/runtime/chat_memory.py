"""What the model remembers of the shown chat: how full its memory is, what is outside, the summary.

Also the ways on when the memory is full and the user wants to be asked. Knows nothing of how
replies are made.
"""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal, Slot

from app.core.conversation import Conversation, Message, Summary
from app.core.pins import set_pinned
from app.engine.protocol import Failed, Finished, MemoryFull, PromptFormat, WhenFull
from app.runtime import notices
from app.runtime.answering import Answering
from app.runtime.chat_settings import ChatSettings
from app.runtime.chat_shelf import ChatShelf
from app.runtime.context_gauge import ContextGauge
from app.runtime.model_loader import ModelLoader
from app.runtime.prompting import Manner, cut_of, prompt_of
from app.runtime.store_thread import StoreThread
from app.runtime.turn_taking import TurnTaking


class ChatMemory(QObject):
    """A part of the session, as the window sees it.

    Attributes:
        outside: indices of the shown branch's messages that are not in the model's memory.

    Signals:
        memory_line_moved(int): the model's memory begins after so many messages, pinned ones apart.
        outside_changed(object): tuple of `outside`; told before `memory_line_moved`.
        summary_began(int message_id): the model summarises the shown chat up to that message.
        summary_grew(str): appended to that summary.
        summary_changed(object): a `Summary` of the shown chat is new, or was edited.
        notice_raised(object): as that of the session.
    """

    memory_line_moved = Signal(int)
    outside_changed = Signal(object)
    summary_began = Signal(int)
    summary_grew = Signal(str)
    summary_changed = Signal(object)
    notice_raised = Signal(object)

    def __init__(
        self,
        settings: ChatSettings,
        store: StoreThread,
        shelf: ChatShelf,
        loader: ModelLoader,
        gauge: ContextGauge,
        answering: Answering,
        turns: TurnTaking,
    ) -> None:
        super().__init__()
        self.outside: tuple[int, ...] = ()
        self._settings = settings
        self._store = store
        self._shelf = shelf
        self._loader = loader
        self._gauge = gauge
        self._answering = answering
        self._turns = turns
        self._dropped_messages = 0
        self._full: tuple[Message, int] | None = None  # the reply, and what would be cut off
        shelf.conversation_opened.connect(self._show_conversation)
        shelf.message_added.connect(self._measure)
        settings.options_changed.connect(self._measure)
        gauge.outside_counted.connect(self._show_counted)
        answering.ended.connect(self._end_reply)
        answering.context_used.connect(self._show_context_used)
        answering.messages_dropped.connect(self._show_outside)
        answering.summary_began.connect(self._begin_summary)
        answering.summary_grew.connect(self._grow_summary)
        answering.summary_made.connect(self._keep_summary)
        turns.memory_filled.connect(self._ask)

    # --- wishes ------------------------------------------------------------------------------

    @Slot()
    def drop_oldest(self) -> None:
        """Leave out what doesn't fit, and let the model answer; the next cut is asked for again."""
        if self._full is not None:
            (reply, message_id), self._full = self._full, None
            self._keep_summary(reply.conversation_id, message_id, "")
            self._turns.resume(reply, Manner())

    @Slot()
    def summarise_oldest(self) -> None:
        """Have what doesn't fit summarised, and let the model answer then."""
        if self._full is not None:
            (reply, _), self._full = self._full, None
            self._turns.resume(reply, Manner(when_full=WhenFull.SUMMARISE))

    @Slot(int)
    def pin(self, message_id: int) -> None:
        """Let a message of the shown chat stay in the memory; or leave it again, if it does."""
        shown_id, branch = self._shelf.shown_id, self._shelf.shown.branch
        message = next((each for each in branch if each.message_id == message_id), None)
        if message is not None:
            pinned = not message.is_pinned
            self._store.run(lambda s: set_pinned(s, shown_id, message_id, is_pinned=pinned))
            self._shelf.open(shown_id)  # shows it, and has it measured

    @Slot(int, str)
    def edit_summary(self, message_id: int, text: str) -> None:
        """Put another text in place of the summary of the shown chat up to that message."""
        if message_id in self._shelf.shown.summaries:
            self._keep_summary(self._shelf.shown_id, message_id, text.strip())

    # --- what the parts tell -----------------------------------------------------------------

    def _show_conversation(self, conversation: Conversation) -> None:
        self._show_branch(conversation)
        self._move_line(0, ())

    def _end_reply(self, _: Message, event: Finished | Failed | MemoryFull) -> None:
        if isinstance(event, Failed) and event.fatal:
            self._gauge.pause()  # counting would start another engine
        self._measure()

    def _measure(self) -> None:
        self._show_branch(self._shelf.shown)

    def _show_branch(self, conversation: Conversation) -> None:
        branch = conversation.branch
        messages = prompt_of(branch, self._settings.shown) if branch else ()
        self._gauge.set_messages(messages, cut_of(branch, conversation.summaries))

    @property
    def _is_shown(self) -> bool:
        """Whether the reply that grows is one of the shown chat."""
        return self._answering.conversation_id == self._shelf.shown_id

    def _show_context_used(self, used_tokens: int) -> None:
        if self._is_shown:
            self._gauge.set_used(used_tokens)

    def _show_outside(self, dropped_messages: int, outside: tuple[int, ...]) -> None:
        if self._is_shown:
            self._move_line(dropped_messages, outside)

    def _show_counted(self, outside: tuple[int, ...]) -> None:
        if not self._answering.conversation_id:  # else the prompt of the reply tells it
            self._move_line(outside[-1] + 1 if outside else 0, outside)

    def _move_line(self, dropped_messages: int, outside: tuple[int, ...]) -> None:
        if outside != self.outside:
            self.outside = outside
            self.outside_changed.emit(outside)
        if dropped_messages != self._dropped_messages:
            self._dropped_messages = dropped_messages
            self.memory_line_moved.emit(dropped_messages)

    def _ask(self, reply: Message, full: MemoryFull, message_id: int) -> None:
        self._full = (reply, message_id)
        model = self._loader.model
        can_summarise = model is not None and model.prompt_format is not PromptFormat.RAW
        self.notice_raised.emit(notices.memory_full(len(full.outside_messages), can_summarise))

    def _begin_summary(self, message_id: int) -> None:
        if self._is_shown:
            self.summary_began.emit(message_id)

    def _grow_summary(self, text: str) -> None:
        if self._is_shown:
            self.summary_grew.emit(text)

    def _keep_summary(self, conversation_id: int, message_id: int, text: str) -> None:
        self._store.run(lambda store: store.save_summary(conversation_id, message_id, text))
        if conversation_id == self._shelf.shown_id:
            summary = Summary(text, message_id)
            self._shelf.note_summary(summary)
            self.summary_changed.emit(summary)
            self._measure()
