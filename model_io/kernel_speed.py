"""Measures how quickly this machine quantizes, in a second.

Knows nothing of files or models.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Mapping

import numpy as np

from model_io import ggml
from model_io.quant_types import TensorType

_ROWS, _COLUMNS = 32, 4096


def measure_kernels(
    kinds: Collection[TensorType], jobs: int, seconds: float = 1.0
) -> Mapping[TensorType, float]:
    """Weights a second into each of `kinds` on `jobs` threads, in `seconds` altogether.

    With an importance matrix the K-quants take about twice as long.
    """
    return {kind: _measure(kind, jobs, seconds / len(kinds)) for kind in kinds}


def _measure(kind: TensorType, jobs: int, seconds: float) -> float:
    counts = [0] * jobs
    floats = np.random.default_rng(8).standard_normal((_ROWS, _COLUMNS), np.float32)
    started = time.perf_counter()

    def work(number: int) -> None:
        packed = np.empty(kind.row_bytes(floats.size), np.uint8)
        while not counts[number] or time.perf_counter() - started < seconds:
            ggml.quantize_rows(kind.id, floats.ctypes.data, packed.ctypes.data, _ROWS, _COLUMNS)
            counts[number] += floats.size

    threads = [threading.Thread(target=work, args=(number,)) for number in range(jobs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.perf_counter() - started)
