"""How quickly a placed model writes: an estimate from bandwidths and from the bytes a token reads.

Every token reads all dense weights, the experts that it is sent to, and the cache. The shares of
the bandwidth that are reached come from measurements of Mixtral's layers on processors and from
published figures of llama.cpp on GPUs; so the estimate is a range, whose ends are a factor of two
apart at most. Knows no memory limits.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from model_io.machine import DeviceKind, Machine
from model_io.memory import Placement, Working
from model_io.model_shape import ModelShape

RAM_SHARE, CORE_BYTES_PER_SECOND = 0.85, 15e9
"""Of the RAM's bandwidth (measured: 0.82 with Q4_K to 0.95 with Q8_0), and what a core can do."""

DEVICE_SHARE = 0.6
DEVICE_LAYER_SECONDS = 1.0e-4
"""A GPU's work for each layer that doesn't depend on the bytes: launching some forty kernels."""

RAM_LAYER_SECONDS = 0.9e-4
CROSSING_SECONDS = 0.6e-4
"""From a device to the RAM's experts and back."""

TYPICAL_FILL_TOKENS = 1024
"""How much of the cache a token reads, as the estimate takes it."""

LOW, HIGH = 0.72, 1.4
"""The ends of the range, in parts of the estimate."""

ASSUMED_RAM_BANDWIDTH = 45e9  # two channels of DDR4-2933
_ASSUMED_BANDWIDTHS = MappingProxyType(
    {
        DeviceKind.CUDA: 400e9,
        DeviceKind.HIP: 400e9,
        DeviceKind.VULKAN: 300e9,
        DeviceKind.METAL: 200e9,
    }
)  # what the slower cards of the size that Mixtral wants have; bytes per second
_ASSUMED_UNIFIED_BANDWIDTH = 60e9


@dataclass(frozen=True, slots=True)
class Pace:
    """How many bytes of weights each device, and the processor, gets through in a second."""

    devices: tuple[float, ...]
    ram: float


def pace_of(machine: Machine) -> Pace:
    """What the machine's memories give in practice; where nothing is known, what is usual."""
    bandwidth = machine.ram.bandwidth or ASSUMED_RAM_BANDWIDTH
    devices = []
    for device in machine.devices:
        usual = _ASSUMED_BANDWIDTHS.get(device.kind, 100e9)
        if device.is_unified and device.kind is not DeviceKind.METAL:
            usual = machine.ram.bandwidth or _ASSUMED_UNIFIED_BANDWIDTH
        devices.append(DEVICE_SHARE * (device.bandwidth or usual))
    ram = min(RAM_SHARE * bandwidth, CORE_BYTES_PER_SECOND * max(1, machine.physical_cores))
    return Pace(tuple(devices), ram)


def seconds_per_token(
    shape: ModelShape, placement: Placement, working: Working, pace: Pace
) -> float:
    """The estimated time for one token of a reply; `pace.devices` in the placement's order."""
    first = shape.layers - placement.gpu_layers
    kv_bytes = shape.kv_row_bytes(working.kv_type) * min(TYPICAL_FILL_TOKENS, working.cells)
    ram_bytes = float(sum(shape.dense_bytes[:first]) + sum(shape.active_expert_bytes[:first]))
    ram_bytes += first * kv_bytes
    seconds = first * RAM_LAYER_SECONDS
    layer, last = first, 0.0
    for layers, speed in zip(placement.device_layers, pace.devices, strict=True):
        if not layers:
            continue
        held, layer = range(layer, layer + layers), layer + layers
        device_bytes = sum(shape.dense_bytes[held.start : held.stop]) + layers * kv_bytes
        for index in held:
            if index in placement.ram_experts:
                ram_bytes += shape.active_expert_bytes[index]
                seconds += CROSSING_SECONDS + RAM_LAYER_SECONDS
            else:
                device_bytes += shape.active_expert_bytes[index]
        seconds += device_bytes / speed + layers * DEVICE_LAYER_SECONDS
        last = speed
    output_bytes = shape.output_bytes + (shape.embedding_bytes if shape.is_tied else 0)
    return seconds + ram_bytes / pace.ram + output_bytes / (last or pace.ram)


def speed_range(seconds: float) -> tuple[float, float]:
    """The tokens a second that an estimate of `seconds` stands for."""
    return LOW / seconds, HIGH / seconds


def active_bytes(shape: ModelShape) -> int:
    """What one token reads of the weights."""
    output = shape.output_bytes + (shape.embedding_bytes if shape.is_tied else 0)
    return sum(shape.dense_bytes) + sum(shape.active_expert_bytes) + output
