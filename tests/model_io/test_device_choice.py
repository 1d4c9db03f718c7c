"""Which devices a computer's GPUs are, judged by what drivers say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_io.device_choice import MOST_BYTES, FoundDevice, add_devices
from model_io.machine import Device, DeviceKind, Machine, Memory

GIB = 2**30
COMPUTER = Machine(Memory(32 * GIB, 20 * GIB, bandwidth=5e10), processor="some", physical_cores=8)
CARD = FoundDevice("CUDA0", "NVIDIA GeForce RTX 4090", "CUDA", 24 * GIB, 22 * GIB)
RADEON = FoundDevice("Vulkan0", "AMD Radeon RX 7600 (RADV NAVI33)", "Vulkan", 8 * GIB, 7 * GIB)
INTEGRATED = FoundDevice(
    "Vulkan0", "Intel(R) UHD Graphics 770", "Vulkan", 24 * GIB, 23 * GIB, is_integrated=True
)
MAC = FoundDevice("MTL0", "Apple M1 Max", "MTL", 24 * GIB, 24 * GIB)


def add(*found: FoundDevice, held: Mapping[str, int] | None = None) -> Machine:
    """The computer with these devices."""
    return add_devices(COMPUTER, found, held or {})


def names(*found: FoundDevice) -> list[str]:
    """Of the devices that are chosen, in their order."""
    return [device.name for device in add(*found).devices]


def test_a_card_is_described_as_its_driver_does() -> None:
    """With the bandwidth that its maker publishes; the rest of the computer stays as it is."""
    device = Device(
        "CUDA0", "NVIDIA GeForce RTX 4090", DeviceKind.CUDA, 24 * GIB, 22 * GIB, bandwidth=1008e9
    )
    assert add(CARD) == replace(COMPUTER, devices=(device,))


@pytest.mark.parametrize(
    ("backend", "kind"),
    [
        ("CUDA", DeviceKind.CUDA),
        ("ROCm", DeviceKind.HIP),
        ("MTL", DeviceKind.METAL),
        ("Vulkan", DeviceKind.VULKAN),
        ("SYCL", DeviceKind.OTHER),
        ("", DeviceKind.OTHER),
    ],
)
def test_a_registrys_name_is_a_kind(backend: str, kind: DeviceKind) -> None:
    """Those of ggml's headers."""
    assert add(replace(CARD, backend=backend)).devices[0].kind is kind


@pytest.mark.parametrize(
    ("total_bytes", "words"),
    [
        (0, "CUDA0 (NVIDIA GeForce RTX 4090) reports no memory. Octet does without it."),
        (-1, "reports no memory"),
        (MOST_BYTES, "reports more memory than there can be. Octet does without it."),
        (2**64 - 1, "reports more memory than there can be"),
    ],
)
def test_a_device_of_an_impossible_size_is_left_out(total_bytes: int, words: str) -> None:
    """With a sentence; the others stay."""
    machine = add(replace(CARD, total_bytes=total_bytes), RADEON)
    assert [device.name for device in machine.devices] == ["Vulkan0"]
    (problem,) = machine.problems
    assert words in problem


@pytest.mark.parametrize(
    ("free_bytes", "counted", "word"),
    [(25 * GIB, 24 * GIB, "all"), (2**64 - GIB, 0, "none"), (-1, 0, "none")],
)
def test_more_free_than_there_is_gets_corrected(free_bytes: int, counted: int, word: str) -> None:
    """A driver over its budget counts below zero, which looks like a huge number."""
    machine = add(replace(CARD, free_bytes=free_bytes))
    assert machine.devices[0].free_bytes == counted
    (problem,) = machine.problems
    assert problem == (
        "CUDA0 (NVIDIA GeForce RTX 4090) reports more free memory than it has. "
        f"Octet counts {word} of it as free."
    )


def test_a_full_card_is_no_problem() -> None:
    """Other programs have all of it."""
    machine = add(replace(CARD, free_bytes=0))
    assert (machine.devices[0].free_bytes, machine.problems) == (0, ())


def test_a_name_stays_on_its_line() -> None:
    """A driver's text ends up in a terminal, and may be long."""
    odd = replace(CARD, name="", description="a\x1b[31m\nb" + "c" * 500)
    (device,) = add(odd).devices
    assert device.name == "unnamed"
    assert device.description.isprintable()
    assert len(device.description) <= 100


def test_integrated_graphics_take_of_the_ram() -> None:
    """No more than is free there, and as quickly as it is read."""
    (device,) = add(INTEGRATED).devices
    assert device.is_unified
    assert (device.total_bytes, device.free_bytes) == (24 * GIB, 20 * GIB)
    assert device.bandwidth == COMPUTER.ram.bandwidth


def test_shared_memory_is_never_more_than_the_ram() -> None:
    """Some drivers add up all heaps."""
    (device,) = add(replace(INTEGRATED, total_bytes=48 * GIB)).devices
    assert device.total_bytes == 32 * GIB


def test_a_known_chip_is_quicker_than_what_the_processor_reads() -> None:
    """Its maker's figure counts."""
    strix = replace(INTEGRATED, description="AMD Radeon 8060S Graphics (RADV GFX1151)")
    assert add(strix).devices[0].bandwidth == 256e9


@pytest.mark.parametrize("free_bytes", [0, 3 * GIB, 24 * GIB, 2**64 - 1])
def test_metal_is_not_asked_what_is_free(free_bytes: int) -> None:
    """It counts only the asking process: the RAM's figure bounds its limit."""
    machine = add(replace(MAC, free_bytes=free_bytes))
    (device,) = machine.devices
    assert (device.total_bytes, device.free_bytes) == (24 * GIB, 20 * GIB)
    assert (device.is_unified, device.bandwidth) == (True, 400e9)
    assert machine.problems == ()


def test_metals_limit_bounds_what_is_free() -> None:
    """Though more RAM is free."""
    assert add(replace(MAC, total_bytes=10 * GIB)).devices[0].free_bytes == 10 * GIB


def test_an_old_macs_card_has_memory_of_its_own() -> None:
    """Metal drives it too."""
    assert not add(replace(MAC, description="AMD Radeon Pro 5500M")).devices[0].is_unified


def test_what_the_engine_holds_counts_as_free() -> None:
    """Of each memory under its name; names of nothing count nowhere."""
    machine = add(CARD, held={"CUDA0": GIB, "RAM": 2 * GIB, "CUDA7": 9 * GIB})
    assert machine.devices[0].free_bytes == 23 * GIB
    assert machine.ram.free_bytes == 22 * GIB


def test_no_more_becomes_free_than_there_is() -> None:
    """And what is less than nothing takes nothing away."""
    machine = add(CARD, held={"CUDA0": 2**60, "RAM": 2**60})
    assert machine.devices[0].free_bytes == 24 * GIB
    assert machine.ram.free_bytes == 32 * GIB
    assert add(CARD, held={"CUDA0": -GIB, "RAM": -GIB}) == add(CARD)


def test_what_the_engine_holds_in_shared_memory_is_ram() -> None:
    """Metal's budget: the least of its limit and the free RAM with what the engine holds."""
    machine = add(MAC, held={"MTL0": 3 * GIB, "RAM": GIB / 2})
    assert machine.ram.free_bytes == 23.5 * GIB
    assert machine.devices[0].free_bytes == 23.5 * GIB


def test_a_gpu_of_two_backends_counts_once() -> None:
    """By its place on the bus, whatever it is called: the maker's own backend drives it."""
    vulkan = FoundDevice("Vulkan0", "NVIDIA 4090", "Vulkan", 24 * GIB, 22 * GIB, False, "0000:01")
    assert names(vulkan, replace(CARD, device_id="0000:01")) == ["CUDA0"]
    assert names(vulkan, replace(CARD, device_id="0000:01-v0")) == ["CUDA0"]


def test_two_like_cards_in_different_places_are_two() -> None:
    """Only one of them is the maker's backend allowed to see."""
    vulkan = replace(CARD, name="Vulkan1", backend="Vulkan", device_id="0000:02")
    assert names(replace(CARD, device_id="0000:01"), vulkan) == ["CUDA0", "Vulkan1"]


def test_without_a_place_the_name_decides() -> None:
    """Each driver writes it its own way."""
    vulkan = replace(CARD, name="Vulkan0", backend="Vulkan", description="GeForce RTX 4090 (NVK)")
    assert names(vulkan, replace(CARD, device_id="0000:01")) == ["CUDA0"]
    hip = replace(RADEON, name="ROCm0", backend="ROCm", description="AMD Radeon RX 7600")
    assert names(RADEON, hip) == ["ROCm0"]


def test_there_is_one_integrated_gpu() -> None:
    """Two backends that don't say where it is are taken to see the same."""
    hip = replace(INTEGRATED, name="ROCm0", backend="ROCm", description="gfx1103")
    assert names(INTEGRATED, hip) == ["ROCm0"]


def test_what_a_backend_lists_twice_was_asked_for_twice() -> None:
    """As the tests do, to have two devices of the software driver."""
    assert names(RADEON, replace(RADEON, name="Vulkan1")) == ["Vulkan0", "Vulkan1"]


def test_a_broken_maker_s_backend_leaves_the_card_to_the_other() -> None:
    """What is left out for its figures hides no other."""
    vulkan = replace(CARD, name="Vulkan0", backend="Vulkan")
    assert names(replace(CARD, total_bytes=0), vulkan) == ["Vulkan0"]


def test_own_memory_comes_before_the_rams() -> None:
    """Though the integrated GPU has more of it, and ggml lists it first."""
    assert names(INTEGRATED, replace(RADEON, name="Vulkan1")) == ["Vulkan1", "Vulkan0"]


def test_the_quickest_card_comes_first() -> None:
    """As many layers as fit belong there, though the other has more memory."""
    large = replace(RADEON, total_bytes=48 * GIB, free_bytes=48 * GIB)
    assert names(large, CARD) == ["CUDA0", "Vulkan0"]


def test_among_equals_the_emptier_card_comes_first() -> None:
    """And where one isn't known, no speed counts."""
    assert names(CARD, replace(CARD, name="CUDA1", free_bytes=23 * GIB)) == ["CUDA1", "CUDA0"]
    new = replace(CARD, name="CUDA1", description="RTX 9090", free_bytes=21 * GIB)
    assert names(new, CARD) == ["CUDA0", "CUDA1"]
    assert names(CARD, replace(new, free_bytes=23 * GIB)) == ["CUDA1", "CUDA0"]


def test_equals_stay_in_ggmls_order() -> None:
    """So that Vulkan0 is the first of two."""
    assert names(RADEON, replace(RADEON, name="Vulkan1")) == ["Vulkan0", "Vulkan1"]


def test_earlier_problems_come_first() -> None:
    """What the backends' search said, then what the devices said."""
    machine = add_devices(COMPUTER, [replace(CARD, total_bytes=0)], {}, ["module is old."])
    assert machine.problems[0] == "module is old."
    assert len(machine.problems) == 2


SIZES = st.integers(-1, 2**64 - 1) | st.integers(0, 64 * GIB)
FOUND = st.builds(
    FoundDevice,
    name=st.sampled_from(["CUDA0", "Vulkan0", "MTL0", ""]),
    description=st.sampled_from(["NVIDIA GeForce RTX 4090", "Apple M3 Max", ""]) | st.text(),
    backend=st.sampled_from(["CUDA", "ROCm", "Vulkan", "MTL", "SYCL"]),
    total_bytes=SIZES,
    free_bytes=SIZES,
    is_integrated=st.booleans(),
    device_id=st.sampled_from(["", "0000:01:00.0", "0000:01:00.0-v1"]),
)


@given(
    found=st.lists(FOUND, max_size=6),
    held=st.dictionaries(st.sampled_from(["CUDA0", "Vulkan0", "MTL0", "RAM", "?"]), SIZES),
)
def test_no_driver_can_promise_too_much(found: list[FoundDevice], held: dict[str, int]) -> None:
    """Whatever it says, no more is free than there is, nor shared than the RAM has free."""
    machine = add_devices(COMPUTER, found, held)
    assert 20 * GIB <= machine.ram.free_bytes <= machine.ram.total_bytes
    for device in machine.devices:
        assert 0 <= device.free_bytes <= device.total_bytes < MOST_BYTES
        assert not device.is_unified or device.free_bytes <= machine.ram.free_bytes
        assert f"{device.name}{device.description}".isprintable()
