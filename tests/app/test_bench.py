"""What `octet bench` prints for people: aligned lines, then the advice."""

from __future__ import annotations

from app.bench import _lines
from app.engine.speed_advice import Advice
from app.engine.speed_report import SpeedReport
from model_io.plan import Plan
from tests import plans


def printed(plan: Plan, **more: object) -> list[str]:
    """The lines for a measurement of that plan."""
    measured = plans.measured(plan, **({"best_tokens_per_second": 22.9} | more))
    report = SpeedReport(plans.loaded(plan), plan, measured, plans.shape())
    return list(_lines(report, 4.2, Advice("Nothing helps.")))


def test_each_line_says_one_thing() -> None:
    """With its unit."""
    assert printed(plans.plan()) == [
        "model      Mixtral 8x7B Instruct, Q4_K_M, loaded in 4.2 s",
        "device     RTX 4090 with 11 layers' experts in RAM, 12 threads",
        "context    16,384 tokens, f16",
        "reads      412.0 tokens a second, measured over 512 tokens",
        "writes     22.4 tokens a second, measured over 64 tokens",
        "expected   18–27 tokens a second",
        "best here  22.9 tokens a second",
        "memory     226 GB/s allow 28.6; 78 % of it are reached",
        "free       RAM 53.1 GB, CUDA0 2.5 GB",
        "in swap    nothing",
        "Nothing helps.",
    ]


def test_what_was_measured_before_is_said_so() -> None:
    """It is no estimate."""
    plan = plans.plan(tokens_per_second=(24.0, 24.0), is_measured=True)

    assert "expected   24 tokens a second, as measured before" in printed(plan)


def test_swap_is_named() -> None:
    """In GB."""
    assert "in swap    1.5 GB" in printed(plans.plan(), swapped_bytes=int(1.5 * plans.GIB))
