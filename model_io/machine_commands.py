"""The commands about this computer, and about others: `devices` and `plan`.

Parses what they take, asks, and puts answers into words; knows nothing of how plans are made.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, cast

from model_io.errors import ModelIOError
from model_io.folders import data_folder
from model_io.gguf_parts import read_model
from model_io.holdings import read_holdings
from model_io.jobs import ProofJob
from model_io.machine import Device, Machine, Memory
from model_io.machine_arguments import number_devices, parse_device, parse_ram
from model_io.machine_search import find_machine
from model_io.machine_words import describe_machine, machine_values
from model_io.memory import Share
from model_io.model_config import MixtralConfig, read_config, read_params
from model_io.model_shape import KV_BLOCKS, MIXTRAL, ModelShape, shape_of_config, shape_of_gguf
from model_io.plan import Plan, Preference, Wish
from model_io.plan_words import gigabytes, speed_words
from model_io.planner import make_plan
from model_io.preparation import TooLateError, finish
from model_io.progress import StopCallback
from model_io.quant_types import QUANTS
from model_io.records import Records
from model_io.system_memory import read_memory

PLANNED_QUANTS = ("Q4_K_M", "Q6_K", "Q8_0")
"""What a plan chooses from; the larger kinds of file are asked for by name."""

ASSUMED_CORES = 8
"""Of a computer that the flags describe."""

Answer = tuple[str, int]
"""What goes to stdout, and the exit status."""

_PROOF_SECONDS = 30.0


def add_devices(devices: argparse.ArgumentParser) -> None:
    """The options of `devices`."""
    devices.add_argument("--json", action="store_true", help="print the result as JSON")
    devices.set_defaults(perform=_devices)


def add_plan(plan: argparse.ArgumentParser) -> None:
    """The options of `plan`."""
    source = plan.add_mutually_exclusive_group()
    source.add_argument("--model", type=Path, metavar="F", help="a GGUF file")
    source.add_argument("--config", type=Path, metavar="F", help="a config.json (Mixtral's own)")
    plan.add_argument("--quant", type=str.upper, choices=sorted(QUANTS), help="only this one")
    plan.add_argument("--context", type=_tokens, metavar="N", help="so many tokens of context")
    plan.add_argument("--kv-type", choices=sorted(KV_BLOCKS), help="how the context is kept")
    plan.add_argument(
        "--prefer", choices=["quality", "speed", "context"], default="balanced",
        help="what there should be the most of (the best quality at a bearable speed)",
    )  # fmt: skip
    plan.add_argument(
        "--device", type=parse_device, action="append", metavar="KIND:TOTAL:FREE",
        help="a GPU of another computer, in bytes; metal's memory is part of the RAM",
    )  # fmt: skip
    plan.add_argument("--ram", type=parse_ram, metavar="FREE", help="free RAM of another computer")
    plan.add_argument("--json", action="store_true", help="print the result as JSON")
    plan.set_defaults(perform=_plan)


def _tokens(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 2**31):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of tokens")
    return int(text)


def _devices(arguments: argparse.Namespace, should_stop: StopCallback) -> Answer:
    machine = find_machine(data=_data_folder(arguments))
    if arguments.json:
        return json.dumps(machine_values(machine)), 0
    return describe_machine(machine), 0


def _plan(arguments: argparse.Namespace, should_stop: StopCallback) -> Answer:
    shapes = _shapes(arguments)
    wish = Wish(Preference(arguments.prefer), arguments.context, arguments.kv_type)
    folder = _data_folder(arguments)
    if arguments.device or arguments.ram:
        machine = _described_machine(arguments.device or (), arguments.ram)
        plan = make_plan(shapes, machine, wish)
    else:
        held = read_holdings(folder)
        machine = find_machine(held, data=folder)
        records = Records(folder / "records.json")
        plan = _prove(ProofJob(shapes, machine, wish, records, folder))
        plan = replace(plan, reasons=(*plan.reasons, *_explain_held(held)))
    if arguments.json:
        return json.dumps(_values(plan, machine)), 0
    return "\n".join(_describe(plan, machine)), 0


def _data_folder(arguments: argparse.Namespace) -> Path:
    return data_folder(getattr(arguments, "data_dir", None))


def _shapes(arguments: argparse.Namespace) -> tuple[ModelShape, ...]:
    if arguments.model is not None:
        return (shape_of_gguf(read_model(arguments.model)),)
    config = MIXTRAL if arguments.config is None else _read_config(arguments.config)
    names = (arguments.quant,) if arguments.quant else PLANNED_QUANTS
    return tuple(shape_of_config(config, QUANTS[name]) for name in names)


def _read_config(path: Path) -> MixtralConfig:
    folder = path if path.is_dir() else path.parent
    is_mistrals = path.name == "params.json" or not (folder / "config.json").exists()
    return read_params(folder) if is_mistrals else read_config(folder)


def _described_machine(devices: Sequence[Device], free_bytes: int | None) -> Machine:
    """A computer that isn't this one; what isn't said of it is taken from this one."""
    numbered = number_devices(devices)
    if free_bytes is None:
        shared = [device.free_bytes for device in numbered if device.is_unified]
        free_bytes = max(shared) if shared else read_memory().free_bytes
    limited = tuple(
        replace(device, free_bytes=min(device.free_bytes, free_bytes))
        if device.is_unified
        else device
        for device in numbered
    )
    return Machine(Memory(free_bytes, free_bytes), limited, physical_cores=ASSUMED_CORES)


def _prove(job: ProofJob) -> Plan:
    """The plan as llama.cpp's simulation confirms it, or, where it can't be asked, as computed."""
    try:
        return cast(Plan, finish(job, _PROOF_SECONDS))
    except TooLateError:
        problem = f"The graphics driver did not answer within {_PROOF_SECONDS:g} seconds."
    except ModelIOError as error:
        problem = str(error)
    plan = make_plan(job.shapes, job.machine, job.wish, job.records)
    return replace(plan, reasons=(*plan.reasons, f"This plan could not be tried out. {problem}"))


def _explain_held(held: Mapping[str, int]) -> tuple[str, ...]:
    if not sum(held.values()):
        return ()
    size = gigabytes(sum(held.values()))
    return (f"A model that Octet has loaded now holds {size}; a plan that replaces it has that.",)


def _values(plan: Plan, machine: Machine) -> dict[str, Any]:
    """What `--json` prints. Sizes are bytes; every device is there, used or not."""
    working = plan.working
    return {
        "quant": plan.quant,
        "context_tokens": working.context_tokens,
        "kv_type": working.kv_type,
        "gpu_layers": plan.placement.gpu_layers,
        "cpu_expert_layers": sorted(plan.placement.ram_experts),
        "batch_tokens": working.microbatch_tokens,
        "microbatch_tokens": working.microbatch_tokens,
        "flash_attention": working.flash_attention,
        "mmap": plan.uses_mmap,
        "repack": plan.repacks,
        "devices": [_device_values(device, plan) for device in machine.devices],
        "ram_bytes": plan.ram_bytes,
        "ram_weights_bytes": plan.ram.weights_bytes,
        "ram_kv_bytes": plan.ram.kv_bytes,
        "ram_compute_bytes": plan.ram.compute_bytes,
        "ram_free_bytes": plan.ram_free_bytes,
        "tokens_per_second": list(plan.tokens_per_second),
        "is_measured": plan.is_measured,
        "is_simulated": plan.is_simulated,
        "fits": plan.fits,
        "missing_bytes": plan.missing_bytes,
        "reason": plan.reason,
        "reasons": list(plan.reasons),
        "alternatives": [asdict(alternative) for alternative in plan.alternatives],
        "problems": list(machine.problems),
    }


def _device_values(device: Device, plan: Plan) -> dict[str, Any]:
    planned = {each.name: each for each in plan.devices}.get(device.name)
    share = planned.share if planned else Share(0, 0, 0)
    return {
        "name": device.name,
        "description": device.description,
        "kind": device.kind.value,
        "layers": planned.layers if planned else 0,
        "weights_bytes": share.weights_bytes,
        "kv_bytes": share.kv_bytes,
        "compute_bytes": share.compute_bytes,
        "total_bytes": share.total_bytes,
        "free_bytes": device.free_bytes,
    }


def _describe(plan: Plan, machine: Machine) -> list[str]:
    """The plan for people: the numbers aligned, then the reasons, then what else there is."""
    if not plan.fits:
        return [*plan.reasons, *machine.problems]
    working = plan.working
    rows = [
        ("quantization", plan.quant),
        ("context", f"{working.context_tokens:,} tokens, kept as {working.kv_type}"),
        ("speed", speed_words(plan.tokens_per_second)),
        *((device.name, _describe_share(device.layers, device.share, device.free_bytes))
          for device in plan.devices),
        ("RAM", _describe_share(None, plan.ram, plan.ram_free_bytes)),
    ]  # fmt: skip
    width = max(len(name) for name, _ in rows) + 2
    others = [f"Or: {alternative.sentence}" for alternative in plan.alternatives]
    lines = [f"{name:{width}}{text}" for name, text in rows]
    return [*lines, "", *plan.reasons, *others, *machine.problems]


def _describe_share(layers: int | None, share: Share, free_bytes: int) -> str:
    parts = f"weights {gigabytes(share.weights_bytes)}, context {gigabytes(share.kv_bytes)}, "
    parts += f"computing {gigabytes(share.compute_bytes)}"
    where = "" if layers is None else f"{layers} layers: "
    return f"{where}{gigabytes(share.total_bytes)} of {gigabytes(free_bytes)} free ({parts})"
