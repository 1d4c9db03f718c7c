"""Which graphics cards are plugged into this computer, whether or not a driver serves them.

Asks Linux's list of PCI devices, and nowhere else: elsewhere nothing is known. Knows nothing of
ggml, whose devices are those that a backend can really use.
"""

from __future__ import annotations

from pathlib import Path

PCI_FOLDER = Path("/sys/bus/pci/devices")

_DISPLAY_CLASS = "0x03"
_MAKERS = {"0x10de": "NVIDIA", "0x1002": "AMD", "0x8086": "Intel"}
_LEAST_BYTES = 2 * 2**30
"""Of its own memory; what has less is part of a processor."""


def find_card_makers(folder: Path = PCI_FOLDER) -> tuple[str, ...]:
    """The makers of the cards with a memory of their own, each once; empty if none can be seen."""
    makers: dict[str, None] = {}
    try:
        devices = sorted(folder.iterdir())
    except OSError:
        return ()
    for device in devices:
        maker = _MAKERS.get(_read(device / "vendor"))
        is_display = _read(device / "class").startswith(_DISPLAY_CLASS)
        if maker and is_display and _has_own_memory(device, maker):
            makers[maker] = None
    return tuple(makers)


def _has_own_memory(device: Path, maker: str) -> bool:
    if maker == "AMD":
        total = _read(device / "mem_info_vram_total")  # written by the driver amdgpu
        return total.isdigit() and int(total) >= _LEAST_BYTES
    # Intel's graphics within a processor are always on the first bus.
    return maker == "NVIDIA" or not device.name.startswith("0000:00:")


def _read(path: Path) -> str:
    try:
        return path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""
