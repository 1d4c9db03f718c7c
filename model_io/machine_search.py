"""Finds out what this computer has, in a process of its own with a limit of time.

A driver that hangs or breaks costs a sentence, and the GPUs. Knows nothing of what they are for.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import cast

from model_io.computer import read_computer
from model_io.device_choice import add_devices
from model_io.errors import ModelIOError, ProcessError
from model_io.jobs import DevicesJob
from model_io.machine import Machine
from model_io.preparation import TooLateError, finish

_NOTHING: Mapping[str, int] = MappingProxyType({})
_ALONE = "Octet uses the processor alone. Update the graphics driver, or restart the computer."


def find_machine(
    held: Mapping[str, int] = _NOTHING,
    timeout_seconds: float = 20.0,
    ram_bandwidth: float | None = None,
    data: Path | None = None,
) -> Machine:
    """All that this computer has; without its GPUs, and with the reason, if they can't be asked.

    `held` are the bytes that our engine has on devices and in RAM, which count as free; see
    `devices.read_machine`. `ram_bandwidth` is what was measured earlier; None measures it. `data`
    is the folder with the user's data, if it isn't the usual one. Takes a second or two, and
    little more than `timeout_seconds` at the most.
    """
    try:
        return cast(Machine, finish(DevicesJob(dict(held), ram_bandwidth, data), timeout_seconds))
    except TooLateError:
        problem = f"The graphics driver did not answer within {timeout_seconds:g} seconds. {_ALONE}"
    except ProcessError as error:
        problem = f"The graphics driver failed: {_say_how(error)}. {_ALONE}"
    except ModelIOError as error:
        problem = str(error)
    return add_devices(read_computer(ram_bandwidth), (), held, (problem,))


def _say_how(error: ProcessError) -> str:
    """The end of the process, which was not at work on a file."""
    before, _, how = error.problem.partition("the process that worked on it ")
    return f"the process that asked it {how}" if how else before
