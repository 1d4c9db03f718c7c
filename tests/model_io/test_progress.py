"""Reports of a long job: few, true, and never backwards."""

from __future__ import annotations

import pytest

from model_io.progress import Meter, Progress


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """At 100 seconds."""
    return Clock()


@pytest.fixture
def reports() -> list[Progress]:
    """What was reported so far."""
    return []


def test_the_first_report_comes_at_once(clock: Clock, reports: list[Progress]) -> None:
    """With what an earlier run has left."""
    Meter("convert", 100, reports.append, done_bytes=40, clock=clock)
    assert reports == [Progress("convert", 40, 100)]


def test_at_most_ten_reports_a_second(clock: Clock, reports: list[Progress]) -> None:
    """However often something is done; the last one comes in any case."""
    meter = Meter("convert", 1000, reports.append, clock=clock)
    for _ in range(1000):
        clock.now += 0.001
        meter.add(1)
    assert len(reports) <= 11
    assert reports[-1].done_bytes == 1000


def test_speed_is_that_of_the_last_seconds(clock: Clock, reports: list[Progress]) -> None:
    """A slow beginning is forgotten."""
    meter = Meter("convert", 10**6, reports.append, clock=clock)
    for amount in [10] * 20 + [1000] * 20:
        clock.now += 0.5
        meter.add(amount)
    assert reports[-1].bytes_per_second == pytest.approx(2000)


def test_time_left_counts_what_this_run_did(clock: Clock, reports: list[Progress]) -> None:
    """Not what was done before it."""
    meter = Meter("convert", 100, reports.append, done_bytes=50, clock=clock)
    clock.now += 10
    meter.add(10)
    assert reports[-1].seconds_left == pytest.approx(40)


def test_fetching_is_half_of_the_way(clock: Clock, reports: list[Progress]) -> None:
    """And never counts backwards."""
    meter = Meter("convert", 100, reports.append, fetched_bytes=0, clock=clock)
    clock.now += 1
    meter.add(0, fetched_bytes=60)
    clock.now += 1
    meter.add(0, fetched_bytes=20)
    assert [report.fetched_bytes for report in reports] == [0, 60, 60]
    assert reports[-1].fraction == pytest.approx(0.3)


def test_nothing_done_gives_no_guess(clock: Clock, reports: list[Progress]) -> None:
    """No time left is made up."""
    meter = Meter("convert", 100, reports.append, clock=clock)
    clock.now += 1
    meter.add(0)
    assert (reports[-1].bytes_per_second, reports[-1].seconds_left) == (0, None)
