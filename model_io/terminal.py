"""How a long job looks and is stopped in a terminal: a bar on stderr, Ctrl-C, one last sentence.

Knows nothing of what the job is.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from model_io.progress import Progress, StopCallback

FAILED, INTERRUPTED = 1, 130

_BAR_CELLS = 24

_STOP_SIGNALS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]
"""Ctrl-C, a request to end, and a terminal that was closed; Windows has no such thing."""


def print_answer(answer: str) -> int:
    """Print a result to stdout; returns the exit status, with a sentence if nobody takes it."""
    try:
        print(answer, flush=True)
    except OSError as error:
        # Python would complain once more when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):  # whoever read it has gone, and knows
            return FAILED
        return end(FAILED, f"The result can't be printed: {error.strerror or error}.")
    return 0


def end(status: int, sentence: str) -> int:
    """Say a sentence on stderr; returns `status`."""
    with suppress(OSError):  # nobody reads it
        print(sentence, file=sys.stderr, flush=True)
    return status


@contextmanager
def interruptible() -> Iterator[StopCallback]:
    """Turn Ctrl-C and a request to end into a question that the job asks between its pieces.

    So a second Ctrl-C can't disturb what the first one began. Before the job has asked for the
    first time it has begun nothing, and is interrupted at once.
    """
    wish = _WishToStop()
    if threading.current_thread() is not threading.main_thread():
        yield wish.is_there
        return
    before = {number: signal.getsignal(number) for number in _STOP_SIGNALS}
    heeded = [number for number in _STOP_SIGNALS if before[number] is not signal.SIG_IGN]  # nohup
    for number in heeded:
        signal.signal(number, wish.take)
    try:
        yield wish.is_there
    finally:
        for number in heeded:
            signal.signal(number, before[number])


class _WishToStop:
    """No lock: a second signal may arrive in the middle of the first one's handler."""

    def __init__(self) -> None:
        self._is_there = False
        self._is_asked_for = False

    def take(self, *_: object) -> None:
        """A signal has come."""
        self._is_there = True
        if not self._is_asked_for:
            raise KeyboardInterrupt

    def is_there(self) -> bool:
        """What the job asks."""
        self._is_asked_for = True
        return self._is_there


class ProgressBar:
    """Progress on stderr: a bar that grows on a terminal, a line every 10 % elsewhere."""

    def __init__(self) -> None:
        self._shown: tuple[str, int] | None = None
        self._live = sys.stderr.isatty()

    def __call__(self, progress: Progress) -> None:
        """Show `progress`."""
        percent = min(100, int(100 * progress.fraction))
        step = (progress.stage, percent // 10)
        if not self._live and step == self._shown:
            return
        self._shown = step
        with suppress(OSError):  # the work matters more than who watches it
            if self._live:
                self._draw(progress, percent)
            else:
                print(_describe(progress, percent), file=sys.stderr, flush=True)

    def close(self) -> None:
        """Leave the terminal's line."""
        if self._live and self._shown is not None:
            with suppress(OSError):
                print(file=sys.stderr, flush=True)

    def _draw(self, progress: Progress, percent: int) -> None:
        filled = _BAR_CELLS * percent // 100
        bar = "█" * filled + "░" * (_BAR_CELLS - filled)
        if "utf" not in (sys.stderr.encoding or "").lower():
            bar = "#" * filled + "." * (_BAR_CELLS - filled)
        line = f"{bar} {_describe(progress, percent)}"
        width = shutil.get_terminal_size().columns - 1
        print(f"\r{line[:width]}\x1b[K", end="", file=sys.stderr, flush=True)


def _describe(progress: Progress, percent: int) -> str:
    scale, unit = (1e9, "GB") if progress.total_bytes >= 1e9 else (1e6, "MB")
    done, total = progress.done_bytes / scale, progress.total_bytes / scale
    words = [f"{progress.stage} {percent:3} %", f"{done:.1f} of {total:.1f} {unit}"]
    if progress.fetched_bytes is not None:
        words.append(f"{progress.fetched_bytes / scale:.1f} {unit} fetched")
    if progress.bytes_per_second is not None:
        words.append(f"{progress.bytes_per_second / 1e6:.0f} MB/s")
    if progress.seconds_left is not None and percent < 100:
        words.append(f"{duration(progress.seconds_left)} left")
    return "  ".join(words)


def duration(seconds: float) -> str:
    """A time as people say it: "40 s", "12 min", "3 h 20 min"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
