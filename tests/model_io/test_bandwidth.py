"""How quickly memory is read."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from model_io import bandwidth
from model_io.bandwidth import measure_bandwidth

MIB = 2**20


def test_this_memory_is_as_quick_as_memory_is() -> None:
    """Between a slow phone's and that of the largest accelerator, and no thread stays."""
    before = threading.active_count()
    measured = measure_bandwidth(1, 64 * 20 * MIB)
    assert measured is not None
    assert 1e9 < measured < 1e13
    assert threading.active_count() == before


def test_a_full_computer_is_not_measured() -> None:
    """A twentieth of what is free is less than the caches hold."""
    assert measure_bandwidth(4, 4 * 15 * 20 * MIB) is None


@pytest.mark.parametrize(
    ("threads", "free_mib", "part_mib"),
    [(1, 10**6, 256), (2, 10**6, 128), (3, 20 * 3 * 20, 20), (4, 20 * 4 * 100, 64)],
)
def test_the_buffer_is_bounded(
    threads: int, free_mib: int, part_mib: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At most a twentieth of the free memory, and no more than the caches make necessary."""
    sizes: list[int] = []

    def note(count: int, _: object) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
        sizes.append(count * 8 // MIB)
        return np.zeros(1, np.uint64)

    monkeypatch.setattr(bandwidth.np, "ones", note)
    monkeypatch.setattr(bandwidth, "_WINDOW_SECONDS", 0.0001)
    assert measure_bandwidth(threads, free_mib * MIB)
    assert sizes == [part_mib] * threads


def test_a_buffer_that_is_refused_is_no_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    """One thread gets none; the other doesn't wait for it."""
    refused = threading.Event()

    def refuse_once(count: int, _: object) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
        if not refused.is_set():
            refused.set()
            raise MemoryError
        return np.zeros(1, np.uint64)

    monkeypatch.setattr(bandwidth.np, "ones", refuse_once)
    started = time.monotonic()
    assert measure_bandwidth(2, 10**12) is None
    assert time.monotonic() - started < bandwidth._GATE_SECONDS
