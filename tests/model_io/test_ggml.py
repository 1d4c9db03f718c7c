"""The door to the native library."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest

from model_io import ggml
from model_io.errors import NativeLibraryError
from model_io.quant_types import BF16, F16, Q8_0, TensorType


def test_a_function_that_is_not_there_is_a_sentence() -> None:
    """Another version of the library lacks what this one has."""
    with pytest.raises(NativeLibraryError, match="lacks ggml_no_such_thing; install llama-cpp"):
        ggml.function("ggml_no_such_thing", None)


def test_there_is_one_device_registry() -> None:
    """Asked twice, the same processor answers: no second copy of the library is loaded."""
    ask = ggml.function("ggml_backend_dev_by_type", ctypes.c_void_p, ctypes.c_int)
    assert ask(0) == ask(0) is not None


def test_every_half_precision_number_widens_exactly() -> None:
    """All 65,536 patterns of both formats; NaN only has to stay NaN."""
    words = np.arange(65536, dtype=np.uint16)
    floats = np.empty(65536, np.float32)
    ggml.widen(F16.id, words.ctypes.data, floats.ctypes.data, len(words))
    np.testing.assert_array_equal(floats, words.view(np.float16).astype(np.float32))
    ggml.widen(BF16.id, words.ctypes.data, floats.ctypes.data, len(words))
    np.testing.assert_array_equal(floats.view(np.uint32) >> 16, words)


def test_quantizing_says_how_much_it_made() -> None:
    """One row of 64 weights in two blocks; a broken scale is noticed."""
    weights = np.linspace(-1, 1, 64, dtype=np.float32)
    packed = np.zeros(Q8_0.row_bytes(64), np.uint8)
    made = ggml.quantize_rows(Q8_0.id, weights.ctypes.data, packed.ctypes.data, 1, 64)
    assert made == 68
    assert ggml.is_valid_data(Q8_0.id, packed.ctypes.data, made)
    packed[:2] = (0, 0x7C)  # the scale of the first block becomes infinite
    assert not ggml.is_valid_data(Q8_0.id, packed.ctypes.data, made)


@pytest.mark.parametrize(("kind", "expected"), [(F16, [0x3C00, 0xB800]), (BF16, [0x3F80, 0xBF00])])
def test_plain_numbers_are_kinds_like_others(kind: TensorType, expected: list[int]) -> None:
    """The quantizer rounds to 16-bit numbers, too."""
    weights = np.array([1.0, -0.5], np.float32)
    packed = np.zeros(2, np.uint16)
    assert ggml.quantize_rows(kind.id, weights.ctypes.data, packed.ctypes.data, 1, 2) == 4
    assert packed.tolist() == expected
