"""Model files of random weights: they load, compute and take time like real ones, and say nothing.

For measurements of a machine, and for tests. Knows the blocks of the types that Octet makes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np

from model_io.gguf_values import Metadata
from model_io.gguf_writer import plan_file
from model_io.model_shape import ModelShape
from model_io.quant_types import F32, TensorType

_PIECE_BLOCKS = 1 << 18
_SCALE = np.float16(2e-4).tobytes()
_SCALE_PLACES: Mapping[str, tuple[int, int]] = MappingProxyType(
    {"Q8_0": (0, 2), "Q4_K": (0, 4), "Q5_K": (0, 4), "Q6_K": (208, 210)}
)
"""Where the 16-bit scales of a block are (ggml-common.h); random ones would be NaN now and then."""


def write_random_model(path: Path, shape: ModelShape, metadata: Metadata) -> None:
    """Write a file of `shape`, whose types are those of Octet's own files. Raises OSError."""
    plan = plan_file(metadata, shape.tensors)
    random = np.random.default_rng(0)
    with path.open("wb") as file:
        file.truncate(plan.file_bytes)
        file.write(plan.header)
        for tensor, offset in zip(shape.tensors, plan.offsets, strict=True):
            file.seek(offset)
            blocks = math.prod(tensor.shape) // tensor.type.block_elements
            for start in range(0, blocks, _PIECE_BLOCKS):
                count = min(_PIECE_BLOCKS, blocks - start)
                file.write(_random_blocks(random, tensor.type, count))


def _random_blocks(random: np.random.Generator, kind: TensorType, count: int) -> bytes:
    if kind is F32:
        return random.normal(0.5, 0.2, count).astype("<f4").tobytes()
    blocks = random.integers(0, 256, (count, kind.block_bytes), dtype=np.uint8)
    first, end = _SCALE_PLACES[kind.name]
    blocks[:, first:end] = np.frombuffer(_SCALE * ((end - first) // len(_SCALE)), np.uint8)
    return blocks.tobytes()
