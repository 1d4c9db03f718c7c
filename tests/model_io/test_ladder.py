"""Steps down from a plan that a driver refused."""

from __future__ import annotations

from itertools import pairwise

import pytest

from model_io.ladder import MOST_STEPS, step_down
from model_io.machine import Machine
from model_io.plan import Plan
from model_io.planner import make_plan
from tests.model_io.machines import card, mac, pc, usual_machines
from tests.model_io.random_models import real_shape

SHAPE = real_shape("Q4_K_M")
MACHINES = {
    "a card": pc(64, card("NVIDIA GeForce RTX 4070", 12)),
    "two cards": usual_machines()["2 × RTX 3090 24 GB, 64 GB RAM"],
    "a Mac": mac("Apple M2 Max", 64),
}


def descend(machine: Machine) -> list[tuple[Plan, str]]:
    """All plans on the way down, as the engine walks it, and what is said of each."""
    steps = [(make_plan((SHAPE,), machine), "")]
    for step in range(1, MOST_STEPS + 1):
        smaller = step_down(SHAPE, machine, steps[-1][0], step)
        if smaller is None:
            break
        steps.append(smaller)
    return steps


@pytest.mark.parametrize("name", MACHINES)
def test_it_ends_with_the_processor_alone(name: str) -> None:
    """After a handful of steps at most."""
    steps = descend(MACHINES[name])
    assert 2 < len(steps) <= MOST_STEPS + 1
    last, sentence = steps[-1]
    assert last.devices == ()
    assert "The processor computes alone now" in sentence


@pytest.mark.parametrize("name", MACHINES)
def test_each_step_takes_less_of_every_device(name: str) -> None:
    """And still fits."""
    steps = [plan for plan, _ in descend(MACHINES[name])]
    for before, after in pairwise(steps):
        used = {device.name: device.total_bytes for device in before.devices}
        assert after.fits
        assert all(device.total_bytes < used[device.name] for device in after.devices)


def test_the_first_step_tells_of_experts() -> None:
    """In the words of the user interface's own example."""
    (before, _), (after, sentence), *_ = descend(MACHINES["a card"])
    then, now = len(before.placement.ram_experts), len(after.placement.ram_experts)
    assert now > then
    words = f"{now} layers' experts are in RAM now instead of {then}; expect about"
    assert sentence.startswith(f"The model did not fit as planned. {words}")


def test_a_context_stays_as_long_as_it_can() -> None:
    """The user has been told its size; only a late step makes it smaller."""
    steps = [plan for plan, _ in descend(MACHINES["a card"])]
    contexts = [plan.working.context_tokens for plan in steps]
    assert contexts[:3] == [contexts[0]] * 3


def test_there_is_no_step_below_the_smallest() -> None:
    """On a processor alone with a small context, nothing smaller is left."""
    machine = pc(32)
    plan = make_plan((SHAPE,), machine)
    assert plan.fits
    assert step_down(SHAPE, machine, plan, MOST_STEPS) is None


def test_without_ram_for_it_a_step_takes_less() -> None:
    """Where the RAM has no room for what leaves the device, a smaller part of it goes."""
    machine = usual_machines()["RTX 4080 16 GB, 32 GB RAM"]
    plan = make_plan((real_shape("Q6_K"),), machine)
    smaller = step_down(real_shape("Q6_K"), machine, plan, 2)
    assert smaller is not None
    assert smaller[0].fits
