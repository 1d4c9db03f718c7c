"""Real engines that are killed the moment they say something of a kind."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from app.engine.client import EngineClient
from app.engine.protocol import Event
from model_io.child import Child


class DoomedClient(EngineClient):
    """An engine whose process the system ends as soon as an event of the kind `dies_of` arrives."""

    def __init__(self, child: Child, dies_of: type[Event] | None) -> None:
        super().__init__(child)
        self._dies_of = dies_of

    def poll(self, timeout_seconds: float | None = 0.0) -> Event | None:
        """As the client's; the event that is fatal is still heard."""
        event = super().poll(timeout_seconds)
        if self._dies_of is not None and isinstance(event, self._dies_of):
            self._dies_of = None
            os.kill(self.process_id, signal.SIGKILL)
        return event


class DoomedEngines:
    """Starts engines, of which the first `deaths` die of an event of the kind `dies_of`."""

    def __init__(self, dies_of: type[Event], deaths: int) -> None:
        self.started: list[EngineClient] = []
        self._dies_of = dies_of
        self._deaths = deaths

    def start(self, log_path: Path) -> EngineClient:
        """Stands for `EngineClient.start`."""
        is_doomed = len(self.started) < self._deaths
        real = EngineClient.start(log_path)
        client = DoomedClient(real._child, self._dies_of if is_doomed else None)
        self.started.append(client)
        return client
