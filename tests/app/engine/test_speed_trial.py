"""A loaded model is timed on ids that are the same each time, and nothing is left behind."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from types import SimpleNamespace

import pytest

from app.core.errors import EngineError
from app.engine import speed_trial
from app.engine.context import Context
from app.engine.protocol import Generate, Measure, PromptMessage, Sampling
from app.engine.session import Session
from app.engine.speed_trial import time_speeds
from app.engine.stop_flag import StopFlag
from model_io.records import Records

MakeSession = Callable[..., Session]


def measure(session: Session, **counts: int) -> object:
    """A measurement of a few tokens."""
    return session.measure(
        Measure(7, **{"prompt_tokens": 96, "decode_tokens": 8, **counts}), StopFlag()
    )


class ClockedContext:
    """A context that needs a given time for each batch and each token; other programs disturb."""

    def __init__(self, patch: pytest.MonkeyPatch, batch_seconds: Iterable[float]) -> None:
        self.context_tokens, self.microbatch_tokens = 4096, 64
        self._now = 0.0
        self._batch_seconds = iter(batch_seconds)
        self._writes = 0
        clock = SimpleNamespace(perf_counter=lambda: self._now)
        patch.setattr(speed_trial, "time", clock)

    def read(self, ids: list[int], stop: StopFlag, on_progress: Callable[[int], None]) -> bool:
        for done in [*range(64, len(ids) - 1, 64), len(ids) - 1, len(ids)]:
            self._now += next(self._batch_seconds)
            on_progress(done)
        return True

    def append(self, token: int) -> None:
        self._writes += 1
        self._now += 5.0 if self._writes % 4 == 0 else 0.1

    def wait(self) -> None:
        pass

    forget = wait


def test_medians_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of whole batches, and of tokens: an interruption is no property of the computer."""
    warm_up, reading = [9.0, 9.0], [1.0, 1.0, 30.0, 1.0, 0.2, 3.0]
    context = ClockedContext(monkeypatch, [*warm_up, *reading])
    speeds = time_speeds(context, 32000, 4 * 64 + 11, 20, StopFlag())  # type: ignore[arg-type]

    assert speeds.prefill_tokens_per_second == pytest.approx(64)
    assert speeds.decode_tokens_per_second == pytest.approx(10)


def test_a_measurement_is_told(toy_model: Path, make_session: MakeSession) -> None:
    """With what there is to compare it with."""
    measured = measure(make_session(toy_model, microbatch_tokens=32))

    assert (measured.job_id, measured.prompt_tokens, measured.decode_tokens) == (7, 96, 8)
    assert measured.prefill_tokens_per_second > 0
    assert measured.decode_tokens_per_second > 0
    assert measured.machine.ram.total_bytes > 0
    assert measured.ram_bandwidth == measured.machine.ram.bandwidth
    assert 0 < measured.active_bytes_per_token < toy_model.stat().st_size


def test_nothing_is_held_afterwards(toy_model: Path, make_session: MakeSession) -> None:
    """Nor before: a chat that was read is read anew."""
    session = make_session(toy_model, microbatch_tokens=32)
    request = Generate(1, (PromptMessage("user", "Hi"),), Sampling(temperature=0.0, max_tokens=3))
    session.generate(request, lambda event: None, StopFlag())
    measure(session)

    assert session.generate(request, lambda event: None, StopFlag()).reused_tokens == 0


def test_a_small_context_is_enough(toy_model: Path, make_session: MakeSession) -> None:
    """Fewer tokens are taken."""
    session = make_session(toy_model, context_tokens=256, microbatch_tokens=32)
    measured = measure(session, prompt_tokens=512, decode_tokens=200)

    assert (measured.prompt_tokens, measured.decode_tokens) == (128, 128)


def test_a_stop_ends_it(toy_model: Path, make_session: MakeSession) -> None:
    """With a sentence, and nothing held."""
    session, stop = make_session(toy_model, microbatch_tokens=32), StopFlag()
    stop.set()
    with pytest.raises(EngineError, match=r"The measurement was stopped\."):
        session.measure(Measure(1), stop)

    assert session._loaded is not None
    context = session._loaded.load.context
    assert isinstance(context, Context)
    assert context.used_tokens == 0


def test_it_is_kept_for_later_plans(
    toy_model: Path,
    tmp_path: Path,
    make_session: MakeSession,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In the records, with the memory's bandwidth; other programs didn't disturb."""
    monkeypatch.setattr(speed_trial._ProcessorWatch, "others_share", lambda watch: 0.0)
    path = tmp_path / "records.json"
    measured = measure(make_session(toy_model, microbatch_tokens=32, records_path=str(path)))
    again = make_session(toy_model, microbatch_tokens=32, records_path=str(path))._loaded

    assert again is not None
    assert again.planned is not None
    assert again.planned.planning.plan.is_measured
    speed = measured.decode_tokens_per_second
    assert again.planned.planning.plan.tokens_per_second == (speed, speed)
    assert Records(path).recall_bandwidth(measured.machine) == measured.ram_bandwidth
