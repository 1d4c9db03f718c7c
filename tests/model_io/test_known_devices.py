"""What the makers say about their GPUs' memory, found by what drivers call these."""

from __future__ import annotations

import pytest

from model_io.known_devices import _TABLE, _bandwidths, known_bandwidth, plain_name


@pytest.mark.parametrize(
    ("description", "gigabytes", "expected"),
    [
        # CUDA, and Vulkan on NVIDIA's driver and on Mesa's
        ("NVIDIA GeForce RTX 4090", 24, 1008),
        ("NVIDIA GeForce RTX 3060 (NVK GA106)", 12, 360),
        ("NVIDIA RTX 6000 Ada Generation", 48, 960),
        ("Quadro RTX 6000", 24, 672),
        ("NVIDIA RTX A6000", 48, 768),
        ("NVIDIA RTX PRO 6000 Blackwell Max-Q Workstation Edition", 96, 1792),
        ("NVIDIA H100 80GB HBM3", 80, 3352),
        ("NVIDIA H100 PCIe", 80, 2039),
        ("NVIDIA H200", 140, 4800),
        ("NVIDIA A100-SXM4-80GB", 80, 2039),
        ("NVIDIA A100-PCIE-40GB", 40, 1555),
        ("NVIDIA A100 80GB PCIe", 80, 1935),
        ("Tesla V100-SXM2-16GB", 16, 900),
        ("Tesla T4", 15, 320),
        ("NVIDIA L40S", 45, 864),
        # ROCm, RADV, AMD's own driver on Windows
        ("AMD Radeon RX 7900 XTX", 24, 960),
        ("Radeon RX 7900 XTX", 24, 960),
        ("AMD Radeon RX 7900 XTX (RADV NAVI31)", 24, 960),
        ("AMD Radeon(TM) RX 6800 XT", 16, 512),
        ("AMD Instinct MI300X", 192, 5300),
        ("AMD Radeon 8060S Graphics (RADV GFX1151)", 96, 256),
        # Intel on Windows and on Mesa, Apple
        ("Intel(R) Arc(TM) A770 Graphics", 16, 560),
        ("Intel(R) Arc(tm) A770 Graphics (DG2)", 8, 512),
        ("Intel(R) Arc(TM) B580 Graphics", 12, 456),
        ("Apple M1", 16, 68),
        ("Apple M2 Ultra", 192, 800),
        ("Apple M1 (dev p0/v1)", 16, 68),
    ],
)
def test_each_drivers_spelling_is_understood(
    description: str, gigabytes: int, expected: int
) -> None:
    """In 10⁹ bytes a second."""
    assert known_bandwidth(description, gigabytes * 2**30) == expected * 1e9


def test_names_that_begin_alike_are_different_cards() -> None:
    """Each has another chip or another bus."""
    names = ("4070", "4070 SUPER", "4070 Ti SUPER", "4070 Laptop GPU")
    found = [known_bandwidth(f"NVIDIA GeForce RTX {name}", 12 * 2**30) for name in names]
    assert found == [480e9, 504e9, 672e9, 256e9]


@pytest.mark.parametrize(
    "description",
    [
        "NVIDIA GeForce RTX 4070 Ti Laptop GPU",
        "NVIDIA GeForce RTX 2070 with Max-Q Design",
        "NVIDIA GeForce RTX 9090",
        "AMD Radeon Graphics (RADV RAPHAEL_MENDOCINO)",
        "Intel(R) UHD Graphics 770 (ADL-S GT1)",
        "llvmpipe (LLVM 15.0.6, 256 bits)",
        "Apple Paravirtual device",
        "",
        "(((",
    ],
)
def test_what_is_not_known_is_not_guessed(description: str) -> None:
    """None, also for a laptop's chip whose desktop namesake is known."""
    assert known_bandwidth(description, 8 * 2**30) is None


@pytest.mark.parametrize(
    ("description", "gigabytes", "expected"),
    [
        ("NVIDIA GeForce RTX 3080", 9.77, 760),
        ("NVIDIA GeForce RTX 3080", 11.99, 912),
        ("NVIDIA GeForce RTX 3050", 6, 168),
        ("Apple M3 Max", 36, 300),
        ("Apple M3 Max", 64, 400),
        ("Apple M4 Max", 36, 410),
        ("Apple M4 Max", 128, 546),
    ],
)
def test_one_name_for_several_cards_is_told_apart_by_size(
    description: str, gigabytes: float, expected: int
) -> None:
    """A driver reports a little less than what is soldered in."""
    assert known_bandwidth(description, int(gigabytes * 2**30)) == expected * 1e9


def test_a_size_that_no_such_card_has_is_not_known() -> None:
    """Another RTX 3060 than the two there are."""
    assert known_bandwidth("NVIDIA GeForce RTX 3060", 10 * 2**30) is None


def test_the_table_names_nothing_twice() -> None:
    """And spells all names as they are looked up, with figures that memory can have."""
    lines = [line.split(None, 1) for line in _TABLE.splitlines() if line]
    names = [name.strip() for _, rest in lines for name in rest.split(",")]
    assert len(names) == len(set(names)) == len(_bandwidths())
    assert [plain_name(name) for name in names] == names
    assert all(60e9 < figure <= 8000e9 for figure in _bandwidths().values())
