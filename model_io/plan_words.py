"""A plan in sentences: why each of its numbers is what it is.

Memory is counted in 2³⁰ bytes and written "GB", as makers of memory do. Knows how nothing is
computed.
"""

from __future__ import annotations

from model_io.budget import budget_of
from model_io.device_words import join_names
from model_io.machine import Machine
from model_io.model_shape import ModelShape
from model_io.plan import Alternative, Plan, Preference, Wish
from model_io.plan_search import BEARABLE, CLASS_LIMITS, GOOD_CONTEXT, MICROBATCH
from model_io.speed import active_bytes

_BEARABLE = f"{CLASS_LIMITS[BEARABLE - 1]:g} tokens a second"


def gigabytes(size_bytes: float) -> str:
    """ "26.5 GB", or "20 MB" of little memory."""
    if size_bytes < 2**30 / 10:
        return f"{size_bytes / 2**20:.0f} MB"
    return f"{size_bytes / 2**30:,.1f} GB"


def speed_words(tokens_per_second: tuple[float, float]) -> str:
    """ "5–9 tokens a second", with a digit more where they are few."""
    low, high = tokens_per_second
    digits = 1 if high < 5 else 0
    first, last = f"{low:,.{digits}f}", f"{high:,.{digits}f}"
    return f"{last if first == last else f'{first}–{last}'} tokens a second"


def explain(
    plan: Plan, shape: ModelShape, machine: Machine, wish: Wish, *, is_only: bool
) -> tuple[str, ...]:
    """Why the plan is as it is; the first sentence says it all in short.

    `is_only` where there was no other quantization to choose.
    """
    return (
        _explain_choice(plan, wish, is_only=is_only),
        _explain_speed(plan, shape),
        _explain_placement(plan, shape),
        _explain_context(plan, shape, wish),
        _explain_cache(plan, shape, wish),
        _explain_microbatch(plan),
        _explain_ram(plan),
        _explain_margin(plan, machine),
    )


def explain_shortage(plan: Plan, machine: Machine, *, is_only: bool) -> tuple[str, ...]:
    """What is missing, and where."""
    name = plan.quant if is_only else f"{plan.quant}, the smallest,"
    room = budget_of(machine).ram
    needed = room + plan.missing_bytes
    context = f"{plan.working.context_tokens:,}"
    first = (
        f"{name} needs {gigabytes(needed)} of memory even with {context} tokens of context, and "
        f"{gigabytes(room)} can be used: {gigabytes(plan.missing_bytes)} are missing."
    )
    return (first, "Close other programs, or use a computer with more memory.")


def describe_alternative(
    quant: str,
    context_tokens: int,
    tokens_per_second: tuple[float, float] | None,
    missing_bytes: int,
    *,
    is_on_devices: bool = False,
) -> Alternative:
    """Another plan, with the sentence that names it."""
    if is_on_devices:
        sentence = f"With {gigabytes(missing_bytes)} more graphics memory no expert stays in RAM."
    elif tokens_per_second is None:
        sentence = f"{quant} needs {gigabytes(missing_bytes)} more memory."
    else:
        speed = speed_words(tokens_per_second)
        sentence = f"{quant} fits too: {speed}, {context_tokens:,} tokens of context."
    return Alternative(quant, context_tokens, tokens_per_second, missing_bytes, sentence)


def _explain_choice(plan: Plan, wish: Wish, *, is_only: bool) -> str:
    if is_only:
        return f"{plan.quant} fits this computer."
    match wish.preference:
        case Preference.QUALITY:
            return f"{plan.quant} is the best quality that fits."
        case Preference.SPEED:
            return f"{plan.quant} is the quickest."
        case Preference.CONTEXT:
            context = f"{plan.working.context_tokens:,}"
            return f"{plan.quant} is the best quality that leaves room for {context} tokens."
    low, high = plan.tokens_per_second
    if (low * high) ** 0.5 >= CLASS_LIMITS[BEARABLE - 1]:
        return f"{plan.quant} is the best quality that writes {_BEARABLE} or more here."
    return f"{plan.quant} is the best choice here; nothing that fits writes {_BEARABLE}."


def _explain_speed(plan: Plan, shape: ModelShape) -> str:
    speed = speed_words(plan.tokens_per_second)
    if plan.is_measured:
        return f"This computer was measured to write {speed} with this plan."
    read = gigabytes(active_bytes(shape))
    return f"It is expected to write {speed}, since each token reads {read} of weights."


def _explain_placement(plan: Plan, shape: ModelShape) -> str:
    layers, on_devices = shape.layers, plan.placement.gpu_layers
    names = join_names(plan)
    if not on_devices:
        return f"All {layers} layers are computed by the processor."
    experts = len(plan.placement.ram_experts)
    whole = f"all {layers} layers" if on_devices == layers else f"the last {on_devices} layers"
    rest = "" if on_devices == layers else f" The first {layers - on_devices} stay in RAM."
    if not experts:
        return f"{whole.capitalize()} are on {names}.{rest}"
    which = f"the experts of the first {experts}" if experts < on_devices else "all experts"
    return f"Attention, router and context of {whole} are on {names}, {which} in RAM.{rest}"


def _explain_context(plan: Plan, shape: ModelShape, wish: Wish) -> str:
    tokens = plan.working.context_tokens
    text = f"The context of {tokens:,} tokens"
    if wish.context_tokens is not None and wish.context_tokens > shape.trained_tokens:
        return f"{text} is all that the model was made for; {wish.context_tokens:,} are too many."
    if tokens == wish.context_tokens:
        return f"{text} is what was asked for."
    if tokens == shape.trained_tokens:
        return f"{text} is all that the model was made for."
    if tokens >= GOOD_CONTEXT:
        return f"{text} is long enough for most chats; a larger one would cost speed."
    return f"{text} is the largest that fits."


def _explain_cache(plan: Plan, shape: ModelShape, wish: Wish) -> str:
    working = plan.working
    size = gigabytes(shape.kv_row_bytes(working.kv_type) * shape.layers * working.cells)
    kinds = {"f16": "16 bits", "q8_0": "8 bits", "q4_0": "4 bits"}
    text = f"It takes {size}, kept in {kinds[working.kv_type]}"
    if working.kv_type == "f16" or wish.kv_type is not None:
        return f"{text} a number."
    return f"{text} a number; 16 would leave less room for it."


def _explain_microbatch(plan: Plan) -> str:
    tokens = plan.working.microbatch_tokens
    text = f"A prompt is read {tokens:,} tokens at a time"
    if tokens < MICROBATCH:
        return f"{text}, which is fewer than usual, since more would need more room."
    if plan.placement.ram_experts and plan.placement.offloads_prompts:
        return f"{text}; each time the experts in RAM are copied to the graphics card once."
    return f"{text}."


def _explain_ram(plan: Plan) -> str:
    mapped = "The file is mapped, so a second start needn't read it again"
    if plan.repacks:
        return f"{mapped}; weights in RAM are repacked as well, since that was measured to pay."
    return f"{mapped}; its weights are not repacked, which would take their memory twice."


def _explain_margin(plan: Plan, machine: Machine) -> str:
    unified = {device.name for device in machine.devices if device.is_unified}
    on_devices = sum(device.total_bytes for device in plan.devices if device.name in unified)
    left = gigabytes(machine.ram.free_bytes - plan.ram_bytes - on_devices)
    own = [d.free_bytes - d.total_bytes for d in plan.devices if d.name not in unified]
    if not own:
        return f"{left} of memory stays free for other programs."
    return f"{left} of RAM and {gigabytes(min(own))} of graphics memory stay free for others."
