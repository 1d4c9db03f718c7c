"""Reads llama.cpp's own words about a load: what it took of each memory, and what it lacked.

The lines are those that src/llama-model.cpp, llama-kv-cache.cpp and llama-context.cpp write for
each buffer (llama-cpp-python 0.3.36). Knows nothing of how a load is done.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from app.engine.protocol import Taken
from model_io.plan import Plan

_BUFFER = re.compile(r":\s+(\S+)\s+(model|KV|compute|output) buffer size =\s+(\d+(?:\.\d+)?) MiB")
_NEEDS_MEMORY = (
    "failed to allocate",
    "unable to allocate",
    "insufficient memory",
    "out of memory",
    "outofdevicememory",
    "outofhostmemory",
)
_UNPLANNED_SHARE, _UNPLANNED_BYTES = 0.05, 16 * 2**20


def read_taken(weights_lines: Iterable[str], context_lines: Iterable[str]) -> tuple[Taken, ...]:
    """What each memory holds, by llama.cpp's name for it, from the lines of the two stages.

    A mapped file counts with the whole range that holds the weights in RAM.
    """
    sums: dict[tuple[str, str], int] = {}
    names: dict[str, None] = {}
    for line in (*weights_lines, *context_lines):
        match = _BUFFER.search(line)
        if match is None:
            continue
        name, kind, size_bytes = match[1], match[2], round(float(match[3]) * 2**20)
        names[name] = None
        # The room for computing may be made anew, and larger: the last line counts.
        earlier = 0 if kind in ("compute", "output") else sums.get((name, kind), 0)
        sums[name, kind] = earlier + size_bytes
    return tuple(
        Taken(
            name,
            weights_bytes=sums.get((name, "model"), 0),
            kv_bytes=sums.get((name, "KV"), 0),
            compute_bytes=sums.get((name, "compute"), 0) + sums.get((name, "output"), 0),
        )
        for name in names
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
