"""Lets go of the model when the user says so, or when nobody has needed it for a while.

Knows nothing of how a model is unloaded, nor of the message that loads it again.
"""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer, Slot

from app.core.settings import UNLOAD_AFTER_MINUTES, Settings
from app.runtime.facts import SessionState
from app.runtime.model_loader import ModelLoader
from app.runtime.speed_meter import SpeedMeter
from app.runtime.turn_taking import TurnTaking

MS_PER_MINUTE = 60_000


class IdleUnloader(QObject):
    """Unloads a model that does nothing."""

    def __init__(
        self, settings: Settings, loader: ModelLoader, turns: TurnTaking, speed: SpeedMeter
    ) -> None:
        super().__init__()
        self.ms_per_minute = MS_PER_MINUTE
        self._settings = settings
        self._loader = loader
        self._turns = turns
        self._speed = speed
        self._timer = QTimer(self, singleShot=True)
        self._timer.timeout.connect(self.unload)
        for happened in (
            turns.state_changed,
            loader.model_changed,
            loader.model_unloaded,
            speed.facts_changed,
        ):
            happened.connect(self.note_activity)
        loader.model_unloaded.connect(speed.note_state)

    @property
    def can_unload(self) -> bool:
        """Whether a model is loaded, and does nothing."""
        is_ready = self._turns.state is SessionState.READY and self._loader.is_loaded
        return is_ready and not self._speed.is_measuring

    @property
    def is_waiting(self) -> bool:
        """Whether the time runs."""
        return self._timer.isActive()

    @Slot()
    def unload(self) -> None:
        """Give the model's memory back, if that keeps nobody waiting."""
        if self.can_unload:
            self._loader.unload()

    @Slot()
    def note_activity(self) -> None:
        """Something has happened, or the setting is another one: the time begins anew."""
        minutes = self._settings.get(UNLOAD_AFTER_MINUTES)
        if minutes and self.can_unload:
            self._timer.start(minutes * self.ms_per_minute)
        else:
            self._timer.stop()
