"""Looks at the computer that the engine runs on: devices, free memory, how quick the memory is.

Asking a driver may hang or end the process, which is one reason why the engine has its own. Knows
nothing of models.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import psutil

from app.core.errors import EngineError
from model_io.bandwidth import measure_bandwidth
from model_io.computer import read_computer
from model_io.devices import read_machine
from model_io.errors import NativeLibraryError
from model_io.machine import Machine
from model_io.records import Records

_UNKNOWN = 0.0


class Surroundings:
    """The computer, as it is whenever it is looked at."""

    def __init__(
        self, *, uses_gpus: bool, records: Records | None = None, data: Path | None = None
    ) -> None:
        """Without `uses_gpus` no driver is asked; `records` keep the bandwidth from run to run.

        `data` is the folder with the user's data, where modules of backends may be.
        """
        self._uses_gpus = uses_gpus
        self._data = data
        self._records = records

    def look(self) -> Machine:
        """All there is, with the memory that is free now. Raises EngineError."""
        computer = read_computer(_UNKNOWN)
        known = self._records.recall_bandwidth(computer) if self._records else None
        if known is None:
            known = _measure_once()
            self._keep(computer, known)
        return self._read(known)

    def look_anew(self) -> Machine:
        """The same with the RAM's bandwidth measured now, for a third of a second."""
        computer = read_computer(_UNKNOWN)
        bandwidth = measure_bandwidth(computer.physical_cores, computer.ram.free_bytes)
        self._keep(computer, bandwidth)
        return self._read(bandwidth)

    def _read(self, bandwidth: float | None) -> Machine:
        try:
            if self._uses_gpus:
                machine = read_machine(ram_bandwidth=bandwidth or _UNKNOWN, data=self._data)
            else:
                machine = read_computer(bandwidth or _UNKNOWN)
        except NativeLibraryError as error:
            raise EngineError(str(error)) from error
        return replace(machine, ram=replace(machine.ram, bandwidth=bandwidth))

    def _keep(self, computer: Machine, bandwidth: float | None) -> None:
        if self._records is not None and bandwidth is not None:
            self._records.remember_bandwidth(computer, bandwidth)


@cache
def _measure_once() -> float | None:
    """Measured once in a process that has no records: models may be loaded often."""
    computer = read_computer(_UNKNOWN)
    return measure_bandwidth(computer.physical_cores, computer.ram.free_bytes)


def swapped_bytes() -> int:
    """How much of this process the system has put into swap; 0 where it doesn't say."""
    try:
        return int(getattr(psutil.Process().memory_full_info(), "swap", 0))
    except (psutil.Error, OSError):
        return 0
