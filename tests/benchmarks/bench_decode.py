"""Decode speed of the engine against a bare loop of llama_decode with the same samplers.

    python -m tests.benchmarks.bench_decode MODEL… [--pairs 20] [--tokens 64] [--threads N]

Engine and loop answer in turn with the same ids, each in a process of its own; what counts is the
median of the pairs' ratios, since a machine's speed drifts. Prints one JSON object a model; the
aim is a ratio of at least 0.97 on real-size layers.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

from app.engine.client import EngineClient
from app.engine.protocol import (
    EngineParameters,
    Failed,
    Finished,
    Generate,
    Load,
    Loaded,
    LoadedModel,
    PromptMessage,
    PromptTokenized,
    Sampling,
    TextGenerated,
    TokenizePrompt,
)
from model_io.child import Child, start_child
from tests.benchmarks.bare_loop import BareReply, BareRequest

QUESTION = (PromptMessage("user", "How do I get the real Mixtral onto my computer?"),)


def load(engine: EngineClient, path: Path, threads: int, context_tokens: int = 2048) -> LoadedModel:
    """Load the model at `path` into `engine`."""
    parameters = EngineParameters(
        str(path), context_tokens=context_tokens, threads=threads, uses_gpus=False
    )
    engine.send(Load(engine.new_job_id(), parameters))
    for event in engine.events():
        if isinstance(event, Failed):
            sys.exit(event.sentence)
        if isinstance(event, Loaded):
            loaded = event.model
    return loaded


def answer(
    engine: EngineClient, messages: tuple[PromptMessage, ...], sampling: Sampling
) -> tuple[str, tuple[int, ...], Finished, float]:
    """One reply: text, ids, figures, and the seconds from the first text to the end, heard here."""
    engine.send(Generate(engine.new_job_id(), messages, sampling))
    text, ids, began_at = "", (), 0.0
    for event in engine.events():
        if isinstance(event, TextGenerated):
            began_at = began_at or time.perf_counter()
            text, ids = text + event.text, ids + event.token_ids
        elif isinstance(event, Failed):
            sys.exit(event.sentence)
        elif isinstance(event, Finished):
            finished = event
    return text, ids, finished, time.perf_counter() - began_at


def compare(
    engine: EngineClient, bare: Child, request: BareRequest, *, bare_first: bool
) -> dict[str, float]:
    """One pair, on the same ids; seconds for a token."""

    def ask_bare() -> BareReply:
        bare.connection.send(request)
        reply: BareReply = bare.connection.recv()
        return reply

    reply = ask_bare() if bare_first else None
    _, ids, finished, heard_seconds = answer(engine, QUESTION, request.sampling)
    reply = reply or ask_bare()
    if reply.ids != ids:
        sys.exit("The two said different things; their times can't be compared.")
    return {
        "tokens": len(ids),
        "engine": finished.decode_seconds / len(ids),
        "heard": heard_seconds / max(1, len(ids) - 1),
        "bare": reply.seconds / len(ids),
    }


def measure(path: Path, pairs: int, tokens: int, threads: int) -> dict[str, object]:
    """All pairs for one model."""
    with tempfile.TemporaryDirectory() as folder:
        bare = start_child("tests.benchmarks.bare_loop", Path(folder) / "bare.log")
        with EngineClient.start(Path(folder) / "engine.log") as engine:
            model = load(engine, path, threads)
            bare.connection.send(model)
            bare.connection.recv()
            engine.send(TokenizePrompt(engine.new_job_id(), QUESTION))
            (tokenized,) = engine.events()
            assert isinstance(tokenized, PromptTokenized)
            # The first pair touches everything for the first time, and doesn't count.
            rows = []
            for number in range(pairs + 1):
                sampling = Sampling(seed=number, max_tokens=tokens)
                request = BareRequest(tokenized.ids, sampling, number)
                rows.append(compare(engine, bare, request, bare_first=number % 2 == 1))
            del rows[0]
        bare.connection.close()
        bare.process.join()
    return describe(model, rows)


def describe(model: LoadedModel, rows: list[dict[str, float]]) -> dict[str, object]:
    """Speeds and ratios of all pairs."""
    ratios = sorted(row["bare"] / row["engine"] for row in rows)
    return {
        "model": model.name,
        "threads": model.threads,
        "pairs": len(rows),
        "tokens": sum(row["tokens"] for row in rows),
        "engine_tokens_per_second": round(1 / statistics.median(row["engine"] for row in rows), 2),
        "heard_tokens_per_second": round(1 / statistics.median(row["heard"] for row in rows), 2),
        "bare_tokens_per_second": round(1 / statistics.median(row["bare"] for row in rows), 2),
        "ratio_median": round(statistics.median(ratios), 4),
        "ratio_quartiles": [
            round(ratios[len(ratios) // 4], 4),
            round(ratios[-len(ratios) // 4], 4),
        ],
    }


def main() -> None:
    """Measure each model that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", type=Path, nargs="+", metavar="MODEL")
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--tokens", type=int, default=64, help="at most, in each reply")
    parser.add_argument("--threads", type=int, default=0, help="0: physical cores")
    options = parser.parse_args()
    for path in options.models:
        print(json.dumps(measure(path, options.pairs, options.tokens, options.threads)), flush=True)


if __name__ == "__main__":
    main()
