"""Five hundred damaged models: each gives a result or one clear sentence, and nothing else.

Ten thousand go through the same trials in `tests.benchmarks.mutate_inputs`, which also repeats
one: `--only SEED`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from model_io.errors import SourceError
from tests.model_io.small_models import Base, make_bases
from tests.model_io.trials import Forbidden, TooLong, judge_sentence, limited, run_trial, watched

FIRST_SEED = 20_251_125
PARTS, TRIALS = 10, 50


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> Sequence[Base]:
    """One small model of each layout."""
    return make_bases(tmp_path_factory.mktemp("bases"))


@pytest.mark.parametrize("part", range(PARTS))
def test_damaged_models_get_a_result_or_a_sentence(
    part: int, bases: Sequence[Base], tmp_path: Path
) -> None:
    """No traceback, nothing over ten seconds or 1 GB, no file where none belongs."""
    first = FIRST_SEED + part * TRIALS
    reports = [run_trial(seed, bases, tmp_path) for seed in range(first, first + TRIALS)]
    assert [str(report) for report in reports if report.broken] == []


def test_the_same_seed_is_the_same_trial(bases: Sequence[Base], tmp_path: Path) -> None:
    """So a broken promise can be looked at again."""
    one, other = (run_trial(FIRST_SEED, bases, tmp_path) for _ in range(2))
    assert (one.base, one.damage, one.answers) == (other.base, other.damage, other.answers)


def test_the_watch_sees_a_file_outside(tmp_path: Path) -> None:
    """Wherever Python makes it."""
    (tmp_path / "out").mkdir()
    with watched(tmp_path / "out") as warden, pytest.raises(Forbidden, match=r"changes .*/stray"):
        (tmp_path / "stray").touch()
    assert len(warden.found) == 1
    assert not (tmp_path / "stray").exists()


def test_the_watch_sees_who_waits_for_a_pipe(tmp_path: Path) -> None:
    """Before anybody has to wait."""
    os.mkfifo(tmp_path / "pipe")
    with watched(tmp_path), pytest.raises(Forbidden, match="waits for the pipe"):
        (tmp_path / "pipe").read_bytes()


def test_the_watch_sees_a_program(tmp_path: Path) -> None:
    """That a pickle might start."""
    with watched(tmp_path), pytest.raises(Forbidden, match=r"subprocess\.Popen"):
        subprocess.run([sys.executable, "-V"], check=False)


def test_the_timer_ends_what_hangs() -> None:
    """Even where it waits for the system."""
    reader, writer = os.pipe()
    with pytest.raises(TooLong), limited(0.05):
        os.read(reader, 1)
    os.close(reader)
    os.close(writer)


@pytest.mark.parametrize(
    ("sentence", "words"),
    [
        ("/a is odd; mend it", "no sentence"),
        ("/a is odd.", "no sentence"),
        ("/a is\nodd; mend it.", "unprintable"),
        ("/a is " + "odd " * 300 + "; mend it.", "letters long"),
    ],
)
def test_what_is_no_clear_sentence(sentence: str, words: str) -> None:
    """Two lines, no end, nothing to do, or too much to read."""
    assert judge_sentence(str(SourceError("/a", "is odd", "mend it"))) == []
    assert words in judge_sentence(sentence)[0]
