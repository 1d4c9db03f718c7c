"""Tables of ggml's tensor types and of llama.cpp's file types, and the rule that joins them.

Knows sizes and names only: nothing here reads, computes or loads a library. Source of the ids
and block sizes: ggml.h and ggml-common.h as shipped in llama-cpp-python 0.3.36; source of the
rule: src/llama-quant.cpp there (`tensor_allows_quantization`, `llama_tensor_get_type_impl`,
`tensor_type_fallback`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class TensorType:
    """How ggml stores a row: blocks of `block_elements` weights in `block_bytes` bytes each."""

    id: int
    name: str
    block_elements: int
    block_bytes: int

    def row_bytes(self, elements: int) -> int:
        """The bytes of a row of `elements` weights (a multiple of `block_elements`)."""
        return elements // self.block_elements * self.block_bytes


_TYPES = (
    TensorType(0, "F32", 1, 4),
    TensorType(1, "F16", 1, 2),
    TensorType(2, "Q4_0", 32, 18),
    TensorType(3, "Q4_1", 32, 20),
    TensorType(6, "Q5_0", 32, 22),
    TensorType(7, "Q5_1", 32, 24),
    TensorType(8, "Q8_0", 32, 34),
    TensorType(9, "Q8_1", 32, 36),
    TensorType(10, "Q2_K", 256, 84),
    TensorType(11, "Q3_K", 256, 110),
    TensorType(12, "Q4_K", 256, 144),
    TensorType(13, "Q5_K", 256, 176),
    TensorType(14, "Q6_K", 256, 210),
    TensorType(15, "Q8_K", 256, 292),
    TensorType(16, "IQ2_XXS", 256, 66),
    TensorType(17, "IQ2_XS", 256, 74),
    TensorType(18, "IQ3_XXS", 256, 98),
    TensorType(19, "IQ1_S", 256, 50),
    TensorType(20, "IQ4_NL", 32, 18),
    TensorType(21, "IQ3_S", 256, 110),
    TensorType(22, "IQ2_S", 256, 82),
    TensorType(23, "IQ4_XS", 256, 136),
    TensorType(24, "I8", 1, 1),
    TensorType(25, "I16", 1, 2),
    TensorType(26, "I32", 1, 4),
    TensorType(27, "I64", 1, 8),
    TensorType(28, "F64", 1, 8),
    TensorType(29, "IQ1_M", 256, 56),
    TensorType(30, "BF16", 1, 2),
    TensorType(34, "TQ1_0", 256, 54),
    TensorType(35, "TQ2_0", 256, 66),
    TensorType(39, "MXFP4", 32, 17),
    TensorType(40, "NVFP4", 64, 36),
    TensorType(41, "Q1_0", 128, 18),
)

TENSOR_TYPES: Mapping[int, TensorType] = MappingProxyType({t.id: t for t in _TYPES})
_BY_NAME: Mapping[str, TensorType] = MappingProxyType({t.name: t for t in _TYPES})


def find_type(name: str) -> TensorType | None:
    """The type that ggml and safetensors call `name`; None if ggml has none of that name."""
    return _BY_NAME.get(name)


F32 = _BY_NAME["F32"]
F16 = _BY_NAME["F16"]
BF16 = _BY_NAME["BF16"]
Q5_0 = _BY_NAME["Q5_0"]
Q5_1 = _BY_NAME["Q5_1"]
Q8_0 = _BY_NAME["Q8_0"]
Q4_K = _BY_NAME["Q4_K"]
Q5_K = _BY_NAME["Q5_K"]
Q6_K = _BY_NAME["Q6_K"]

FILE_TYPES: Mapping[int, str] = MappingProxyType(
    {
        0: "F32",
        1: "F16",
        2: "Q4_0",
        3: "Q4_1",
        7: "Q8_0",
        8: "Q5_0",
        9: "Q5_1",
        10: "Q2_K",
        11: "Q3_K_S",
        12: "Q3_K_M",
        13: "Q3_K_L",
        14: "Q4_K_S",
        15: "Q4_K_M",
        16: "Q5_K_S",
        17: "Q5_K_M",
        18: "Q6_K",
        19: "IQ2_XXS",
        20: "IQ2_XS",
        21: "Q2_K_S",
        22: "IQ3_XS",
        23: "IQ3_XXS",
        24: "IQ1_S",
        25: "IQ4_NL",
        26: "IQ3_S",
        27: "IQ3_M",
        28: "IQ2_S",
        29: "IQ2_M",
        30: "IQ4_XS",
        31: "IQ1_M",
        32: "BF16",
        36: "TQ1_0",
        37: "TQ2_0",
        38: "MXFP4",
        39: "NVFP4",
        40: "Q1_0",
    }
)
"""`general.file_type` and what people call it (llama.h, `enum llama_ftype`)."""


@dataclass(frozen=True, slots=True)
class Quant:
    """A kind of file that Octet makes: its name, `general.file_type`, and usual tensor type.

    `is_converted` files are laid out as llama.cpp's convert script does it, all others as its
    llama-quantize leaves them.
    """

    name: str
    file_type: int
    default: TensorType
    is_converted: bool = False

    @property
    def is_quantized(self) -> bool:
        """False for the kinds that keep every weight as a plain number."""
        return self.default.block_elements > 1


QUANTS: Mapping[str, Quant] = MappingProxyType(
    {
        quant.name: quant
        for quant in (
            Quant("Q4_K_M", 15, Q4_K),
            Quant("Q6_K", 18, Q6_K),
            Quant("Q8_0", 7, Q8_0),
            Quant("BF16", 32, BF16, is_converted=True),
            Quant("F32", 0, F32),
        )
    }
)

_SMALLER_BLOCKS: Mapping[TensorType, TensorType] = MappingProxyType(
    {Q4_K: Q5_0, Q5_K: Q5_1, Q6_K: Q8_0}
)


def keeps_full_precision(name: str, dimensions: int) -> bool:
    """Whether llama.cpp stores the tensor as F32 in every kind of file: norms and the router."""
    return dimensions < 2 or name.endswith(("_norm.weight", "ffn_gate_inp.weight"))


def uses_more_bits(layer: int, layers: int) -> bool:
    """llama.cpp's choice of the layers whose down projection gets Q6_K in a Q4_K_M file."""
    eighth = layers // 8
    return layer < eighth or layer >= 7 * layers // 8 or (layer - eighth) % 3 == 2


def choose_tensor_type(
    quant: Quant,
    name: str,
    columns: int,
    dimensions: int,
    *,
    layer: int | None,
    layers: int,
    experts: int,
    has_output: bool,
) -> TensorType:
    """The type that llama.cpp gives a tensor of a Mixtral in a file of kind `quant`.

    `columns` is the length of a row, `dimensions` the number of dimensions, `layer` the tensor's
    layer or None outside the layers. `has_output` is False for tied embeddings.
    """
    if keeps_full_precision(name, dimensions):
        return F32
    if not quant.is_quantized:
        return quant.default
    is_output = name == "output.weight" or (name == "token_embd.weight" and not has_output)
    if is_output:
        wanted = _output_type(quant, columns)
    elif layer is None:
        wanted = quant.default
    else:
        wanted = _layer_type(quant, name, uses_more_bits(layer, layers), experts)
    return _fit_row(wanted, columns)


def _output_type(quant: Quant, columns: int) -> TensorType:
    if quant.default is Q8_0 or columns % quant.default.block_elements:
        return Q8_0
    return Q6_K


def _layer_type(quant: Quant, name: str, more_bits: bool, experts: int) -> TensorType:
    part = name.split(".")[2]  # blk.N.PART.weight
    if experts == 8 and part in ("attn_k", "attn_v"):
        return Q8_0
    if quant.name != "Q4_K_M":
        return quant.default
    if experts == 8 and part == "attn_output":
        return Q5_K
    if more_bits and part in ("attn_v", "ffn_down_exps"):
        return Q6_K
    return quant.default


def _fit_row(wanted: TensorType, columns: int) -> TensorType:
    """A type whose blocks fit the row: smaller blocks first, 16-bit numbers at last."""
    if columns % wanted.block_elements == 0:
        return wanted
    smaller = _SMALLER_BLOCKS.get(wanted, wanted)
    return F16 if columns % smaller.block_elements else smaller
