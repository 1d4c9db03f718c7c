"""Asks ggml's backends for their devices. A driver may hang or abort: do it in a child process.

Knows nothing of what the devices are for. Layouts and numbers: ggml-backend.h.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from model_io import ggml
from model_io.backends import load_backends
from model_io.computer import read_computer
from model_io.device_choice import FoundDevice, add_devices
from model_io.device_limits import largest_expert_bytes
from model_io.machine import Machine

_GPU, _INTEGRATED = 1, 2  # enum ggml_backend_dev_type
_MOST_DEVICES = 64
_NOTHING: Mapping[str, int] = MappingProxyType({})


class _Properties(ctypes.Structure):
    """`ggml_backend_dev_props`, with room for what a later version might add."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("description", ctypes.c_char_p),
        ("free_bytes", ctypes.c_size_t),
        ("total_bytes", ctypes.c_size_t),
        ("type", ctypes.c_int),
        ("device_id", ctypes.c_char_p),
        ("capabilities", ctypes.c_bool * 5),
        ("room", ctypes.c_char * 128),
    )


def read_machine(
    held: Mapping[str, int] = _NOTHING,
    ram_bandwidth: float | None = None,
    data: Path | None = None,
) -> Machine:
    """All that this computer has, with the memory that is free now.

    `held` are the bytes that an engine of ours has on devices, by their names, and in "RAM"; they
    count as free. Of the RAM only what isn't the pages of a mapped file, which the system counts
    as free anyway. `ram_bandwidth` is what was measured earlier, `data` the folder with the user's
    data, if it isn't the usual one. Raises NativeLibraryError.
    """
    refused = load_backends(data)
    problems = [str(problem) for problem in refused if problem.is_worth_a_notice]
    notes = tuple(str(problem) for problem in refused if not problem.is_worth_a_notice)
    machine = add_devices(read_computer(ram_bandwidth), find_devices(), held, problems)
    return replace(machine, notes=notes)


def find_devices() -> list[FoundDevice]:
    """Every GPU of every loaded backend, in ggml's order. Raises NativeLibraryError."""
    address = ctypes.c_void_p
    device_at = ggml.function("ggml_backend_dev_get", address, ctypes.c_size_t)
    count = ggml.function("ggml_backend_dev_count", ctypes.c_size_t)()
    devices = [device_at(index) for index in range(min(count, _MOST_DEVICES))]
    kind_of = ggml.function("ggml_backend_dev_type", ctypes.c_int, address)
    # Others are the processor itself and what helps it.
    return [_read(device) for device in devices if kind_of(device) in (_GPU, _INTEGRATED)]


def _read(device: int) -> FoundDevice:
    address = ctypes.c_void_p
    properties = _Properties()
    get_properties = ggml.function(
        "ggml_backend_dev_get_props", None, address, ctypes.POINTER(_Properties)
    )
    get_properties(device, ctypes.byref(properties))
    registry = ggml.function("ggml_backend_dev_backend_reg", address, address)(device)
    backend = ggml.function("ggml_backend_reg_name", ctypes.c_char_p, address)(registry)
    return FoundDevice(
        name=_text(properties.name),
        description=_text(properties.description),
        backend=_text(backend),
        total_bytes=properties.total_bytes,
        free_bytes=properties.free_bytes,
        is_integrated=properties.type == _INTEGRATED,
        device_id=_text(properties.device_id),
        largest_tensor_bytes=largest_expert_bytes(device),
    )


def _text(data: bytes | None) -> str:
    return (data or b"").decode("utf-8", "replace")
