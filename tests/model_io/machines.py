"""Computers that people have, for tests of plans: cards and Macs, with what a desktop leaves free.

Windows and Linux desktops are taken to hold 4 GB of RAM and 0.7 GB of the first card, macOS 5 GB.
A Mac's GPU may use two thirds of up to 36 GB, and three quarters of more.
"""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

from model_io.known_devices import known_bandwidth
from model_io.machine import Device, DeviceKind, Machine, Memory

GB = 2**30
_GPUS = Path(__file__).parent / "data" / "gpus.csv"
_CORES = 8


def card(
    name: str, size_gb: float, *, bandwidth: float | None = None, used_gb: float = 0.7
) -> Device:
    """A graphics card with its own memory."""
    total_bytes = int(size_gb * GB)
    kind = DeviceKind.CUDA if "NVIDIA" in name else DeviceKind.VULKAN
    bandwidth = bandwidth or known_bandwidth(name, total_bytes)
    free_bytes = int((size_gb - used_gb) * GB)
    return Device(name, name, kind, total_bytes, free_bytes, bandwidth=bandwidth)


def pc(ram_gb: float, *cards: Device) -> Machine:
    """A PC; the cards are given names that tell them apart."""
    named = tuple(replace(device, name=f"GPU{index}") for index, device in enumerate(cards))
    ram = Memory(int(ram_gb * GB), int((ram_gb - 4) * GB))
    return Machine(ram, named, physical_cores=_CORES)


def mac(name: str, ram_gb: float, bandwidth: float | None = None) -> Machine:
    """A Mac with Apple's own processor."""
    limit_gb = ram_gb * (2 / 3 if ram_gb <= 36 else 3 / 4)
    free_gb = ram_gb - 5
    bandwidth = bandwidth or known_bandwidth(name, int(ram_gb * GB))
    gpu = Device(
        "Metal", name, DeviceKind.METAL, int(limit_gb * GB), int(min(limit_gb, free_gb) * GB),
        is_unified=True, bandwidth=bandwidth,
    )  # fmt: skip
    ram = Memory(int(ram_gb * GB), int(free_gb * GB), bandwidth=bandwidth)
    return Machine(ram, (gpu,), physical_cores=_CORES)


def jetson(name: str, ram_gb: float, bandwidth: float) -> Machine:
    """NVIDIA's small computers, whose GPU uses the computer's own memory."""
    free_bytes = int((ram_gb - 3) * GB)
    total_bytes = int(ram_gb * GB)
    gpu = Device(
        "CUDA0", name, DeviceKind.CUDA, total_bytes, free_bytes,
        is_unified=True, bandwidth=bandwidth,
    )  # fmt: skip
    ram = Memory(total_bytes, free_bytes, bandwidth=bandwidth)
    return Machine(ram, (gpu,), physical_cores=_CORES)


def usual_machines() -> dict[str, Machine]:
    """What most people have, by the words they would use for it."""
    cards = {
        8: "NVIDIA GeForce RTX 4060",
        12: "NVIDIA GeForce RTX 4070",
        16: "NVIDIA GeForce RTX 4080",
        24: "NVIDIA GeForce RTX 4090",
    }
    machines = {
        f"{name.removeprefix('NVIDIA GeForce ')} {size} GB, {ram} GB RAM": pc(ram, card(name, size))
        for size, name in cards.items()
        for ram in (32, 64)
    }
    pair = card("NVIDIA GeForce RTX 3090", 24), card("NVIDIA GeForce RTX 3090", 24, used_gb=0.3)
    machines["2 × RTX 3090 24 GB, 64 GB RAM"] = pc(64, *pair)
    macs = {16: "M2", 32: "M2 Pro", 48: "M4 Pro", 64: "M2 Max", 96: "M2 Max"}
    for size, chip in macs.items():
        machines[f"Mac {chip}, {size} GB"] = mac(f"Apple {chip}", size)
    for size in (16, 32, 64):
        machines[f"no graphics card, {size} GB RAM"] = pc(size)
    return machines


def listed_machines() -> dict[str, Machine]:
    """Every device of gpus.csv: cards in a PC with 64 GB of RAM, Macs as they are."""
    machines = {}
    with _GPUS.open(newline="") as file:
        for row in csv.DictReader(file):
            name, size = row["name"], float(row["vram_gb"])
            bandwidth = float(row["bandwidth_gb_per_s"]) * 1e9
            if row["vendor"] == "APPLE":
                machines[name] = mac(name, size, bandwidth)
            elif "Jetson" in name:
                machines[name] = jetson(name, size, bandwidth)
            else:
                machines[f"{name}, 64 GB RAM"] = pc(64, card(name, size, bandwidth=bandwidth))
    return machines


def enlarge(machine: Machine, place: int, more_bytes: int) -> Machine:
    """The same with more memory, all of it free, on its device number `place` or else its own."""
    if place >= len(machine.devices):
        free_bytes = machine.ram.free_bytes + more_bytes
        return replace(machine, ram=replace(machine.ram, free_bytes=free_bytes))
    devices = list(machine.devices)
    device = devices[place]
    devices[place] = replace(
        device,
        total_bytes=device.total_bytes + more_bytes,
        free_bytes=device.free_bytes + more_bytes,
    )
    return replace(machine, devices=tuple(devices))
