"""How long a stop takes: while a long prompt is read, and while a reply is written.

    python -m tests.benchmarks.bench_stop MODEL [--stops 30] [--prompt 6000] [--context 8192]

Each stop is asked for at a random moment. Prints one JSON object: the milliseconds from asking to
the closing event, heard outside the engine's process. The aim on a CPU is at most 200 ms while
reading, and one token's time while writing.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from pathlib import Path

from app.engine.client import EngineClient
from app.engine.protocol import (
    Event,
    Finished,
    Generate,
    PromptMessage,
    PromptProgressed,
    Sampling,
    TextGenerated,
)
from tests.benchmarks.bench_decode import load


def time_stop(
    engine: EngineClient, messages: tuple[PromptMessage, ...], kind: type[Event], delay_s: float
) -> tuple[float, int]:
    """Ask, wait for `kind`, wait on, stop; milliseconds to the end, and the ids read by then."""
    job_id = engine.new_job_id()
    engine.send(Generate(job_id, messages, Sampling()))
    done_tokens = 0
    for event in engine.events():
        if isinstance(event, kind):
            break
    until = time.perf_counter() + delay_s
    while (left := until - time.perf_counter()) > 0:
        event = engine.poll(left)
        if isinstance(event, PromptProgressed):
            done_tokens = event.done_tokens
    stopped_at = time.perf_counter()
    engine.stop(job_id)
    for event in engine.events():
        if isinstance(event, Finished):
            return 1000 * (time.perf_counter() - stopped_at), done_tokens
    raise RuntimeError("the engine didn't finish")


def measure(
    engine: EngineClient, stops: int, prompt_tokens: int, longest_s: float
) -> dict[str, object]:
    """`stops` stops of each kind; every prompt is another one from its first word on."""
    source = random.Random(1)
    reading, reached = [], []
    for number in range(stops):
        words = f"{number} " + "word " * prompt_tokens
        delay_s = source.uniform(0, longest_s)
        ms, done_tokens = time_stop(
            engine, (PromptMessage("user", words),), PromptProgressed, delay_s
        )
        reading.append(ms)
        reached.append(done_tokens)
    question = (PromptMessage("user", "Tell me a long story."),)
    writing = [
        time_stop(engine, question, TextGenerated, source.uniform(0, 0.2))[0] for _ in range(stops)
    ]
    return {
        "reading_ms": summarize(reading),
        "reached_tokens": [min(reached), max(reached)],
        "writing_ms": summarize(writing),
    }


def summarize(values: list[float]) -> dict[str, float]:
    """Median, 95th percentile and the worst."""
    ordered = sorted(values)
    return {
        "median": round(ordered[len(ordered) // 2], 1),
        "p95": round(ordered[int(len(ordered) * 0.95)], 1),
        "max": round(ordered[-1], 1),
    }


def main() -> None:
    """Measure the model that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--stops", type=int, default=30)
    parser.add_argument("--prompt", type=int, default=6000, help="tokens of each prompt")
    parser.add_argument("--context", type=int, default=8192)
    parser.add_argument("--longest", type=float, default=10.0, help="seconds before a stop")
    parser.add_argument("--threads", type=int, default=0, help="0: physical cores")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        EngineClient.start(Path(folder) / "engine.log") as engine,
    ):
        model = load(engine, options.model, options.threads, options.context)
        figures = measure(engine, options.stops, options.prompt, options.longest)
    made = {"model": model.name, "threads": model.threads, "microbatch": model.microbatch_tokens}
    print(json.dumps({**made, **figures}))


if __name__ == "__main__":
    main()
