"""The engine's own process: hears requests at any time, works on one job after the other.

Four threads: this one works (llama.cpp may need the main thread's large stack), one listens and
is never busy, one counts tokens, one sends. When the pipe ends the process ends at once, in the
middle of whatever it does: nobody is left to hear of it.
"""

from __future__ import annotations

import os
import queue
import threading
import time
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection

from app.core.errors import EngineError, OctetError
from app.engine.protocol import (
    CountPrompt,
    CountTokens,
    Event,
    Failed,
    Generate,
    Load,
    Loaded,
    LoadProgressed,
    Measure,
    Ping,
    PlanChosen,
    Pong,
    PromptCounted,
    PromptTokenized,
    Request,
    Shutdown,
    Stop,
    Summarise,
    TokenizePrompt,
    TokensCounted,
)
from app.engine.session import Session
from app.engine.stop_flag import StopFlag
from model_io.native_log import NativeLog
from model_io.plan import Plan

_PROGRESS_SECONDS = 0.05  # how often the reading of a file is told

WorkRequest = Load | Generate | Summarise | Measure
CountRequest = CountTokens | CountPrompt | TokenizePrompt


def serve(connection: Connection) -> None:
    """Answer what comes through `connection` until `Shutdown`, or until it ends."""
    with NativeLog() as log:
        EngineProcess(connection, log).run()


class EngineProcess:
    """Joins the pipe and the session."""

    def __init__(
        self, connection: Connection, log: NativeLog, end: Callable[[int], object] = os._exit
    ) -> None:
        """`end` is called, from any thread, when there is nobody left to answer."""
        self._connection = connection
        self._end = end
        self._log = log
        self._session = Session(log)
        self._stop_flags: dict[int, StopFlag] = {}
        self._work: queue.SimpleQueue[WorkRequest | Shutdown] = queue.SimpleQueue()
        self._counts: queue.SimpleQueue[CountRequest] = queue.SimpleQueue()
        self._events: queue.SimpleQueue[Event | threading.Event | None] = queue.SimpleQueue()

    def run(self) -> None:
        """Work until `Shutdown`; everything that was to be sent is sent then."""
        for target in (self._listen, self._count):
            threading.Thread(target=target, name=target.__name__, daemon=True).start()
        sender = threading.Thread(target=self._send, name="_send", daemon=True)
        sender.start()
        while not isinstance(request := self._work.get(), Shutdown):
            self._do(request)
        self._session.close()
        self._events.put(None)
        sender.join()

    def _listen(self) -> None:
        while True:
            try:
                request: Request = self._connection.recv()
            except (EOFError, OSError):
                self._end(0)
                return
            match request:
                case Ping(number):
                    self._events.put(Pong(number))
                case Stop(job_id):
                    if flag := self._stop_flags.get(job_id):
                        flag.set()
                case CountTokens() | CountPrompt() | TokenizePrompt():
                    self._counts.put(request)
                case Load(job_id) | Generate(job_id) | Summarise(job_id) | Measure(job_id):
                    # From here on a stop finds the job, even if it hasn't begun.
                    self._stop_flags[job_id] = StopFlag()
                    self._work.put(request)
                case Shutdown():
                    for flag in tuple(self._stop_flags.values()):
                        flag.set()
                    self._work.put(request)

    def _send(self) -> None:
        while (event := self._events.get()) is not None:
            if isinstance(event, threading.Event):
                event.set()
                continue
            try:
                self._connection.send(event)
            except OSError:
                self._end(0)
                return

    def _wait_until_sent(self) -> None:
        """What was put before is in the pipe then: the process may die of what comes next."""
        sent = threading.Event()
        self._events.put(sent)
        sent.wait()

    def _count(self) -> None:
        while True:
            request = self._counts.get()
            try:
                self._events.put(self._answer_count(request))
            except Exception as error:  # noqa: BLE001  the thread's boundary: it has to go on
                self._events.put(self._describe(request.job_id, error))

    def _answer_count(self, request: CountRequest) -> Event:
        if isinstance(request, CountTokens):
            return TokensCounted(request.job_id, self._session.count_tokens(request.messages))
        if isinstance(request, CountPrompt):
            return PromptCounted(request.job_id, self._session.count_prompt(request))
        ids = self._session.tokenize_prompt(
            request.messages, continue_last=request.continue_last, raw=request.raw
        )
        return PromptTokenized(request.job_id, tuple(ids))

    def _do(self, request: WorkRequest) -> None:
        stop = self._stop_flags[request.job_id]
        try:
            match request:
                case Load():
                    closing: Event = self._load(request, stop)
                case Generate():
                    closing = self._session.generate(request, self._events.put, stop)
                case Summarise():
                    closing = self._session.summarise(request, self._events.put, stop)
                case Measure():
                    closing = self._session.measure(request, stop)
        except Exception as error:  # noqa: BLE001  the process's boundary: it has to go on
            closing = self._describe(request.job_id, error)
            if not isinstance(error, OctetError):
                self._session.forget()
        del self._stop_flags[request.job_id]
        self._events.put(closing)

    def _load(self, request: Load, stop: StopFlag) -> Loaded:
        started_at = time.perf_counter()
        told_at = 0.0

        def report(done_bytes: int, total_bytes: int) -> None:
            nonlocal told_at
            now = time.perf_counter()
            if now - told_at >= _PROGRESS_SECONDS or done_bytes == total_bytes:
                told_at = now
                self._events.put(LoadProgressed(request.job_id, done_bytes, total_bytes))

        def tell_plan(plan: Plan, sentences: tuple[str, ...]) -> None:
            self._events.put(PlanChosen(request.job_id, plan, sentences))
            self._wait_until_sent()

        model = self._session.load(request.parameters, report, stop, tell_plan)
        return Loaded(request.job_id, model, time.perf_counter() - started_at)

    def _describe(self, job_id: int, error: Exception) -> Failed:
        if isinstance(error, EngineError):
            return Failed(job_id, str(error), error.details or self._log.last_lines)
        if isinstance(error, OctetError):
            return Failed(job_id, str(error))
        details = "".join(traceback.format_exception(error))
        return Failed(job_id, "Something in the engine went wrong. Try again.", details)
