"""Plans held against llama.cpp's own simulation, for the computer at hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from model_io.errors import MissingDeviceError
from model_io.jobs import ProofJob
from model_io.machine import Device, DeviceKind, Machine, Memory
from model_io.machine_search import find_machine
from model_io.memory import measure
from model_io.plan import Plan, Wish
from model_io.preparation import finish
from tests.model_io.random_models import real_shape
from tests.vulkan import requires_vulkan, use_software_driver

GB = 2**30
SHAPES = tuple(real_shape(quant) for quant in ("Q4_K_M", "Q6_K", "Q8_0"))
SECONDS = 120.0


def prove(machine: Machine, wish: Wish) -> Plan:
    """In a process of its own, as the command line does it."""
    plan = finish(ProofJob(SHAPES, machine, wish), SECONDS)
    assert isinstance(plan, Plan)
    return plan


def test_a_plan_for_the_processor_is_confirmed() -> None:
    """What computing takes is llama.cpp's figure then, near the formula's."""
    plan = prove(Machine(Memory(64 * GB, 60 * GB), physical_cores=2), Wish(context_tokens=4096))
    assert plan.fits
    assert plan.is_simulated
    shape = next(shape for shape in SHAPES if shape.quant == plan.quant)
    computed = measure(shape, plan.placement, plan.working).ram.compute_bytes
    assert plan.ram.compute_bytes == pytest.approx(computed, abs=16 * 2**20)


def test_what_does_not_fit_is_not_simulated() -> None:
    """There is nothing to promise."""
    plan = prove(Machine(Memory(4 * GB, 3 * GB)), Wish())
    assert not plan.fits
    assert not plan.is_simulated


def test_a_device_that_is_gone_is_named() -> None:
    """Between asking for devices and the simulation it was pulled out."""
    gone = Device("CUDA7", "An eGPU", DeviceKind.CUDA, 24 * GB, 23 * GB, bandwidth=9e11)
    with pytest.raises(MissingDeviceError, match="CUDA7"):
        prove(Machine(Memory(64 * GB, 60 * GB), (gone,)), Wish())


@requires_vulkan
def test_a_plan_for_the_software_device_is_confirmed(monkeypatch: pytest.MonkeyPatch) -> None:
    """It binds no more than 128 MiB, so that attention is there and all experts are in RAM."""
    use_software_driver(monkeypatch)
    machine = find_machine(timeout_seconds=SECONDS)
    assert [device.largest_tensor_bytes for device in machine.devices] == [2**27]
    # Quicker than the RAM, or it would be left out; and RAM as if there were enough.
    device = replace(machine.devices[0], bandwidth=9e11)
    machine = replace(machine, devices=(device,), ram=Memory(64 * GB, 60 * GB))
    plan = prove(machine, Wish(context_tokens=4096))
    assert plan.is_simulated
    assert plan.placement.gpu_layers > 0
    assert len(plan.placement.ram_experts) == plan.placement.gpu_layers
    assert plan.devices[0].total_bytes <= device.free_bytes
