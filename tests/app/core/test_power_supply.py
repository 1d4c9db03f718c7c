"""Mains or battery, where a system tells."""

from __future__ import annotations

from types import SimpleNamespace

import psutil
import pytest

from app.core.power_supply import is_on_battery


@pytest.mark.parametrize(
    ("battery", "expected"),
    [
        (None, False),  # a computer without one
        (SimpleNamespace(power_plugged=None), False),  # one that doesn't tell
        (SimpleNamespace(power_plugged=True), False),
        (SimpleNamespace(power_plugged=False), True),
    ],
)
def test_only_a_battery_in_use_counts(
    monkeypatch: pytest.MonkeyPatch, battery: object, expected: bool
) -> None:
    """Nothing is claimed that isn't known."""
    monkeypatch.setattr(psutil, "sensors_battery", lambda: battery, raising=False)

    assert is_on_battery() is expected


def test_a_system_that_cannot_be_asked_is_on_mains(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some have no such function."""
    monkeypatch.delattr(psutil, "sensors_battery", raising=False)

    assert not is_on_battery()
