"""What a measurement says: the speeds, what this machine's memory would give, its own best.

A reply's token reads all active weights once, so the bandwidth of the memories that hold them
bounds how many tokens a second there can be. Knows nothing of windows and terminals.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from app.engine.protocol import LoadedModel, Measured
from model_io.errors import ModelIOError
from model_io.gguf_parts import read_model
from model_io.machine import RAM, Machine
from model_io.memory import Placement
from model_io.model_shape import ModelShape, shape_of_gguf
from model_io.plan import Plan


@dataclass(frozen=True, slots=True)
class ActiveBytes:
    """What one token reads of the weights: on each device that has layers, and in RAM."""

    devices: tuple[int, ...]
    ram: int

    @property
    def total(self) -> int:
        """All of it."""
        return sum(self.devices) + self.ram


@dataclass(frozen=True, slots=True)
class SpeedReport:
    """A measurement of `model`, which was loaded by `plan`, beside what it is to be held against.

    `shape` is None where the file could not be read again; bounds that need it are None then.
    """

    model: LoadedModel
    plan: Plan
    measured: Measured
    shape: ModelShape | None

    @property
    def best(self) -> float:
        """The quickest writing that this machine has shown with this plan, this time included."""
        return self.measured.best_tokens_per_second

    @property
    def bandwidth(self) -> float | None:
        """Bytes a second that the memories give, each for what is in it; None if unknown."""
        bound, active = self.bound, self.active
        return None if bound is None or active is None else bound * active.total

    @property
    def bound(self) -> float | None:
        """The tokens a second that the memories' bandwidth allows at most; None if unknown."""
        active = self.active
        if active is None or not active.total:
            return None
        machine = self.measured.machine
        bandwidths = {device.name: device.bandwidth for device in machine.devices}
        seconds = 0.0
        for device, size in zip(self.plan.devices, active.devices, strict=True):
            bandwidth = bandwidths.get(device.name)
            if not bandwidth:
                return None
            seconds += size / bandwidth
        if active.ram:
            ram_bandwidth = self.measured.ram_bandwidth or machine.ram.bandwidth
            if not ram_bandwidth:
                return None
            seconds += active.ram / ram_bandwidth
        return 1 / seconds

    @property
    def share_of_bound(self) -> float | None:
        """How much of that was reached; may be above 1, since a bandwidth is a measurement too."""
        bound = self.bound
        return None if not bound else self.measured.decode_tokens_per_second / bound

    @property
    def active(self) -> ActiveBytes | None:
        """Where a token reads what; None if that isn't known."""
        if not self.plan.devices:
            return ActiveBytes((), self.measured.active_bytes_per_token)
        return None if self.shape is None else active_bytes(self.shape, self.plan.placement)

    def figures(self, load_seconds: float) -> dict[str, object]:
        """What `octet bench --json` prints: bytes, seconds, tokens a second, None if unknown."""
        plan, measured = self.plan, self.measured
        return {
            "prefill_tokens_per_second": measured.prefill_tokens_per_second,
            "decode_tokens_per_second": measured.decode_tokens_per_second,
            "prompt_tokens": measured.prompt_tokens,
            "decode_tokens": measured.decode_tokens,
            "load_seconds": load_seconds,
            "device": self.model.device,
            "quant": plan.quant,
            "context_tokens": plan.working.context_tokens,
            "gpu_layers": plan.placement.gpu_layers,
            "cpu_expert_layers": sorted(plan.placement.ram_experts),
            "bandwidth_bytes_per_second": self.bandwidth,
            "bound_tokens_per_second": self.bound,
            "share_of_bound": self.share_of_bound,
            "expected_tokens_per_second": list(plan.tokens_per_second),
            "best_tokens_per_second": self.best,
            "swapped_bytes": measured.swapped_bytes,
            "free_bytes": free_bytes(measured.machine),
        }


def active_bytes(shape: ModelShape, placement: Placement) -> ActiveBytes:
    """Where a token reads what of the weights, when they are placed so."""
    first = layer = shape.layers - placement.gpu_layers
    ram = sum(shape.dense_bytes[:first]) + sum(shape.active_expert_bytes[:first])
    devices = []
    for count in filter(None, placement.device_layers):
        held = range(layer, layer + count)
        layer += count
        experts = [i for i in held if i not in placement.ram_experts]
        dense = sum(shape.dense_bytes[held.start : held.stop])
        devices.append(dense + _sum_at(shape.active_expert_bytes, experts))
        ram += _sum_at(shape.active_expert_bytes, [i for i in held if i in placement.ram_experts])
    output = shape.output_bytes + (shape.embedding_bytes if shape.is_tied else 0)
    if devices:
        devices[-1] += output
    else:
        ram += output
    return ActiveBytes(tuple(devices), ram)


def free_bytes(machine: Machine) -> dict[str, int]:
    """The free memory of each device, and of the RAM, by their names."""
    return {
        RAM: machine.ram.free_bytes,
        **{device.name: device.free_bytes for device in machine.devices},
    }


def read_shape(model_path: str) -> ModelShape | None:
    """The shape of a model that could be loaded; None if its file can't be read any more."""
    try:
        return shape_of_gguf(read_model(Path(model_path)))
    except ModelIOError:
        return None


def _sum_at(sizes: Sequence[int], places: Sequence[int]) -> int:
    return sum(sizes[place] for place in places)
