"""Where one tensor of a source lies, whatever kind of file holds it.

A table: the readers of safetensors, PyTorch and GGUF files fill it in, and `quantize` takes its
numbers from there. Reads nothing itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """Where a tensor lies: `data_bytes` bytes from `offset` of the file at `path`, row after row.

    `dtype` is "BF16", "F16", "F32" or another type's name in safetensors or ggml. `shape` is in
    numpy's order, row length last. With `transposed`, the file holds columns where `shape` has
    rows: its bytes are a matrix of `shape[::-1]`.
    """

    name: str
    path: Path
    dtype: str
    shape: tuple[int, ...]
    offset: int
    data_bytes: int
    transposed: bool = False
