"""GGUF files of Mixtral's real shapes whose weights are random blocks, or holes in the file.

They load, compute and take memory and time like the real ones, and are made as fast as a disk
writes; what they say is noise. The vocabulary is the real one, taken from the toy.
"""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np

from model_io.gguf_parts import read_model
from model_io.gguf_values import uint32
from model_io.gguf_writer import plan_file
from model_io.model_shape import MIXTRAL, ModelShape, shape_of_config
from model_io.quant_types import F32, QUANTS, TensorType
from tests.toy_model import write_toy_model

_PIECE_BLOCKS = 1 << 18
_SCALE_BYTES = {"Q8_0": (0, 2), "Q4_K": (0, 4), "Q5_K": (0, 4), "Q6_K": (208, 210)}
"""Where the 16-bit scales of a block are (ggml-common.h); random ones would be NaN now and then."""


def real_shape(quant: str, layers: int = 32, **sizes: int) -> ModelShape:
    """Mixtral 8x7B with so many layers, and other `sizes` of MixtralConfig where given."""
    return shape_of_config(replace(MIXTRAL, num_hidden_layers=layers, **sizes), QUANTS[quant])


def write_random_model(path: Path, shape: ModelShape, *, is_hollow: bool = False) -> Path:
    """Write a file of `shape` to `path`; with `is_hollow` its data are zeros that take no room."""
    toy = read_model(write_toy_model(path.with_suffix(".toy"), context_tokens=32768))
    metadata = toy.metadata() | {
        "llama.block_count": uint32(shape.layers),
        "llama.embedding_length": uint32(shape.hidden),
        "llama.feed_forward_length": uint32(shape.feed_forward),
        "llama.attention.head_count": uint32(shape.heads),
        "llama.attention.head_count_kv": uint32(shape.kv_heads),
        "llama.rope.dimension_count": uint32(shape.head_size),
        "llama.expert_count": uint32(shape.experts),
        "llama.expert_used_count": uint32(shape.experts_used),
        "general.file_type": uint32(QUANTS[shape.quant].file_type),
    }
    path.with_suffix(".toy").unlink()
    plan = plan_file(metadata, shape.tensors)
    random = np.random.default_rng(0)
    with path.open("wb") as file:
        file.truncate(plan.file_bytes)
        file.write(plan.header)
        for tensor, offset in zip(shape.tensors, plan.offsets, strict=True):
            if is_hollow:
                continue
            file.seek(offset)
            elements = math.prod(tensor.shape)
            for start in range(0, elements, _PIECE_BLOCKS * tensor.type.block_elements):
                count = min(_PIECE_BLOCKS * tensor.type.block_elements, elements - start)
                file.write(_blocks(random, tensor.type, count // tensor.type.block_elements))
    return path


def _blocks(random: np.random.Generator, kind: TensorType, count: int) -> bytes:
    if kind is F32:
        return random.normal(0.5, 0.2, count).astype("<f4").tobytes()
    blocks = random.integers(0, 256, (count, kind.block_bytes), dtype=np.uint8)
    first, end = _SCALE_BYTES[kind.name]
    scale = np.frombuffer(np.float16(2e-4).tobytes() * ((end - first) // 2), np.uint8)
    blocks[:, first:end] = scale
    return blocks.tobytes()
