"""A plan becomes the fields of llama.cpp's structures: devices, layers on each, experts in RAM.

The processor stands for a graphics card here: it is the one device that every computer has.
tests/end_to_end/test_offload.py loads with real ones.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import pytest
from llama_cpp import llama_cpp as native

from model_io import ggml
from model_io.errors import MissingDeviceError
from model_io.memory import Placement
from model_io.placing import Placing, find_device, honours_abort

NOTHING = Placement()


def fields(names: Sequence[str] = (), placement: Placement = NOTHING) -> tuple[Any, Placing]:
    """The structure with a placement's fields, and what it points at."""
    placing = Placing(placement, names)
    parameters = native.llama_model_default_params()
    placing.apply(parameters)
    return parameters, placing


def overrides(parameters: Any) -> list[tuple[bytes, int]]:  # noqa: ANN401
    """The patterns and buffer types, as llama.cpp reads them: up to an empty one."""
    found, place = [], parameters.tensor_buft_overrides
    while place and (pattern := ctypes.c_char_p.from_address(place).value):
        found.append((pattern, ctypes.c_void_p.from_address(place + 8).value or 0))
        place += 16
    return found


def test_without_devices_llama_cpp_gets_an_empty_list() -> None:
    """Not none at all: then it would take the first GPU, though for no layer."""
    parameters, _placing = fields()

    assert parameters.devices
    assert ctypes.c_void_p.from_address(parameters.devices).value is None
    assert parameters.n_gpu_layers == 0
    assert overrides(parameters) == []


def test_the_output_is_one_layer_more() -> None:
    """On the last device."""
    parameters, _placing = fields(["CPU", "CPU"], Placement((3, 5)))

    assert parameters.n_gpu_layers == 9
    assert parameters.tensor_split[:3] == [3.0, 6.0, 0.0]


def test_devices_are_listed_in_order_and_ended() -> None:
    """By their addresses in ggml's own registry."""
    parameters, _placing = fields(["CPU"], Placement((3,)))
    listed = (ctypes.c_void_p * 2).from_address(parameters.devices)

    assert list(listed) == [find_device("CPU"), None]


def test_experts_of_some_layers_stay_in_ram() -> None:
    """By one pattern, which means these layers and no others."""
    parameters, _placing = fields(["CPU"], Placement((32,), frozenset({1, 12})))
    in_ram = ggml.function("ggml_backend_cpu_buffer_type", ctypes.c_void_p)()

    assert overrides(parameters) == [
        (rb"blk\.(1|12)\.ffn_(gate|down|up)_exps\.weight", in_ram),
    ]


def test_several_devices_never_work_on_several_batches() -> None:
    """An override that means nothing switches that off; it would take four times the room."""
    parameters, _placing = fields(["CPU", "CPU"], Placement((3, 5)))

    assert [pattern for pattern, _ in overrides(parameters)] == [b"^none$"]


def test_a_device_that_is_gone_is_told() -> None:
    """By its name."""
    with pytest.raises(MissingDeviceError, match="Vulkan7 is no longer there"):
        Placing(Placement((3,)), ["Vulkan7"])


def test_a_stop_reaches_into_a_batch_on_the_cpu() -> None:
    """Its backend says so."""
    assert honours_abort([])
    assert honours_abort(["CPU"])
