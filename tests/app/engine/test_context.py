"""What is held needn't be read again, a stop leaves nothing in disorder, and equal is equal."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from llama_cpp import llama_cpp as native

from app.core.errors import EngineError
from app.engine.context import Context
from app.engine.session import Session
from app.engine.stop_flag import StopFlag

PROMPT = [1, *range(300, 1200)]


@pytest.fixture
def make_context(toy_model: Path, make_session: Callable[..., Session]) -> Callable[..., Context]:
    """A context of its own for each call, with a microbatch of 64."""

    def make(**parameters: object) -> Context:
        session = make_session(toy_model, **{"microbatch_tokens": 64, **parameters})
        assert session._loaded is not None
        assert session._loaded.load.context is not None
        return session._loaded.load.context

    return make


def read(context: Context, ids: list[int]) -> int:
    """Bring `ids` into the context; how many of them it held already."""
    held = context.keep_prefix(ids)
    assert context.read(ids[held:], StopFlag(), lambda done: None)
    return held


def logits(context: Context) -> npt.NDArray[np.float32]:
    """A copy of the last logits, (vocabulary,)."""
    return np.ctypeslib.as_array(native.llama_get_logits(context.pointer), shape=(32000,)).copy()


def test_only_what_is_new_is_read(make_context: Callable[..., Context]) -> None:
    """A second turn goes on from the first; the same prompt costs one id; an edit its rest."""
    context = make_context()

    assert read(context, PROMPT) == 0
    assert read(context, [*PROMPT, 7, 8]) == len(PROMPT)
    assert read(context, [*PROMPT, 7, 8]) == len(PROMPT) + 1
    assert read(context, [*PROMPT[:100], 9]) == 100
    assert context.used_tokens == 101


def test_the_same_prompt_again_gives_the_same_logits(make_context: Callable[..., Context]) -> None:
    """Bit for bit, though only its last id was evaluated."""
    context = make_context()
    read(context, PROMPT)
    first = logits(context)
    for token in (5, 6, 7):
        context.append(token)
    read(context, PROMPT)

    assert np.array_equal(first, logits(context))


def test_what_was_kept_is_as_good_as_read_anew(make_context: Callable[..., Context]) -> None:
    """With equal batches: cut back and gone on, or the same batches in a fresh context."""
    kept, fresh = make_context(), make_context()
    beginning, rest = PROMPT[:193], [*range(2000, 2129)]  # a whole number of batches each, and one
    read(kept, PROMPT)
    read(kept, [*beginning, *rest])
    read(fresh, beginning)
    fresh.keep_prefix([*beginning, *rest])
    fresh.read(rest, StopFlag(), lambda done: None)

    assert kept.used_tokens == fresh.used_tokens
    assert np.array_equal(logits(kept), logits(fresh))


def test_a_stopped_prompt_is_gone_on_with(make_context: Callable[..., Context]) -> None:
    """What was read before the stop stays, and the rest gives the same logits as without it."""
    stopped, straight = make_context(), make_context()
    stop = StopFlag()

    def stop_later(done_tokens: int) -> None:
        if done_tokens >= 256:
            stop.set()

    assert not stopped.read(PROMPT, stop, stop_later)
    assert stopped.used_tokens == 256
    assert read(stopped, PROMPT) == 256
    read(straight, PROMPT)

    assert np.array_equal(logits(stopped), logits(straight))


def test_a_stop_reaches_into_a_batch(make_context: Callable[..., Context]) -> None:
    """llama.cpp itself sees the flag, between two operations, and the batch counts as not read."""
    context = make_context(microbatch_tokens=512)
    stop = StopFlag()
    context.read([1, 2], StopFlag(), lambda done: None)
    threading.Timer(0.002, stop.set).start()
    while context.read([*range(300, 811)], stop, lambda done: None):
        context.keep_prefix([1, 2, 3])

    assert native.llama_memory_seq_pos_max(native.llama_get_memory(context.pointer), 0) == (
        context.used_tokens - 1
    )


def test_a_flag_set_before_the_first_batch_is_honoured(
    make_context: Callable[..., Context],
) -> None:
    """Nothing is read at all."""
    context, stop = make_context(), StopFlag()
    stop.set()

    assert not context.read(PROMPT, stop, lambda done: None)
    assert context.used_tokens == 0


def test_progress_is_told_after_every_batch(make_context: Callable[..., Context]) -> None:
    """64 ids at a time, and the last one alone."""
    told: list[int] = []
    make_context().read(PROMPT[:150], StopFlag(), told.append)

    assert told == [64, 128, 149, 150]


def test_batches_shrink_far_into_a_context(make_context: Callable[..., Context]) -> None:
    """Where attention takes longer than the experts."""
    context = make_context(microbatch_tokens=256)

    assert [context._batch_tokens(at) for at in (0, 8192, 8193, 16384, 20000, 500000)] == [
        256, 256, 128, 128, 64, 32,
    ]  # fmt: skip


def test_a_failed_evaluation_forgets_everything(make_context: Callable[..., Context]) -> None:
    """More ids than the context holds are an error of ours; the next prompt starts afresh."""
    context = make_context(context_tokens=256)
    read(context, PROMPT[:256])
    with pytest.raises(EngineError) as raised:
        context.append(5)

    assert "llama_decode returned 1" in raised.value.details
    assert context.used_tokens == 0
    assert read(context, PROMPT[:100]) == 0


@pytest.fixture(autouse=True)
def no_timer_left() -> Iterator[None]:
    """A timer that was started has ended."""
    yield
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            thread.join()
