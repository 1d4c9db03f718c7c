"""The estimate of the speed, against what was measured and by what must hold."""

from __future__ import annotations

import pytest

from model_io.machine import DeviceKind, Machine, Memory
from model_io.memory import Placement, Working
from model_io.speed import Pace, active_bytes, pace_of, seconds_per_token, speed_range
from tests.model_io.machines import card, mac, pc
from tests.model_io.random_models import real_shape

WORKING = Working(4096, 512)


def test_a_token_reads_attention_and_two_experts_of_each_layer() -> None:
    """13 of 47 billion weights."""
    share = active_bytes(real_shape("Q8_0")) / real_shape("Q8_0").weights_bytes
    assert share == pytest.approx(12.9 / 46.7, rel=0.02)


@pytest.mark.parametrize(("quant", "measured"), [("Q4_K_M", 48.8), ("Q6_K", 37.7), ("Q8_0", 34.2)])
def test_the_range_holds_what_was_measured(quant: str, measured: float) -> None:
    """Two layers of the real size on two cores of an EPYC whose memory reads 35.6 GB/s."""
    machine = Machine(Memory(2**34, 2**34, bandwidth=35.6e9), physical_cores=2)
    seconds = seconds_per_token(real_shape(quant, 2), Placement(), WORKING, pace_of(machine))
    low, high = speed_range(seconds)
    assert low < measured < high <= 2 * low


def test_each_expert_on_a_device_makes_it_quicker() -> None:
    """As long as the device reads its memory more quickly than the processor the RAM."""
    shape = real_shape("Q4_K_M")
    pace = Pace((500e9,), 40e9)
    placements = [Placement((32,), frozenset(range(count))) for count in (32, 16, 1, 0)]
    times = [seconds_per_token(shape, placement, WORKING, pace) for placement in placements]
    assert times == sorted(times, reverse=True)
    assert seconds_per_token(shape, Placement(), WORKING, Pace((), 40e9)) > times[0]


def test_a_small_cache_and_a_large_one_take_the_same_time() -> None:
    """What is read of it is what a usual chat fills, not its size."""
    shape, pace = real_shape("Q4_K_M"), Pace((), 40e9)
    times = {
        seconds_per_token(shape, Placement(), Working(tokens, 512), pace)
        for tokens in (4096, 32768)
    }
    assert len(times) == 1


def test_what_is_not_known_is_assumed() -> None:
    """Of each kind of device what the slower ones have."""
    unknown = card("NVIDIA Unheard Of", 24)
    assert unknown.kind is DeviceKind.CUDA
    assert 0 < pace_of(pc(32, unknown)).devices[0] < 400e9


def test_a_mac_has_its_own_bandwidth() -> None:
    """Published by its maker: 400 GB/s of an M1 Max."""
    assert pace_of(mac("Apple M1 Max", 64)).devices[0] == pytest.approx(0.6 * 400e9)
