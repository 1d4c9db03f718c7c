"""Long jobs on model files in a process of their own, which a crash can't take along.

Both sides of it: `prepare` starts the process and yields its progress, `serve` is what runs in
it. The parent loads no native library. Whatever becomes of the process, the parent raises one
sentence, and what was done lies in the job's journal.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Generator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Protocol

from model_io.child import Child, read_log_end, start_child
from model_io.errors import ModelIOError, ProcessError
from model_io.progress import Cancelled, Progress, ProgressCallback, StopCallback, never_stop

_POLL_SECONDS = 0.1
_EXIT_SECONDS = 5.0
_STOP_SECONDS = 10.0
"""How long a stop may take before the process is killed, which costs no more than a crash."""


class Job(Protocol):
    """What is to be done: a picklable value whose module the child imports."""

    @property
    def subject(self) -> Path:
        """The file that sentences about the process name."""

    def perform(self, on_progress: ProgressCallback, should_stop: StopCallback) -> object:
        """Do it, in the child; returns a picklable result."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A job's result, and the most memory that its process ever had."""

    result: object
    peak_rss_bytes: int


@dataclass(frozen=True, slots=True)
class _Failure:
    error: ModelIOError | Cancelled


def prepare(job: Job, should_stop: StopCallback = never_stop) -> Generator[Progress, None, Outcome]:
    """Do `job` in a process of its own; yields its progress and returns its outcome.

    Closing the generator kills the process, of which a later run recovers. Raises what the job
    raises, Cancelled soon after `should_stop` says yes, and ProcessError if the process dies.
    """
    with tempfile.TemporaryDirectory(prefix="octet-") as folder:
        try:
            child = start_child(__name__, Path(folder) / "preparation.log")
        except OSError as error:
            problem = f"can't be worked on: {error.strerror or error}"
            raise ProcessError(job.subject, problem, "close other programs and try again") from None
        try:
            return (yield from _follow(child, job, should_stop))
        finally:
            _bury(child)


class TooLateError(Exception):
    """A job did not end in time."""


def finish(job: Job, timeout_seconds: float) -> object:
    """Do `job` in a process of its own and return its result.

    Raises what `prepare` raises, and TooLateError when the time is over: a wish to stop would be
    waited for, and what hangs hears none.
    """
    deadline = time.monotonic() + timeout_seconds

    def look_at_clock() -> bool:
        if time.monotonic() > deadline:
            raise TooLateError
        return False

    steps = prepare(job, look_at_clock)
    try:
        while True:
            next(steps)
    except StopIteration as finished:
        outcome: Outcome = finished.value
        return outcome.result


def _follow(
    child: Child, job: Job, should_stop: StopCallback
) -> Generator[Progress, None, Outcome]:
    stop_deadline: float | None = None
    try:
        child.connection.send(job)
        while True:
            if stop_deadline is None and should_stop():
                child.connection.send("stop")
                stop_deadline = time.monotonic() + _STOP_SECONDS
            if stop_deadline is not None and time.monotonic() > stop_deadline:
                raise Cancelled
            if not child.connection.poll(_POLL_SECONDS):
                continue
            match child.connection.recv():
                case Progress() as progress:
                    yield progress
                case Outcome() as outcome:
                    return outcome
                case _Failure(error):
                    raise error
    except (EOFError, OSError):
        raise _describe_death(child, job) from None


def _describe_death(child: Child, job: Job) -> ProcessError:
    child.process.join(_EXIT_SECONDS)
    code = child.process.exitcode
    how = "ended unexpectedly"
    if code is not None and code < 0:
        how = f"was ended by {signal.Signals(-code).name}"
    said = _last_words(read_log_end(child.log_path))
    problem = f"is not finished: the process that worked on it {how}{said}"
    return ProcessError(job.subject, problem, "run the same again, which goes on from there")


def _last_words(log: str) -> str:
    """What was said before the end, without Python's own account of a crash."""
    lines = [line.strip() for line in log.partition("Fatal Python error")[0].splitlines()]
    lines = [line for line in lines if line]
    return f" ({lines[-1][:200]})" if lines else ""


def _bury(child: Child) -> None:
    child.connection.close()  # asks it to end
    child.process.join(_EXIT_SECONDS)
    if child.process.is_alive():
        child.process.kill()
        # A driver may hold it in a call that nothing ends; it is left to the system then.
        child.process.join(_EXIT_SECONDS)
    if child.process.exitcode is not None:
        child.process.close()


def serve(connection: Connection) -> None:
    """Do the one job that comes through the pipe; runs in the child."""
    from model_io.native_log import NativeLog  # loads the native library

    job: Job = connection.recv()
    wish = threading.Event()
    threading.Thread(target=_listen, args=(connection, wish), daemon=True).start()
    try:
        with NativeLog():
            result = job.perform(connection.send, wish.is_set)
        connection.send(Outcome(result, peak_rss_bytes()))
    except (ModelIOError, Cancelled) as error:
        connection.send(_Failure(error))


def _listen(connection: Connection, wish: threading.Event) -> None:
    """A message is the wish to stop; the end of the pipe is the end of whoever wanted this."""
    try:
        connection.recv()
        wish.set()
        connection.recv()
    except (EOFError, OSError):
        os._exit(0 if wish.is_set() else 1)


def peak_rss_bytes() -> int:
    """The most memory that this process ever had, shared libraries included."""
    status = Path("/proc/self/status")
    if status.is_file():
        # Linux counts the parent's memory into ru_maxrss of a spawned process, but not here.
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(lines["VmHWM"].split()[0]) * 1024
    if sys.platform == "win32":
        import psutil

        peak: int = psutil.Process().memory_info().peak_wset
        return peak
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
