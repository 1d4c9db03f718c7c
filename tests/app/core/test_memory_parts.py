"""Every memory is divided into parts that add up to its size."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.memory_parts import MemoryUse, PartKind, divide_memory
from model_io.machine import Device, DeviceKind, Machine, Memory
from model_io.memory import Placement, measure
from model_io.plan import DevicePlan, Plan
from tests import plans

GIB = plans.GIB


def gigabytes(use: MemoryUse) -> dict[PartKind, float]:
    """The parts of a memory, rounded."""
    return {part.kind: round(part.size_bytes / GIB, 1) for part in use.parts}


@given(
    st.integers(0, 32),
    st.integers(0, 64),
    st.integers(0, 64),
    st.integers(0, 200),
    st.booleans(),
)
def test_parts_add_up(
    ram_experts: int, card: int, free_card: int, free_ram: int, is_loaded: bool
) -> None:
    """Whatever drivers say, nothing is negative and nothing is left over."""
    device = replace(plans.CARD, total_bytes=card * GIB, free_bytes=free_card * GIB)
    machine = Machine(Memory(64 * GIB, free_ram * GIB), (device,))
    plan = plans.plan(ram_experts)
    for use in divide_memory(plans.shape(), plan, machine, is_loaded=is_loaded):
        assert sum(part.size_bytes for part in use.parts) == use.total_bytes
        assert all(part.size_bytes > 0 for part in use.parts)
        assert use.used_bytes <= use.total_bytes


def test_a_card_and_the_ram_share_the_experts() -> None:
    """Attention, router and context are on the card; the embeddings are working room in RAM."""
    card, ram = divide_memory(plans.shape(), plans.plan(), plans.MACHINE, is_loaded=False)

    assert (card.name, card.is_ram, ram.name, ram.is_ram) == (
        "NVIDIA GeForce RTX 4090", False, "RAM", True,
    )  # fmt: skip
    assert [part.layers for part in card.parts if part.kind is PartKind.EXPERTS] == [21]
    assert [part.layers for part in ram.parts if part.kind is PartKind.EXPERTS] == [11]
    assert PartKind.DENSE in gigabytes(card)
    assert PartKind.DENSE not in gigabytes(ram)


def test_before_and_after_loading_look_the_same() -> None:
    """If the machine has taken what the plan says."""
    plan = plans.plan()
    before = divide_memory(plans.shape(), plan, plans.MACHINE, is_loaded=False)
    after = divide_memory(plans.shape(), plan, plans.machine_with(plan), is_loaded=True)

    assert before == after


def test_the_processor_alone_has_one_memory() -> None:
    """All 32 layers and their attention in RAM."""
    (ram,) = divide_memory(plans.shape(), plans.cpu_plan(), plans.MACHINE, is_loaded=False)

    assert ram.is_ram
    assert gigabytes(ram)[PartKind.DENSE] > 1
    assert [part.layers for part in ram.parts if part.kind is PartKind.EXPERTS] == [32]


def test_a_device_that_nobody_asked_is_drawn_by_what_was_free() -> None:
    """And says that it isn't whole."""
    machine = Machine(plans.RAM)
    card, _ = divide_memory(plans.shape(), plans.plan(), machine, is_loaded=True)

    assert not card.is_whole
    assert card.total_bytes == plans.CARD.free_bytes
    assert PartKind.OTHER not in gigabytes(card)


def test_what_finds_no_room_is_missing() -> None:
    """The largest part is cut, and the amount told."""
    ram = replace(plans.RAM, total_bytes=16 * GIB, free_bytes=12 * GIB)
    (use,) = divide_memory(plans.shape(), plans.cpu_plan(), Machine(ram), is_loaded=False)

    assert use.missing_bytes == plans.cpu_plan().ram.total_bytes - 12 * GIB
    assert PartKind.FREE not in gigabytes(use)


def unified_plan() -> tuple[Plan, Machine]:
    """A Mac: the last 20 layers on the chip's GPU."""
    shape = plans.shape()
    gpu = Device("Metal", "Apple M2 Max", DeviceKind.METAL, 48 * GIB, 44 * GIB, True, 400e9)
    placement = Placement((20,))
    footprint = measure(shape, placement, plans.WORKING)
    device = DevicePlan(
        gpu.name, gpu.description, gpu.kind, 20, footprint.devices[0], gpu.free_bytes
    )
    plan = replace(plans.cpu_plan(), placement=placement, devices=(device,), ram=footprint.ram)
    return plan, Machine(Memory(64 * GIB, 50 * GIB), (gpu,))


@pytest.mark.parametrize("is_loaded", [False, True])
def test_a_unified_device_belongs_to_the_ram(is_loaded: bool) -> None:
    """One bar, in which nothing counts twice."""
    plan, machine = unified_plan()
    if is_loaded:
        taken = plan.devices[0].total_bytes + plan.ram.kv_bytes + plan.ram.compute_bytes
        machine = replace(machine, ram=Memory(64 * GIB, 50 * GIB - taken))
    (use,) = divide_memory(plans.shape(), plan, machine, is_loaded=is_loaded)

    assert use.is_ram
    assert [part.layers for part in use.parts if part.kind is PartKind.EXPERTS] == [32]
    assert gigabytes(use)[PartKind.OTHER] == 14.0
