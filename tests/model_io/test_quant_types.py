"""The tables agree with ggml's own, and the rule with llama.cpp's figures for the real model."""

from __future__ import annotations

import ctypes

import pytest

from model_io import ggml
from model_io.model_config import MixtralConfig
from model_io.quant_types import (
    FILE_TYPES,
    QUANTS,
    TENSOR_TYPES,
    TensorType,
    choose_tensor_type,
    uses_more_bits,
)
from model_io.tensor_names import list_tensors

REAL = MixtralConfig(
    hidden_size=4096, intermediate_size=14336, num_hidden_layers=32, num_attention_heads=32,
    num_key_value_heads=8, head_dim=None, num_local_experts=8, num_experts_per_tok=2,
    vocab_size=32000, max_position_embeddings=32768, rms_norm_eps=1e-5, rope_theta=1e6,
    tie_word_embeddings=False,
)  # fmt: skip


@pytest.mark.parametrize("kind", TENSOR_TYPES.values(), ids=lambda kind: kind.name)
def test_every_type_is_as_ggml_has_it(kind: TensorType) -> None:
    """Name, block size and block bytes, from the library itself."""
    name = ggml.function("ggml_type_name", ctypes.c_char_p, ctypes.c_int)(kind.id)
    elements = ggml.function("ggml_blck_size", ctypes.c_int64, ctypes.c_int)(kind.id)
    size = ggml.function("ggml_type_size", ctypes.c_size_t, ctypes.c_int)(kind.id)
    assert name.decode().upper() == kind.name.upper()
    assert (elements, size) == (kind.block_elements, kind.block_bytes)


def test_the_layers_with_more_bits() -> None:
    """16 of Mixtral's 32 layers."""
    chosen = [layer for layer in range(32) if uses_more_bits(layer, 32)]
    assert chosen == [0, 1, 2, 3, 6, 9, 12, 15, 18, 21, 24, 27, 28, 29, 30, 31]


@pytest.mark.parametrize(
    ("quant", "expected"),
    [
        ("Q4_K_M", 28_447_727_616),
        ("Q6_K", 38_380_077_056),
        ("Q8_0", 49_625_579_520),
        ("BF16", 93_408_215_040),
    ],
)
def test_the_real_model_has_the_size_that_llama_cpp_says(quant: str, expected: int) -> None:
    """The figures are those of llama-quantize's dry run on the real shapes."""
    total = 0
    for tensor in list_tensors(REAL, has_output=True):
        kind = choose_tensor_type(
            QUANTS[quant], tensor.name, tensor.shape[-1], len(tensor.shape),
            layer=tensor.layer, layers=32, experts=8, has_output=True,
        )  # fmt: skip
        rows = 1
        for size in tensor.shape[:-1]:
            rows *= size
        total += rows * kind.row_bytes(tensor.shape[-1])
    assert total == expected


def test_file_types_name_our_kinds() -> None:
    """What we write is what a reader calls it."""
    assert all(FILE_TYPES[quant.file_type] == name for name, quant in QUANTS.items())
