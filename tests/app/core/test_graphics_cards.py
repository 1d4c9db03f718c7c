"""Cards are recognised by what Linux says of the PCI bus."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.core.graphics_cards import find_card_makers

GIB = 2**30


@pytest.fixture
def plug(tmp_path: Path) -> Path:
    """A bus with a network adapter and nothing else."""
    add(tmp_path, "0000:02:00.0", "0x10de", "0x020000")
    return tmp_path


def add(folder: Path, slot: str, vendor: str, kind: str, memory_bytes: int | None = None) -> None:
    """Plug a device in."""
    device = folder / slot
    device.mkdir()
    (device / "vendor").write_text(f"{vendor}\n")
    (device / "class").write_text(f"{kind}\n")
    if memory_bytes is not None:
        (device / "mem_info_vram_total").write_text(f"{memory_bytes}\n")


def test_nothing_but_cards_counts(plug: Path) -> None:
    """Nor does a folder that isn't there."""
    assert find_card_makers(plug) == ()
    assert find_card_makers(plug / "none") == ()


def test_cards_of_all_makers_are_seen_once(plug: Path) -> None:
    """In the order of the bus."""
    add(plug, "0000:01:00.0", "0x10de", "0x030000")
    add(plug, "0000:04:00.0", "0x10de", "0x030200")
    add(plug, "0000:05:00.0", "0x1002", "0x030000", 16 * GIB)
    add(plug, "0000:06:00.0", "0x8086", "0x038000")

    assert find_card_makers(plug) == ("NVIDIA", "AMD", "Intel")


def test_graphics_within_a_processor_are_no_card(plug: Path) -> None:
    """Intel's on the first bus, AMD's with hardly any memory of their own."""
    add(plug, "0000:00:02.0", "0x8086", "0x030000")
    add(plug, "0000:05:00.0", "0x1002", "0x030000", GIB // 2)
    add(plug, "0000:06:00.0", "0x1002", "0x030000")

    assert find_card_makers(plug) == ()


def test_other_makers_are_left_alone(plug: Path) -> None:
    """A server's simple display."""
    add(plug, "0000:03:00.0", "0x1a03", "0x030000")

    assert find_card_makers(plug) == ()
