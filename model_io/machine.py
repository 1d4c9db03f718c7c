"""What a computer has for running a model: its devices and its memory, as values.

Knows neither how they are found (`devices` does) nor what they are needed for.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

RAM = "RAM"
"""What the computer's own memory is called where memories have names, as devices do."""


class DeviceKind(StrEnum):
    """Which of ggml's backends drives a device; `OTHER` for one that Octet has no figures of."""

    CPU = "cpu"
    CUDA = "cuda"
    HIP = "hip"
    METAL = "metal"
    VULKAN = "vulkan"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Device:
    """One GPU as its driver describes it; sizes in bytes, bandwidth in bytes per second.

    `name` is ggml's ("Vulkan0"). Where `is_unified`, its memory is the computer's own: what is
    put on it is taken out of the RAM. `bandwidth` is None where it isn't known, and
    `largest_tensor_bytes` where the device computes with tensors of any size.
    """

    name: str
    description: str
    kind: DeviceKind
    total_bytes: int
    free_bytes: int
    is_unified: bool = False
    bandwidth: float | None = None
    largest_tensor_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Memory:
    """The computer's own memory, in bytes; `free_bytes` is what programs can get without swapping.

    `bandwidth`, in bytes per second, is None where nobody has measured it.
    """

    total_bytes: int
    free_bytes: int
    swap_total_bytes: int = 0
    swap_free_bytes: int = 0
    bandwidth: float | None = None


@dataclass(frozen=True, slots=True)
class Machine:
    """A computer. `devices` are its GPUs, in the order in which they are to be used.

    `problems` are sentences about what could not be found out or used; `notes` say what isn't
    there although nothing is broken (no driver), for whoever asks why.
    """

    ram: Memory
    devices: tuple[Device, ...] = ()
    processor: str = ""
    physical_cores: int = 1
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def without_gpus(self, problem: str = "") -> Machine:
        """The same computer as if it had only its processor, for the reason `problem`."""
        problems = (*self.problems, problem) if problem else self.problems
        return replace(self, devices=(), problems=problems)
