"""How full the model's memory is: the prompt as it would be sent now, the draft included.

The engine counts, on a thread of its own, so typing never waits: a draft is counted a moment after
the last key, one count at a time, and what was typed meanwhile is counted after that. The chat goes
over the pipe only when it has changed. Knows nothing of replies.
"""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QObject, QTimer, Signal

from app.engine.protocol import (
    NO_CUT,
    CountPrompt,
    EarlierCut,
    Event,
    LoadedModel,
    PromptCounted,
    PromptMessage,
    PromptParts,
)
from app.runtime.engine_thread import EngineThread
from app.runtime.facts import ContextUse

DRAFT_DELAY_MS = 200


class ContextGauge(QObject):
    """Counts for the chat that is shown.

    Signals:
        context_changed(object): `ContextUse`.
        outside_counted(object): indices of the messages that are not in the chat's prompt as it
            stands, without a draft.
    """

    context_changed = Signal(object)
    outside_counted = Signal(object)

    def __init__(self, engine: EngineThread, draft_delay_ms: int = DRAFT_DELAY_MS) -> None:
        super().__init__()
        self._engine = engine
        self._model: LoadedModel | None = None
        self._messages: tuple[PromptMessage, ...] = ()
        self._cut = NO_CUT
        self._draft = ""
        self._attached_text = ""
        self._attached_tokens = 0
        self._attached_is_estimate = False
        self._is_paused = True
        self._parts = PromptParts()
        self._held_tokens = 0  # what the engine has told to be in its cache, since the last count
        self._job_id = 0
        self._is_counting = False
        self._is_stale = False  # something has changed since the count under way was asked for
        self._is_known = False  # the engine has this chat's messages
        self._timer = QTimer(self, singleShot=True, interval=draft_delay_ms)
        self._timer.timeout.connect(self._count)

    @property
    def used_tokens(self) -> int:
        """What the chat takes as a prompt, without the draft, as far as that is known."""
        if self._held_tokens:
            return self._held_tokens
        return self._parts.total_tokens - self._parts.draft_tokens

    def set_model(self, model: LoadedModel | None) -> None:
        """From now on this model counts; None if nobody can."""
        self._model = model
        self._is_paused = model is None
        self._leave_count()
        self._count()

    def pause(self) -> None:
        """Nobody can count until `set_model`; what was counted stays."""
        self._is_paused = True
        self._leave_count()

    def set_messages(self, messages: tuple[PromptMessage, ...], cut: EarlierCut = NO_CUT) -> None:
        """Another chat or branch is shown, or it has grown: count it."""
        if messages != self._messages or cut != self._cut or self._held_tokens:
            self._messages, self._cut = messages, cut
            self._held_tokens = 0
            self._leave_count()
            self._count()
        else:
            self._tell()

    def set_used(self, used_tokens: int) -> None:
        """The engine has told how much the context holds, while a reply grows."""
        if used_tokens != self._held_tokens:
            self._held_tokens = used_tokens
            self._tell()

    def set_draft(self, text: str) -> None:
        """What stands in the composer, with its files; counted when nothing more has come for a
        moment."""
        self._draft = text
        if self._has_draft:
            self._timer.start()
        else:
            self._forget_draft()
            self._count()

    def set_attached(self, text: str, tokens: int, *, is_estimate: bool) -> None:
        """The draft's files: `text` is counted with the draft, and stands before it.

        It is empty where they are too long to be counted; `tokens` is what they take then, and
        while there is no model.
        """
        attached = (text, tokens, is_estimate)
        if attached != (self._attached_text, self._attached_tokens, self._attached_is_estimate):
            self._attached_text, self._attached_tokens, self._attached_is_estimate = attached
            self._timer.start()
            self._tell()

    def _forget_draft(self) -> None:
        """Seen at once, and exact but for what the draft had pushed out."""
        parts = self._parts
        if parts.draft_tokens:
            total_tokens = parts.total_tokens - parts.draft_tokens
            self._parts = replace(
                parts,
                total_tokens=total_tokens,
                draft_tokens=0,
                pushed_out_messages=0,
                excess_tokens=0,
            )
            self._tell()

    @property
    def _has_draft(self) -> bool:
        return bool(self._draft.strip() or self._attached_text)

    def _leave_count(self) -> None:
        self._engine.forget(self._job_id)
        self._is_counting = self._is_stale = self._is_known = False

    def _count(self) -> None:
        self._timer.stop()
        if self._model is None or not (self._messages or self._has_draft):
            self._leave_count()
            self._parts, self._held_tokens = PromptParts(), 0
            self._tell()
        elif self._is_counting:
            self._is_stale = True
        elif not self._is_paused:
            self._send()

    def _send(self) -> None:
        self._is_counting, self._is_stale = True, False
        self._job_id = self._engine.new_job_id()
        messages = None if self._is_known else self._messages
        draft = self._attached_text + self._draft if self._has_draft else ""
        self._is_known = True
        self._engine.send(CountPrompt(self._job_id, messages, draft, self._cut), self._receive)

    def _receive(self, event: Event) -> None:
        if getattr(event, "job_id", 0) != self._job_id:
            return
        self._is_counting = False
        if isinstance(event, PromptCounted):
            self._parts = event.parts
            self._tell()
            if not event.parts.draft_tokens:
                self.outside_counted.emit(event.parts.outside_messages)
        else:  # what can't be counted is not counted: sending it tells why
            self._is_known = False
        if self._is_stale and not self._is_paused:
            self._count()

    def _tell(self) -> None:
        context_tokens = self._model.context_tokens if self._model else 0
        parts, is_estimate = self._parts, self._attached_is_estimate
        draft_tokens, excess_tokens = parts.draft_tokens, parts.excess_tokens
        if not self._attached_text or self._model is None:
            draft_tokens += self._attached_tokens
        else:
            is_estimate = False
        if context_tokens:
            excess_tokens = max(excess_tokens, draft_tokens + 1 - context_tokens)
        self.context_changed.emit(
            ContextUse(
                min(self.used_tokens, context_tokens),
                context_tokens,
                draft_tokens,
                parts.instruction_tokens,
                parts.summary_tokens,
                parts.message_tokens,
                parts.file_tokens,
                len(parts.outside_messages),
                parts.pushed_out_messages,
                excess_tokens,
                is_estimate,
            )
        )
