"""A model is loaded by its plan, and by a smaller one when llama.cpp has no room for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.core.errors import EngineError
from app.engine import planned_load
from app.engine.context import Context
from app.engine.model_file import check_model_file, read_shape
from app.engine.planned_load import PlannedLoad, load_planned
from app.engine.planning import NO_MEMORY, LoadRefusedError, Planning
from app.engine.protocol import EngineParameters
from app.engine.stop_flag import StopFlag
from model_io import child
from model_io.machine import Machine, Memory
from model_io.native_log import NativeLog
from model_io.plan import Plan
from tests.app.engine.plans import GB

NO_ROOM = b"ggml_gallocr_reserve_n_impl: failed to allocate CPU buffer of size 3221225472\n"
Load = Callable[..., PlannedLoad]


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[NativeLog]:
    """Hears llama.cpp, and writes nowhere."""
    monkeypatch.setattr(child, "write_log", lambda text: None)
    with NativeLog() as log:
        yield log


@pytest.fixture
def planning(toy_model: Path) -> Planning:
    """The plans for the toy model on a computer without GPUs."""
    machine = Machine(Memory(8 * GB, 7 * GB, bandwidth=40e9), (), "A processor", 2)
    return Planning(EngineParameters(str(toy_model)), shape_of(toy_model), machine)


def shape_of(path: Path) -> Any:  # noqa: ANN401
    """The tensors of a model's file."""
    return read_shape(check_model_file(str(path)))


@pytest.fixture
def load(toy_model: Path, log: NativeLog, planning: Planning) -> Iterator[Load]:
    """Load the toy model by `planning`; what is loaded is freed with the test."""
    loads: list[PlannedLoad] = []

    def load(tell_plan: Callable[..., object] = lambda *_: None) -> PlannedLoad:
        parameters, file = EngineParameters(str(toy_model), threads=1), check_model_file
        loads.append(
            load_planned(
                file(str(toy_model)), parameters, planning, lambda *_: None, StopFlag(),
                lambda plan, sentences: tell_plan(plan, sentences), log,
            )
        )  # fmt: skip
        return loads[-1]

    yield load
    for each in loads:
        each.free()


def refuse_large_contexts(log: NativeLog, words: bytes) -> Callable[..., Context]:
    """As `make_context` on a computer whose memory is smaller than it says."""
    make_context = planned_load.make_context

    def make(pointer: object, plan: Plan, *rest: Any) -> Context:  # noqa: ANN401
        if plan.working.context_tokens > 4096:
            log._keep(words)
            raise EngineError("There is no memory for this context.")
        return make_context(pointer, plan, *rest)

    return make


def test_what_was_taken_is_told(load: Load, planning: Planning) -> None:
    """The cache to the byte, and the weights in the mapped file."""
    taken = {each.name: each for each in load().taken}

    assert taken["CPU"].kv_bytes == planning.plan.ram.kv_bytes
    assert taken["CPU_Mapped"].weights_bytes >= planning.plan.ram.weights_bytes * 0.99
    assert taken["CPU"].compute_bytes > 0


def test_the_plan_is_told_first(load: Load, planning: Planning) -> None:
    """Once if it holds."""
    told: list[tuple[Plan, tuple[str, ...]]] = []
    load(lambda *plan: told.append(plan))

    assert told == [(planning.plan, planning.plan.reasons)]


def test_without_room_it_goes_down(
    load: Load, planning: Planning, log: NativeLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each plan is told before it is tried, and the step is kept."""
    monkeypatch.setattr(planned_load, "make_context", refuse_large_contexts(log, NO_ROOM))
    told: list[Plan] = []
    loaded = load(lambda plan, _: told.append(plan))

    assert loaded.context is not None
    assert loaded.context.context_tokens == 4096
    assert [plan.working.context_tokens > 4096 for plan in told] == [True, False]
    assert told[-1] == planning.plan
    assert "4,096 tokens now" in planning.steps[0]


def test_another_refusal_goes_nowhere(
    load: Load, planning: Planning, log: NativeLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a device there is nothing to do without; the sentence says what was wrong."""
    monkeypatch.setattr(planned_load, "make_context", refuse_large_contexts(log, b"odd\n"))
    with pytest.raises(LoadRefusedError, match="no memory for this context"):
        load()

    assert planning.steps == []


def test_below_the_smallest_plan_the_lack_is_told(
    load: Load, log: NativeLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what to do, and llama.cpp's words in the details."""

    def refuse(*_: object) -> None:
        log._keep(NO_ROOM)
        raise EngineError("There is no memory.")

    monkeypatch.setattr(planned_load, "make_context", refuse)
    with pytest.raises(LoadRefusedError) as raised:
        load()

    assert str(raised.value) == NO_MEMORY
    assert "failed to allocate" in raised.value.details
