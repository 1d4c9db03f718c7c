"""How full the model's memory is: what the chat takes, and what the draft will add.

The engine counts; a draft is counted a moment after the last key. Knows nothing of replies.
"""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer, Signal

from app.engine.protocol import CountTokens, Event, LoadedModel, PromptMessage, TokensCounted
from app.runtime.engine_thread import EngineThread
from app.runtime.facts import ContextUse

DRAFT_DELAY_MS = 200


class ContextGauge(QObject):
    """Counts for the chat that is shown.

    Attributes:
        used_tokens: what the chat takes as a prompt, as far as that is known.

    Signals:
        context_changed(object): `ContextUse`.
    """

    context_changed = Signal(object)

    def __init__(self, engine: EngineThread, draft_delay_ms: int = DRAFT_DELAY_MS) -> None:
        super().__init__()
        self._engine = engine
        self._model: LoadedModel | None = None
        self._messages: tuple[PromptMessage, ...] = ()
        self._draft = ""
        self._attached_tokens = 0
        self._attached_is_estimate = False
        self._is_paused = True
        self.used_tokens = 0
        self._draft_tokens = 0
        self._used_job_id = 0
        self._draft_job_id = 0
        self._timer = QTimer(self, singleShot=True, interval=draft_delay_ms)
        self._timer.timeout.connect(self._count_draft)

    def set_model(self, model: LoadedModel | None) -> None:
        """From now on this model counts; None if nobody can."""
        self._model = model
        self._is_paused = model is None
        self._count_used()
        self._count_draft()

    def pause(self) -> None:
        """Nobody can count until `set_model`; what was counted stays."""
        self._is_paused = True

    def set_messages(self, messages: tuple[PromptMessage, ...]) -> None:
        """Another chat or branch is shown: count it."""
        self._messages = messages
        self._count_used()

    def set_used(self, used_tokens: int) -> None:
        """The engine has told how much the context holds."""
        self._engine.forget(self._used_job_id)
        if used_tokens != self.used_tokens:
            self.used_tokens = used_tokens
            self._tell()

    def set_draft(self, text: str) -> None:
        """What stands in the composer; counted when nothing more has come for a moment."""
        self._draft = text
        if text:
            self._timer.start()
        else:
            self._count_draft()

    def set_attached(self, tokens: int, *, is_estimate: bool) -> None:
        """What the draft's files take; whoever reads them counts them."""
        if (tokens, is_estimate) != (self._attached_tokens, self._attached_is_estimate):
            self._attached_tokens = tokens
            self._attached_is_estimate = is_estimate
            self._tell()

    def _count_used(self) -> None:
        self._engine.forget(self._used_job_id)
        if self._model is None or not self._messages:
            self.used_tokens = 0
            self._tell()
        elif not self._is_paused:
            self._used_job_id = self._engine.new_job_id()
            count = CountTokens(self._used_job_id, self._messages)
            self._engine.send(count, self._receive)

    def _count_draft(self) -> None:
        self._timer.stop()
        self._engine.forget(self._draft_job_id)
        if self._model is None or not self._draft.strip():
            self._draft_tokens = 0
            self._tell()
        elif not self._is_paused:
            self._draft_job_id = self._engine.new_job_id()
            draft = PromptMessage("user", self._draft)
            self._engine.send(CountTokens(self._draft_job_id, (draft,)), self._receive)

    def _receive(self, event: Event) -> None:
        # What can't be counted is not counted: sending it tells why.
        if isinstance(event, TokensCounted):
            if event.job_id == self._used_job_id:
                self.used_tokens = event.tokens
            elif event.job_id == self._draft_job_id:
                self._draft_tokens = event.tokens
            self._tell()

    def _tell(self) -> None:
        context_tokens = self._model.context_tokens if self._model else 0
        used_tokens = min(self.used_tokens, context_tokens)
        draft_tokens = self._draft_tokens + self._attached_tokens
        excess_tokens = max(0, draft_tokens + 1 - context_tokens) if context_tokens else 0
        is_estimate = self._attached_is_estimate
        self.context_changed.emit(
            ContextUse(used_tokens, context_tokens, draft_tokens, excess_tokens, is_estimate)
        )
