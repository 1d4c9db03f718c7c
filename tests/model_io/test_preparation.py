"""A job's process may die in any way: its parent gets one sentence, or what it made."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from model_io import preparation
from model_io.convert import Conversion, convert
from model_io.errors import OutputError, ProcessError
from model_io.jobs import ConvertJob, VerifyJob
from model_io.journal import journal_path, part_path
from model_io.preparation import Job, Outcome, prepare
from model_io.progress import Cancelled, Progress
from tests.model_io.dying_jobs import DyingJob


def perform(job: Job) -> tuple[list[Progress], Outcome]:
    """All reports and the outcome."""
    steps, reports = prepare(job), []
    while True:
        try:
            reports.append(next(steps))
        except StopIteration as finished:
            return reports, finished.value


def test_a_result_comes_back() -> None:
    """With the progress before it, and what memory it took."""
    reports, outcome = perform(DyingJob("succeed"))
    assert reports == [Progress("convert", 1, 2)]
    assert outcome.result == "done"
    assert outcome.peak_rss_bytes > 10**7


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("be_killed", "was ended by SIGKILL; run the same again, which goes on from there."),
        ("abort", "was ended by SIGABRT (ggml.c:1: GGML_ASSERT(false) failed)"),
        ("crash", "was ended by SIGSEGV"),
        ("break_down", "ended unexpectedly (ZeroDivisionError: planted); run the same again"),
    ],
)
def test_a_death_is_a_sentence(how: str, words: str) -> None:
    """With the library's last words, if it had any."""
    with pytest.raises(ProcessError) as caught:
        perform(DyingJob(how))
    sentence = str(caught.value)
    assert sentence.startswith("out.gguf is not finished: the process that worked on it ")
    assert words in sentence


def test_an_error_of_the_job_is_raised_here() -> None:
    """The same one."""
    with pytest.raises(OutputError, match=r"out\.gguf is odd; mend it"):
        perform(DyingJob("fail"))


def test_a_stop_is_obeyed_within_a_second() -> None:
    """The wish goes through the pipe."""
    started: list[float] = []
    steps = prepare(DyingJob("obey"), should_stop=lambda: bool(started))
    assert next(steps).done_bytes == 1
    started.append(time.monotonic())
    with pytest.raises(Cancelled):
        next(steps)
    assert time.monotonic() - started[0] < 1


def test_a_job_that_does_not_obey_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which costs no more than a crash."""
    monkeypatch.setattr(preparation, "_STOP_SECONDS", 0.1)
    monkeypatch.setattr(preparation, "_EXIT_SECONDS", 0.1)
    wish: list[bool] = []
    steps = prepare(DyingJob("be_deaf"), should_stop=lambda: bool(wish))
    next(steps)
    wish.append(True)
    with pytest.raises(Cancelled):
        next(steps)


def test_whoever_goes_away_leaves_no_process() -> None:
    """The fixture no_process_left looks at what remains."""
    steps = prepare(DyingJob("obey"))
    next(steps)
    steps.close()


def test_a_conversion_goes_on_after_its_process_was_killed(toy: Path, tmp_path: Path) -> None:
    """The journal outlives it; the parent loads no native library for any of this."""
    target = tmp_path / "out.gguf"
    job = ConvertJob(str(toy), "Q4_K_M", target, jobs=1)
    steps = prepare(job)
    while next(steps).fraction < 0.3:
        pass
    steps.close()
    assert part_path(target).exists()
    assert journal_path(target).exists()
    reports, outcome = perform(job)
    assert reports[0].done_bytes > 0
    assert isinstance(outcome.result, Conversion)
    whole = convert(toy, "Q4_K_M", tmp_path / "whole.gguf", jobs=2)
    assert outcome.result.sha256 == whole.sha256


def test_a_verification_works_apart_too(bf16_files: Path) -> None:
    """Its answer crosses the pipe."""
    _, outcome = perform(VerifyJob(bf16_files / "four-experts.gguf"))
    assert getattr(outcome.result, "ok", False)


def test_a_machine_without_processes_gets_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's limit is reached."""

    def refuse(*_: object) -> None:
        raise OSError(11, os.strerror(11))

    monkeypatch.setattr(preparation, "start_child", refuse)
    with pytest.raises(ProcessError, match="can't be worked on: Resource temporarily unavail"):
        perform(DyingJob("succeed"))
