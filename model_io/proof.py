"""Holds a plan against llama.cpp's own simulation, before it is promised.

What the simulation says of the room for computing replaces what the formula says. Runs in child
processes only: a driver may hang or abort.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from model_io.budget import budget_of
from model_io.machine import Machine
from model_io.memory import ENGINE_BYTES, Footprint
from model_io.model_shape import ModelShape
from model_io.plan import Plan, Wish
from model_io.planner import make_plan
from model_io.records import Records
from model_io.simulation import simulate

_MOST_ROUNDS = 3


def prove(plan: Plan, shape: ModelShape, machine: Machine) -> Plan:
    """`plan` with the room for computing as it was simulated, and `fits` accordingly.

    Raises SimulationError if llama.cpp refuses it, and MissingDeviceError.
    """
    names = [device.name for device in plan.devices]
    found = simulate(shape, plan.placement, plan.working, names)
    devices = tuple(
        replace(device, share=replace(device.share, compute_bytes=size))
        for device, size in zip(plan.devices, found.device_compute_bytes, strict=True)
    )
    ram = replace(plan.ram, compute_bytes=found.ram_compute_bytes + ENGINE_BYTES)
    places = [[d.name for d in machine.devices].index(name) for name in names]
    footprint = Footprint(tuple(device.share for device in devices), ram)
    missing = budget_of(machine).of(places).missing_bytes(footprint)
    return replace(
        plan, devices=devices, ram=ram, is_simulated=True, fits=missing == 0, missing_bytes=missing
    )


def make_proven_plan(
    shapes: Sequence[ModelShape], machine: Machine, wish: Wish, records: Records | None = None
) -> Plan:
    """The best plan for one of `shapes` that fits as simulated, too.

    Raises SimulationError and MissingDeviceError.
    """
    plan = make_plan(shapes, machine, wish, records)
    for _ in range(_MOST_ROUNDS):
        if not plan.fits:
            break
        shape = next(shape for shape in shapes if shape.quant == plan.quant)
        proven = prove(plan, shape, machine)
        if proven.fits:
            return proven
        machine = _take(machine, proven)
        plan = make_plan(shapes, machine, wish, records)
    return plan


def _take(machine: Machine, proven: Plan) -> Machine:
    """The machine with as much less free as the plan turned out to be too large."""
    less = proven.missing_bytes
    used = {device.name for device in proven.devices}
    devices = tuple(
        replace(device, free_bytes=max(0, device.free_bytes - 2 * less))
        if device.name in used
        else device
        for device in machine.devices
    )
    ram = replace(machine.ram, free_bytes=max(0, machine.ram.free_bytes - 2 * less))
    return replace(machine, devices=devices, ram=ram)
