"""The rolling window, with shards that a test lets arrive."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from model_io.errors import HubUnreachableError
from model_io.progress import Cancelled
from model_io.quant_types import BF16
from model_io.quantize import Matrix
from model_io.shard_window import Shard, ShardWindow

WAIT_SECONDS = 10


class Courier:
    """Brings a shard when its gate is open; `fetching` is told when it is asked."""

    def __init__(self, folder: Path, count: int) -> None:
        self.shards = [Shard(folder / f"{number}.safetensors", 8, "") for number in range(count)]
        self.gates = [threading.Event() for _ in range(count)]
        self.asked = [threading.Event() for _ in range(count)]

    def __call__(self, shard: Shard, on_bytes: Callable[[int], None]) -> None:
        number = self.shards.index(shard)
        self.asked[number].set()
        assert self.gates[number].wait(WAIT_SECONDS)
        shard.path.write_bytes(bytes(8))
        on_bytes(8)

    def matrices(self, *numbers: int) -> list[Matrix]:
        """One matrix of each of these shards."""
        return [
            Matrix(f"{n}", None, f"{n}", self.shards[n].path, 0, BF16, 2, 2, BF16, n * 8)
            for n in numbers
        ]


@contextmanager
def window_of(courier: Courier) -> Iterator[ShardWindow]:
    """A window that is stopped at the end, with all gates open."""
    window = ShardWindow(courier.shards, courier)
    window.expect(courier.matrices(*range(len(courier.shards))))
    try:
        yield window
    finally:
        for gate in courier.gates:
            gate.set()
        window.stop()


def test_a_matrix_is_delivered_when_its_shard_is_there(tmp_path: Path) -> None:
    """And the next shard is asked for meanwhile."""
    courier = Courier(tmp_path, 2)
    with window_of(courier) as window:
        delivered = window.deliver(courier.matrices(0, 1))
        courier.gates[0].set()
        assert next(delivered).tensor == "0"
        assert courier.asked[1].wait(WAIT_SECONDS)
        assert window.fetched_bytes == 8


def test_a_third_shard_waits_until_one_is_settled(tmp_path: Path) -> None:
    """Two places on the disk, no more."""
    courier = Courier(tmp_path, 3)
    with window_of(courier) as window:
        matrices = courier.matrices(0, 1, 2)
        delivered = window.deliver(matrices)
        courier.gates[0].set()
        courier.gates[1].set()
        next(delivered)
        next(delivered)
        assert not courier.asked[2].is_set()
        window.settle(matrices[:1])
        assert courier.asked[2].wait(WAIT_SECONDS)
        assert not courier.shards[0].path.exists()
        assert courier.shards[1].path.exists()


def test_what_an_earlier_run_settled_is_not_fetched(tmp_path: Path) -> None:
    """And counts as having come; what is left of it goes."""
    courier = Courier(tmp_path, 2)
    courier.shards[0].path.write_bytes(b"old")
    with window_of(courier) as window:
        courier.gates[1].set()
        assert next(window.deliver(courier.matrices(1))).tensor == "1"
        assert not courier.asked[0].is_set()
        assert not courier.shards[0].path.exists()
        assert window.fetched_bytes == 16


def test_a_failure_reaches_who_waits(tmp_path: Path) -> None:
    """After what had come before it."""
    courier = Courier(tmp_path, 2)

    def fetch(shard: Shard, on_bytes: Callable[[int], None]) -> None:
        if shard is courier.shards[1]:
            raise HubUnreachableError("hub:a/b", "is away", "wait")
        courier(shard, on_bytes)

    window = ShardWindow(courier.shards, fetch)
    courier.gates[0].set()
    delivered = window.deliver(courier.matrices(0, 1))
    assert next(delivered).tensor == "0"
    with pytest.raises(HubUnreachableError):
        next(delivered)
    window.stop()


def test_a_stop_reaches_who_waits(tmp_path: Path) -> None:
    """Whoever waits for a shard that doesn't come is let go."""
    courier = Courier(tmp_path, 1)

    def fetch(shard: Shard, on_bytes: Callable[[int], None]) -> None:
        courier.asked[0].set()
        while not window.is_stopped:
            courier.gates[0].wait(0.01)
        raise Cancelled

    window = ShardWindow(courier.shards, fetch)
    delivered = window.deliver(courier.matrices(0))
    assert courier.asked[0].wait(WAIT_SECONDS)
    stopper = threading.Thread(target=window.stop)
    stopper.start()
    with pytest.raises(Cancelled):
        next(delivered)
    stopper.join()
