"""Which of the devices that ggml lists are a computer's GPUs, in which order, with what memory.

Judges what drivers say, and believes none. Knows nothing of how they are asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from model_io.known_devices import known_bandwidth, plain_name
from model_io.machine import RAM, Device, DeviceKind, Machine, Memory

MOST_BYTES = 2**50
"""No memory is as large as this; who says so is mistaken."""

_NEGATIVE = 2**63
_LONGEST_TEXT = 100

_KINDS = {
    "CUDA": DeviceKind.CUDA,
    "ROCm": DeviceKind.HIP,
    "MTL": DeviceKind.METAL,
    "Metal": DeviceKind.METAL,
    "Vulkan": DeviceKind.VULKAN,
}
_RANKS = {DeviceKind.VULKAN: 1, DeviceKind.OTHER: 2}
"""Which backend drives a GPU that several see: its maker's own before the one for all makers."""


@dataclass(frozen=True, slots=True)
class FoundDevice:
    """A GPU as ggml lists it, in bytes: nothing of it is checked. `device_id` may be empty."""

    name: str
    description: str
    backend: str
    total_bytes: int
    free_bytes: int
    is_integrated: bool = False
    device_id: str = ""
    largest_tensor_bytes: int | None = None

    @property
    def kind(self) -> DeviceKind:
        """Whose backend it is."""
        return _KINDS.get(self.backend, DeviceKind.OTHER)

    @property
    def is_unified(self) -> bool:
        """Whether its memory is the computer's own; Metal also drives AMD's cards in old Macs."""
        if self.kind is DeviceKind.METAL:
            return not self.description.startswith(("AMD", "ATI", "Radeon"))
        return self.is_integrated


def add_devices(
    computer: Machine,
    found: Sequence[FoundDevice],
    held: Mapping[str, int],
    problems: Iterable[str] = (),
) -> Machine:
    """`computer`, so far without GPUs, with those of `found`; says what was wrong with some.

    `held` are the bytes that an engine of ours has in memories (by name, RAM for the computer's
    own) and will give back: they count as free, as far as there is so much memory.
    """
    complaints = list(problems)
    sound = [device for each in found if (device := _check_memory(each, complaints))]
    chosen = _leave_doubles_out(sound)
    held_ram = held.get(RAM, 0) + sum(held.get(d.name, 0) for d in chosen if d.is_unified)
    ram = computer.ram
    ram = replace(ram, free_bytes=min(ram.total_bytes, ram.free_bytes + max(0, held_ram)))
    devices = (_describe(device, ram, max(0, held.get(device.name, 0))) for device in chosen)
    return replace(
        computer, ram=ram, devices=_in_order(devices), problems=(*computer.problems, *complaints)
    )


def _check_memory(found: FoundDevice, complaints: list[str]) -> FoundDevice | None:
    """`found` with figures that are possible, or None."""
    name, description = _printable(found.name), _printable(found.description)
    who = f"{name} ({description})"
    if not 0 < found.total_bytes < MOST_BYTES:
        amount = "no memory" if found.total_bytes <= 0 else "more memory than there can be"
        complaints.append(f"{who} reports {amount}. Octet does without it.")
        return None
    free_bytes = found.free_bytes
    if found.kind is not DeviceKind.METAL and not 0 <= free_bytes <= found.total_bytes:
        # A driver that counts more in use than its budget ends up below zero, unsigned.
        is_negative = free_bytes < 0 or free_bytes >= _NEGATIVE
        free_bytes = 0 if is_negative else found.total_bytes
        all_or_none = "none" if is_negative else "all"
        complaints.append(
            f"{who} reports more free memory than it has. Octet counts {all_or_none} of it as free."
        )
    return replace(found, name=name, description=description, free_bytes=free_bytes)


def _printable(text: str) -> str:
    kept = "".join(letter if letter.isprintable() else " " for letter in text[:_LONGEST_TEXT])
    return " ".join(kept.split()) or "unnamed"


def _leave_doubles_out(found: Sequence[FoundDevice]) -> list[FoundDevice]:
    """Each GPU once, by the best backend that sees it."""
    kept: list[FoundDevice] = []
    for device in sorted(found, key=lambda each: _RANKS.get(each.kind, 0)):
        if not any(_are_same(device, other) for other in kept):
            kept.append(device)
    return kept


def _are_same(one: FoundDevice, other: FoundDevice) -> bool:
    """What one backend lists twice was asked for twice, by an environment variable of ggml."""
    if one.backend == other.backend:
        return False
    if one.device_id and other.device_id:
        return _slot(one.device_id) == _slot(other.device_id)
    if one.is_integrated and other.is_integrated:
        return True  # a computer has one, which drivers call by different names
    return plain_name(one.description) == plain_name(other.description)


def _slot(device_id: str) -> str:
    """The place on the bus; ggml appends a number where it makes several devices of one GPU."""
    return re.sub(r"-v\d+$", "", device_id.lower())


def _describe(found: FoundDevice, ram: Memory, held_bytes: int) -> Device:
    total_bytes = found.total_bytes
    free_bytes = min(total_bytes, found.free_bytes + held_bytes)
    if found.is_unified:
        total_bytes = min(total_bytes, ram.total_bytes)
        # Metal knows only what the process itself has taken: of its limit all is free.
        own_bytes = total_bytes if found.kind is DeviceKind.METAL else free_bytes
        free_bytes = min(total_bytes, own_bytes, ram.free_bytes)
    bandwidth = known_bandwidth(
        found.description, ram.total_bytes if found.is_unified else total_bytes
    )
    if bandwidth is None and found.is_unified:
        bandwidth = ram.bandwidth
    return Device(
        name=found.name,
        description=found.description,
        kind=found.kind,
        total_bytes=total_bytes,
        free_bytes=free_bytes,
        is_unified=found.is_unified,
        bandwidth=bandwidth,
        largest_tensor_bytes=found.largest_tensor_bytes,
    )


def _in_order(devices: Iterable[Device]) -> tuple[Device, ...]:
    """First what computes a layer soonest.

    Memory of its own comes before the computer's: it is quicker, and costs no RAM. Layers work one
    after another, so each byte belongs on the quickest card that has room. Where one card's
    bandwidth isn't known no two are compared by it, and the larger free memory comes first: fewer
    cards hold the model then.
    """
    several = list(devices)
    all_known = all(device.bandwidth for device in several if not device.is_unified)

    def rank(device: Device) -> tuple[bool, float, int]:
        speed = (device.bandwidth or 0.0) if all_known or device.is_unified else 0.0
        return device.is_unified, -speed, -device.free_bytes

    return tuple(sorted(several, key=rank))
