"""Asks a device how large a matrix of experts it can compute with.

Some drivers bind no more than 128 MiB at a time; llama.cpp then leaves larger tensors on the
processor without a word, however much memory is free. Knows no model. Layouts: ggml.h.
"""

from __future__ import annotations

import ctypes

from model_io import ggml

_Q8_0, _F32, _I32 = 8, 0, 26  # ggml.h: enum ggml_type
_COLUMNS, _ROW_BYTES = 4096, 4096 // 32 * 34
_SMALLEST_BYTES, _LARGEST_BYTES = 2**23, 2**32
_ARENA_BYTES = 2**16


class _InitParameters(ctypes.Structure):
    """`ggml_init_params`."""

    _fields_ = (
        ("size_bytes", ctypes.c_size_t),
        ("buffer", ctypes.c_void_p),
        ("no_alloc", ctypes.c_bool),
    )


def largest_expert_bytes(device: int) -> int | None:
    """The largest tensor of experts that the `ggml_backend_dev_t` takes; None where 4 GiB do."""
    if _takes(device, _LARGEST_BYTES):
        return None
    taken, refused = 0, _LARGEST_BYTES
    while refused - taken > _SMALLEST_BYTES:
        middle = (taken + refused) // 2
        if _takes(device, middle):
            taken = middle
        else:
            refused = middle
    return taken


def _takes(device: int, size_bytes: int) -> bool:
    """Whether the device multiplies with one expert of so many bytes, chosen by the router."""
    address, number = ctypes.c_void_p, ctypes.c_int64
    begin = ggml.function("ggml_init", address, _InitParameters)
    matrix = ggml.function(
        "ggml_new_tensor_3d", address, address, ctypes.c_int, number, number, number
    )
    table = ggml.function("ggml_new_tensor_2d", address, address, ctypes.c_int, number, number)
    multiply = ggml.function("ggml_mul_mat_id", address, address, address, address, address)
    supports = ggml.function("ggml_backend_dev_supports_op", ctypes.c_bool, address, address)
    arena = begin(_InitParameters(_ARENA_BYTES, None, True))
    try:
        experts = matrix(arena, _Q8_0, _COLUMNS, size_bytes // _ROW_BYTES, 1)
        inputs = matrix(arena, _F32, _COLUMNS, 1, 1)
        choice = table(arena, _I32, 1, 1)
        return bool(supports(device, multiply(arena, experts, inputs, choice)))
    finally:
        ggml.function("ggml_free", None, address)(arena)
