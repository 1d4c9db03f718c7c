"""Plans and machines for the engine's tests, made by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from model_io.machine import Device, DeviceKind, Machine, Memory
from model_io.memory import Placement, Share, Working, measure
from model_io.model_shape import ModelShape
from model_io.plan import DevicePlan, Plan

GB = 2**30
CARD = Device("CUDA0", "NVIDIA GeForce RTX 3060", DeviceKind.CUDA, 12 * GB, 11 * GB)
MACHINE = Machine(Memory(64 * GB, 60 * GB, bandwidth=40e9), (CARD,), "A processor", 8)
WORKING = Working(512, 64)
CPU_PLAN = Plan(
    quant="Q8_0",
    working=WORKING,
    placement=Placement(),
    devices=(),
    ram=Share(0, 0, 0),
    ram_free_bytes=4 * GB,
    uses_mmap=True,
    repacks=False,
    tokens_per_second=(1.0, 2.0),
    is_measured=False,
    fits=True,
    missing_bytes=0,
    reasons=("A reason.",),
)


def plan_on(
    devices: Sequence[str],
    placement: Placement,
    working: Working = WORKING,
    shape: ModelShape | None = None,
) -> Plan:
    """A plan that puts a model's layers on the devices with these names of ggml's.

    With the `shape`, the shares are what it takes there.
    """
    footprint = measure(shape, placement, working) if shape else None
    shares = footprint.devices if footprint else [Share(0, 0, 0)] * len(devices)
    planned = tuple(
        DevicePlan(name, f"Card {name}", DeviceKind.VULKAN, layers, share, 2 * GB)
        for name, layers, share in zip(devices, placement.device_layers, shares, strict=True)
    )
    ram = footprint.ram if footprint else Share(0, 0, 0)
    return replace(CPU_PLAN, working=working, placement=placement, devices=planned, ram=ram)
