"""A computer in words, and as values for JSON.

Memory is counted in 2³⁰ bytes and written "GB", bandwidth in 10⁹, both as their makers do.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from model_io.machine import Device, DeviceKind, Machine


def describe_machine(machine: Machine) -> str:
    """Lines for a terminal: the processor, the memory, each GPU, then what is wrong or missing."""
    ram = machine.ram
    cores = "one core" if machine.physical_cores == 1 else f"{machine.physical_cores} cores"
    rows = [
        ("processor", f"{machine.processor}, {cores}"),
        ("RAM", _describe_room(ram.free_bytes, ram.total_bytes) + _speed(ram.bandwidth)),
        ("swap", _describe_room(ram.swap_free_bytes, ram.swap_total_bytes)),
        *((device.name, _describe_device(device)) for device in machine.devices),
    ]
    if not machine.devices:
        rows.append(("GPU", "none that Octet can use"))
    width = max(len(name) for name, _ in rows) + 2
    lines = [f"{name:{width}}{text}" for name, text in rows]
    return "\n".join([*lines, *machine.problems, *machine.notes])


def _describe_device(device: Device) -> str:
    room = _describe_room(device.free_bytes, device.total_bytes)
    whose = ", of the RAM" if device.is_unified else ""
    return f"{room}{whose}{_speed(device.bandwidth)}  {device.description} ({device.kind})"


def _describe_room(free_bytes: int, total_bytes: int) -> str:
    if not total_bytes:
        return "none"
    return f"{free_bytes / 2**30:6.1f} GB free of {total_bytes / 2**30:6.1f} GB"


def _speed(bandwidth: float | None) -> str:
    return f", {bandwidth / 1e9:.0f} GB/s" if bandwidth else ""


def machine_values(machine: Machine) -> dict[str, Any]:
    """What `--json` prints: bytes, bytes a second, None for what isn't known; the CPU comes last.

    The CPU stands among the devices as ggml has it, with the RAM as its memory.
    """
    ram = machine.ram
    processor = Device(
        name="CPU",
        description=machine.processor,
        kind=DeviceKind.CPU,
        total_bytes=ram.total_bytes,
        free_bytes=ram.free_bytes,
        is_unified=True,
        bandwidth=ram.bandwidth,
    )
    return {
        "ram": _name_unit(asdict(ram)),
        "devices": [_name_unit(asdict(device)) for device in (*machine.devices, processor)],
        "processor": machine.processor,
        "physical_cores": machine.physical_cores,
        "problems": list(machine.problems),
        "notes": list(machine.notes),
    }


def _name_unit(values: dict[str, Any]) -> dict[str, Any]:
    bandwidth = values.pop("bandwidth")
    return {**values, "bandwidth_bytes_per_second": bandwidth}
