"""Turns a placement into the fields of llama.cpp's structures that say what goes where.

The structures themselves are the caller's; what they point at lives as long as the object here.
Knows nothing of why a placement is as it is. Layouts: llama.h and ggml-backend.h.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence
from typing import Any

from model_io import ggml
from model_io.errors import MissingDeviceError
from model_io.memory import Placement, Working

_MATCHES_NOTHING = b"^none$"
_KV_TYPES = {"f16": 1, "q8_0": 8, "q4_0": 2}  # ggml.h: enum ggml_type


class _Override(ctypes.Structure):
    """`llama_model_tensor_buft_override`: a pattern of tensors' names, and where they go."""

    _fields_ = (("pattern", ctypes.c_char_p), ("buffer_type", ctypes.c_void_p))


class Placing:
    """The arrays for one load; keep it until the model is loaded."""

    def __init__(self, placement: Placement, names: Sequence[str]) -> None:
        """`names` are the placement's devices, as ggml calls them. Raises MissingDeviceError."""
        # An empty list, not none: llama.cpp would take a GPU even for no layers.
        self._devices = (ctypes.c_void_p * (len(names) + 1))(*map(find_device, names), None)
        count = ggml.function("llama_max_devices", ctypes.c_size_t)()
        self._split = (ctypes.c_float * max(count, len(names)))(*_split(placement))
        self._overrides = _overrides(placement)
        self._gpu_layers = _layers_with_output(placement)

    def apply(self, parameters: Any) -> None:  # noqa: ANN401  llama_model_params
        """Set the fields of `llama_model_params`, which then points at the arrays here."""
        parameters.devices = ctypes.addressof(self._devices)
        parameters.n_gpu_layers = self._gpu_layers
        if any(self._split):
            pointer = ctypes.POINTER(ctypes.c_float)
            parameters.tensor_split = ctypes.cast(self._split, pointer)
        if self._overrides is not None:
            parameters.tensor_buft_overrides = ctypes.addressof(self._overrides)


def context_parameters(working: Working) -> Any:  # noqa: ANN401  ctypes
    """`llama_context_params` for working so, the logits of one token at a time.

    Simulated and real loads begin with these, so that what was promised is what is made.
    """
    made = ggml.llama().llama_context_default_params()
    made.n_ctx = working.context_tokens
    made.n_batch = made.n_ubatch = working.microbatch_tokens
    made.n_outputs_max = 1
    made.flash_attn_type = int(working.flash_attention)  # on or off; llama.cpp's own is auto
    made.type_k = made.type_v = _KV_TYPES[working.kv_type]
    return made


def find_device(name: str) -> int:
    """The `ggml_backend_dev_t` of the device that ggml calls `name`. Raises MissingDeviceError."""
    address = ctypes.c_void_p
    by_name = ggml.function("ggml_backend_dev_by_name", address, ctypes.c_char_p)
    device: int | None = by_name(name.encode())
    if not device:
        problem = "is no longer there"
        raise MissingDeviceError(name, problem, "connect it again, or go on with the processor")
    return device


def honours_abort(names: Sequence[str]) -> bool:
    """Whether a stop reaches into a batch on every one of these devices: the CPU's and Metal do."""
    address, text = ctypes.c_void_p, ctypes.c_char_p
    registry_of = ggml.function("ggml_backend_dev_backend_reg", address, address)
    procedure = ggml.function("ggml_backend_reg_get_proc_address", address, address, text)
    return all(
        procedure(registry_of(find_device(name)), b"ggml_backend_set_abort_callback")
        for name in names
    )


def _layers_with_output(placement: Placement) -> int:
    """llama.cpp counts the output matrix as one layer more."""
    return placement.gpu_layers + 1 if placement.gpu_layers else 0


def _split(placement: Placement) -> Iterator[float]:
    """The exact number of layers for each device of a plan; the last has the output, too."""
    counts = [layers for layers in placement.device_layers if layers]
    for index, layers in enumerate(counts):
        yield float(layers + (index == len(counts) - 1))


def _overrides(placement: Placement) -> ctypes.Array[_Override] | None:
    """The experts that stay in RAM, ended by an empty entry.

    With several devices there is always one: otherwise llama.cpp would work on several
    microbatches at once, which takes four times the room for computing.
    """
    pattern = _MATCHES_NOTHING
    if placement.ram_experts:
        layers = "|".join(map(str, sorted(placement.ram_experts)))
        pattern = rf"blk\.({layers})\.ffn_(gate|down|up)_exps\.weight".encode()
    elif len(placement.device_layers) < 2:
        return None
    in_ram = ggml.function("ggml_backend_cpu_buffer_type", ctypes.c_void_p)()
    return (_Override * 2)(_Override(pattern, in_ram), _Override(None, None))
