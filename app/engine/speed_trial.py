"""Times how quickly a loaded model reads a prompt and writes single tokens.

Knows nothing of texts, nor of what the speeds are compared with.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from itertools import pairwise

import psutil

from app.core.errors import EngineError
from app.engine.context import Context
from app.engine.protocol import DISTURBED_SHARE
from app.engine.stop_flag import StopFlag

_WARM_UP_TOKENS = 4  # written ones, beside one batch of a prompt
_LEAST_TOKENS = 2


@dataclass(frozen=True, slots=True)
class Speeds:
    """What was timed, and how quickly it went.

    `others_share` is what other programs used of all processors meanwhile, from 0 to 1.
    """

    prompt_tokens: int
    decode_tokens: int
    prefill_tokens_per_second: float
    decode_tokens_per_second: float
    others_share: float

    @property
    def is_disturbed(self) -> bool:
        """Whether the figures say more about other programs than about this computer."""
        return self.others_share > DISTURBED_SHARE


def time_speeds(
    context: Context, vocabulary_tokens: int, prompt_tokens: int, decode_tokens: int, stop: StopFlag
) -> Speeds:
    """Read a prompt and write after it, both of ids from all over the vocabulary.

    Fewer ids where the context has no room for so many. Nothing is held before and after. Other
    programs only make a computer slower for moments, so medians count. Raises EngineError, also
    when stopped.
    """
    prompt_tokens = max(_LEAST_TOKENS, min(prompt_tokens, context.context_tokens // 2))
    decode_tokens = max(1, min(decode_tokens, context.context_tokens - prompt_tokens))
    ids = _spread_ids(vocabulary_tokens, prompt_tokens + decode_tokens)
    prompt, reply = ids[:prompt_tokens], ids[prompt_tokens:]
    try:
        context.forget()
        _time_reading(context, prompt[: context.microbatch_tokens + 1], stop)
        _time_writing(context, reply[:_WARM_UP_TOKENS], stop)
        context.forget()
        watch = _ProcessorWatch()
        reading = _time_reading(context, prompt, stop)
        writing = _time_writing(context, reply, stop)
    finally:
        context.forget()
    return Speeds(prompt_tokens, decode_tokens, reading, writing, watch.others_share())


class _ProcessorWatch:
    """Tells what other programs use of the processors from its beginning on."""

    def __init__(self) -> None:
        self._began = self._read()

    def others_share(self) -> float:
        """From 0 to 1."""
        busy, idle, own = (
            after - before for after, before in zip(self._read(), self._began, strict=True)
        )
        return max(0.0, busy - own) / max(busy + idle, 0.001)

    @staticmethod
    def _read() -> tuple[float, float, float]:
        """The seconds that all processors worked and didn't, and that this process worked."""
        times, own = psutil.cpu_times(), psutil.Process().cpu_times()
        idle = times.idle + getattr(times, "iowait", 0.0)
        guests = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
        return sum(times) - idle - guests, idle, own.user + own.system


def _time_reading(context: Context, ids: list[int], stop: StopFlag) -> float:
    """Tokens a second: the median of the whole batches; the last id, alone, doesn't count."""
    marks = [(0, time.perf_counter())]

    def mark(done_tokens: int) -> None:
        context.wait()
        marks.append((done_tokens, time.perf_counter()))

    if not context.read(ids, stop, mark):
        _fail()
    del marks[-1]
    batches = [(later[0] - earlier[0], later[1] - earlier[1]) for earlier, later in pairwise(marks)]
    longest = max(tokens for tokens, _ in batches)
    return statistics.median(tokens / s for tokens, s in batches if tokens == longest)


def _time_writing(context: Context, ids: list[int], stop: StopFlag) -> float:
    """Tokens a second, one after the other, by the median of their times."""
    seconds = []
    for token in ids:
        if stop.is_set:
            _fail()
        started_at = time.perf_counter()
        context.append(token)
        context.wait()
        seconds.append(time.perf_counter() - started_at)
    return 1 / statistics.median(seconds)


def _fail() -> None:
    raise EngineError("The measurement was stopped.")


def _spread_ids(vocabulary_tokens: int, count: int) -> list[int]:
    """Ids from all over the vocabulary, so that every expert has work; the same each time."""
    step = max(1, vocabulary_tokens // count)
    return [index * step % vocabulary_tokens for index in range(count)]
