"""What this machine has shown: plans that worked where larger ones didn't, and measured speeds.

One JSON file, which any program of Octet may read and write. Whatever is wrong with it, nothing
is raised: what can't be read is not remembered. Knows nothing of how plans are made or speeds
measured.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model_io.machine import Machine
from model_io.memory import Placement, Working
from model_io.model_shape import KV_BLOCKS, ModelShape
from model_io.plan import Plan, Wish

VERSION = 1
MOST_ENTRIES = 300
"""When there are more, the oldest go."""

_MOST_BYTES = 4 * 2**20
_MOST_LAYERS = 512
_MOST_TOKENS = 2**31
_STEP_BYTES = 64 * 2**20
"""Drivers and kernels keep a little more or less for themselves from one start to the next."""
_ROOM_BYTES, _ROOM_SHARE = 256 * 2**20, 0.05
"""So much more free memory than when a plan was remembered, and a larger one is worth a try."""

_Entry = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Speed:
    """A measured speed, the latest; `measured_at` in seconds since 1970.

    `best_tokens_per_second` is the quickest writing that was ever measured.
    """

    prefill_tokens_per_second: float
    decode_tokens_per_second: float
    measured_at: float
    best_tokens_per_second: float


class Records:
    """The records in one file, read anew for each question, since other programs write it too."""

    def __init__(self, path: Path) -> None:
        """`path` need not exist; its folder has to if something is to be remembered."""
        self._path = path

    def recall_plan(
        self, shape: ModelShape, machine: Machine, wish: Wish | None = None
    ) -> tuple[Placement, Working] | None:
        """The plan that a step down led to, for the same model, machine and wish.

        `device_layers` has a number for each of the machine's devices, zeros among them. None if
        there is no such plan, or if so much memory is free now that a larger one is worth a try.
        """
        entry = self._find("plan", _plan_key(shape, machine, wish))
        if entry is None or _has_more_room(machine, entry.get("free_bytes")):
            return None
        placement, working = _read_placement(entry), _read_working(entry)
        if placement is None or working is None:
            return None
        fits_shape = placement.gpu_layers <= shape.layers
        if not fits_shape or len(placement.device_layers) != len(machine.devices):
            return None
        return placement, working

    def remember_plan(
        self, shape: ModelShape, machine: Machine, plan: Plan, wish: Wish | None = None
    ) -> None:
        """Keep where `plan` puts the layers; `machine` is as it was before loading."""
        layers = {device.name: device.layers for device in plan.devices}
        values = {
            **_write_placement(plan.placement),
            **_write_working(plan.working),
            "device_layers": [layers.get(device.name, 0) for device in machine.devices],
            "free_bytes": [device.free_bytes for device in machine.devices],
        }
        self._keep("plan", _plan_key(shape, machine, wish), values)

    def forget_plan(self, shape: ModelShape, machine: Machine, wish: Wish | None = None) -> None:
        """Drop what `remember_plan` kept, if it did."""
        key = _plan_key(shape, machine, wish)
        if self._find("plan", key) is not None:
            self._write([e for e in self._entries() if not _is_entry(e, "plan", key)])

    def recall_speed(
        self, shape: ModelShape, machine: Machine, placement: Placement, working: Working
    ) -> Speed | None:
        """What was measured with these layers placed so; the context's size doesn't matter."""
        entry = self._find("speed", _speed_key(shape, machine, placement, working))
        if entry is None:
            return None
        names = ("prefill_tokens_per_second", "decode_tokens_per_second", "at")
        prefill, decode, at = (_read_figure(entry.get(name)) for name in names)
        if not prefill or not decode or not at:
            return None
        best = _read_figure(entry.get("best_tokens_per_second")) or decode
        return Speed(prefill, decode, at, max(best, decode))

    def remember_speed(
        self, shape: ModelShape, machine: Machine, plan: Plan, prefill: float, decode: float
    ) -> None:
        """Keep the measured tokens per second of `plan`; of what was before, the best."""
        if _read_figure(prefill) is None or _read_figure(decode) is None:
            return
        before = self.recall_speed(shape, machine, plan.placement, plan.working)
        values = {
            "prefill_tokens_per_second": prefill,
            "decode_tokens_per_second": decode,
            "best_tokens_per_second": max(decode, before.best_tokens_per_second if before else 0),
        }
        self._keep("speed", _speed_key(shape, machine, plan.placement, plan.working), values)

    def recall_bandwidth(self, computer: Machine) -> float | None:
        """The measured bandwidth of the RAM, in bytes per second; GPUs don't matter."""
        entry = self._find("bandwidth", _computer_key(computer))
        return None if entry is None else _read_figure(entry.get("bytes_per_second"))

    def remember_bandwidth(self, computer: Machine, bytes_per_second: float) -> None:
        """Keep it, in place of what was measured before."""
        if _read_figure(bytes_per_second) is not None:
            values = {"bytes_per_second": bytes_per_second}
            self._keep("bandwidth", _computer_key(computer), values)

    def recall_repacking(self, shape: ModelShape, computer: Machine) -> bool | None:
        """Whether repacked weights of this type were quicker on the processor; None if untried."""
        entry = self._find("repacking", _hash(_computer_key(computer), shape.quant))
        pays = None if entry is None else entry.get("pays")
        return pays if isinstance(pays, bool) else None

    def remember_repacking(self, shape: ModelShape, computer: Machine, *, pays: bool) -> None:
        """Keep it for all models of this type."""
        self._keep("repacking", _hash(_computer_key(computer), shape.quant), {"pays": pays})

    def _find(self, kind: str, key: str) -> _Entry | None:
        return next((e for e in self._entries() if _is_entry(e, kind, key)), None)

    def _keep(self, kind: str, key: str, values: _Entry) -> None:
        entries = [entry for entry in self._entries() if not _is_entry(entry, kind, key)]
        entries.append({"kind": kind, "key": key, "at": time.time(), **values})
        self._write(entries[-MOST_ENTRIES:])

    def _entries(self) -> list[_Entry]:
        content = self._read()
        entries = content.get("entries") if content.get("version") == VERSION else None
        return list(_sound(entries)) if isinstance(entries, list) else []

    def _read(self) -> _Entry:
        try:
            with self._path.open("rb") as file:
                content = json.loads(file.read(_MOST_BYTES))
        except (OSError, ValueError, RecursionError):
            return {}
        return content if isinstance(content, dict) else {}

    def _write(self, entries: list[_Entry]) -> None:
        version = self._read().get("version", VERSION)
        if type(version) is int and version > VERSION:
            return  # a newer Octet's file: what it knows is worth more than what we would add
        data = json.dumps({"version": VERSION, "entries": entries}, indent=1).encode()
        with contextlib.suppress(OSError):
            _replace_file(self._path, data)


def _replace_file(path: Path, data: bytes) -> None:
    """All of `data` or what was there before; mkstemp makes files that only their owner reads."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise


def _sound(entries: Sequence[object]) -> Iterator[_Entry]:
    for entry in entries[-MOST_ENTRIES:]:
        if isinstance(entry, dict) and isinstance(entry.get("key"), str):
            yield entry


def _is_entry(entry: _Entry, kind: str, key: str) -> bool:
    return entry.get("kind") == kind and entry["key"] == key


def _hash(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode("utf-8", "surrogateescape")).hexdigest()[:32]


def _plan_key(shape: ModelShape, machine: Machine, wish: Wish | None) -> str:
    wish = wish or Wish()
    asked = (
        wish.preference.value, wish.context_tokens, wish.kv_type, wish.microbatch_tokens,
        wish.uses_gpus,
    )  # fmt: skip
    return _hash(_model_key(shape), _machine_key(machine), asked)


def _speed_key(shape: ModelShape, machine: Machine, placement: Placement, working: Working) -> str:
    layers = tuple(layers for layers in placement.device_layers if layers)
    placed = (layers, sorted(placement.ram_experts), placement.offloads_prompts)
    worked = (working.microbatch_tokens, working.kv_type, working.flash_attention)
    return _hash(_model_key(shape), _machine_key(machine), placed, worked)


def _model_key(shape: ModelShape) -> str:
    tensors = [(tensor.name, tensor.shape, tensor.type.name) for tensor in shape.tensors]
    sizes = (shape.layers, shape.hidden, shape.heads, shape.kv_heads, shape.experts_used)
    return _hash(shape.quant, sizes, tensors)


def _machine_key(machine: Machine) -> str:
    devices = [
        (device.name, device.description, round(device.total_bytes / _STEP_BYTES))
        for device in machine.devices
    ]
    return _hash(_computer_key(machine), devices)


def _computer_key(machine: Machine) -> str:
    ram = round(machine.ram.total_bytes / _STEP_BYTES)
    return _hash(machine.processor, machine.physical_cores, ram)


def _has_more_room(machine: Machine, free_then: object) -> bool:
    """Whether a device has notably more free memory than when the larger plan was refused."""
    if not isinstance(free_then, list) or len(free_then) != len(machine.devices):
        return True
    for device, then in zip(machine.devices, free_then, strict=True):
        if type(then) is not int:
            return True
        if device.free_bytes - then > max(_ROOM_BYTES, _ROOM_SHARE * then):
            return True
    return False


def _write_placement(placement: Placement) -> _Entry:
    return {
        "ram_experts": sorted(placement.ram_experts),
        "offloads_prompts": placement.offloads_prompts,
    }


def _read_placement(entry: _Entry) -> Placement | None:
    layers, experts = entry.get("device_layers"), entry.get("ram_experts")
    if not (_are_small(layers) and _are_small(experts)):
        return None
    offloads = entry.get("offloads_prompts") is not False
    return Placement(tuple(layers or ()), frozenset(experts or ()), offloads)


def _are_small(numbers: object) -> bool:
    if not isinstance(numbers, list) or len(numbers) > _MOST_LAYERS:
        return False
    return all(type(number) is int and 0 <= number <= _MOST_LAYERS for number in numbers)


def _write_working(working: Working) -> _Entry:
    return {
        "context_tokens": working.context_tokens,
        "microbatch_tokens": working.microbatch_tokens,
        "kv_type": working.kv_type,
        "flash_attention": working.flash_attention,
    }


def _read_working(entry: _Entry) -> Working | None:
    context, microbatch = entry.get("context_tokens"), entry.get("microbatch_tokens")
    kv_type = entry.get("kv_type")
    if not isinstance(kv_type, str) or kv_type not in KV_BLOCKS:
        return None
    if type(context) is not int or type(microbatch) is not int:
        return None
    if not (0 < context <= _MOST_TOKENS and 0 < microbatch <= _MOST_TOKENS):
        return None
    return Working(context, microbatch, kv_type, entry.get("flash_attention") is not False)


def _read_figure(value: object) -> float | None:
    """A finite number above zero, or None."""
    if type(value) not in (int, float) or not 0 < value < math.inf:  # type: ignore[operator]
        return None
    return float(value)  # type: ignore[arg-type]
