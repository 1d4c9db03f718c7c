"""How long something takes still, told from how fast it has gone so far.

Knows nothing of what it is.
"""

from __future__ import annotations

import time
from collections.abc import Callable

SILENT_SECONDS = 0.5
"""Nothing is said before: the first moments tell too little."""


class ProgressClock:
    """Started with the work, asked at each step of it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began_at = 0.0
        self._began_with: int | None = None

    def start(self) -> None:
        """The work begins now; what is done at the first step counts as done before."""
        self._began_at = self._clock()
        self._began_with = None

    def seconds_left(self, done: int, total: int) -> float | None:
        """The time that `total` - `done` takes at the pace until now; None if that is unknown."""
        if self._began_with is None:
            self._began_at, self._began_with = self._clock(), done
        seconds, here = self._clock() - self._began_at, done - self._began_with
        if seconds < SILENT_SECONDS or here <= 0:
            return None
        return (total - done) * seconds / here
