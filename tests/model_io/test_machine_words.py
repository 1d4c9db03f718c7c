"""A computer in words and in JSON."""

from __future__ import annotations

import json

from model_io.machine import Device, DeviceKind, Machine, Memory
from model_io.machine_words import describe_machine, machine_values

GIB = 2**30
MACHINE = Machine(
    ram=Memory(64 * GIB, 48 * GIB, 8 * GIB, 4 * GIB, bandwidth=51.4e9),
    devices=(
        Device("CUDA0", "NVIDIA X", DeviceKind.CUDA, 24 * GIB, 23 * GIB, bandwidth=1008e9),
        Device("Vulkan10", "Y", DeviceKind.VULKAN, 32 * GIB, 30 * GIB, is_unified=True),
    ),
    processor="Processor Z",
    physical_cores=8,
    problems=("Something is wrong.",),
    notes=("Something isn't there.",),
)


def test_a_machine_is_a_few_aligned_lines() -> None:
    """Memory in 2³⁰ bytes, bandwidth in 10⁹; what isn't known isn't mentioned."""
    assert describe_machine(MACHINE).splitlines() == [
        "processor  Processor Z, 8 cores",
        "RAM          48.0 GB free of   64.0 GB, 51 GB/s",
        "swap          4.0 GB free of    8.0 GB",
        "CUDA0        23.0 GB free of   24.0 GB, 1008 GB/s  NVIDIA X (cuda)",
        "Vulkan10     30.0 GB free of   32.0 GB, of the RAM  Y (vulkan)",
        "Something is wrong.",
        "Something isn't there.",
    ]


def test_a_plain_machine_says_what_it_lacks() -> None:
    """No GPU, no swap, one core."""
    assert describe_machine(Machine(Memory(GIB, 0), processor="P")).splitlines() == [
        "processor  P, one core",
        "RAM           0.0 GB free of    1.0 GB",
        "swap       none",
        "GPU        none that Octet can use",
    ]


def test_the_values_are_bytes_with_their_units() -> None:
    """All that the sentences say, and nothing that JSON can't hold."""
    values = json.loads(json.dumps(machine_values(MACHINE)))
    assert values["ram"] == {
        "total_bytes": 64 * GIB,
        "free_bytes": 48 * GIB,
        "swap_total_bytes": 8 * GIB,
        "swap_free_bytes": 4 * GIB,
        "bandwidth_bytes_per_second": 51.4e9,
    }
    assert values["devices"][1] == {
        "name": "Vulkan10",
        "description": "Y",
        "kind": "vulkan",
        "total_bytes": 32 * GIB,
        "free_bytes": 30 * GIB,
        "is_unified": True,
        "bandwidth_bytes_per_second": None,
        "largest_tensor_bytes": None,
    }
    assert (values["processor"], values["physical_cores"]) == ("Processor Z", 8)
    assert (values["problems"], values["notes"]) == (
        ["Something is wrong."],
        ["Something isn't there."],
    )


def test_the_processor_is_the_last_device() -> None:
    """With the RAM as its memory."""
    *_, last = machine_values(MACHINE)["devices"]
    assert last == {
        "name": "CPU",
        "description": "Processor Z",
        "kind": "cpu",
        "total_bytes": 64 * GIB,
        "free_bytes": 48 * GIB,
        "is_unified": True,
        "bandwidth_bytes_per_second": 51.4e9,
        "largest_tensor_bytes": None,
    }
