"""Devices and memory as words of a command line."""

from __future__ import annotations

import argparse

import pytest

from model_io.machine import Device, DeviceKind
from model_io.machine_arguments import (
    MachineArgumentError,
    number_devices,
    parse_device,
    parse_ram,
)


@pytest.mark.parametrize(
    ("text", "device"),
    [
        ("cuda:200:100", Device("CUDA", "CUDA", DeviceKind.CUDA, 200, 100)),
        ("VULKAN:8:8", Device("Vulkan", "Vulkan", DeviceKind.VULKAN, 8, 8)),
        ("hip:8:0", Device("ROCm", "ROCm", DeviceKind.HIP, 8, 0)),
        ("metal:8:8", Device("Metal", "Metal", DeviceKind.METAL, 8, 8, is_unified=True)),
        (f"cuda:{2**50}:1", Device("CUDA", "CUDA", DeviceKind.CUDA, 2**50, 1)),
    ],
)
def test_a_device_is_a_kind_and_two_sizes(text: str, device: Device) -> None:
    """Of unknown bandwidth; Metal's memory is the computer's own."""
    assert parse_device(text) == device


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "'' is not KIND:TOTAL:FREE"),
        ("cuda", "'cuda' is not KIND:TOTAL:FREE, with sizes in bytes"),
        ("cuda:8", "is not KIND:TOTAL:FREE"),
        ("cuda:8:8:8", "is not KIND:TOTAL:FREE"),
        ("rocm:8:8", "'rocm' is no kind of device; known are cuda, vulkan, hip, metal"),
        ("cpu:8:8", "no kind of device"),
        ("cuda:0:0", "'cuda:0:0' is a device without memory"),
        ("cuda:8:9", "'cuda:8:9' has more memory free than in all"),
        ("cuda:8:-1", "'-1' is no whole number of bytes"),
        ("cuda:8:1.5", "'1.5' is no whole number"),
        ("cuda:8GB:1", "'8GB' is no whole number"),
        ("cuda:8: 1", "' 1' is no whole number"),
        ("cuda:8:1_0", "'1_0' is no whole number"),
        ("cuda:٨:1", "is no whole number"),
        ("cuda::", "'' is no whole number"),
        (f"cuda:{2**50 + 1}:1", f"'{2**50 + 1}' bytes are more than any computer has"),
        (f"cuda:{'9' * 10**6}:1", "is no whole number of bytes"),
    ],
)
def test_anything_else_gets_a_clause(text: str, words: str) -> None:
    """A short one, however long the text is."""
    with pytest.raises(MachineArgumentError) as caught:
        parse_device(text)
    assert words in str(caught.value)
    assert len(str(caught.value)) < 200


def test_argparse_prints_the_clause(capsys: pytest.CaptureFixture[str]) -> None:
    """Not "invalid parse_device value"."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", type=parse_device, action="append")
    with pytest.raises(SystemExit):
        parser.parse_args(["--device", "cuda:8:9"])
    assert "argument --device: 'cuda:8:9' has more memory free than" in capsys.readouterr().err


def test_ram_is_a_number_of_bytes() -> None:
    """The free ones."""
    assert parse_ram("34359738368") == 2**35


@pytest.mark.parametrize("text", ["0", "-1", "", "32GB", str(2**51), "1e9"])
def test_no_other_amount_of_ram_is_understood(text: str) -> None:
    """Each is an error with a sentence; a ValueError, too."""
    with pytest.raises(ValueError, match=r"bytes|RAM"):
        parse_ram(text)


def test_devices_are_counted_by_kind() -> None:
    """In the order in which they were named; ggml counts in the same way."""
    texts = ["cuda:9:9", "vulkan:8:8", "cuda:7:7", "metal:6:6", "metal:5:5"]
    numbered = number_devices(map(parse_device, texts))
    assert [device.name for device in numbered] == ["CUDA0", "Vulkan0", "CUDA1", "Metal", "Metal1"]
    assert [device.total_bytes for device in numbered] == [9, 8, 7, 6, 5]
