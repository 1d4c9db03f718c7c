"""What goes wrong inside the engine's process becomes one closing event, and it goes on."""

from __future__ import annotations

import multiprocessing
import queue
import threading
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import cast

import pytest

from app.core.errors import EngineError
from app.engine.process import EngineProcess
from app.engine.protocol import (
    CountTokens,
    EngineParameters,
    Event,
    Failed,
    Generate,
    Load,
    Measure,
    PlanChosen,
    PromptMessage,
    Shutdown,
)
from app.engine.session import Session, TellPlan
from model_io.memory import Placement, Share, Working
from model_io.native_log import NativeLog
from model_io.plan import Plan

PLAN = Plan(
    quant="Q8_0", working=Working(512, 64), placement=Placement(), devices=(), ram=Share(1, 2, 3),
    ram_free_bytes=9, uses_mmap=True, repacks=False, tokens_per_second=(1, 2), is_measured=False,
    fits=True, missing_bytes=0, reasons=("A reason.",),
)  # fmt: skip
QUESTION = (PromptMessage("user", "Hi"),)


@pytest.fixture
def log() -> NativeLog:
    """A log that nothing is written to."""
    return NativeLog()


@pytest.fixture
def engine(log: NativeLog) -> Iterator[Connection]:
    """The other end of a process's loop, which runs in threads here."""
    ours, theirs = multiprocessing.Pipe()
    ended: queue.SimpleQueue[int] = queue.SimpleQueue()
    loop = threading.Thread(target=EngineProcess(theirs, log, ended.put).run)
    loop.start()
    yield ours
    ours.send(Shutdown())
    loop.join()
    ours.close()
    assert ended.get(timeout=20) == 0
    theirs.close()


def hear(engine: Connection) -> Event:
    """The next event."""
    assert engine.poll(20)
    event: Event = engine.recv()
    return event


def test_a_defect_of_ours_is_told_with_its_place(
    engine: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next request is answered as well, and what was read is forgotten."""
    forgotten: list[bool] = []
    monkeypatch.setattr(Session, "generate", lambda *_: {}["unheard of"])
    monkeypatch.setattr(Session, "forget", lambda self: forgotten.append(True))
    for job_id in (1, 2):
        engine.send(Generate(job_id, QUESTION))
        failed = hear(engine)
        assert isinstance(failed, Failed)
        assert (failed.job_id, failed.fatal) == (job_id, False)
        assert failed.sentence.endswith("Try again.")
        assert "KeyError: 'unheard of'" in failed.details

    assert forgotten == [True, True]


def test_a_defect_in_counting_does_not_end_counting(
    engine: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each count has its own end."""
    monkeypatch.setattr(Session, "count_tokens", lambda *_: {}["unheard of"])
    for job_id in (1, 2):
        engine.send(CountTokens(job_id, QUESTION))
        failed = hear(engine)
        assert isinstance(failed, Failed)
        assert failed.job_id == job_id


def test_a_refusal_has_its_reason_in_the_details(
    engine: Connection, log: NativeLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What llama.cpp said last, where nothing better is known."""

    def refuse(*_: object) -> None:
        log._lines.append("error loading model: unheard of")
        raise EngineError("x.gguf could not be loaded. Choose another.")

    monkeypatch.setattr(Session, "load", refuse)
    engine.send(Load(1, EngineParameters("x.gguf")))

    assert hear(engine) == Failed(
        1, "x.gguf could not be loaded. Choose another.", "error loading model: unheard of"
    )


def test_a_plan_is_told_before_it_is_tried(
    engine: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is in the pipe by then: the process may die of what comes next."""

    looked = threading.Event()

    def try_and_look(*arguments: object) -> None:
        cast(TellPlan, arguments[-1])(PLAN, ("A reason.",))
        is_told = engine.poll()
        looked.set()
        raise EngineError("told" if is_told else "not told")

    monkeypatch.setattr(Session, "load", try_and_look)
    engine.send(Load(1, EngineParameters("x.gguf")))

    assert looked.wait(20)
    assert hear(engine) == PlanChosen(1, PLAN, ("A reason.",))
    assert hear(engine) == Failed(1, "told")


def test_without_a_model_there_is_a_sentence(engine: Connection) -> None:
    """For a reply, for a count and for a measurement."""
    for request in (Generate(1, QUESTION), CountTokens(2, QUESTION), Measure(3)):
        engine.send(request)
        assert hear(engine) == Failed(request.job_id, "No model is loaded. Choose one first.")
