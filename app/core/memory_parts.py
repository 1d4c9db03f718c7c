"""What fills each memory of a computer when a model is loaded: values for bars and tables.

Every memory is divided into parts that add up to its size. Knows nothing of how they are drawn.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from model_io.machine import RAM, Device, Machine
from model_io.memory import Placement, Share
from model_io.model_shape import ModelShape
from model_io.plan import DevicePlan, Plan


class PartKind(Enum):
    """What a part of a memory holds, in the order in which parts stand."""

    OTHER = "Other programs"
    DENSE = "Attention, router"
    EXPERTS = "Experts"
    CONTEXT = "Context"
    WORK = "Working room"
    FREE = "Free"


@dataclass(frozen=True, slots=True)
class MemoryPart:
    """One part; `layers` is how many layers' experts it holds, 0 for what isn't experts."""

    kind: PartKind
    size_bytes: int
    layers: int = 0


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """One memory. Its `parts`, none of them empty, add up to `total_bytes`.

    Where `is_whole` is False nobody has asked for the size of all of it, and `total_bytes` is what
    was free for the plan. `missing_bytes` are those of the model that find no room in it.
    """

    name: str
    is_ram: bool
    total_bytes: int
    parts: tuple[MemoryPart, ...]
    is_whole: bool = True
    missing_bytes: int = 0

    @property
    def used_bytes(self) -> int:
        """All that isn't free."""
        return sum(part.size_bytes for part in self.parts if part.kind is not PartKind.FREE)


def divide_memory(
    shape: ModelShape, plan: Plan, machine: Machine, *, is_loaded: bool
) -> tuple[MemoryUse, ...]:
    """Each device of the plan, then the RAM, to which what is put on unified devices belongs.

    `is_loaded` tells whether the free memory of `machine` is what the loaded model leaves, or
    what there is before. Devices that `machine` doesn't have are drawn by what the plan knows.
    """
    known = {device.name: device for device in machine.devices}
    experts = _expert_layers(shape, plan.placement)
    uses, shared = [], []
    for device_plan, layers in zip(plan.devices, experts.devices, strict=True):
        parts = _model_parts(shape, device_plan.share, layers)
        device = known.get(device_plan.name)
        if device is not None and device.is_unified:
            shared += parts
        else:
            uses.append(_divide_device(device_plan, device, parts, is_loaded=is_loaded))
    uses.append(_divide_ram(shape, plan, machine, experts.ram, shared, is_loaded=is_loaded))
    return tuple(uses)


@dataclass(frozen=True, slots=True)
class _ExpertLayers:
    """The layers whose experts each device, and the RAM, holds."""

    devices: tuple[tuple[int, ...], ...]
    ram: tuple[int, ...]


def _expert_layers(shape: ModelShape, placement: Placement) -> _ExpertLayers:
    first = layer = shape.layers - placement.gpu_layers
    devices = []
    for count in filter(None, placement.device_layers):
        held = range(layer, layer + count)
        devices.append(tuple(i for i in held if i not in placement.ram_experts))
        layer += count
    return _ExpertLayers(tuple(devices), (*range(first), *sorted(placement.ram_experts)))


def _model_parts(
    shape: ModelShape, share: Share, expert_layers: tuple[int, ...]
) -> list[MemoryPart]:
    experts = min(share.weights_bytes, sum(shape.expert_bytes[i] for i in expert_layers))
    return [
        MemoryPart(PartKind.DENSE, share.weights_bytes - experts),
        MemoryPart(PartKind.EXPERTS, experts, len(expert_layers)),
        MemoryPart(PartKind.CONTEXT, share.kv_bytes),
        MemoryPart(PartKind.WORK, share.compute_bytes),
    ]


def _divide_device(
    plan: DevicePlan, device: Device | None, parts: list[MemoryPart], *, is_loaded: bool
) -> MemoryUse:
    name = plan.description or plan.name
    if device is None:
        return _divide(name, plan.free_bytes, 0, parts, is_whole=False)
    ours = plan.share.total_bytes if is_loaded else 0
    return _divide(name, device.total_bytes, device.total_bytes - device.free_bytes - ours, parts)


def _divide_ram(
    shape: ModelShape,
    plan: Plan,
    machine: Machine,
    expert_layers: tuple[int, ...],
    shared: list[MemoryPart],
    *,
    is_loaded: bool,
) -> MemoryUse:
    ram, parts = machine.ram, _model_parts(shape, plan.ram, expert_layers)
    if plan.placement.gpu_layers == shape.layers:
        parts = _fold_embeddings(parts)
    ours = 0
    if is_loaded:
        ours = plan.ram_bytes - plan.mapped_bytes
        ours += sum(part.size_bytes for part in shared)
    other = ram.total_bytes - ram.free_bytes - ours
    return _divide(RAM, ram.total_bytes, other, _merge(parts, shared), is_ram=True)


def _fold_embeddings(parts: list[MemoryPart]) -> list[MemoryPart]:
    """Without a layer in RAM, what is dense there is the table of embeddings: no attention."""
    dense, *rest, work = parts
    return [*rest, MemoryPart(PartKind.WORK, work.size_bytes + dense.size_bytes)]


def _merge(parts: list[MemoryPart], others: list[MemoryPart]) -> list[MemoryPart]:
    sums: dict[PartKind, MemoryPart] = {}
    for part in (*parts, *others):
        before = sums.get(part.kind, MemoryPart(part.kind, 0))
        sums[part.kind] = MemoryPart(
            part.kind, before.size_bytes + part.size_bytes, before.layers + part.layers
        )
    return [sums[kind] for kind in PartKind if kind in sums]


def _divide(
    name: str,
    total_bytes: int,
    other_bytes: int,
    parts: list[MemoryPart],
    *,
    is_ram: bool = False,
    is_whole: bool = True,
) -> MemoryUse:
    other = max(0, min(other_bytes, total_bytes))
    model_bytes = sum(part.size_bytes for part in parts)
    missing = max(0, model_bytes - (total_bytes - other))
    shown = [MemoryPart(PartKind.OTHER, other), *_cut(parts, missing)]
    free = total_bytes - sum(part.size_bytes for part in shown)
    shown.append(MemoryPart(PartKind.FREE, free))
    filled = tuple(part for part in shown if part.size_bytes > 0)
    return MemoryUse(name, is_ram, total_bytes, filled, is_whole, missing)


def _cut(parts: list[MemoryPart], missing_bytes: int) -> Iterator[MemoryPart]:
    """The parts, the largest of them less what finds no room, then the next."""
    for_cutting = sorted(parts, key=lambda part: part.size_bytes, reverse=True)
    cuts: dict[PartKind, int] = {}
    for part in for_cutting:
        cuts[part.kind] = min(part.size_bytes, missing_bytes)
        missing_bytes -= cuts[part.kind]
    for part in parts:
        yield MemoryPart(part.kind, part.size_bytes - cuts[part.kind], part.layers)
