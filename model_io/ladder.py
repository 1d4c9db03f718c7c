"""Smaller plans, for when a driver refuses one that should have fitted.

Each step is planned anew for a machine that is assumed to have less, so it is as good as what is
left allows. Knows nothing of loading.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from model_io.budget import NO_LIMIT
from model_io.machine import Machine
from model_io.model_shape import ModelShape
from model_io.plan import Plan, Wish
from model_io.plan_words import speed_words
from model_io.planner import make_plan

MOST_STEPS = 5

_SMALL_CONTEXT, _SMALL_MICROBATCH = 4096, 128


def step_down(
    shape: ModelShape, machine: Machine, plan: Plan, step: int = 1, wish: Wish | None = None
) -> tuple[Plan, str] | None:
    """A smaller plan than `plan`, which was refused, and the sentence that tells it.

    `step` counts from 1: less on the devices, twice; a smaller microbatch; a smaller context as
    well; the processor alone. A step that changes nothing is passed over. None after the last one,
    and where the smaller plans don't fit either.
    """
    wish = wish or Wish()
    for make in _STEPS[step - 1 :]:
        smaller = make(shape, machine, plan, wish)
        if smaller is not None and smaller.fits and _is_smaller(smaller, plan):
            return smaller, _describe(plan, smaller)
    return None


def _with_less(share: float) -> _Step:
    """With `share` less of each device's free memory than the plan has used.

    Where the RAM has no room for what that moves there, with a third of it.
    """

    def make(shape: ModelShape, machine: Machine, plan: Plan, wish: Wish) -> Plan | None:
        if not plan.devices:
            return None
        smaller = None
        for part in (share, share / 3):
            smaller = _plan_smaller(shape, _reduce(machine, plan, part), plan, wish)
            if smaller.fits:
                break
        return smaller

    return make


def _reduce(machine: Machine, plan: Plan, share: float) -> Machine:
    """A machine for which a plan uses at least `share` less of each device than `plan`."""
    used = {device.name: device.total_bytes for device in plan.devices}
    devices = tuple(
        replace(
            device,
            free_bytes=min(device.free_bytes, int(used.get(device.name, NO_LIMIT) * (1 - share))),
        )
        for device in machine.devices
    )
    return replace(machine, devices=devices)


def _plan_smaller(shape: ModelShape, machine: Machine, plan: Plan, wish: Wish) -> Plan:
    """With the plan's context and cache, which the user has been told; else with a small one."""
    kept = replace(wish, context_tokens=plan.working.context_tokens, kv_type=plan.working.kv_type)
    smaller = make_plan((shape,), machine, kept)
    if smaller.fits:
        return smaller
    tokens = min(_SMALL_CONTEXT, plan.working.context_tokens)
    return make_plan((shape,), machine, replace(wish, context_tokens=tokens, kv_type=None))


def _smaller_microbatch(shape: ModelShape, machine: Machine, plan: Plan, wish: Wish) -> Plan | None:
    tokens = min(_SMALL_MICROBATCH, plan.working.microbatch_tokens)
    return _with_less(0.2)(shape, machine, plan, replace(wish, microbatch_tokens=tokens))


def _smaller_context(shape: ModelShape, machine: Machine, plan: Plan, wish: Wish) -> Plan | None:
    less = replace(
        wish,
        context_tokens=min(_SMALL_CONTEXT, plan.working.context_tokens),
        microbatch_tokens=min(_SMALL_MICROBATCH, plan.working.microbatch_tokens),
        kv_type=None,
    )
    if not plan.devices:
        return make_plan((shape,), machine, less)
    small = replace(plan, working=replace(plan.working, context_tokens=less.context_tokens or 0))
    return _with_less(0.3)(shape, machine, small, less)


def _processor_alone(shape: ModelShape, machine: Machine, plan: Plan, wish: Wish) -> Plan | None:
    return _plan_smaller(shape, machine, plan, replace(wish, uses_gpus=False))


def _is_smaller(smaller: Plan, plan: Plan) -> bool:
    """Whether it takes less on the devices, or, without any, less RAM."""
    if not plan.devices:
        return smaller.ram_bytes < plan.ram_bytes
    before = {device.name: device.total_bytes for device in plan.devices}
    return all(device.total_bytes < before.get(device.name, 0) for device in smaller.devices)


def _describe(plan: Plan, smaller: Plan) -> str:
    expected = f"expect about {speed_words(smaller.tokens_per_second)}"
    return f"The model did not fit as planned. {_difference(plan, smaller)}; {expected}."


def _difference(plan: Plan, smaller: Plan) -> str:
    if plan.devices and not smaller.devices:
        return "The processor computes alone now"
    before, now = plan.placement, smaller.placement
    if smaller.working.context_tokens < plan.working.context_tokens:
        context = f"{smaller.working.context_tokens:,}"
        return f"The context is {context} tokens now instead of {plan.working.context_tokens:,}"
    if now.gpu_layers != before.gpu_layers:
        return (
            f"{now.gpu_layers} layers are on the graphics card now instead of {before.gpu_layers}"
        )
    if len(now.ram_experts) != len(before.ram_experts):
        experts = f"{len(now.ram_experts)} layers' experts are in RAM now"
        return f"{experts} instead of {len(before.ram_experts)}"
    tokens = f"{smaller.working.microbatch_tokens} tokens at a time now"
    return f"A prompt is read {tokens} instead of {plan.working.microbatch_tokens}"


_Step = Callable[[ModelShape, Machine, Plan, Wish], Plan | None]

_STEPS: tuple[_Step, ...] = (
    _with_less(0.05),
    _with_less(0.15),
    _smaller_microbatch,
    _smaller_context,
    _processor_alone,
)
