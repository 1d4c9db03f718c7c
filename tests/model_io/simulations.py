"""Simulated loads in a child process, many at once, and what the formula says of the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from model_io.memory import ENGINE_BYTES, Placement, Working, measure
from model_io.model_shape import ModelShape

MIB = 2**20


@dataclass(frozen=True)
class Case:
    """One load to be simulated, on devices by their names."""

    shape: ModelShape
    placement: Placement
    working: Working
    devices: tuple[str, ...] = ()


def simulate_all(cases: Sequence[Case], *, loads_backends: bool = False) -> list[list[int]]:
    """For a child: the room for computing of each case's devices, then of the RAM."""
    from model_io.backends import load_backends
    from model_io.simulation import simulate

    if loads_backends:
        load_backends()
    found = []
    for case in cases:
        made = simulate(case.shape, case.placement, case.working, case.devices)
        found.append([*made.device_compute_bytes, made.ram_compute_bytes])
    return found


def predict(case: Case) -> list[int]:
    """The same by the formula."""
    footprint = measure(case.shape, case.placement, case.working)
    ram_bytes = footprint.ram.compute_bytes - ENGINE_BYTES
    return [*(share.compute_bytes for share in footprint.devices), ram_bytes]


def differences(cases: Sequence[Case], simulated: Sequence[Sequence[int]]) -> list[str]:
    """A line for each prediction that is off by more than 5 % and 16 MiB."""
    lines = []
    for case, real in zip(cases, simulated, strict=True):
        for name, expected, found in zip((*case.devices, "RAM"), predict(case), real, strict=True):
            if abs(expected - found) > max(16 * MIB, 0.05 * found):
                what = f"{case.shape.quant} {case.placement} {case.working} on {name}"
                lines.append(f"{what}: {expected / MIB:.1f} MiB, simulated {found / MIB:.1f}")
    return lines
