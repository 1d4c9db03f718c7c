"""A Mixtral checkpoint as a whole: its sizes held against what lies in its files.

Stands between the pipelines and the readers that it joins; reads headers only, no weight.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from model_io.errors import MissingFileError, TensorError
from model_io.model_config import MixtralConfig, read_config
from model_io.safetensors_reader import StoredTensor, read_checkpoint
from model_io.tensor_names import ModelTensor, is_ignored, list_tensors

CONVERTIBLE_DTYPES = ("BF16", "F16", "F32")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A complete and consistent Mixtral: sizes, where each tensor lies, and what becomes of it."""

    folder: Path
    config: MixtralConfig
    stored: Mapping[str, StoredTensor]
    tensors: tuple[ModelTensor, ...]

    @property
    def has_output(self) -> bool:
        """Whether the output matrix is a tensor of its own."""
        return any(tensor.name == "output.weight" for tensor in self.tensors)


def read_mixtral(folder: Path) -> Checkpoint:
    """Read all headers of the checkpoint in `folder` and hold them against its config.

    Raises a SourceError that names what is wrong.
    """
    if not folder.is_dir():
        problem = "is not a folder" if folder.exists() else "does not exist"
        raise MissingFileError(folder, problem, "choose the folder that holds the whole model")
    config = read_config(folder)
    stored = {n: t for n, t in read_checkpoint(folder).items() if not is_ignored(n)}
    has_output = "lm_head.weight" in stored or not config.tie_word_embeddings
    tensors = list_tensors(config, has_output=has_output)
    _check_tensors(folder, stored, tensors)
    return Checkpoint(folder, config, stored, tensors)


def _check_tensors(
    folder: Path, stored: Mapping[str, StoredTensor], tensors: Sequence[ModelTensor]
) -> None:
    expected = {name: tensor for tensor in tensors for name in tensor.sources}
    for name, tensor in expected.items():
        if name not in stored:
            raise TensorError(folder, f"lacks {name}", "download the model again")
        _check_tensor(stored[name], tensor.source_shape)
    for name, found in stored.items():
        if name not in expected:
            problem = f"holds {name[:120]}, which is no part of a Mixtral"
            raise TensorError(found.path, problem, "choose the model's original weights")


def _check_tensor(found: StoredTensor, shape: tuple[int, ...]) -> None:
    if found.shape != shape:
        problem = f"holds {found.name} of shape {found.shape} where config.json says {shape}"
        raise TensorError(found.path, problem, "download it and config.json again")
    if found.dtype not in CONVERTIBLE_DTYPES:
        problem = f"stores {found.name} as {found.dtype}, which can't be converted"
        raise TensorError(found.path, problem, "choose the model's original weights")
