"""Devices and memory as a person writes them on a command line: "cuda:TOTAL:FREE", bytes.

They may belong to a computer that isn't this one. Knows nothing of real devices.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from model_io.device_choice import MOST_BYTES
from model_io.machine import Device, DeviceKind

_NAMES = {
    DeviceKind.CUDA: "CUDA",
    DeviceKind.VULKAN: "Vulkan",
    DeviceKind.HIP: "ROCm",
    DeviceKind.METAL: "Metal",
}


class MachineArgumentError(argparse.ArgumentTypeError, ValueError):
    """What a person wrote is no device or no amount of memory; its text is one clause."""


def parse_device(text: str) -> Device:
    """The device that "KIND:TOTAL:FREE" describes, of unknown bandwidth.

    Raises MachineArgumentError. Its name is the first of its kind's: see `number_devices`.
    """
    kind_text, *sizes = text.split(":")
    if len(sizes) != 2:
        raise MachineArgumentError(f"{_quote(text)} is not KIND:TOTAL:FREE, with sizes in bytes")
    kinds = {kind.value: kind for kind in _NAMES}
    kind = kinds.get(kind_text.lower())
    if kind is None:
        known = ", ".join(kinds)
        raise MachineArgumentError(f"{_quote(kind_text)} is no kind of device; known are {known}")
    total_bytes, free_bytes = (_parse_bytes(size) for size in sizes)
    if not total_bytes:
        raise MachineArgumentError(f"{_quote(text)} is a device without memory")
    if free_bytes > total_bytes:
        raise MachineArgumentError(f"{_quote(text)} has more memory free than in all")
    name = _NAMES[kind]
    return Device(name, name, kind, total_bytes, free_bytes, is_unified=kind is DeviceKind.METAL)


def parse_ram(text: str) -> int:
    """The bytes of RAM that are free. Raises MachineArgumentError."""
    free_bytes = _parse_bytes(text)
    if not free_bytes:
        raise MachineArgumentError("no computer works without RAM")
    return free_bytes


def number_devices(devices: Iterable[Device]) -> tuple[Device, ...]:
    """The same, in the same order, with names that tell them apart: "CUDA0", "CUDA1", "Metal"."""
    seen: Counter[DeviceKind] = Counter()
    numbered = []
    for device in devices:
        number = seen[device.kind]
        seen[device.kind] += 1
        is_first_mac = device.kind is DeviceKind.METAL and number == 0
        name = _NAMES[device.kind] if is_first_mac else f"{_NAMES[device.kind]}{number}"
        numbered.append(replace(device, name=name))
    return tuple(numbered)


def _parse_bytes(text: str) -> int:
    is_number = text.isascii() and text.isdigit() and len(text) <= 2 * len(str(MOST_BYTES))
    if not is_number:
        raise MachineArgumentError(f"{_quote(text)} is no whole number of bytes")
    if int(text) > MOST_BYTES:
        raise MachineArgumentError(f"{_quote(text)} bytes are more than any computer has")
    return int(text)


def _quote(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:59]}…")
