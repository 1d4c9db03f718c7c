"""The values that a computer is described with."""

from __future__ import annotations

from model_io.machine import Device, DeviceKind, Machine, Memory

CARD = Device("CUDA0", "card", DeviceKind.CUDA, 24 * 2**30, 20 * 2**30)
MACHINE = Machine(Memory(2**35, 2**34), (CARD,), "processor", 8, ("first",))


def test_without_gpus_only_these_are_gone() -> None:
    """And the reason comes last."""
    alone = MACHINE.without_gpus("second")
    assert alone == Machine(MACHINE.ram, (), "processor", 8, ("first", "second"))


def test_no_reason_is_no_problem() -> None:
    """An empty sentence isn't kept."""
    assert MACHINE.without_gpus().problems == ("first",)
