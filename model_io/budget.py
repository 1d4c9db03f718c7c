"""How much of a machine's free memory a plan may use: what is free, less a margin.

The margin is for the desktop, which goes on drawing windows, and for what drivers allocate
beside the buffers that can be counted. It never shrinks what may be used when more is free.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from model_io.machine import Machine
from model_io.memory import Footprint

DEVICE_MARGIN_BYTES = 2**30
RAM_MARGIN_BYTES = 2**30
_MARGIN_SHARE = 8
"""Of little memory, an eighth is left free."""

NO_LIMIT = 2**60
"""More than any computer has."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What may be used of each device, and of the RAM; unified devices take theirs out of it."""

    devices: tuple[int, ...]
    is_unified: tuple[bool, ...]
    ram: int

    def of(self, devices: Sequence[int]) -> Budget:
        """The budget of these devices alone, by their places, in this order."""
        return Budget(
            tuple(self.devices[index] for index in devices),
            tuple(self.is_unified[index] for index in devices),
            self.ram,
        )

    @property
    def capacity(self) -> int:
        """All of it together."""
        own = zip(self.devices, self.is_unified, strict=True)
        return self.ram + sum(room for room, unified in own if not unified)

    def missing_bytes(self, footprint: Footprint) -> int:
        """How much more RAM (or, if that is more, device memory) it needs; 0 when it fits."""
        lacks = [
            share.total_bytes - room
            for share, room in zip(footprint.devices, self.devices, strict=True)
        ]
        return max(0, self.ram_missing_bytes(footprint), *lacks)

    def ram_missing_bytes(self, footprint: Footprint) -> int:
        """How much more RAM it needs; below zero what is left."""
        shared = sum(
            share.total_bytes
            for share, unified in zip(footprint.devices, self.is_unified, strict=True)
            if unified
        )
        return footprint.ram.total_bytes + shared - self.ram


def budget_of(machine: Machine) -> Budget:
    """What a plan may use of `machine`."""
    return Budget(
        tuple(_without(device.free_bytes, DEVICE_MARGIN_BYTES) for device in machine.devices),
        tuple(device.is_unified for device in machine.devices),
        _without(machine.ram.free_bytes, RAM_MARGIN_BYTES),
    )


def _without(free_bytes: int, margin_bytes: int) -> int:
    return free_bytes - min(margin_bytes, free_bytes // _MARGIN_SHARE)
