"""Jobs of the engine end exactly once, whatever becomes of its process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.engine.protocol import (
    CountTokens,
    EngineParameters,
    Event,
    Failed,
    Finished,
    Generate,
    Load,
    Loaded,
    LoadProgressed,
    PromptMessage,
    StoppedBy,
    TextGenerated,
    TokensCounted,
)
from app.runtime.engine_thread import EngineThread
from tests.fakes import ScriptedEngine, ScriptedEngines

CLOSING = (Loaded, Finished, TokensCounted, Failed)
QUESTION = (PromptMessage("user", "Hi"),)


class Bench:
    """An engine thread, and all events that its jobs got."""

    def __init__(self, qtbot: QtBot) -> None:
        self.qtbot = qtbot
        self.engines = ScriptedEngines()
        self.thread = EngineThread(Path("unused.log"), self.engines.start)
        self.events: list[Event] = []
        self.threads: set[int] = set()
        self.deaths: list[tuple[str, str]] = []
        self.thread.engine_died.connect(lambda *death: self.deaths.append(death))

    def receive(self, event: Event) -> None:
        self.events.append(event)
        self.threads.add(threading.get_ident())

    def generate(self) -> int:
        job_id = self.thread.new_job_id()
        self.thread.send(Generate(job_id, QUESTION), self.receive)
        return job_id

    def load(self) -> int:
        job_id = self.thread.new_job_id()
        self.thread.send(Load(job_id, EngineParameters("model.gguf")), self.receive)
        return job_id

    def closing(self, job_id: int) -> list[Event]:
        found = [event for event in self.events if isinstance(event, CLOSING)]
        return [event for event in found if event.job_id == job_id]

    def until(self, fact: Callable[[], bool]) -> None:
        self.qtbot.waitUntil(fact, timeout=20_000)

    def until_closed(self, job_id: int) -> Event:
        self.until(lambda: bool(self.closing(job_id)))
        (event,) = self.closing(job_id)
        return event


@pytest.fixture
def bench(qtbot: QtBot) -> Iterator[Bench]:
    bench = Bench(qtbot)
    yield bench
    bench.thread.close()


def test_first_job_starts_the_engine(bench: Bench) -> None:
    """Nothing runs before; the events come on this thread, in order."""
    before = len(bench.engines.started)
    loaded = bench.until_closed(bench.load())
    finished = bench.until_closed(bench.generate())

    assert (before, len(bench.engines.started)) == (0, 1)
    assert isinstance(loaded, Loaded)
    assert isinstance(finished, Finished)
    assert bench.threads == {threading.get_ident()}
    assert isinstance(bench.events[0], LoadProgressed)


def test_starting_the_engine_does_not_hold_the_window(bench: Bench) -> None:
    """`send` returns while the process is still being started, and so does `stop`."""
    may_start = threading.Event()
    start = bench.engines.start

    def start_slowly(log_path: Path) -> ScriptedEngine:
        may_start.wait()
        return start(log_path)

    bench.thread = EngineThread(Path("unused.log"), start_slowly)
    bench.engines.pieces_allowed = 0
    job_id = bench.generate()
    bench.thread.stop(job_id)
    nothing_yet = list(bench.events)
    may_start.set()
    event = bench.until_closed(job_id)

    assert nothing_yet == []
    assert isinstance(event, Finished)
    assert event.stopped_by is StoppedBy.STOP
    bench.thread.close()


def test_pieces_that_arrive_together_come_as_one(bench: Bench) -> None:
    """No text and no id is lost, and a busy window gets few events."""
    bench.engines.pieces = tuple(f"{number} " for number in range(500))
    bench.engines.pieces_allowed = 0
    job_id = bench.generate()
    bench.until(lambda: bool(bench.events))
    bench.engines.last.allow(500)
    bench.engines.last.until_finished(job_id)
    event = bench.until_closed(job_id)
    texts = [event for event in bench.events if isinstance(event, TextGenerated)]

    assert "".join(event.text for event in texts) == "".join(bench.engines.pieces)
    assert sum(len(event.token_ids) for event in texts) == 500
    assert texts[-1].context_used_tokens == 501
    assert len(texts) < 250
    assert isinstance(event, Finished)


def test_death_closes_every_open_job_once(bench: Bench) -> None:
    """Then it is told once, and the next job has a new engine."""
    bench.engines.pieces_allowed = 0
    jobs = [bench.generate(), bench.generate()]
    bench.until(lambda: bool(bench.events))
    bench.engines.last.die()
    bench.until(lambda: bool(bench.deaths))
    next_job = bench.load()
    loaded = bench.until_closed(next_job)

    for job_id in jobs:
        (event,) = bench.closing(job_id)
        assert isinstance(event, Failed)
        assert (event.fatal, event.details) == (True, "last log lines")
    assert bench.deaths == [("The engine stopped. What had arrived is kept.", "last log lines")]
    assert isinstance(loaded, Loaded)
    assert len(bench.engines.started) == 2


def test_job_given_to_a_dead_engine_fails(bench: Bench) -> None:
    """Sent after the death, before the window has heard of it: it ends, too."""
    bench.until_closed(bench.load())
    bench.engines.last.die()
    job_id = bench.generate()
    event = bench.until_closed(job_id)
    bench.until(lambda: len(bench.deaths) == 1)

    assert isinstance(event, Failed)
    assert event.fatal


def test_kill_fails_open_jobs_at_once_and_is_no_death(bench: Bench) -> None:
    """What the old engine still says is dropped."""
    bench.engines.pieces_allowed = 0
    job_id = bench.generate()
    bench.until(lambda: bool(bench.events))
    bench.thread.kill()
    (event,) = bench.closing(job_id)
    bench.until_closed(bench.load())

    assert isinstance(event, Failed)
    assert bench.engines.started[0].was_killed
    assert len(bench.closing(job_id)) == 1
    assert bench.deaths == []


def test_engine_killed_while_it_starts_is_ended(bench: Bench) -> None:
    """The job fails at once; the process that comes too late is killed, and another one serves."""
    may_start = threading.Event()
    start = bench.engines.start

    def start_slowly(log_path: Path) -> ScriptedEngine:
        may_start.wait()
        return start(log_path)

    bench.thread = EngineThread(Path("unused.log"), start_slowly)
    job_id = bench.load()
    bench.thread.kill()
    (event,) = bench.closing(job_id)
    may_start.set()
    loaded = bench.until_closed(bench.load())
    bench.thread.close()

    assert isinstance(event, Failed)
    assert isinstance(loaded, Loaded)
    assert all(engine.was_killed for engine in bench.engines.started[:-1])
    assert bench.closing(job_id) == [event]


def test_forgotten_job_says_nothing_more(bench: Bench) -> None:
    """Its events are dropped, those of others are not."""
    bench.engines.pieces_allowed = 0
    forgotten = bench.generate()
    bench.until(lambda: bool(bench.events))
    bench.thread.forget(forgotten)
    bench.events.clear()
    bench.engines.last.allow(10)
    counted = bench.thread.new_job_id()
    bench.thread.send(CountTokens(counted, QUESTION), bench.receive)
    bench.until_closed(counted)
    bench.engines.last.until_finished(forgotten)
    bench.thread.deliver()

    assert bench.events == [TokensCounted(counted, 1)]


def test_engine_that_cannot_be_started_fails_the_job(bench: Bench) -> None:
    """With the system's reason in the details; the next job tries again."""
    bench.engines.refusal = OSError("no memory")
    event = bench.until_closed(bench.load())
    bench.engines.refusal = None
    bench.until(lambda: bool(bench.deaths))
    again = bench.until_closed(bench.load())

    assert isinstance(event, Failed)
    assert (event.sentence, event.details) == ("The engine could not be started.", "no memory")
    assert isinstance(again, Loaded)


def test_close_hands_over_what_has_arrived(bench: Bench) -> None:
    """The last words first, then the open job fails; nothing is told as a death."""
    bench.engines.pieces_allowed = 0
    job_id = bench.generate()
    bench.until(lambda: bool(bench.events))
    bench.engines.last.allow(2)
    bench.engines.last.until_waiting()
    bench.thread.close()
    texts = [event.text for event in bench.events if isinstance(event, TextGenerated)]

    assert "".join(texts) == "Hello there"
    assert isinstance(bench.events[-1], Failed)
    assert len(bench.closing(job_id)) == 1
    assert bench.deaths == []


def test_close_ends_an_engine_that_was_being_started(bench: Bench) -> None:
    """It is not left behind."""
    is_starting, may_start = threading.Event(), threading.Event()
    start = bench.engines.start

    def start_slowly(log_path: Path) -> ScriptedEngine:
        is_starting.set()
        may_start.wait()
        return start(log_path)

    bench.thread = EngineThread(Path("unused.log"), start_slowly)
    bench.load()
    is_starting.wait()
    closer = threading.Timer(0, may_start.set)
    closer.start()
    bench.thread.close()
    closer.join()

    assert bench.engines.last.was_killed
