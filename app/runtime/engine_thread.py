"""Drives the engine's process from the window's: requests go out on one thread, events come in on
another, and the window's thread never waits for either.

Knows which jobs are open, so that each of them ends exactly once, also when the process dies.
Knows nothing of chats.
"""

from __future__ import annotations

import itertools
import queue
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from PySide6.QtCore import QObject, Qt, Signal, Slot

from app.engine.protocol import (
    ClosingEvent,
    CountPrompt,
    CountTokens,
    Event,
    Failed,
    Generate,
    Load,
    Measure,
    Stop,
    Summarise,
    TextGenerated,
)

Job = Load | Generate | Summarise | CountTokens | CountPrompt | Measure
Receive = Callable[[Event], None]

_NOT_STARTED = "The engine could not be started."
_GONE = "The engine stopped."


class Engine(Protocol):
    """The parent's side of one engine process, as `app.engine.client.EngineClient` has it."""

    def send(self, request: Job | Stop) -> None:
        """Put a request into the pipe, from any thread."""

    def poll(self, timeout_seconds: float | None) -> Event | None:
        """The next event; None as the timeout waits for it, and gives None when all is over."""

    def kill(self) -> None:
        """End the process at once, from any thread."""

    def close(self) -> None:
        """Wait for the process that has ended, and let go of it."""


@dataclass(frozen=True, slots=True)
class _Parcel:
    """Something for the engine of one `life`, or from it; `event` None is the engine's end."""

    life: int
    request: Job | Stop | None = None
    event: Event | None = None


class EngineThread(QObject):
    """One engine process at a time, started with the first job and again after its death.

    Lives on the window's thread. `receive` of a job is called there, for each of its events; the
    last is a closing event, and exactly one is.

    Signals:
        engine_died(str sentence, str details): the process ended by itself; sent once for each
            death, after the closing events of the jobs that were open.
    """

    engine_died = Signal(str, str)
    _mail_arrived = Signal()

    def __init__(
        self,
        log_path: Path,
        start_engine: Callable[[Path], Engine],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._log_path = log_path
        self._start_engine = start_engine
        self._job_ids = itertools.count(1)
        self._receivers: dict[int, Receive] = {}
        self._life = 0  # counts engines; what belongs to an earlier one is dropped
        self._engines: dict[int, Engine] = {}
        self._lock = threading.Lock()  # over `_life` and `_engines`
        self._outbox: queue.SimpleQueue[_Parcel | None] = queue.SimpleQueue()
        self._inbox: deque[_Parcel] = deque()
        self._mail_is_told = False
        self._is_closing = False
        self._mail_arrived.connect(self.deliver, Qt.ConnectionType.QueuedConnection)
        self._sender: threading.Thread | None = None
        self._readers: list[threading.Thread] = []

    # --- on the window's thread --------------------------------------------------------------

    def new_job_id(self) -> int:
        """A number that no other job of this process has."""
        return next(self._job_ids)

    def send(self, job: Job, receive: Receive) -> None:
        """Give the engine a job, starting one first if there is none."""
        self._receivers[job.job_id] = receive
        self._post(job)

    def stop(self, job_id: int) -> None:
        """Ask for the early end of a job; its closing event still comes."""
        if job_id in self._receivers:
            self._post(Stop(job_id))

    def forget(self, job_id: int) -> None:
        """Drop what still comes of that job."""
        self._receivers.pop(job_id, None)

    def kill(self) -> None:
        """End the process at once; its open jobs fail, and the next job starts a new one."""
        self._kill_engine()
        self._leave_life()
        self._fail_open_jobs(_GONE, "")

    def close(self) -> None:
        """End the process and all threads; waits for them.

        What the process had said by then is handed over first, and the open jobs fail.
        """
        self._is_closing = True
        self._kill_engine()  # it has nothing to save, and a hanging one must not keep the window
        self._outbox.put(None)
        if self._sender is not None:
            self._sender.join()
        self._kill_engine()  # it may just have been started
        for reader in self._readers:
            reader.join()
        self.deliver()
        self._fail_open_jobs(_GONE, "")

    @Slot()
    def deliver(self) -> None:
        """Hand over all events that have arrived, neighbouring pieces of a reply as one."""
        self._mail_is_told = False
        while self._inbox:
            parcel = self._inbox.popleft()
            if parcel.life != self._life:
                continue
            event = parcel.event
            if isinstance(event, TextGenerated):
                event = self._with_following(event, parcel.life)
            if event is None or (isinstance(event, Failed) and event.fatal):
                self._bury(event)
            else:
                self._hand_over(event)

    def _post(self, request: Job | Stop) -> None:
        if self._sender is None:
            self._sender = threading.Thread(target=self._send_all, name="engine-out", daemon=True)
            self._sender.start()
        self._outbox.put(_Parcel(self._life, request))

    def _with_following(self, first: TextGenerated, life: int) -> TextGenerated:
        pieces, ids, last = [first.text], list(first.token_ids), first
        while self._inbox and self._inbox[0].life == life:
            event = self._inbox[0].event
            if not isinstance(event, TextGenerated) or event.job_id != first.job_id:
                break
            self._inbox.popleft()
            pieces.append(event.text)
            ids.extend(event.token_ids)
            last = event
        return replace(last, text="".join(pieces), token_ids=tuple(ids))

    def _hand_over(self, event: Event) -> None:
        job_id = getattr(event, "job_id", 0)
        receive = self._receivers.get(job_id)
        if isinstance(event, ClosingEvent):
            self._receivers.pop(job_id, None)
        if receive is not None:
            receive(event)

    def _bury(self, event: Failed | None) -> None:
        """The engine is dead: every open job ends, in the order in which they were given."""
        sentence, details = (event.sentence, event.details) if event else (_GONE, "")
        self._leave_life()
        self._fail_open_jobs(sentence, details)
        if not self._is_closing:
            self.engine_died.emit(sentence, details)

    def _fail_open_jobs(self, sentence: str, details: str) -> None:
        for job_id in list(self._receivers):
            self._hand_over(Failed(job_id, sentence, details, fatal=True))

    def _kill_engine(self) -> None:
        with self._lock:
            engine = self._engines.get(self._life)
        if engine is not None:
            engine.kill()

    def _leave_life(self) -> None:
        with self._lock:
            self._engines.pop(self._life, None)
            self._life += 1

    # --- on the sending thread ---------------------------------------------------------------

    def _send_all(self) -> None:
        while (parcel := self._outbox.get()) is not None:
            try:
                engine = self._engine_of(parcel)
            except Exception as error:  # noqa: BLE001  the thread's boundary: told as an event
                failed = Failed(0, _NOT_STARTED, str(error), fatal=True)
                self._put_into_inbox(_Parcel(parcel.life, event=failed))
                continue
            if engine is not None and parcel.request is not None:
                engine.send(parcel.request)  # should it be dead, the reader hears of it

    def _engine_of(self, parcel: _Parcel) -> Engine | None:
        """The engine of the parcel's life, started if need be; None if that life is over."""
        with self._lock:
            engine = self._engines.get(parcel.life)
            is_over = parcel.life != self._life
        if engine is not None or is_over or isinstance(parcel.request, Stop):
            return engine
        engine = self._start_engine(self._log_path)
        with self._lock:
            is_over = parcel.life != self._life
            if not is_over:
                self._engines[parcel.life] = engine
        reader = threading.Thread(
            target=self._read_all, args=(parcel.life, engine), name="engine-in", daemon=True
        )
        self._readers = [other for other in self._readers if other.is_alive()] + [reader]
        if is_over:
            engine.kill()  # left while it started
        reader.start()
        return None if is_over else engine

    # --- on the reading thread of each engine ------------------------------------------------

    def _read_all(self, life: int, engine: Engine) -> None:
        try:
            while (event := engine.poll(None)) is not None:
                self._put_into_inbox(_Parcel(life, event=event))
        except Exception as error:  # noqa: BLE001  the thread's boundary: told as an event
            failed = Failed(0, _GONE, str(error), fatal=True)
            self._put_into_inbox(_Parcel(life, event=failed))
        engine.close()
        self._put_into_inbox(_Parcel(life))

    def _put_into_inbox(self, parcel: _Parcel) -> None:
        self._inbox.append(parcel)
        if not self._mail_is_told:
            self._mail_is_told = True
            self._mail_arrived.emit()
