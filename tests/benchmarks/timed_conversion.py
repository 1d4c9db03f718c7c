"""A conversion in this process that tells what each part of it cost, for `bench_whole`.

    python -m tests.benchmarks.timed_conversion SOURCE --quant Q4_K_M --out F --jobs 2

Core-seconds come from each thread's own clock; within a thread, receiving, hashing and writing a
shard are told apart by wrapping the file and the hash that the download uses. Prints one JSON
object; progress goes to stderr.
"""

from __future__ import annotations

import argparse
import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO, Self, cast

from model_io import download, hub
from model_io.convert import convert
from model_io.preparation import peak_rss_bytes
from model_io.terminal import ProgressBar

SECONDS: Counter[str] = Counter()


class Timed:
    """Passes everything on to `inner`, and counts what `method` costs as `part`."""

    def __init__(self, inner: object, method: str, part: str) -> None:
        self._inner, self._method, self._part = inner, method, part

    def __getattr__(self, name: str) -> object:
        found = getattr(self._inner, name)
        if name != self._method:
            return found

        def timed(*arguments: object) -> object:
            started = time.thread_time()
            try:
                return found(*arguments)
            finally:
                SECONDS[self._part] += time.thread_time() - started

        return timed


class TimedPartFile(download.PartFile):
    """A download whose hashing and writing are counted."""

    def __init__(
        self, target: Path, size_bytes: int, start_hash: Callable[[], object], *others: object
    ) -> None:
        def start_timed() -> object:
            return Timed(start_hash(), "update", "hash shards")

        super().__init__(target, size_bytes, start_timed, *others)  # type: ignore[arg-type]

    def __enter__(self) -> Self:
        super().__enter__()
        self._file = cast(BinaryIO, Timed(self._file, "write", "write shards"))
        return self


def time_threads() -> None:
    """Have the processor time of each thread counted by its name."""
    run = threading.Thread.run

    def timed(thread: threading.Thread) -> None:
        started = time.thread_time()
        try:
            run(thread)
        finally:
            SECONDS[f"thread {thread.name.partition('-')[0]}"] += time.thread_time() - started

    threading.Thread.run = timed  # type: ignore[method-assign]


def main() -> None:
    """Convert as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source")
    parser.add_argument("--quant", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--jobs", type=int, required=True)
    given = parser.parse_args()
    hub.PartFile = TimedPartFile  # type: ignore[misc]
    time_threads()
    made = convert(given.source, given.quant, given.out, jobs=given.jobs, on_progress=ProgressBar())
    SECONDS["main thread"] = time.thread_time()
    values = asdict(made) | {"path": str(made.path), "peak_rss_bytes": peak_rss_bytes()}
    values["core_seconds"] = {part: round(value, 1) for part, value in SECONDS.items()}
    values["process_core_seconds"] = round(time.process_time(), 1)
    print(json.dumps(values))


if __name__ == "__main__":
    main()
