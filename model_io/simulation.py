"""Lets llama.cpp simulate a load: what it would take for computing, without a byte of weights.

The model is made of a GGUF header alone (`llama_model_init_from_user` with `no_alloc`), so no file
of the model's size has to exist. Takes a tenth of a second. It may meet a driver that hangs or
aborts: do it in a child process.
"""

from __future__ import annotations

import ctypes
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from model_io import ggml
from model_io.buffer_lines import read_buffers
from model_io.errors import SimulationError
from model_io.memory import Placement, Working
from model_io.model_shape import ModelShape
from model_io.native_log import NativeLog
from model_io.placing import Placing, context_parameters


@dataclass(frozen=True, slots=True)
class Simulation:
    """The room for computing, in bytes: of each device in the order asked for, and in RAM."""

    device_compute_bytes: tuple[int, ...]
    ram_compute_bytes: int


class _GGUFParameters(ctypes.Structure):
    """`gguf_init_params` (gguf.h)."""

    _fields_ = (("no_alloc", ctypes.c_bool), ("context", ctypes.c_void_p))


def simulate(
    shape: ModelShape, placement: Placement, working: Working, devices: Sequence[str] = ()
) -> Simulation:
    """What a load of `shape` takes for computing on these devices, by their names in ggml.

    Raises SimulationError if llama.cpp can't load it so, and MissingDeviceError.
    """
    with NativeLog() as log, log.record() as lines, _metadata(shape) as metadata:
        _run(metadata, Placing(placement, devices), placement, working)
        sizes = {
            name: size for (name, kind), size in read_buffers(lines).items() if kind == "compute"
        }
    on_devices = tuple(sizes.pop(name, 0) for name in devices)
    return Simulation(on_devices, sum(sizes.values()))


@contextmanager
def _metadata(shape: ModelShape) -> Iterator[int]:
    """A `gguf_context` of the shape's header; llama.cpp reads none from memory."""
    with tempfile.TemporaryDirectory(prefix="octet-") as folder:
        path = Path(folder) / "header.gguf"
        path.write_bytes(shape.header())
        read = ggml.function(
            "gguf_init_from_file", ctypes.c_void_p, ctypes.c_char_p, _GGUFParameters
        )
        metadata: int | None = read(os.fsencode(path), _GGUFParameters(True, None))
    if not metadata:
        raise SimulationError("the plan", "can't be tried out", "install llama-cpp-python again")
    try:
        yield metadata
    finally:
        ggml.function("gguf_free", None, ctypes.c_void_p)(metadata)


def _run(metadata: int, placing: Placing, placement: Placement, working: Working) -> None:
    native = ggml.llama()
    parameters = native.llama_model_default_params()
    placing.apply(parameters)
    parameters.no_alloc = True
    parameters.load_mode = native.LLAMA_LOAD_MODE_NONE
    nothing = native.llama_model_set_tensor_data_t(lambda *_: None)
    model = native.llama_model_init_from_user(metadata, nothing, None, parameters)
    if not model:
        raise SimulationError("the plan", "is refused by llama.cpp", "choose another one")
    try:
        wanted = context_parameters(working)
        wanted.op_offload = placement.offloads_prompts
        context = native.llama_init_from_model(model, wanted)
        if not context:
            raise SimulationError("the plan", "is refused by llama.cpp", "choose a smaller context")
        native.llama_free(context)
    finally:
        native.llama_model_free(model)
