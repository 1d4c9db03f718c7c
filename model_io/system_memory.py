"""The computer's own memory: how much there is, and how much a process can get now.

Knows nothing of GPUs, nor of how quick the memory is.
"""

from __future__ import annotations

import warnings

import psutil

from model_io.control_groups import Limits, read_limits
from model_io.machine import Memory


def read_memory() -> Memory:
    """What the system says now, within the limits of this process's control groups.

    Pages of mapped files count as free, also those of a model that is in use: they are dropped
    without a write.
    """
    memory = psutil.virtual_memory()
    swap_total, swap_free = _read_swap()
    whole = Memory(memory.total, memory.available, swap_total, swap_free)
    return limit_memory(whole, read_limits())


def limit_memory(memory: Memory, limits: Limits) -> Memory:
    """`memory` as far as `limits` let this process have it; never more free than there is."""
    total = _least(memory.total_bytes, limits.memory_bytes)
    swap = _least(memory.swap_total_bytes, limits.swap_bytes)
    return Memory(
        total_bytes=total,
        free_bytes=_least(memory.free_bytes, limits.free_bytes, total),
        swap_total_bytes=swap,
        swap_free_bytes=_least(memory.swap_free_bytes, limits.swap_free_bytes, swap),
        bandwidth=memory.bandwidth,
    )


def _least(number: int, *limits: int | None) -> int:
    return max(0, min(number, *(limit for limit in limits if limit is not None), number))


def _read_swap() -> tuple[int, int]:
    try:
        with warnings.catch_warnings():
            # psutil warns where it can't count what went in and out, which nobody asked for.
            warnings.simplefilter("ignore", RuntimeWarning)
            swap = psutil.swap_memory()
    except (OSError, RuntimeError):  # Windows without its performance counters
        return 0, 0
    return swap.total, swap.free
