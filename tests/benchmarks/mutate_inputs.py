"""Ten thousand damaged models through inspect, convert, verify and repair.

    python -m tests.benchmarks.mutate_inputs --count 10000 --seed 0
    python -m tests.benchmarks.mutate_inputs --only 4711

Each trial is a seed (`tests.model_io.trials`), so one that broke the promise can be repeated.
A process of its own does the trials; one that keeps silent for ten seconds is killed from outside
and counts as a hang if it does so a second time. The most memory it had is read after each trial.
Address space is limited to 8 GB, so that nothing can take the machine down.

Prints one line for each broken promise, then one JSON object. Linux only: memory comes from /proc.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import multiprocessing
import os
import resource
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

from tests.model_io.small_models import Base, make_bases
from tests.model_io.trials import LIMIT_BYTES, LIMIT_SECONDS, Report, run_trial

_ADDRESS_BYTES = 8 * 2**30
_GRACE_SECONDS = 5.0
"""For the damage itself, and for the trial's own timer, whose report says where it hung."""

_TRIALS_OF_A_CHILD = 500
"""Then a fresh one goes on, so that no trial is blamed for what others left in memory."""


def serve(connection: Connection, bases: Sequence[Base], scratch: Path) -> None:
    """Do the trials whose seeds come through the pipe; runs in the child."""
    resource.setrlimit(resource.RLIMIT_AS, (_ADDRESS_BYTES, _ADDRESS_BYTES))
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)  # the native library tells there of every broken number
    with (scratch / "threads").open("w") as threads:
        faulthandler.register(signal.SIGUSR1, threads)
        _serve(connection, bases, scratch)


def _serve(connection: Connection, bases: Sequence[Base], scratch: Path) -> None:
    with suppress(EOFError):
        while True:
            seed = connection.recv()
            try:
                report = run_trial(seed, bases, scratch)
            except Exception as error:  # noqa: BLE001  the others go on
                report = Report(seed, "?", "?", {}, [f"the trial fails: {error!r}"], 0.0, 0)
            connection.send(report)


class Worker:
    """A child that does trials, and is replaced when it dies, hangs or has done enough."""

    def __init__(self, bases: Sequence[Base], scratch: Path) -> None:
        self._bases = bases
        self._scratch = scratch
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(theirs, self._bases, self._scratch))
        self._process.start()
        theirs.close()
        self._done = 0

    def run(self, seed: int) -> Report:
        """Do one trial, come what may."""
        if self._done >= _TRIALS_OF_A_CHILD:
            self.end()
            self._start()
        is_first = not self._done  # it starts Python and numpy
        self._done += 1
        self._connection.send(seed)
        limit = LIMIT_SECONDS + _GRACE_SECONDS + (60 if is_first else 0)
        try:
            if self._connection.poll(limit):
                report: Report = self._connection.recv()
                return report
            found = f"hangs: killed after {limit:.0f} s, {self._describe_hang()}"
        except EOFError:
            self._process.join()
            found = f"dies with exit code {self._process.exitcode}"
        self.end()
        self._start()
        return Report(seed, "?", "?", {}, [found], 0.0, 0)

    def _describe_hang(self) -> str:
        """What the system and each thread are at."""
        process = Path(f"/proc/{self._process.pid}")
        state = process.joinpath("status").read_text().split("State:")[1].split("\n")[0].strip()
        os.kill(self._process.pid or 0, signal.SIGUSR1)
        self._connection.poll(1.0)
        threads = (self._scratch / "threads").read_text().split("\n")
        return f"{state}: {' | '.join(line.strip() for line in threads if 'File' in line)}"

    def end(self) -> None:
        """Let the child end, or make it."""
        self._connection.close()
        self._process.join(_GRACE_SECONDS)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


def run_all(seeds: Sequence[int], folder: Path) -> Iterator[Report]:
    """The reports of all trials."""
    (folder / "bases").mkdir()
    (folder / "scratch").mkdir()
    worker = Worker(make_bases(folder / "bases"), folder / "scratch")
    try:
        for seed in seeds:
            report = worker.run(seed)
            if _is_late(report):  # whoever stops the machine for a while does it only once
                again = worker.run(seed)
                again.answers["late"] = "twice" if _is_late(again) else "once"
                report = again
            if report.peak_bytes > LIMIT_BYTES:
                report.broken.append(f"takes {report.peak_bytes:,} bytes of memory")
            yield report
    finally:
        worker.end()


def _is_late(report: Report) -> bool:
    return any(word in problem for problem in report.broken for word in ("hangs", "took"))


def summarize(seeds: Sequence[int], folder: Path) -> dict[str, object]:
    """Do all trials, tell of each that broke the promise, and count."""
    started = time.monotonic()
    answers: dict[str, Counter[str]] = {}
    damages: Counter[str] = Counter()
    worst_seconds = worst_bytes = broken = 0.0
    for report in run_all(seeds, folder):
        for command, answer in report.answers.items():
            answers.setdefault(command, Counter())[answer] += 1
        damages[report.damage.split(" ")[0]] += 1
        worst_seconds = max(worst_seconds, report.seconds)
        worst_bytes = max(worst_bytes, report.peak_bytes)
        if report.broken:
            broken += 1
            print(report, file=sys.stderr, flush=True)
    return {
        "trials": len(seeds),
        "first_seed": seeds[0],
        "broken": int(broken),
        "answers": {command: dict(found.most_common()) for command, found in answers.items()},
        "damages": dict(damages.most_common()),
        "longest_seconds": worst_seconds,
        "peak_rss_bytes": int(worst_bytes),
        "seconds": round(time.monotonic() - started, 1),
    }


def main() -> None:
    """Do what the command line asks for; the exit status is 1 if a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0, help="that of the first trial")
    parser.add_argument("--only", type=int, metavar="SEED", help="just this trial")
    arguments = parser.parse_args()
    seeds = range(arguments.seed, arguments.seed + arguments.count)
    if arguments.only is not None:
        seeds = range(arguments.only, arguments.only + 1)
    with tempfile.TemporaryDirectory() as folder:
        found = summarize(seeds, Path(folder))
    print(json.dumps(found))
    sys.exit(1 if found["broken"] else 0)


if __name__ == "__main__":
    main()
