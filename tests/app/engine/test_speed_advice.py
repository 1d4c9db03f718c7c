"""The one change that would help most, for each of the causes that are known."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.engine.speed_advice import Advice, Circumstances, advise
from app.engine.speed_report import SpeedReport
from model_io.machine import Machine
from model_io.memory import Placement, Working
from model_io.plan import Plan
from tests import plans

GIB = plans.GIB
FULL_CARD = replace(plans.CARD, free_bytes=int(20.9 * GIB))
NO_CARD = replace(plans.MACHINE, devices=())


def report_of(
    plan: Plan, machine: Machine | None = None, best: float = 22.4, **more: object
) -> SpeedReport:
    """A measurement of a plan; without `machine` its card is full."""
    full = replace(plans.MACHINE, devices=(FULL_CARD,) if plan.devices else ())
    around = machine or plans.machine_with(plan, full)
    measured = plans.measured(plan, machine=around, best_tokens_per_second=best, **more)
    return SpeedReport(plans.loaded(plan), plan, measured, plans.shape(plan.quant))


def with_free_ram(machine: Machine, free_bytes: float) -> Machine:
    """The same with another amount of free RAM."""
    return replace(machine, ram=replace(machine.ram, free_bytes=int(free_bytes)))


def test_other_programs_are_named() -> None:
    """What they use of the processor explains a slow reply better than anything about it."""
    advice = advise(report_of(plans.plan(), others_share=0.62))

    assert advice.text.startswith("Other programs used 62 % of the processor meanwhile.")
    assert "62 %" not in advise(report_of(plans.plan(), others_share=0.1)).text


def test_swapping_comes_first() -> None:
    """What is in swap is read from the disk for every token."""
    advice = advise(report_of(plans.plan(), swapped_bytes=3 * GIB))

    assert "3.0 GB of the engine are in swap" in advice.text
    assert advice.offers_load


def test_a_little_swap_is_nothing() -> None:
    """A system puts away what nobody reads."""
    advice = advise(report_of(plans.plan(), swapped_bytes=20 * 2**20))

    assert "swap" not in advice.text


def test_missing_ram_is_named() -> None:
    """A mapped file that doesn't fit is read again and again, without any swap."""
    plan = plans.cpu_plan()
    advice = advise(report_of(plan, with_free_ram(NO_CARD, plan.ram.weights_bytes - 2.5 * GIB)))

    assert "2.5 GB are missing" in advice.text


def test_copied_weights_are_not_mapped() -> None:
    """Where nothing is mapped, little free RAM is no shortage."""
    plan = replace(plans.cpu_plan(), uses_mmap=False)
    advice = advise(report_of(plan, with_free_ram(NO_CARD, 1.0)))

    assert "missing" not in advice.text


def test_a_device_without_layers_is_named() -> None:
    """It had no room, or it failed."""
    advice = advise(report_of(plans.cpu_plan(), plans.MACHINE))

    assert advice.text.startswith("NVIDIA GeForce RTX 4090 is not used")
    assert advice.offers_load


@pytest.mark.parametrize(
    ("maker", "way"),
    [
        ("NVIDIA", "an NVIDIA graphics card that Octet can't use yet. Run packaging/backends/cuda"),
        ("AMD", "an AMD graphics card that Octet can't use yet. Run packaging/backends/vulkan,"),
        ("Intel", "an Intel graphics card that Octet can't use yet. Run packaging/backends/vulkan"),
    ],
)
def test_a_card_without_a_module_is_told_how_to_get_one(maker: str, way: str) -> None:
    """In one line for each maker."""
    advice = advise(report_of(plans.cpu_plan()), Circumstances(card_makers=(maker,)))

    assert way in advice.text


def test_a_card_that_a_setting_leaves_out_needs_no_module() -> None:
    """The setting is what is to be changed."""
    around = Circumstances(card_makers=("NVIDIA",), setting_leaves_gpus_out=True)

    assert advise(report_of(plans.cpu_plan()), around).text.startswith("A setting leaves")


def test_a_card_that_failed_may_be_tried_again() -> None:
    """By loading again."""
    around = Circumstances(card_makers=("NVIDIA",), gpus_failed=True)
    advice = advise(report_of(plans.cpu_plan()), around)

    assert advice.text.startswith("The graphics card could not load the model.")
    assert advice.offers_load


@pytest.mark.parametrize(("free", "layers"), [(2.0, "1 more layer's"), (4.5, "4 more layers'")])
def test_free_graphics_memory_takes_experts(free: float, layers: str) -> None:
    """What other programs have given back since: as many as fit beside a plan's margin."""
    plan = plans.plan(devices=(replace(plans.CARD, free_bytes=int(21.1 * GIB)),))
    card = replace(plans.CARD, free_bytes=int(free * GIB))
    advice = advise(report_of(plan, replace(plans.MACHINE, devices=(card,))))

    assert f"enough for {layers} experts" in advice.text
    assert advice.offers_load


def test_what_a_plan_left_free_is_no_advice() -> None:
    """It had its reasons, or a driver refused to give more."""
    plan = plans.plan(20, working=Working(8192, 512))
    machine = plans.machine_with(plan)

    assert machine.devices[0].free_bytes > 8 * GIB
    assert "free now" not in advise(report_of(plan, machine)).text


def test_never_more_than_there_are() -> None:
    """Two layers' experts wait, however much is free."""
    advice = advise(report_of(plans.plan(2), plans.MACHINE))

    assert "2 more layers' experts" in advice.text


def test_whole_layers_wait_as_well() -> None:
    """A plan that divides no layer."""
    plan = plans.plan(0)
    plan = replace(plan, placement=Placement((20,)))
    card = replace(plans.CARD, free_bytes=3 * GIB)
    planned = replace(plan.devices[0], free_bytes=plan.devices[0].total_bytes)
    plan = replace(plan, devices=(planned,))
    advice = advise(report_of(plan, replace(plans.MACHINE, devices=(card,))))

    assert "enough for 2 more layers." in advice.text


def test_a_large_context_costs_layers() -> None:
    """What an unused memory of chats takes from the experts."""
    plan = plans.plan(14, working=Working(32768, 512))
    advice = advise(report_of(plan))

    assert advice == Advice(
        "A context of 8,192 tokens instead of 32,768 would make room on the graphics card for "
        "3 more layers' experts."
    )


def test_a_context_in_use_is_left_alone() -> None:
    """Nobody is told to forget."""
    plan = plans.plan(14, working=Working(32768, 512))
    advice = advise(report_of(plan), Circumstances(used_tokens=20_000))

    assert "context" not in advice.text


@pytest.mark.parametrize(("on_battery", "said"), [(True, "battery"), (False, "Other programs")])
def test_slower_than_its_own_best(on_battery: bool, said: str) -> None:
    """By how much, and what is likely."""
    report = report_of(plans.cpu_plan(), decode=6.0, best=10.0)
    advice = advise(report, Circumstances(is_on_battery=on_battery))

    assert advice.text.startswith("It writes 40 % slower than it has done here.")
    assert said in advice.text


def test_nothing_helps_what_the_memory_bounds() -> None:
    """Said plainly."""
    report = report_of(plans.cpu_plan(), decode=9.0, best=9.0)

    assert advise(report) == Advice("This is what this computer's memory gives.")


def test_a_smaller_version_is_quicker_where_memory_bounds() -> None:
    """Q8_0 reads nearly twice as much."""
    report = report_of(plans.cpu_plan(quant="Q8_0"), decode=5.0, best=5.0)

    assert advise(report).text.endswith("Q4_K_M of the model would be about 1.8 times as quick.")


def test_a_weak_processor_is_named() -> None:
    """The memory would give more."""
    report = report_of(plans.cpu_plan(), decode=4.0, best=4.0)

    assert advise(report).text.startswith("The processor is the limit")


def test_an_unknown_bound_is_no_accusation() -> None:
    """Nothing is claimed about what isn't known."""
    plan = plans.plan(0)
    machine = replace(plans.MACHINE, devices=(replace(FULL_CARD, bandwidth=None, free_bytes=0),))

    assert advise(report_of(plan, machine)).text == "Nothing is in the way that Octet knows of."
