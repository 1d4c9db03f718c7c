"""Kills conversions at random moments, runs the same command again, and compares the results.

A trial is a seed, which chooses the moment and who dies: the command, the process that works for
it, or both. The conversions are those of the command line, in processes of their own. Linux and
macOS only, for they are killed by signals.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import psutil

from model_io.journal import journal_path
from tests.hub_server import Content

END_SECONDS = 60.0
QUANT = "Q4_K_M"


@dataclass(frozen=True)
class Source:
    """What is converted: the word for the command line, and what its process has to know."""

    name: str
    word: str
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Whole:
    """A conversion that nobody disturbed, with the times of its first and last progress."""

    sha256: str
    bytes: int
    first_seconds: float
    last_seconds: float


@dataclass(frozen=True)
class Report:
    """What became of one trial; `broken` is empty if all is as it should be.

    `moment` says what the kill left: "before" nothing but perhaps files of the source, "inside" a
    journal, "after" the result; "none" if the command had ended. `kept` is true if the second run
    began with something done.
    """

    seed: int
    source: str
    victim: str
    moment: str
    kept: bool
    broken: list[str]

    def __str__(self) -> str:
        """One line by which the trial can be repeated."""
        return f"seed {self.seed}: {self.victim} of {self.source} {self.moment}: {self.broken}"


class Conversion:
    """One run of the command line, in a process group of its own."""

    def __init__(self, source: Source, folder: Path, jobs: int) -> None:
        """Start it; the result is to be `folder`/out.gguf."""
        temporary = folder.with_name(f"{folder.name}.tmp")
        temporary.mkdir(exist_ok=True)
        words = ["convert", source.word, "--quant", QUANT, "--out", str(folder / "out.gguf")]
        self.started = time.monotonic()
        self.orphans: list[psutil.Process] = []
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "model_io", *words, "--jobs", str(jobs),
             "--json"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
            env={**os.environ, **source.environment, "TMPDIR": str(temporary)},
        )  # fmt: skip

    def line(self) -> str:
        """Wait for the next line on stderr, which is progress unless something failed."""
        assert self.process.stderr is not None
        return self.process.stderr.readline()

    def passes(self, seconds: float) -> bool:
        """Let it run for so long; False if it ends before."""
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(max(0.0, seconds))
            return False
        return True

    def workers(self) -> list[psutil.Process]:
        """The processes that work for it."""
        with suppress(psutil.NoSuchProcess):
            children = psutil.Process(self.process.pid).children()
            return [child for child in children if "spawn_main" in " ".join(_words_of(child))]
        return []

    def kill(self, victim: str) -> str:
        """Kill "both", the "command" or its "worker"; returns who it was."""
        workers = self.workers()
        if victim == "worker" and workers:
            for worker in workers:
                with suppress(psutil.NoSuchProcess):
                    worker.kill()
            return victim
        if victim == "command":
            self.orphans = workers
            self.process.kill()
            return victim
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        return "both"

    def end(self) -> tuple[int, str, str]:
        """Wait for the end; returns exit status, stdout and stderr (without what was read)."""
        try:
            out, err = self.process.communicate(timeout=END_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill("both")
            out, err = self.process.communicate()
            err += "\nkilled: it did not end"
        return self.process.returncode, out, err


def _words_of(process: psutil.Process) -> list[str]:
    with suppress(psutil.NoSuchProcess):
        words: list[str] = process.cmdline()
        return words
    return []


def files_of(checkpoint: Path) -> dict[str, Content]:
    """A checkpoint's files as a hub has them."""
    return {path.name: path if path.suffix == ".safetensors" else path.read_bytes()
            for path in checkpoint.iterdir()}  # fmt: skip


def convert_undisturbed(source: Source, folder: Path, jobs: int) -> Whole:
    """What a kill may not change, and how long it takes."""
    folder.mkdir()
    run = Conversion(source, folder, jobs)
    times = []
    while run.line():
        times.append(time.monotonic() - run.started)
    status, out, _ = run.end()
    assert status == 0
    answer = json.loads(out)
    return Whole(answer["sha256"], answer["bytes"], times[0], times[-1])


def run_trial(seed: int, source: Source, whole: Whole, folder: Path) -> Report:
    """Kill one conversion into the new folder `folder`, run it again, compare."""
    rng = Random(seed)
    folder.mkdir()
    jobs = rng.choice((1, 2))
    victim = rng.choice(("both", "both", "both", "command", "worker"))
    run = Conversion(source, folder, jobs)
    is_running = _wait_for_moment(run, whole, rng)
    victim = run.kill(victim) if is_running else "nobody"
    broken: list[str] = []
    if victim == "worker":
        broken += _judge_last_words(run.end())
    else:
        run.process.wait()
    moment = _name_moment(folder) if is_running else "none"
    again = Conversion(source, folder, jobs)
    first = again.line()
    broken += _judge_end(again.end(), folder, whole)
    run.end()
    _, living = psutil.wait_procs(run.orphans, timeout=END_SECONDS)
    broken += [f"leaves the process {process.pid}" for process in living]
    kept = first.startswith("convert") and not first.startswith("convert   0 %")
    return Report(seed, source.name, victim, moment, kept, broken)


def _wait_for_moment(run: Conversion, whole: Whole, rng: Random) -> bool:
    """Let a random share of the time pass: mostly of the work, sometimes with the start."""
    share = 1.05 * rng.random()
    if rng.random() < 0.15:
        return run.passes(share * whole.last_seconds)
    run.line()
    return run.passes(share * (whole.last_seconds - whole.first_seconds))


def _name_moment(folder: Path) -> str:
    if journal_path(folder / "out.gguf").exists():
        return "inside"
    return "after" if (folder / "out.gguf").exists() else "before"


def _judge_last_words(end: tuple[int, str, str]) -> list[str]:
    """A command whose worker died says so in a sentence, or had its result already."""
    status, _, err = end
    lines = err.splitlines()
    if status == 0 or (lines and lines[-1].endswith(".") and "Traceback" not in err):
        return []
    return [f"ends with {status} and {err[-300:]!r}"]


def _judge_end(end: tuple[int, str, str], folder: Path, whole: Whole) -> list[str]:
    """The result is the undisturbed one, it is noted, and nothing else is left."""
    status, out, err = end
    if status:
        return [f"the second run ends with {status} and {err[-300:]!r}"]
    found = hashlib.sha256((folder / "out.gguf").read_bytes()).hexdigest()
    answer = json.loads(out)
    note = f"{whole.sha256}  out.gguf\n"
    facts = {
        "another file": found == whole.sha256,
        "another answer": (answer["sha256"], answer["bytes"]) == (whole.sha256, whole.bytes),
        "another note": (folder / "out.gguf.sha256").read_text() == note,
        "more than the result": {path.name for path in folder.iterdir()}
        == {"out.gguf", "out.gguf.sha256"},
    }
    return [problem for problem, is_fine in facts.items() if not is_fine]


def run_trials(
    seeds: Sequence[int],
    sources: Sequence[Source],
    folder: Path,
    tell: Callable[[Report], object] = lambda _: None,
    at_once: int = 1,
) -> list[Report]:
    """Trials by turns on each of `sources`, in new folders below `folder`, `at_once` of them."""
    wholes = [convert_undisturbed(s, folder / f"whole {s.name}", jobs=1) for s in sources]
    assert len({whole.sha256 for whole in wholes}) == 1

    def run(seed: int) -> Report:
        place = (seed - seeds[0]) % len(sources)
        return run_trial(seed, sources[place], wholes[place], folder / f"trial {seed}")

    reports = []
    with ThreadPoolExecutor(at_once) as pool:
        for report in pool.map(run, seeds):
            tell(report)
            reports.append(report)
    return reports
