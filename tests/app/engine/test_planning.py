"""The engine begins with the best plan, or one that is known to work, and goes down from there."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path

import pytest

from app.core.errors import EngineError
from app.engine.planning import NO_MEMORY, LoadRefusedError, Planning
from app.engine.protocol import EngineParameters
from model_io.machine import Machine, Memory
from model_io.model_shape import MIXTRAL, shape_of_config
from model_io.plan import Plan
from model_io.quant_types import QUANTS
from model_io.records import Records
from tests.app.engine.plans import CARD, GB, MACHINE

SHAPE = shape_of_config(MIXTRAL, QUANTS["Q4_K_M"])
NO_ROOM = LoadRefusedError("No room.", is_memory=True)
LOST = LoadRefusedError("The device is lost.", is_memory=False)


def planning(
    machine: Machine = MACHINE, records: Records | None = None, **parameters: object
) -> Planning:
    """The plans for a Mixtral on a machine with one card of 12 GB."""
    return Planning(EngineParameters("x.gguf", **parameters), SHAPE, machine, records)  # type: ignore[arg-type]


def all_plans(plans: Planning) -> list[Plan]:
    """Every plan, as if each were refused."""
    found = [plans.plan]
    with contextlib.suppress(LoadRefusedError):
        while True:
            plans.step_down(NO_ROOM)
            found.append(plans.plan)
    return found


def test_it_begins_with_the_planners_choice() -> None:
    """With its reasons, and no step."""
    plans = planning()

    assert [device.name for device in plans.plan.devices] == ["CUDA0"]
    assert plans.sentences == plans.plan.reasons
    assert plans.steps == []


def test_what_is_asked_for_is_planned_with() -> None:
    """Context, cache, batch, and whether there are GPUs."""
    plan = planning(context_tokens=4096, kv_type="q8_0", microbatch_tokens=128).plan
    working = plan.working

    assert (working.context_tokens, working.microbatch_tokens) == (4096, 128)
    assert working.kv_type == "q8_0"
    assert planning(uses_gpus=False).plan.devices == ()


def test_what_is_forced_is_obeyed() -> None:
    """Where the planner has another opinion."""
    plan = planning(uses_mmap=False, repacks=True, flash_attention=False).plan

    assert (plan.uses_mmap, plan.repacks, plan.working.flash_attention) == (False, True, False)
    assert plan.working.kv_type == "f16"


def test_no_flash_attention_is_paid_for() -> None:
    """What it takes is counted, and refused if there isn't so much."""
    wanted = {"context_tokens": 8192, "microbatch_tokens": 512}
    with_it, without = planning(**wanted).plan, planning(**wanted, flash_attention=False).plan

    assert without.devices[0].share.compute_bytes > with_it.devices[0].share.compute_bytes


def test_a_cache_that_needs_flash_attention_is_refused_without() -> None:
    """llama.cpp would refuse it without saying so."""
    with pytest.raises(EngineError, match="q4_0 needs flash attention"):
        planning(kv_type="q4_0", flash_attention=False)


def test_a_copy_that_does_not_fit_is_refused() -> None:
    """The system would end the process a moment later."""
    machine = replace(MACHINE, devices=(), ram=Memory(48 * GB, 40 * GB))
    assert planning(machine).plan.fits
    with pytest.raises(EngineError, match="Switch repacking off"):
        planning(machine, repacks=True)


def test_the_plans_own_copy_is_counted_once(tmp_path: Path) -> None:
    """Its figures have it already; there is no room for a third."""
    machine = replace(MACHINE, devices=(), ram=Memory(72 * GB, 68 * GB))
    records = Records(tmp_path / "measurements.json")
    records.remember_repacking(SHAPE, machine, pays=True)
    plan = planning(machine, records).plan

    assert plan.repacks
    assert plan.ram_bytes + plan.ram.weights_bytes > machine.ram.free_bytes


def test_what_does_not_fit_is_told() -> None:
    """With what is missing; nothing is tried."""
    with pytest.raises(EngineError, match="GB"):
        planning(replace(MACHINE, devices=(), ram=Memory(16 * GB, 12 * GB)))


def test_each_step_takes_less_and_says_so() -> None:
    """A handful at most; the last is the processor alone."""
    plans = planning()
    found = all_plans(plans)
    on_card = [sum(device.total_bytes for device in plan.devices) for plan in found]

    assert 2 <= len(found) <= 6
    assert on_card == sorted(on_card, reverse=True)
    assert len(set(on_card)) == len(on_card)
    assert found[-1].devices == ()
    assert len(plans.steps) == len(found) - 1
    assert all("did not fit as planned" in step for step in plans.steps)


def test_a_step_is_what_is_told_of_its_plan() -> None:
    """The reasons were told before."""
    plans = planning()
    plans.step_down(NO_ROOM)

    assert plans.sentences == (plans.steps[0],)


def test_plans_that_ended_a_process_are_gone_below() -> None:
    """With a sentence for each."""
    first, second, third = all_plans(planning())[:3]
    plans = planning(failed_plans=(first, second))

    assert plans.plan.placement == third.placement
    assert len(plans.steps) == 2


def test_when_every_plan_ended_a_process_it_is_told() -> None:
    """There is nothing left to try."""
    with pytest.raises(EngineError) as raised:
        planning(failed_plans=tuple(all_plans(planning())))

    assert str(raised.value) == NO_MEMORY


def test_a_lost_driver_leaves_the_processor() -> None:
    """At once: less memory wouldn't help."""
    plans = planning()
    plans.step_down(LOST)

    assert plans.plan.devices == ()
    assert plans.steps == ["RTX 3060 could not be used. The processor computes alone."]
    with pytest.raises(LoadRefusedError, match="lost"):
        plans.step_down(LOST)


def test_an_avoided_device_is_left_out() -> None:
    """And that is a problem to be told."""
    plans = planning(avoided_devices=("CUDA0",))

    assert plans.plan.devices == ()
    assert any("RTX 3060 failed while it worked" in line for line in plans.machine.problems)


def test_a_given_plan_is_taken() -> None:
    """As it stands, though another were better."""
    given = planning(context_tokens=4096).plan

    assert planning(plan=given).plan == given


def test_a_given_plan_whose_device_is_gone_is_made_anew() -> None:
    """A card pulled out."""
    given = planning().plan
    plans = planning(replace(MACHINE, devices=()), plan=given)

    assert plans.plan.devices == ()
    assert plans.steps == ["RTX 3060 can't be used any more."]


def test_a_plan_that_needed_a_step_is_remembered(tmp_path: Path) -> None:
    """The next load begins with it, and says so; it isn't a step down then."""
    records = Records(tmp_path / "records.json")
    plans = planning(records=records)
    plans.step_down(NO_ROOM)
    plans.keep()
    again = planning(records=records)

    assert again.plan.placement == plans.plan.placement
    assert again.plan.working == plans.plan.working
    assert again.steps == []
    assert "worked here before" in again.sentences[0]


def test_a_remembered_plan_that_does_not_fit_now_is_made_anew(tmp_path: Path) -> None:
    """Something else has the memory."""
    records = Records(tmp_path / "records.json")
    plans = planning(records=records)
    plans.step_down(NO_ROOM)
    plans.keep()
    busy = replace(MACHINE, devices=(replace(CARD, free_bytes=6 * GB),))

    assert planning(busy, records).plan.devices[0].total_bytes < 6 * GB


def test_a_remembered_plan_that_fails_is_forgotten(tmp_path: Path) -> None:
    """The smaller one takes its place."""
    records = Records(tmp_path / "records.json")
    for _ in range(2):
        plans = planning(records=records)
        plans.step_down(NO_ROOM)
        plans.keep()

    assert planning(records=records).plan.placement == plans.plan.placement


def test_a_plan_that_held_is_not_remembered(tmp_path: Path) -> None:
    """It is chosen anyway; and a given one is the giver's to remember."""
    records = Records(tmp_path / "records.json")
    planning(records=records).keep()
    given = planning(records=records, plan=planning().plan)
    given.step_down(NO_ROOM)
    given.keep()

    assert not (tmp_path / "records.json").exists()
