"""The words of "Why this speed?": facts about a model's speed as lines of a list.

Knows nothing of widgets.
"""

from __future__ import annotations

from collections.abc import Iterator

from app.core.memory_parts import PartKind
from app.engine.protocol import LoadedModel
from app.runtime.facts import SpeedFacts
from app.ui.amounts import (
    count_text,
    gigabytes_text,
    pace_text,
    range_text,
    speed_text,
)
from model_io.plan import Plan

Line = tuple[str, str]
"""What it is, and how much."""


def headline_of(facts: SpeedFacts | None) -> Line:
    """How quickly the model writes, as it is known best, and whence that is known."""
    plan = facts.model.plan if facts is not None else None
    if facts is None or plan is None:
        return "No model is loaded.", "Load one, and its speed can be explained here."
    name = facts.model.name
    if facts.report is not None:
        speed = facts.report.measured.decode_tokens_per_second
        source = f"Measured just now with {name}, {facts.model.quant}."
    elif plan.is_measured:
        speed = plan.tokens_per_second[0]
        source = f"Measured earlier on this computer with {name}, {facts.model.quant}."
    else:
        low, high = plan.tokens_per_second
        title = f"About {range_text(low, high)}, {pace_text((low * high) ** 0.5)}"
        return title, f"An estimate for {name}, {facts.model.quant}. Nothing is measured yet."
    return f"{speed_text(speed)}, {pace_text(speed)}", source


def device_text(model: LoadedModel) -> str:
    """What computes: "RTX 4090 with 11 layers' experts in RAM", "The processor, 8 threads"."""
    if model.plan is not None and model.plan.devices:
        return model.device
    threads = "1 thread" if model.threads == 1 else f"{model.threads} threads"
    return f"The processor, {threads}"


def short_speed(facts: SpeedFacts) -> str:
    """How quickly it writes, in the fewest words."""
    if facts.report is not None:
        return speed_text(facts.report.measured.decode_tokens_per_second)
    if facts.last_reply_speed is not None:
        return speed_text(facts.last_reply_speed)
    plan = facts.model.plan
    if plan is None:
        return ""
    speed = range_text(*plan.tokens_per_second)
    return speed if plan.is_measured else f"about {speed}"


def facts_of(facts: SpeedFacts) -> tuple[Line, ...]:
    """The lines of the list."""
    plan = facts.model.plan
    return () if plan is None else tuple(_lines(facts, plan))


def _lines(facts: SpeedFacts, plan: Plan) -> Iterator[Line]:
    yield "Computes on", device_text(facts.model)
    if facts.layers:
        yield "Layers", _layers(facts, plan)
    if facts.layers and _has_experts(facts):
        yield "Experts", _experts(facts, plan)
    yield "Context", f"{count_text(plan.working.context_tokens)} tokens, {plan.working.kv_type}"
    if facts.last_reply_speed is not None:
        yield "Last reply", speed_text(facts.last_reply_speed)
    yield from _measured_lines(facts)
    if not plan.is_measured:
        yield "Expected", range_text(*plan.tokens_per_second)
    yield "In swap", _swap(facts)


def _layers(facts: SpeedFacts, plan: Plan) -> str:
    if not plan.devices:
        return f"All {facts.layers} in RAM"
    in_ram = facts.layers - plan.placement.gpu_layers
    if not in_ram and len(plan.devices) == 1:
        return f"All {facts.layers} on {plan.devices[0].description}"
    places = [f"{device.layers} on {device.description}" for device in plan.devices]
    return ", ".join([*places, f"{in_ram} in RAM"] if in_ram else places)


def _has_experts(facts: SpeedFacts) -> bool:
    return any(part.kind is PartKind.EXPERTS for use in facts.uses for part in use.parts)


def _experts(facts: SpeedFacts, plan: Plan) -> str:
    in_ram = facts.layers - plan.placement.gpu_layers + len(plan.placement.ram_experts)
    on_devices = facts.layers - in_ram
    if not on_devices:
        return "All in RAM"
    if not in_ram:
        return "None in RAM"
    whose = "1 layer's" if on_devices == 1 else f"{on_devices} layers'"
    others = "1 layer's" if in_ram == 1 else f"{in_ram} layers'"
    return f"{whose} on the graphics card, {others} in RAM"


def _measured_lines(facts: SpeedFacts) -> Iterator[Line]:
    report = facts.report
    if report is None:
        yield "Measured", "Not yet"
        return
    measured = report.measured
    writing = speed_text(measured.decode_tokens_per_second)
    yield "Writes", f"{writing}; the best here was {speed_text(report.best)}"
    yield "Reads prompts", speed_text(measured.prefill_tokens_per_second)
    if report.bound is not None and report.share_of_bound is not None:
        share = round(100 * report.share_of_bound)
        yield "Memory allows", f"{speed_text(report.bound)}; {share} % of it are reached"


def _swap(facts: SpeedFacts) -> str:
    engine = facts.report.measured.swapped_bytes if facts.report is not None else 0
    whole = facts.swap_used_bytes
    if engine:
        return f"{gigabytes_text(engine)} GB of the engine, {gigabytes_text(whole)} GB in all"
    if whole >= 2**30 / 20:
        return f"{gigabytes_text(whole)} GB, none of the engine's that is known"
    return "Nothing"
