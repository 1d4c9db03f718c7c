"""Memory of the engine over many turns in one chat.

    python -m tests.benchmarks.bench_turns MODEL [--turns 200] [--tokens 60] [--context 2048]

The chat outgrows the context several times, so turns are dropped and all that remains is read
again. Prints one JSON object: the engine's resident memory in bytes along the way, and how much
its last quarter is above its second one; the aim is nothing beyond a megabyte or two of noise.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from itertools import pairwise
from pathlib import Path

import psutil

from app.engine.client import EngineClient
from app.engine.protocol import PromptMessage, Sampling
from tests.benchmarks.bench_decode import answer, load


def talk(
    engine: EngineClient, turns: int, sampling: Sampling, vocabulary_hash: str
) -> list[dict[str, int]]:
    """One chat of so many turns; a row of figures for each."""
    engine_process, own_process = psutil.Process(engine.process_id), psutil.Process()
    chat = [PromptMessage("system", "Answer in two sentences.")]
    rows = []
    for turn in range(turns):
        chat.append(PromptMessage("user", f"Question {turn}: how much memory does Q4_K_M need?"))
        text, ids, finished, _ = answer(engine, tuple(chat), sampling)
        chat.append(PromptMessage("assistant", text, ids, vocabulary_hash))
        rows.append(
            {
                "engine_rss_bytes": engine_process.memory_info().rss,
                "parent_rss_bytes": own_process.memory_info().rss,
                "dropped_messages": finished.dropped_messages,
                "reused_tokens": finished.reused_tokens,
                "prompt_tokens": finished.prompt_tokens,
            }
        )
    return rows


def describe(rows: list[dict[str, int]]) -> dict[str, object]:
    """Growth between the second and the last quarter, by their highest points."""
    quarter = len(rows) // 4
    sizes = [row["engine_rss_bytes"] for row in rows]
    cuts = sum(
        after["dropped_messages"] > before["dropped_messages"] for before, after in pairwise(rows)
    )
    return {
        "turns": len(rows),
        "times_cut": cuts,
        "dropped_messages": rows[-1]["dropped_messages"],
        "reused_share": round(
            sum(row["reused_tokens"] for row in rows) / sum(row["prompt_tokens"] for row in rows), 3
        ),
        "engine_rss_bytes": sizes[:: max(1, quarter // 2)],
        "parent_rss_bytes": [rows[0]["parent_rss_bytes"], rows[-1]["parent_rss_bytes"]],
        "growth_bytes": max(sizes[-quarter:]) - max(sizes[quarter : 2 * quarter]),
    }


def main() -> None:
    """Measure the model that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--turns", type=int, default=200)
    parser.add_argument("--tokens", type=int, default=60, help="at most, in each reply")
    parser.add_argument("--context", type=int, default=2048)
    parser.add_argument("--threads", type=int, default=0, help="0: physical cores")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        EngineClient.start(Path(folder) / "engine.log") as engine,
    ):
        model = load(engine, options.model, options.threads, options.context)
        rows = talk(
            engine, options.turns, Sampling(max_tokens=options.tokens), model.vocabulary_hash
        )
    print(json.dumps(describe(rows)))


if __name__ == "__main__":
    main()
