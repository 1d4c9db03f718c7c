"""ggml's own list of devices, as far as a machine without a GPU has one."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

import pytest

from model_io import devices, ggml
from model_io.backends import BackendProblem
from model_io.device_choice import FoundDevice
from model_io.devices import find_devices, read_machine

GIB = 2**30


def test_the_processor_is_no_gpu() -> None:
    """No backend module is loaded in this process, and the build has the CPU's only."""
    assert not [device for device in find_devices() if device.backend == "CPU"]


def test_a_device_is_read_as_ggml_describes_it() -> None:
    """The CPU stands for all: each field is what another function of ggml says, too."""
    address, text = ctypes.c_void_p, ctypes.c_char_p
    processor = ggml.function("ggml_backend_dev_by_type", address, ctypes.c_int)(0)
    found = devices._read(processor)
    description = ggml.function("ggml_backend_dev_description", text, address)(processor)
    total_bytes = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert found == FoundDevice("CPU", description.decode(), "CPU", total_bytes, total_bytes)


def test_what_is_found_becomes_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what our engine holds, and the bandwidth that was measured earlier."""
    card = FoundDevice("CUDA0", "card", "CUDA", 8 * GIB, 5 * GIB)
    monkeypatch.setattr(devices, "find_devices", lambda: [card])
    monkeypatch.setattr(devices, "load_backends", lambda data: ())
    machine = read_machine({"CUDA0": GIB}, ram_bandwidth=7e9)
    assert [device.free_bytes for device in machine.devices] == [6 * GIB]
    assert machine.ram.bandwidth == 7e9
    assert machine.processor
    assert (machine.problems, machine.notes) == ((), ())


def test_a_missing_driver_is_a_note_and_a_broken_module_a_problem(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody is told unasked that there is no card."""
    refused = (
        BackendProblem(Path("a"), "a is old.", is_worth_a_notice=True),
        BackendProblem(Path("b"), "b has no driver.", is_worth_a_notice=False),
    )
    monkeypatch.setattr(devices, "find_devices", list)
    monkeypatch.setattr(devices, "load_backends", lambda data: refused)
    machine = read_machine(ram_bandwidth=7e9)
    assert (machine.problems, machine.notes) == (("a is old.",), ("b has no driver.",))
