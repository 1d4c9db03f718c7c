"""What the engine's end means, as a notice. Knows nothing of how it comes back."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from app.runtime import notices
from app.runtime.answering import Answering
from app.runtime.context_gauge import ContextGauge
from app.runtime.engine_thread import EngineThread
from app.runtime.model_loader import ModelLoader


class EngineNews(QObject):
    """Listens to the engine.

    Signals:
        notice_raised(object): as that of the session.
    """

    notice_raised = Signal(object)

    def __init__(
        self, engine: EngineThread, loader: ModelLoader, gauge: ContextGauge, answering: Answering
    ) -> None:
        super().__init__()
        self._loader = loader
        self._gauge = gauge
        self._answering = answering
        engine.engine_died.connect(self._take_death)

    def _take_death(self, sentence: str, details: str) -> None:
        self._loader.lose_engine()
        self._gauge.pause()
        if self._loader.model is not None and not self._loader.is_loading:  # else loading tells it
            seconds = self._seconds_to_come_back()
            self.notice_raised.emit(notices.engine_died(sentence, details, seconds))

    def _seconds_to_come_back(self) -> float | None:
        """How long the next message waits for its first word; None if too little is known."""
        tokens_per_second = self._answering.prefill_tokens_per_second
        if not tokens_per_second:
            return None
        return self._loader.load_seconds + self._gauge.used_tokens / tokens_per_second
