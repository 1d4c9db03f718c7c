"""A machine, a model and a plan for tests: an RTX 4090 with 64 GB of RAM, and Mixtral in Q4_K_M.

What stands here is what a planner would say; only the sizes are computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

from app.engine.protocol import LoadedModel, Measured, PromptFormat
from model_io.machine import Device, DeviceKind, Machine, Memory
from model_io.memory import Placement, Working, measure
from model_io.model_shape import MIXTRAL, ModelShape, shape_of_config
from model_io.plan import DevicePlan, Plan
from model_io.quant_types import QUANTS

GIB = 2**30
CARD = Device(
    "CUDA0", "NVIDIA GeForce RTX 4090", DeviceKind.CUDA, 24 * GIB, int(22.6 * GIB), False, 1008e9
)
RAM = Memory(int(62.7 * GIB), int(53.3 * GIB), 8 * GIB, 8 * GIB, 80e9)
MACHINE = Machine(RAM, (CARD,), "AMD Ryzen 9 7900", 12)
WORKING = Working(16384, 512)


@cache
def shape(quant: str = "Q4_K_M") -> ModelShape:
    """Mixtral 8x7B."""
    return shape_of_config(MIXTRAL, QUANTS[quant])


def plan(
    ram_experts: int = 11,
    *,
    quant: str = "Q4_K_M",
    devices: Sequence[Device] = (CARD,),
    working: Working = WORKING,
    tokens_per_second: tuple[float, float] = (18.0, 27.0),
    is_measured: bool = False,
) -> Plan:
    """All layers shared out over the devices, the experts of so many in RAM; or all in RAM."""
    model = shape(quant)
    count = len(devices)
    layers = tuple(model.layers // count for _ in devices)
    experts = frozenset(range(ram_experts)) if devices else frozenset()
    placement = Placement(layers, experts)
    footprint = measure(model, placement, working)
    return Plan(
        quant=quant,
        working=working,
        placement=placement,
        devices=tuple(
            DevicePlan(d.name, d.description, d.kind, layers[i], footprint.devices[i], d.free_bytes)
            for i, d in enumerate(devices)
        ),
        ram=footprint.ram,
        ram_free_bytes=RAM.free_bytes,
        uses_mmap=True,
        repacks=False,
        tokens_per_second=tokens_per_second,
        is_measured=is_measured,
        fits=True,
        missing_bytes=0,
        reasons=("It fits.",),
    )


def cpu_plan(**more: object) -> Plan:
    """The processor alone."""
    more.setdefault("tokens_per_second", (4.0, 7.0))
    return plan(devices=(), **more)  # type: ignore[arg-type]


def loaded(of: Plan, path: str = "/models/mixtral.gguf", **more: object) -> LoadedModel:
    """What an engine says after it has loaded Mixtral by that plan."""
    experts = len(of.placement.ram_experts)
    device = f"RTX 4090 with {experts} layers' experts in RAM" if of.devices else "CPU"
    model = LoadedModel(
        path=path,
        name="Mixtral 8x7B Instruct",
        quant=of.quant,
        file_bytes=28_448_466_656,
        context_tokens=of.working.context_tokens,
        vocabulary_hash="vocabulary",
        prompt_format=PromptFormat.MISTRAL_V1,
        threads=12,
        microbatch_tokens=512,
        device=device,
        plan=of,
    )
    return replace(model, **more)  # type: ignore[arg-type]


def machine_with(of: Plan, machine: Machine = MACHINE) -> Machine:
    """The machine's free memory after that plan has been loaded; mapped pages count as free."""
    taken = {device.name: device.total_bytes for device in of.devices}
    devices = tuple(
        replace(device, free_bytes=device.free_bytes - taken.get(device.name, 0))
        for device in machine.devices
    )
    free = machine.ram.free_bytes - of.ram.kv_bytes - of.ram.compute_bytes
    return replace(machine, devices=devices, ram=replace(machine.ram, free_bytes=free))


def measured(of: Plan, decode: float = 22.4, job_id: int = 1, **more: object) -> Measured:
    """A measurement of that plan on its machine."""
    active = 7_760_000_000 if of.quant == "Q4_K_M" else 13_700_000_000
    facts = Measured(
        job_id=job_id,
        prefill_tokens_per_second=412.0,
        decode_tokens_per_second=decode,
        prompt_tokens=512,
        decode_tokens=64,
        ram_bandwidth=80e9,
        machine=machine_with(of),
        swapped_bytes=0,
        active_bytes_per_token=active,
        best_tokens_per_second=decode,
    )
    return replace(facts, **more)  # type: ignore[arg-type]
