"""Measures how quickly this computer reads its memory, in less than a second.

For each token of a reply all active weights are read once, from end to end: this bounds how
quickly a model in RAM replies. Knows nothing of models, nor of GPUs.
"""

from __future__ import annotations

import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np

_PART_BYTES = 64 * 2**20
_LEAST_PART_BYTES = 16 * 2**20
"""What a thread reads. Few processors have more than 4 MiB of last-level cache for each core; what
is read from end to end, again and again, and is several times as large, finds little there."""
_LEAST_BUFFER_BYTES = 256 * 2**20
_PIECE_BYTES = 4 * 2**20
_SHARE_OF_FREE = 20
_WINDOWS, _WINDOW_SECONDS = 7, 0.05
_GATE_SECONDS = 5.0


def measure_bandwidth(threads: int, free_bytes: int) -> float | None:
    """Bytes a second that `threads` threads read together; None if there is no room to find out.

    Takes at most a twentieth of `free_bytes`. The median of several windows counts: a moment of
    another program's work, or a burst of a shared computer's memory, says little of a long reply.
    The threads or-reduce words of 64 bits, which only reads, as a model's evaluation does. In the
    cache numpy does that more than twice as quickly as a core reads RAM, so the memory is what is
    measured; sums of floats and the C library's `memchr` come close to limits of their own.
    """
    room_bytes = free_bytes // _SHARE_OF_FREE // threads
    part_bytes = min(max(_PART_BYTES, _LEAST_BUFFER_BYTES // threads), room_bytes)
    if part_bytes < _LEAST_PART_BYTES:
        return None
    gate = threading.Barrier(threads)

    def work(_: int) -> list[float]:
        try:
            # Written, since pages that nobody wrote are one page of zeros; and by its reader,
            # since that decides which processor's memory holds it.
            part = np.ones(part_bytes // 8, np.uint64)
        except MemoryError:
            gate.abort()
            raise
        return [_read(part, gate) for _ in range(_WINDOWS)]

    try:
        with ThreadPoolExecutor(threads) as pool:
            rates = list(pool.map(work, range(threads)))
    except (MemoryError, RuntimeError):  # no room, no more threads, or a gate that stayed shut
        return None
    return statistics.median(map(sum, zip(*rates, strict=True)))


def _read(part: np.ndarray[tuple[int], np.dtype[np.uint64]], gate: threading.Barrier) -> float:
    """Bytes a second that one thread reads of its part while all others read theirs."""
    step = _PIECE_BYTES // part.itemsize
    gate.wait(_GATE_SECONDS)
    started = time.perf_counter()
    done_bytes, seconds = 0, 0.0
    while seconds < _WINDOW_SECONDS:
        for start in range(0, len(part), step):
            piece = part[start : start + step]
            np.bitwise_or.reduce(piece)
            done_bytes += piece.nbytes
            seconds = time.perf_counter() - started
            if seconds >= _WINDOW_SECONDS:
                break
    return done_bytes / seconds
