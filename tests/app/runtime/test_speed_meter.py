"""Measuring gives way to everything else, and what is known is told as one value."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from app.core.memory_parts import PartKind
from app.engine.protocol import Generate, Load, Measure, Stop
from app.runtime.chat_session import ChatSession, SessionState
from app.runtime.facts import SpeedFacts
from tests import plans
from tests.app.runtime.house import House

S = SessionState


@pytest.fixture
def ready(house: House, toy_model: Path) -> ChatSession:
    """A session with a real file that a scripted engine has loaded by a plan."""
    shutil.copy(toy_model, house.demo)
    house.engines.make_plan = lambda _: plans.cpu_plan()
    session, _ = house.open_ready()
    return session


def facts_of(session: ChatSession) -> SpeedFacts:
    """What is known; there is a model."""
    assert session.speed.facts is not None
    return session.speed.facts


def begin(house: House, session: ChatSession) -> None:
    """Measure, and wait until the engine is at it."""
    session.speed.measure()
    house.until(lambda: bool(house.engines.last.open_requests(Measure)))


def test_nothing_is_known_without_a_model(house: House) -> None:
    """And nothing can be measured."""
    session, _ = house.open()
    session.speed.look()
    session.speed.measure()

    assert session.speed.facts is None
    assert not session.speed.is_measuring


def test_looking_reads_the_file_and_the_memory(house: House, ready: ChatSession) -> None:
    """Without the engine."""
    ready.speed.look()
    house.until(lambda: bool(facts_of(ready).uses))
    (ram,) = facts_of(ready).uses

    assert facts_of(ready).layers == 2
    assert PartKind.EXPERTS in {part.kind for part in ram.parts}
    assert not house.engines.last.asked(Measure)


def test_a_measurement_is_reported_with_advice(house: House, ready: ChatSession) -> None:
    """With the best of this computer, as the engine tells it."""
    begin(house, ready)
    assert facts_of(ready).is_measuring
    house.engines.last.finish_measuring(6.0, best_tokens_per_second=9.0)
    house.until(lambda: not facts_of(ready).is_measuring)
    report, advice = facts_of(ready).report, facts_of(ready).advice

    assert report is not None
    assert advice is not None
    assert (report.measured.decode_tokens_per_second, report.best) == (6.0, 9.0)


def test_a_stopped_measurement_leaves_nothing(house: House, ready: ChatSession) -> None:
    """Not even a complaint."""
    begin(house, ready)
    ready.speed.stop()
    house.until(lambda: not facts_of(ready).is_measuring)

    assert facts_of(ready).report is None
    assert facts_of(ready).failure == ""


def test_a_message_stops_the_measurement(house: House, ready: ChatSession) -> None:
    """Nobody's words wait for ten seconds."""
    begin(house, ready)
    house.send(ready, "Hi")
    kinds = [type(request) for request in house.engines.last.requests]

    assert kinds.index(Stop) < kinds.index(Generate)
    assert not facts_of(ready).is_measuring


def test_nothing_is_measured_while_a_reply_grows(house: House, ready: ChatSession) -> None:
    """It can be, as soon as the reply has ended."""
    house.engines.last._allowed = 1
    house.send_until_growing(ready, "Hi")
    ready.speed.measure()
    could = facts_of(ready).can_measure
    house.engines.last.allow(9)
    house.wait_for(ready, S.READY)

    assert not could
    assert facts_of(ready).can_measure
    assert not house.engines.last.asked(Measure)


def test_a_failure_is_told(house: House, ready: ChatSession) -> None:
    """In the engine's sentence, until the next measurement."""
    begin(house, ready)
    house.engines.last.fail(Measure, "The graphics card reported an error.")
    house.until(lambda: bool(facts_of(ready).failure))
    failure = facts_of(ready).failure
    begin(house, ready)

    assert failure == "The graphics card reported an error."
    assert facts_of(ready).failure == ""


def test_an_engine_that_dies_of_it_is_told(house: House, ready: ChatSession) -> None:
    """The next message brings the model back."""
    begin(house, ready)
    house.engines.last.die("The engine stopped while it measured.")
    house.until(lambda: bool(facts_of(ready).failure))
    measurable = facts_of(ready).can_measure
    house.send(ready, "Hi")

    assert not measurable
    assert len(house.engines.started) == 2
    assert house.engines.last.asked(Load)


def test_replies_say_how_quick_they_were(house: House, ready: ChatSession) -> None:
    """Those that are long enough to tell."""
    house.send(ready, "Hi")
    short = facts_of(ready).last_reply_speed
    house.engines.last._pieces = tuple("abcdefghij")
    house.send(ready, "More")

    assert short is None
    assert facts_of(ready).last_reply_speed == 40.0


def test_another_model_begins_anew(house: House, ready: ChatSession) -> None:
    """Its speed has nothing to do with the last one's."""
    begin(house, ready)
    house.engines.last.finish_measuring()
    house.until(lambda: facts_of(ready).report is not None)
    ready.load_model(str(house.demo))
    house.until(lambda: facts_of(ready).report is None)

    assert facts_of(ready).advice is None
