"""The one change that would make a loaded model quicker, in a sentence or two.

Judges a measurement by the causes that are known, the one that costs most first. Knows nothing of
where the sentences are shown.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from app.engine.speed_report import SpeedReport
from model_io.budget import DEVICE_MARGIN_BYTES
from model_io.machine import Device
from model_io.plan_search import GOOD_CONTEXT
from model_io.plan_words import gigabytes

SWAP_BYTES = 256 * 2**20
"""Less than this in swap was put there in passing, and isn't read for every token."""

WELL_USED_SHARE = 0.6
"""Of what the memory gives: better than this is hardly reached."""

SLOW_SHARE = 0.8
"""Below this part of its own best, something else is going on on this computer."""

_BITS = {"Q4_K_M": 4.85, "Q6_K": 6.6, "Q8_0": 8.5, "F16": 16, "BF16": 16, "F32": 32}
"""Of a weight, on average over a Mixtral; sizes of files divided by 46.7 thousand million."""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a measurement doesn't tell.

    `card_makers` have a card in this computer, whether or not it can be used. GPUs were left out,
    and not even asked for, if the setting said so, or after they had failed. `used_tokens` is what
    fills the context now.
    """

    card_makers: tuple[str, ...] = ()
    setting_leaves_gpus_out: bool = False
    gpus_failed: bool = False
    used_tokens: int = 0
    is_on_battery: bool = False


@dataclass(frozen=True, slots=True)
class Advice:
    """What would help, in one or two sentences; `offers_load` if loading again is what it takes."""

    text: str
    offers_load: bool = False


def advise(report: SpeedReport, circumstances: Circumstances | None = None) -> Advice:
    """What would help most; that nothing would, where the memory gives no more."""
    around = circumstances or Circumstances()
    for cause in _CAUSES:
        advice = cause(report, around)
        if advice is not None:
            return advice
    return Advice(_say_what_bounds(report))


def _memory_is_short(report: SpeedReport, _: Circumstances) -> Advice | None:
    """Pages of the model are in swap, or read from the disk again and again."""
    plan, measured = report.plan, report.measured
    unread = plan.mapped_bytes - measured.machine.ram.free_bytes
    if measured.swapped_bytes > max(SWAP_BYTES, unread):
        return Advice(
            f"Other programs hold the RAM: {gigabytes(measured.swapped_bytes)} of the engine are "
            "in swap. Close some of them, and load the model again.",
            offers_load=True,
        )
    if unread > SWAP_BYTES:
        return Advice(
            f"Other programs hold the RAM: {gigabytes(unread)} are missing, so a part of the model "
            "is read from the disk again and again. Close some of them, or take a smaller version "
            "of the model."
        )
    return None


def _device_is_unused(report: SpeedReport, _: Circumstances) -> Advice | None:
    devices = report.measured.machine.devices
    if report.plan.devices or not devices:
        return None
    name = max(devices, key=lambda device: device.free_bytes).description
    return Advice(
        f"{name} is not used: it had no room, or failed. Close other programs that use it, and "
        "load the model again.",
        offers_load=True,
    )


def _card_is_left_out(report: SpeedReport, around: Circumstances) -> Advice | None:
    """There is a card, and no driver was even asked for it, or none could be."""
    if report.measured.machine.devices or not around.card_makers:
        return None
    if around.gpus_failed:
        text = "The graphics card could not load the model. Load it again to try that once more."
        return Advice(text, offers_load=True)
    if around.setting_leaves_gpus_out:
        return Advice("A setting leaves the graphics card out. Turn it on, and load again.")
    maker = around.card_makers[0]
    article = "an" if maker[0] in "AIN" else "a"
    way = "packaging/backends/vulkan"
    if maker == "NVIDIA":
        way = "packaging/backends/cuda, or packaging/backends/vulkan without NVIDIA's toolkit"
    return Advice(
        f"This computer has {article} {maker} graphics card that Octet can't use yet. "
        f"Run {way}, and start Octet again."
    )


def _card_has_room(report: SpeedReport, _: Circumstances) -> Advice | None:
    device, waiting = _first_device(report), _waiting(report)
    if device is None or waiting is None:
        return None
    planned = report.plan.devices[0]
    # What was free already, the plan has used, or a driver has refused it.
    freed = device.free_bytes + planned.total_bytes - planned.free_bytes
    layers = waiting.fitting(min(freed, device.free_bytes - DEVICE_MARGIN_BYTES))
    if not layers:
        return None
    return Advice(
        f"{gigabytes(device.free_bytes)} of {device.description} are free now, enough for "
        f"{layers}. Load the model again.",
        offers_load=True,
    )


def _context_is_large(report: SpeedReport, around: Circumstances) -> Advice | None:
    device, waiting = _first_device(report), _waiting(report)
    tokens = report.plan.working.context_tokens
    is_larger = tokens > GOOD_CONTEXT and around.used_tokens <= GOOD_CONTEXT
    if device is None or waiting is None or not is_larger:
        return None
    saved = report.plan.devices[0].share.kv_bytes * (1 - GOOD_CONTEXT / tokens)
    left = max(0, min(device.free_bytes - DEVICE_MARGIN_BYTES, waiting.layer_bytes))
    layers = waiting.fitting(left + saved)
    if not layers:
        return None
    return Advice(
        f"A context of {GOOD_CONTEXT:,} tokens instead of {tokens:,} would make room on the "
        f"graphics card for {layers}."
    )


def _processor_is_busy(report: SpeedReport, _: Circumstances) -> Advice | None:
    if not report.measured.is_disturbed:
        return None
    share = round(100 * report.measured.others_share)
    return Advice(
        f"Other programs used {share} % of the processor meanwhile. Close some of "
        "them, and measure again."
    )


def _slower_than_usual(report: SpeedReport, around: Circumstances) -> Advice | None:
    speed, best = report.measured.decode_tokens_per_second, report.best
    if not best or speed >= SLOW_SHARE * best:
        return None
    slower = f"It writes {round(100 * (1 - speed / best))} % slower than it has done here."
    if around.is_on_battery:
        return Advice(f"{slower} The computer runs on its battery; plug it in.")
    return Advice(f"{slower} Other programs use the processor or its memory; close some of them.")


_CAUSES: tuple[Callable[[SpeedReport, Circumstances], Advice | None], ...] = (
    _memory_is_short,
    _processor_is_busy,
    _device_is_unused,
    _card_is_left_out,
    _card_has_room,
    _context_is_large,
    _slower_than_usual,
)


def _say_what_bounds(report: SpeedReport) -> str:
    share = report.share_of_bound
    if share is None:
        return "Nothing is in the way that Octet knows of."
    if share < WELL_USED_SHARE and report.plan.devices:
        return (
            "Nothing is in the way that Octet knows of. What is left is the work of starting each "
            "step on the graphics card."
        )
    if share < WELL_USED_SHARE:
        return "The processor is the limit here, not its memory. A quicker one would help."
    given = "This is what this computer's memory gives."
    bits = _BITS.get(report.plan.quant)
    if bits is None or bits <= _BITS["Q4_K_M"]:
        return given
    gain = bits / _BITS["Q4_K_M"]
    return f"{given} The version Q4_K_M of the model would be about {gain:.1f} times as quick."


def _first_device(report: SpeedReport) -> Device | None:
    """The plan's first device as it is now, which takes the experts that are in RAM."""
    known = {device.name: device for device in report.measured.machine.devices}
    devices = report.plan.devices
    return known.get(devices[0].name) if devices else None


@dataclass(frozen=True, slots=True)
class _Waiting:
    """What would be quicker on a device: so many layers, or their experts, of so many bytes."""

    layers: int
    layer_bytes: int
    is_experts: bool

    def fitting(self, room_bytes: float) -> str:
        """How many of them fit, in words; empty if not even one does."""
        count = min(int(room_bytes // max(1, self.layer_bytes)), self.layers)
        if count < 1:
            return ""
        if self.is_experts:
            return "1 more layer's experts" if count == 1 else f"{count} more layers' experts"
        return "1 more layer" if count == 1 else f"{count} more layers"


def _waiting(report: SpeedReport) -> _Waiting | None:
    """What is in RAM for lack of room elsewhere; None if nothing is, or that isn't known."""
    shape, placement = report.shape, report.plan.placement
    if shape is None:
        return None
    if placement.ram_experts:
        largest = max(shape.expert_bytes[layer] for layer in placement.ram_experts)
        return _Waiting(len(placement.ram_experts), largest, is_experts=True)
    count = shape.layers - placement.gpu_layers
    if not count:
        return None
    layer_bytes = [shape.dense_bytes[i] + shape.expert_bytes[i] for i in range(count)]
    return _Waiting(count, max(layer_bytes), is_experts=False)
