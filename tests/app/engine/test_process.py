"""What goes wrong inside the engine's process becomes one closing event, and it goes on."""

from __future__ import annotations

import multiprocessing
import queue
import threading
from collections.abc import Iterator
from multiprocessing.connection import Connection

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
    PromptMessage,
    Shutdown,
)
from app.engine.session import Session
from model_io.native_log import NativeLog

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


@pytest.mark.parametrize(
    ("last_line", "said"),
    [
        ("ggml_backend_cuda: cudaMalloc failed: out of memory", "not enough memory"),
        ("error loading model: unheard of", "could not be loaded"),
    ],
)
def test_llama_cpps_reason_decides_the_sentence(
    engine: Connection,
    log: NativeLog,
    monkeypatch: pytest.MonkeyPatch,
    last_line: str,
    said: str,
) -> None:
    """A refusal for lack of memory says so; the reason stands in the details in any case."""

    def refuse(*_: object) -> None:
        log._lines.append(last_line)
        raise EngineError("x.gguf could not be loaded. Choose another.")

    monkeypatch.setattr(Session, "load", refuse)
    engine.send(Load(1, EngineParameters("x.gguf")))
    failed = hear(engine)

    assert isinstance(failed, Failed)
    assert said in failed.sentence
    assert last_line in failed.details


def test_without_a_model_there_is_a_sentence(engine: Connection) -> None:
    """For a reply and for a count."""
    for request in (Generate(1, QUESTION), CountTokens(2, QUESTION)):
        engine.send(request)
        assert hear(engine) == Failed(request.job_id, "No model is loaded. Choose one first.")
