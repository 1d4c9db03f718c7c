"""How a long job says how far it is, and how it is stopped.

Knows nothing of files, formats or windows.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

_REPORT_SECONDS = 0.1
_SPEED_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Progress:
    """One report: `done_bytes` of `total_bytes` of the work of `stage` are done.

    `stage` is a word for programs ("convert", "hash", "verify"), not for people. `total_bytes`
    stays the same during a stage and `done_bytes` never falls. `fetched_bytes` is how much of
    them has come from the hub, None if nothing has to. Speed and time are None before they are
    known.
    """

    stage: str
    done_bytes: int
    total_bytes: int
    bytes_per_second: float | None = None
    seconds_left: float | None = None
    fetched_bytes: int | None = None

    @property
    def fraction(self) -> float:
        """How much of the whole stage is done, from 0 to 1; fetching counts as half of it."""
        total = max(1, self.total_bytes)
        if self.fetched_bytes is None:
            return self.done_bytes / total
        return (self.done_bytes + self.fetched_bytes) / (2 * total)


class Cancelled(Exception):
    """The job ended because it was asked to; what it had done is kept where it can go on."""


ProgressCallback = Callable[[Progress], None]
"""Called at most ten times a second from the thread that runs the job; should return at once."""

StopCallback = Callable[[], bool]
"""Asked between pieces of work, from any thread; True ends the job with `Cancelled`."""


def ignore_progress(progress: Progress) -> None:
    """For callers who don't want to know."""


def never_stop() -> bool:
    """For callers who wait until the end."""
    return False


class Meter:
    """Makes reports out of amounts: at most ten a second, with speed and time left.

    For one thread.
    """

    def __init__(
        self,
        stage: str,
        total_bytes: int,
        report: ProgressCallback,
        *,
        done_bytes: int = 0,
        fetched_bytes: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`done_bytes` and `fetched_bytes` are what an earlier run has left."""
        self._report = report
        self._clock = clock
        self._latest = Progress(stage, done_bytes, total_bytes, fetched_bytes=fetched_bytes)
        self._started, self._first = clock(), self._latest
        self._samples = deque([(self._started, done_bytes)])
        self._reported = self._started
        report(self._latest)

    def add(self, done_bytes: int, fetched_bytes: int | None = None) -> None:
        """Count `done_bytes` more; `fetched_bytes` is the whole amount that has come so far."""
        now = self._clock()
        before = self._latest
        done = before.done_bytes + done_bytes
        if before.fetched_bytes is not None:
            fetched_bytes = max(before.fetched_bytes, fetched_bytes or 0)
        self._latest = Progress(
            before.stage, done, before.total_bytes, before.bytes_per_second,
            before.seconds_left, fetched_bytes,
        )  # fmt: skip
        is_end = done_bytes and done >= before.total_bytes
        if is_end or now - self._reported >= _REPORT_SECONDS:
            self._tell(now)

    def _tell(self, now: float) -> None:
        self._reported = now
        self._samples.append((now, self._latest.done_bytes))
        while len(self._samples) > 2 and now - self._samples[0][0] > _SPEED_SECONDS:
            self._samples.popleft()
        latest = self._latest
        self._latest = Progress(
            latest.stage, latest.done_bytes, latest.total_bytes, self._speed(),
            self._seconds_left(now), latest.fetched_bytes,
        )  # fmt: skip
        self._report(self._latest)

    def _speed(self) -> float | None:
        (then, before), (now, after) = self._samples[0], self._samples[-1]
        return (after - before) / (now - then) if now > then else None

    def _seconds_left(self, now: float) -> float | None:
        gained = self._latest.fraction - self._first.fraction
        if gained <= 0:
            return None
        return (now - self._started) * (1 - self._latest.fraction) / gained
