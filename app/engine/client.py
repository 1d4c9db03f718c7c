"""The parent's side of the engine: starts it, asks, hears, stops, kills.

A job that was sent ends with exactly one closing event, whatever becomes of the process. Knows
nothing of llama.cpp, which is never loaded here, nor of Qt.
"""

from __future__ import annotations

import itertools
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from app.engine.protocol import (
    ClosingEvent,
    Event,
    Failed,
    JobRequest,
    Load,
    Measure,
    Request,
    Shutdown,
    Stop,
)
from model_io.child import Child, read_log_end, start_child

_ENGINE_MODULE = "app.engine.process"
_EXIT_SECONDS = 1.0
_SIGKILL_EXIT = -9


class EngineClient:
    """A running engine. `send`, `stop` and `kill` are for any thread, the rest for one.

    A context manager: leaving it ends the engine.
    """

    def __init__(self, child: Child) -> None:
        """`child` runs `app.engine.process`; see `start`."""
        self._child = child
        self._job_ids = itertools.count(1)
        self._open_jobs: dict[int, JobRequest] = {}
        self._last_words: deque[Failed] = deque()
        self._lock = threading.Lock()
        self._is_alive = True
        self._was_killed = False

    @classmethod
    def start(cls, log_path: Path) -> EngineClient:
        """Start an engine whose output goes to `log_path`; OSError if none can be started."""
        return cls(start_child(_ENGINE_MODULE, log_path))

    @property
    def is_alive(self) -> bool:
        """Whether the engine was there when it was last heard."""
        return self._is_alive

    @property
    def has_open_jobs(self) -> bool:
        """Whether a closing event is still to come."""
        with self._lock:
            return bool(self._open_jobs) or bool(self._last_words)

    @property
    def process_id(self) -> int:
        """The engine's process id."""
        return self._child.process.pid or 0

    def new_job_id(self) -> int:
        """A number that no job of this engine had before."""
        return next(self._job_ids)

    def send(self, request: Request) -> None:
        """Send `request`; if the engine is gone, its job ends with a fatal `Failed`."""
        with self._lock:
            if isinstance(request, JobRequest):
                if not self._is_alive:
                    self._last_words.append(self._describe_death(request.job_id, request))
                    return
                self._open_jobs[request.job_id] = request
            try:
                self._child.connection.send(request)
            except OSError:
                return  # the other end is gone: `poll` hears of it, and closes the job

    def stop(self, job_id: int) -> None:
        """Ask the job to end early; its closing event still comes."""
        self.send(Stop(job_id))

    def stop_all(self) -> None:
        """Ask every open job to end early."""
        with self._lock:
            job_ids = list(self._open_jobs)
        for job_id in job_ids:
            self.stop(job_id)

    def poll(self, timeout_seconds: float | None = 0.0) -> Event | None:
        """The next event, or None if none comes in time; None waits for as long as it takes.

        When the engine is gone: what it had sent, then a fatal `Failed` for each open job (or one
        with the job id 0), then None at once.
        """
        if not self._is_alive:
            return self._last_words.popleft() if self._last_words else None
        try:
            if not self._child.connection.poll(timeout_seconds):
                return None
            event: Event = self._child.connection.recv()
        except (EOFError, OSError):
            self._bury()
            return self._last_words.popleft()
        if isinstance(event, ClosingEvent):
            with self._lock:
                self._open_jobs.pop(event.job_id, None)
        return event

    def events(self) -> Iterator[Event]:
        """Wait for events until no job is open."""
        while self.has_open_jobs:
            event = self.poll(None)
            if event is not None:
                yield event

    def kill(self) -> None:
        """End the engine at once, whatever it does; open jobs end with a fatal `Failed`."""
        self._was_killed = True
        self._child.process.kill()

    def close(self, timeout_seconds: float = 2.0) -> None:
        """End the engine: ask it to, and kill it if it doesn't. Events still to come are lost."""
        if self._is_alive:
            self.send(Shutdown())
            self._hear_out(time.monotonic() + timeout_seconds)
            self._is_alive = False
        self._child.process.kill()
        self._child.process.join()
        self._child.connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _hear_out(self, deadline: float) -> None:
        """Take events until the pipe ends, so that the engine never waits to be heard."""
        connection = self._child.connection
        try:
            while connection.poll(max(0.0, deadline - time.monotonic())):
                connection.recv()
        except (EOFError, OSError):
            self._child.process.join(_EXIT_SECONDS)

    def _bury(self) -> None:
        """The pipe has ended: find out why, and close what is open."""
        process = self._child.process
        process.join(_EXIT_SECONDS)
        if process.exitcode is None:
            process.kill()  # it closed the pipe and yet lives: it hangs
            process.join()
        with self._lock:
            self._is_alive = False
            for job_id, request in self._open_jobs.items():
                self._last_words.append(self._describe_death(job_id, request))
            self._open_jobs.clear()
            if not self._last_words:
                self._last_words.append(self._describe_death(0, None))

    def _describe_death(self, job_id: int, request: JobRequest | None) -> Failed:
        exit_code = self._child.process.exitcode
        details = read_log_end(self._child.log_path)
        return Failed(
            job_id,
            self._death_sentence(request, exit_code),
            f"{details}\nThe engine's process ended with code {exit_code}.".strip(),
            fatal=True,
        )

    def _death_sentence(self, request: JobRequest | None, exit_code: int | None) -> str:
        if self._was_killed:
            return "The engine was stopped. What had arrived is kept."
        if exit_code == _SIGKILL_EXIT and sys.platform != "win32":
            return (
                "The system ended the engine, most likely for lack of memory. What had arrived is "
                "kept. Close other programs, or choose a smaller context or model."
            )
        if isinstance(request, Load):
            return (
                "The engine stopped while it loaded the model. "
                "Try again, or choose another file or a smaller context."
            )
        if isinstance(request, Measure):
            return "The engine stopped while it measured. The next message starts it again."
        return (
            "The engine stopped. What had arrived is kept; the next message starts it again "
            "and reads the chat anew."
        )
