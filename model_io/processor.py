"""The computer's processor: its name, and how many of its cores this process may use.

Knows nothing of memory or of GPUs.
"""

from __future__ import annotations

import ctypes
import os
import platform
import re
import sys
from contextlib import suppress
from pathlib import Path

import psutil

from model_io.control_groups import read_limits

_LONGEST_NAME = 80


def physical_cores() -> int:
    """How many cores this process may use: those it is allowed to, two threads of one count once.

    A share of processors (a container's) is rounded down: a thread too many would let all others
    wait for it.
    """
    physical = psutil.cpu_count(logical=False) or os.cpu_count() or 1
    allowed = _allowed_cores()
    share = read_limits().processors
    limits = [physical, allowed or physical, int(share) if share else physical]
    return max(1, min(limits))


def _allowed_cores(cores: Path = Path("/sys/devices/system/cpu")) -> int | None:
    if sys.platform != "linux":
        return None
    allowed = os.sched_getaffinity(0)
    return len({_siblings(cores / f"cpu{number}" / "topology", number) for number in allowed})


def _siblings(topology: Path, number: int) -> str:
    """The threads of one core, as the kernel lists them; its own number if it doesn't."""
    for name in ("core_cpus_list", "thread_siblings_list"):
        with suppress(OSError):
            return (topology / name).read_text().strip()
    return str(number)


def processor_name() -> str:
    """What its maker calls it, without the marks of law and trade; never empty."""
    return tidy(_raw_name()) or tidy(platform.machine()) or "unknown processor"


def tidy(name: str) -> str:
    """A processor's name as people say it.

    >>> tidy("Intel(R) Core(TM) i7-9750H CPU @ 2.60GHz")
    'Intel Core i7-9750H'
    >>> tidy("AMD Ryzen 7 7800X3D 8-Core Processor")
    'AMD Ryzen 7 7800X3D'
    """
    name = re.sub(r"\((r|tm|c)\)", "", name, flags=re.IGNORECASE)
    name = re.sub(r"@.*|\b(\d+|\w+)-core processor\b|\bcpu\b", "", name, flags=re.IGNORECASE)
    printable = "".join(letter if letter.isprintable() else " " for letter in name)
    return " ".join(printable.split())[:_LONGEST_NAME]


def _raw_name() -> str:
    with suppress(OSError, AttributeError):
        if sys.platform == "win32":
            return _windows_name()
        if sys.platform == "darwin":
            return _macos_name()
        return cpuinfo_name(Path("/proc/cpuinfo").read_text("utf-8", "replace"))
    return ""


def cpuinfo_name(cpuinfo: str) -> str:
    """The processor in the text of Linux's /proc/cpuinfo; empty on most ARM systems."""
    for key in ("model name", "Model", "Hardware", "cpu model"):
        found = re.search(rf"^{key}\s*:(.*)$", cpuinfo, re.MULTILINE)
        if found:
            return found[1]
    return ""


def _macos_name() -> str:
    text = ctypes.create_string_buffer(256)
    size = ctypes.c_size_t(len(text))
    name = b"machdep.cpu.brand_string"
    status = ctypes.CDLL(None).sysctlbyname(name, text, ctypes.byref(size), None, 0)
    return "" if status else text.value.decode("utf-8", "replace")


def _windows_name() -> str:
    if sys.platform == "win32":
        import winreg

        key = r"HARDWARE\DESCRIPTION\System\CentralProcessor\0"
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, key) as opened:
            return str(winreg.QueryValueEx(opened, "ProcessorNameString")[0])
    return ""
