"""Plans in sentences."""

from __future__ import annotations

from pathlib import Path

from model_io.plan import Preference, Wish
from model_io.plan_words import gigabytes, speed_words
from model_io.planner import make_plan
from tests.benchmarks.plan_table import page
from tests.model_io.machines import mac, pc, usual_machines
from tests.model_io.random_models import real_shape

SHAPES = tuple(real_shape(quant) for quant in ("Q4_K_M", "Q6_K", "Q8_0"))
PLANS_PAGE = Path(__file__).parents[1] / "benchmarks" / "PLANS.md"


def test_memory_is_counted_as_its_makers_do() -> None:
    """In 2³⁰ bytes, written GB."""
    assert gigabytes(28_447_727_616) == "26.5 GB"
    assert gigabytes(20_829_184) == "20 MB"


def test_speeds_are_said_with_sense() -> None:
    """A digit more where they are few, a single number where both ends are the same."""
    assert speed_words((5.2, 10.1)) == "5–10 tokens a second"
    assert speed_words((1.9, 3.8)) == "1.9–3.8 tokens a second"
    assert speed_words((3.25, 3.25)) == "3.2 tokens a second"
    assert speed_words((814.0, 1584.0)) == "814–1,584 tokens a second"


def test_every_number_has_its_reason() -> None:
    """Quantization, speed, layers, context, cache, microbatch, mapping, margin."""
    plan = make_plan(SHAPES, usual_machines()["RTX 4070 12 GB, 32 GB RAM"])
    text = "\n".join(plan.reasons)
    for words in (
        "Q4_K_M is the best quality",
        "tokens a second",
        "Attention, router and context of all 32 layers are on RTX 4070",
        f"the experts of the first {len(plan.placement.ram_experts)} in RAM",
        "context of 12,288 tokens",
        "kept in 16 bits",
        "512 tokens at a time",
        "mapped",
        "not repacked",
        "of graphics memory stay free",
    ):
        assert words in text


def test_what_is_missing_is_said_in_gigabytes() -> None:
    """When nothing fits."""
    plan = make_plan(SHAPES, pc(16))
    assert plan.reason == (
        "Q4_K_M, the smallest, needs 26.9 GB of memory even with 2,048 tokens of context, and "
        "11.0 GB can be used: 15.9 GB are missing."
    )


def test_a_preference_is_answered() -> None:
    """The first sentence says what there is the most of."""
    machine = mac("Apple M2 Max", 96)
    sentences = {each: make_plan(SHAPES, machine, Wish(each)).reason for each in Preference}
    assert sentences[Preference.QUALITY].endswith("the best quality that fits.")
    assert sentences[Preference.SPEED].endswith("is the quickest.")
    assert sentences[Preference.CONTEXT].endswith("that leaves room for 32,768 tokens.")


def test_the_page_of_plans_is_current() -> None:
    """It is made by `python -m tests.benchmarks.plan_table`."""
    assert PLANS_PAGE.read_text(encoding="utf-8") == page() + "\n"
