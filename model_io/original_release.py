"""The first release of Mixtral, in PyTorch files, as if its experts lay one by one.

It has each layer's experts in one matrix, one below the other, and stores their second matrices
transposed. Knows nothing of configs. Source: mistral's release of December 2023 as
facts of its files were published, and megablocks' layout of experts, which it follows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from model_io.errors import MissingFileError, TensorError
from model_io.model_config import MixtralConfig
from model_io.stored_tensor import StoredTensor
from model_io.torch_reader import looks_like_torch_file, read_torch_file

_EXPERTS = re.compile(r"layers\.(\d+)\.block_sparse_moe\.(w[123])(?:\.weight)?")
_ROUTER = re.compile(r"layers\.(\d+)\.block_sparse_moe\.gate(?:\.weight)?")


def read_release(folder: Path, config: MixtralConfig) -> dict[str, StoredTensor]:
    """All tensors of the PyTorch files in `folder`, under the names of Mistral's own layout.

    Raises MissingFileError if there are none, TorchFileError, and TensorError for a tensor that
    two files hold or whose experts don't fit `config`.
    """
    paths = sorted(path for path in folder.iterdir() if looks_like_torch_file(path))
    if not paths:
        raise MissingFileError(folder, "holds no weights", "download them into it")
    tensors: dict[str, StoredTensor] = {}
    for path in paths:
        for found in read_torch_file(path):
            for tensor in _rename(found, config):
                if (other := tensors.get(tensor.name)) is not None:
                    problem = f"holds {tensor.name}, which {other.path.name} holds too"
                    raise TensorError(path, problem, "remove the file that is not needed")
                tensors[tensor.name] = tensor
    return tensors


def _rename(tensor: StoredTensor, config: MixtralConfig) -> Iterator[StoredTensor]:
    if match := _ROUTER.fullmatch(tensor.name):
        yield replace(tensor, name=f"layers.{match[1]}.feed_forward.gate.weight")
    elif match := _EXPERTS.fullmatch(tensor.name):
        yield from _part_experts(tensor, int(match[1]), match[2], config)
    else:
        yield tensor


def _part_experts(
    tensor: StoredTensor, layer: int, matrix: str, config: MixtralConfig
) -> Iterator[StoredTensor]:
    experts, ffn, hidden = (
        config.num_local_experts, config.intermediate_size, config.hidden_size,
    )  # fmt: skip
    if tensor.shape != (experts * ffn, hidden):
        problem = f"holds {tensor.name} of shape {tensor.shape} where params.json says "
        expected = f"{(experts * ffn, hidden)}"
        raise TensorError(tensor.path, problem + expected, "download it and params.json again")
    size = tensor.data_bytes // experts
    for expert in range(experts):
        yield StoredTensor(
            name=f"layers.{layer}.feed_forward.experts.{expert}.{matrix}.weight",
            path=tensor.path,
            dtype=tensor.dtype,
            shape=(hidden, ffn) if matrix == "w2" else (ffn, hidden),
            offset=tensor.offset + expert * size,
            data_bytes=size,
            transposed=matrix == "w2",
        )
