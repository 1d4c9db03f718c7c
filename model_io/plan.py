"""A plan: how one model is to be loaded on one machine, and what that will take and give.

Values only, which cross pipes and are kept; `planner` makes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from model_io.machine import DeviceKind
from model_io.memory import Placement, Share, Working


class Preference(StrEnum):
    """What a plan tries to have the most of; BALANCED is the best quality that runs bearably."""

    BALANCED = "balanced"
    QUALITY = "quality"
    SPEED = "speed"
    CONTEXT = "context"


@dataclass(frozen=True, slots=True)
class Wish:
    """What the user asks for; what is None is the planner's choice.

    `context_tokens` and `kv_type` bind it. `gpu_layers` 0 leaves all GPUs out.
    """

    preference: Preference = Preference.BALANCED
    context_tokens: int | None = None
    kv_type: str | None = None
    microbatch_tokens: int | None = None
    uses_gpus: bool = True


@dataclass(frozen=True, slots=True)
class DevicePlan:
    """What one device gets: `layers` whole or in part, and how much of its free memory that is."""

    name: str
    description: str
    kind: DeviceKind
    layers: int
    share: Share
    free_bytes: int

    @property
    def total_bytes(self) -> int:
        """Weights, cache and room for computing together."""
        return self.share.total_bytes


@dataclass(frozen=True, slots=True)
class Alternative:
    """Another plan that was not chosen: what it would be like, and what it would need."""

    quant: str
    context_tokens: int
    tokens_per_second: tuple[float, float] | None
    missing_bytes: int
    sentence: str


@dataclass(frozen=True, slots=True)
class Plan:
    """How a model is loaded.

    The last `placement.gpu_layers` layers are on `devices`, in this order; `devices` has only those
    that get something. `batch_tokens` equals `working.microbatch_tokens`. `tokens_per_second` is
    the range that the speed of writing is expected in, or twice the measured figure if
    `is_measured`; `is_simulated` if llama.cpp itself said what computing takes. With `fits` False
    the plan can't be loaded, and `reasons` say what is missing.
    """

    quant: str
    working: Working
    placement: Placement
    devices: tuple[DevicePlan, ...]
    ram: Share
    ram_free_bytes: int
    uses_mmap: bool
    repacks: bool
    tokens_per_second: tuple[float, float]
    is_measured: bool
    fits: bool
    missing_bytes: int
    reasons: tuple[str, ...]
    alternatives: tuple[Alternative, ...] = ()
    is_simulated: bool = False

    @property
    def ram_bytes(self) -> int:
        """All that is in RAM, the engine's own process with it."""
        return self.ram.total_bytes

    @property
    def mapped_bytes(self) -> int:
        """The weights in RAM that are pages of the file, which the system may drop."""
        return self.ram.weights_bytes if self.uses_mmap and not self.repacks else 0

    @property
    def reason(self) -> str:
        """Why it is this plan, in one sentence."""
        return self.reasons[0]
