"""The computer's own memory, and what a container may have of it."""

from __future__ import annotations

import warnings

import psutil
import pytest

from model_io import system_memory
from model_io.control_groups import Limits
from model_io.machine import Memory
from model_io.system_memory import limit_memory, read_memory

GIB = 2**30
WHOLE = Memory(64 * GIB, 40 * GIB, 8 * GIB, 6 * GIB, bandwidth=5e10)


def test_the_system_says_how_much_there_is() -> None:
    """The real figures: psutil's, as far as this process may have them."""
    memory = read_memory()
    assert 0 < memory.free_bytes <= memory.total_bytes <= psutil.virtual_memory().total
    assert 0 <= memory.swap_free_bytes <= memory.swap_total_bytes


def test_no_limits_change_nothing() -> None:
    """The bandwidth included."""
    assert limit_memory(WHOLE, Limits()) == WHOLE


def test_a_container_has_what_it_was_given() -> None:
    """8 GB of 64, of which one is taken."""
    limits = Limits(memory_bytes=8 * GIB, free_bytes=7 * GIB, swap_bytes=GIB, swap_free_bytes=0)
    assert limit_memory(WHOLE, limits) == Memory(8 * GIB, 7 * GIB, GIB, 0, bandwidth=5e10)


def test_a_limit_that_is_not_reached_gives_no_more_than_there_is() -> None:
    """A container of 100 GB on this computer."""
    assert limit_memory(WHOLE, Limits(100 * GIB, 90 * GIB, 100 * GIB, 100 * GIB)) == WHOLE


def test_never_more_is_free_than_there_is() -> None:
    """Whatever the system says."""
    assert limit_memory(Memory(GIB, 2 * GIB, 1, 2), Limits()) == Memory(GIB, GIB, 1, 1)


@pytest.mark.parametrize("error", [OSError("counters"), RuntimeError("PdhAddEnglishCounterW")])
def test_swap_that_can_not_be_read_is_none(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows whose performance counters are broken."""

    def refuse() -> None:
        raise error

    monkeypatch.setattr(psutil, "swap_memory", refuse)
    assert system_memory._read_swap() == (0, 0)


def test_psutils_complaint_about_counters_is_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """It warns where /proc/vmstat is missing; warnings are errors in these tests."""
    whole = psutil.swap_memory()

    def complain() -> object:
        warnings.warn("'sin' and 'sout' couldn't be determined", RuntimeWarning, stacklevel=2)
        return whole

    monkeypatch.setattr(psutil, "swap_memory", complain)
    assert system_memory._read_swap() == (whole.total, whole.free)
