"""How a long job says how far it is, and how it is stopped.

Knows nothing of files, formats or windows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """One report: `done_bytes` of `total_bytes` of the work of `stage` are done.

    `stage` is a word for programs ("convert", "verify"), not for people. `total_bytes` stays the
    same during a stage and `done_bytes` never falls.
    """

    stage: str
    done_bytes: int
    total_bytes: int


class Cancelled(Exception):
    """The job ended because it was asked to; everything it had begun is removed."""


ProgressCallback = Callable[[Progress], None]
"""Called now and then from the thread that runs the job; it should return at once."""

StopCallback = Callable[[], bool]
"""Asked between pieces of work, from any thread; True ends the job with `Cancelled`."""


def ignore_progress(progress: Progress) -> None:
    """For callers who don't want to know."""


def never_stop() -> bool:
    """For callers who wait until the end."""
    return False
