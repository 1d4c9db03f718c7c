"""How a long job looks in a terminal, and elsewhere."""

from __future__ import annotations

import io
import sys

import pytest

from model_io.progress import Progress
from model_io.terminal import ProgressBar, duration


class Terminal(io.StringIO):
    """A terminal that keeps what is printed."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        """It is one."""
        return True


def test_a_terminal_shows_one_line_that_grows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything that is known, and a new line only at the end."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("COLUMNS", "100")
    bar = ProgressBar()
    bar(Progress("convert", 0, 8 * 10**9))
    bar(Progress("convert", 2 * 10**9, 8 * 10**9, 50e6, 1500.0, 4 * 10**9))
    bar.close()
    *_, last = terminal.getvalue().split("\r")
    words = "convert  37 %  2.0 of 8.0 GB  4.0 GB fetched  50 MB/s  25 min left"
    assert last.rstrip("\n\x1b[K") == "████████" + "░" * 16 + " " + words
    assert terminal.getvalue().count("\n") == 1


def test_a_narrow_terminal_gets_no_second_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """What doesn't fit is left out."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("COLUMNS", "30")
    ProgressBar()(Progress("convert", 2 * 10**9, 8 * 10**9, 50e6, 1500.0))
    assert len(terminal.getvalue().strip("\r").removesuffix("\x1b[K")) == 29


def test_elsewhere_a_line_every_ten_percent(capsys: pytest.CaptureFixture[str]) -> None:
    """And one for each stage."""
    bar = ProgressBar()
    for done in range(101):
        bar(Progress("convert", done * 10**6, 100 * 10**6))
    bar(Progress("hash", 100 * 10**6, 100 * 10**6))
    bar.close()
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 12
    assert lines[1] == "convert  10 %  10.0 of 100.0 MB"
    assert lines[-1].startswith("hash 100 %")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.4, "0 s"), (89, "89 s"), (90, "2 min"), (3600, "60 min"), (7260, "2 h 1 min")],
)
def test_times_as_people_say_them(seconds: float, said: str) -> None:
    """Rounded to what matters."""
    assert duration(seconds) == said
