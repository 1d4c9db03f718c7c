"""Says in a few words where a model's layers are."""

from __future__ import annotations

import re
from collections import Counter

from model_io.plan import Plan

_BRACKETS = re.compile(r"\s*\([^()]*\)")
_MAKERS = re.compile(r"^(?:NVIDIA(?: GeForce)?|AMD|Intel) (?=\S)")


def short_name(description: str) -> str:
    """A GPU's name without its maker and what a driver adds in brackets.

    >>> short_name("NVIDIA GeForce RTX 4090")
    'RTX 4090'
    >>> short_name("AMD Radeon RX 7900 XTX (RADV NAVI31)")
    'Radeon RX 7900 XTX'
    """
    plain = _BRACKETS.sub("", description).strip()
    return _MAKERS.sub("", plain) or description


def describe_place(plan: Plan, layers: int) -> str:
    """Where the `layers` of a model are: "CPU", "RTX 4090 with 11 layers' experts in RAM"."""
    if not plan.devices:
        return "CPU"
    counts = Counter(short_name(device.description) for device in plan.devices)
    names = [f"{count} × {name}" if count > 1 else name for name, count in counts.items()]
    who = " and ".join(names) if len(names) < 3 else f"{', '.join(names[:-1])} and {names[-1]}"
    on_devices = plan.placement.gpu_layers
    if on_devices < layers:
        who = f"{who} for {on_devices} of {layers} layers"
    in_ram = len(plan.placement.ram_experts)
    if not in_ram:
        return who
    if in_ram == on_devices == layers:
        return f"{who} with all experts in RAM"
    whose = "one layer's" if in_ram == 1 else f"{in_ram} layers'"
    joint = "," if on_devices < layers else " with"
    return f"{who}{joint} {whose} experts in RAM"
