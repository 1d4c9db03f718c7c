"""Makes the plan: the best of what fits, why it is that, and what the next ones would need.

Joins the search, the words and what this machine has shown before. Touches no device and no file
but the records.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from model_io.budget import NO_LIMIT, Budget, budget_of
from model_io.machine import Machine
from model_io.memory import Footprint, Placement, Working, measure, repacked_bytes
from model_io.model_shape import ModelShape
from model_io.plan import Alternative, DevicePlan, Plan, Wish
from model_io.plan_search import USABLE_CONTEXT, Candidate, Search
from model_io.plan_words import describe_alternative, explain, explain_shortage
from model_io.records import Records
from model_io.speed import Pace, pace_of, seconds_per_token, speed_range

_SMALLEST = Working(2048, 128, "q8_0")


def make_plan(
    shapes: Sequence[ModelShape],
    machine: Machine,
    wish: Wish = Wish(),  # noqa: B008  frozen
    records: Records | None = None,
) -> Plan:
    """The best plan for one of `shapes`, a model in several quantizations or in one.

    If nothing fits, the plan that lacks least, with `fits` False. `records` replace an estimated
    speed by a measured one.
    """
    best = Search(machine, wish).best(shapes)
    if best is None:
        return _unfit_plan(shapes, machine, wish)
    plan = place(best.shape, machine, best.placement, best.working, best.devices, records)
    plan = _repack(plan, best.shape, machine, records)
    return replace(
        plan,
        reasons=explain(plan, best.shape, machine, wish, is_only=len(shapes) == 1),
        alternatives=tuple(_alternatives(best, shapes, machine, wish)),
    )


def place(
    shape: ModelShape,
    machine: Machine,
    placement: Placement,
    working: Working,
    devices: Sequence[int],
    records: Records | None = None,
) -> Plan:
    """The plan of loading `shape` just so; `fits` says whether it is within what is free.

    `devices` are the places in the machine's list of the placement's devices. It has no reasons.
    """
    used = [place for place, layers in enumerate(placement.device_layers) if layers]
    placement = replace(
        placement, device_layers=tuple(placement.device_layers[place] for place in used)
    )
    devices = [devices[place] for place in used]
    footprint = measure(shape, placement, working)
    missing = budget_of(machine).of(devices).missing_bytes(footprint)
    measured = records.recall_speed(shape, machine, placement, working) if records else None
    if measured is not None:
        speed = measured.decode_tokens_per_second
        tokens_per_second = (speed, speed)
    else:
        pace = pace_of(machine)
        chosen = Pace(tuple(pace.devices[index] for index in devices), pace.ram)
        tokens_per_second = speed_range(seconds_per_token(shape, placement, working, chosen))
    return Plan(
        quant=shape.quant,
        working=working,
        placement=placement,
        devices=_device_plans(machine, placement, devices, footprint),
        ram=footprint.ram,
        ram_free_bytes=machine.ram.free_bytes,
        uses_mmap=True,
        repacks=False,
        tokens_per_second=tokens_per_second,
        is_measured=measured is not None,
        fits=missing == 0,
        missing_bytes=missing,
        reasons=("",),
    )


def _repack(plan: Plan, shape: ModelShape, machine: Machine, records: Records | None) -> Plan:
    """`plan` with its weights in RAM repacked, if that was measured to pay and there is room."""
    if records is None or not records.recall_repacking(shape, machine):
        return plan
    more_bytes = repacked_bytes(shape, plan.placement)
    on_devices = _unified_bytes(plan, machine)
    room_bytes = budget_of(machine).ram - plan.ram_bytes - on_devices
    if not 0 < more_bytes <= room_bytes:
        return plan
    ram = replace(plan.ram, weights_bytes=plan.ram.weights_bytes + more_bytes)
    return replace(plan, repacks=True, ram=ram)


def _unified_bytes(plan: Plan, machine: Machine) -> int:
    unified = {device.name for device in machine.devices if device.is_unified}
    return sum(device.total_bytes for device in plan.devices if device.name in unified)


def _device_plans(
    machine: Machine, placement: Placement, devices: Sequence[int], footprint: Footprint
) -> tuple[DevicePlan, ...]:
    plans = []
    for index, layers, share in zip(
        devices, placement.device_layers, footprint.devices, strict=True
    ):
        device = machine.devices[index]
        plans.append(
            DevicePlan(
                device.name, device.description, device.kind, layers, share, device.free_bytes
            )
        )
    return tuple(plans)


def _unfit_plan(shapes: Sequence[ModelShape], machine: Machine, wish: Wish) -> Plan:
    """The smallest way of loading the smallest of `shapes`, which is still too large."""
    shape = min(shapes, key=lambda shape: shape.weights_bytes)
    context = min(wish.context_tokens or _SMALLEST.context_tokens, shape.trained_tokens)
    microbatch = min(wish.microbatch_tokens or _SMALLEST.microbatch_tokens, context)
    working = Working(context, microbatch, wish.kv_type or _SMALLEST.kv_type)
    closest = _least_lacking(shape, machine, wish, working)
    plan = place(shape, machine, closest.placement, working, closest.devices)
    return replace(plan, reasons=explain_shortage(plan, machine, is_only=len(shapes) == 1))


def _least_lacking(shape: ModelShape, machine: Machine, wish: Wish, working: Working) -> Candidate:
    """The candidate that would fit with the least more RAM."""
    budget = budget_of(machine)
    unlimited = replace(budget, ram=NO_LIMIT)
    return min(
        Search(machine, wish, unlimited).candidates(shape, working),
        key=lambda candidate: _lack(candidate, budget),
    )


def _lack(candidate: Candidate, budget: Budget) -> int:
    return budget.of(candidate.devices).ram_missing_bytes(candidate.footprint)


def _alternatives(
    best: Candidate, shapes: Iterable[ModelShape], machine: Machine, wish: Wish
) -> Iterable[Alternative]:
    """The next better quantization, the next smaller one, and all experts on the devices."""
    ordered = sorted(shapes, key=lambda shape: shape.weights_bytes)
    place_of_best = next(i for i, shape in enumerate(ordered) if shape is best.shape)
    neighbours = ordered[place_of_best + 1 : place_of_best + 2]
    neighbours += ordered[max(0, place_of_best - 1) : place_of_best]
    for shape in neighbours:
        yield _alternative(shape, machine, wish)
    if best.placement.ram_experts:
        yield _on_devices(best)


def _alternative(shape: ModelShape, machine: Machine, wish: Wish) -> Alternative:
    found = Search(machine, wish).glance(shape)
    if found is not None:
        speed = speed_range(found.seconds)
        context = found.working.context_tokens
        return describe_alternative(shape.quant, context, speed, missing_bytes=0)
    context = min(wish.context_tokens or USABLE_CONTEXT, shape.trained_tokens)
    working = Working(context, min(512, context), wish.kv_type or "f16")
    missing = _lack(_least_lacking(shape, machine, wish, working), budget_of(machine))
    return describe_alternative(shape.quant, context, None, missing)


def _on_devices(best: Candidate) -> Alternative:
    """What it would take to have no experts in RAM."""
    placement = replace(best.placement, ram_experts=frozenset())
    footprint = measure(best.shape, placement, best.working)
    now = sum(share.total_bytes for share in best.footprint.devices)
    missing = sum(share.total_bytes for share in footprint.devices) - now
    context = best.working.context_tokens
    return describe_alternative(best.shape.quant, context, None, missing, is_on_devices=True)
