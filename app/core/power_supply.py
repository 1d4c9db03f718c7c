"""Whether this computer runs on its battery, which makes processors slower."""

from __future__ import annotations

import psutil


def is_on_battery() -> bool:
    """Whether it does now; False where nobody can tell."""
    ask = getattr(psutil, "sensors_battery", None)  # not on every system
    battery = ask() if ask is not None else None
    return battery is not None and battery.power_plugged is False
