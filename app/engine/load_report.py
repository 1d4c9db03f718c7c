"""Reads llama.cpp's own words about a load: what it took of each memory, and what it lacked.

Knows nothing of how a load is done.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from app.engine.protocol import Taken
from model_io.buffer_lines import read_buffers
from model_io.plan import Plan

_NEEDS_MEMORY = (
    "failed to allocate",
    "unable to allocate",
    "insufficient memory",
    "out of memory",
    "outofdevicememory",
    "outofhostmemory",
)
_UNPLANNED_SHARE, _UNPLANNED_BYTES = 0.05, 16 * 2**20


def read_taken(lines: Iterable[str]) -> tuple[Taken, ...]:
    """What each memory holds, by llama.cpp's name for it.

    A mapped file counts with the whole range that holds the weights in RAM.
    """
    sizes = read_buffers(lines)
    return tuple(
        Taken(
            name,
            weights_bytes=sizes.get((name, "model"), 0),
            kv_bytes=sizes.get((name, "KV"), 0),
            compute_bytes=sizes.get((name, "compute"), 0) + sizes.get((name, "output"), 0),
        )
        for name in dict.fromkeys(name for name, _ in sizes)
    )


def compare(plan: Plan, taken: Sequence[Taken]) -> list[str]:
    """A line for the log for each device on which notably more or less was taken than planned."""
    lines = []
    for device in plan.devices:
        own = [each for each in taken if is_on(each.name, device.name)]
        figures = (
            ("weights", device.share.weights_bytes, sum(each.weights_bytes for each in own)),
            ("cache", device.share.kv_bytes, sum(each.kv_bytes for each in own)),
            ("computing", device.share.compute_bytes, sum(each.compute_bytes for each in own)),
        )
        for what, planned, real in figures:
            if abs(real - planned) > max(_UNPLANNED_SHARE * planned, _UNPLANNED_BYTES):
                lines.append(f"octet: {device.name} {what}: planned {planned:,}, taken {real:,}")
    return lines


def is_on(buffer_name: str, device_name: str) -> bool:
    """Whether a buffer of this name is on the device: "MTL0_Mapped" is on "MTL0"."""
    return buffer_name == device_name or buffer_name.startswith(f"{device_name}_")


def tells_of_memory(lines: Iterable[str]) -> bool:
    """Whether llama.cpp says that it could not allocate something."""
    return any(words in line.lower() for line in lines for words in _NEEDS_MEMORY)
