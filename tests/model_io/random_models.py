"""GGUF files of Mixtral's real shapes whose weights are random blocks, or holes in the file.

They load, compute and take memory and time like the real ones; what they say is noise. The
vocabulary is the real one, taken from the toy.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from model_io import random_weights
from model_io.gguf_parts import read_model
from model_io.gguf_values import Metadata, uint32
from model_io.gguf_writer import plan_file
from model_io.model_shape import MIXTRAL, ModelShape, shape_of_config
from model_io.quant_types import QUANTS
from tests.toy_model import write_toy_model


def real_shape(quant: str, layers: int = 32, **sizes: int) -> ModelShape:
    """Mixtral 8x7B with so many layers, and other `sizes` of MixtralConfig where given."""
    return shape_of_config(replace(MIXTRAL, num_hidden_layers=layers, **sizes), QUANTS[quant])


def write_random_model(path: Path, shape: ModelShape, *, is_hollow: bool = False) -> Path:
    """Write a file of `shape` to `path`; with `is_hollow` its data are zeros that take no room."""
    metadata = _metadata(shape, path.with_suffix(".toy"))
    if not is_hollow:
        random_weights.write_random_model(path, shape, metadata)
        return path
    plan = plan_file(metadata, shape.tensors)
    with path.open("wb") as file:
        file.truncate(plan.file_bytes)
        file.write(plan.header)
    return path


def _metadata(shape: ModelShape, scratch: Path) -> Metadata:
    """The toy's entries with the sizes of `shape`."""
    toy = read_model(write_toy_model(scratch, context_tokens=32768)).metadata()
    scratch.unlink()
    return toy | {
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
