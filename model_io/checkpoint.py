"""A Mixtral checkpoint as a whole, in whichever layout: its sizes held against its files.

Recognises a layout by what the files hold, never by their names. Stands between the pipelines and
the readers that it joins; reads headers only, no weight.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from model_io.errors import MissingFileError, SourceReadError, TensorError
from model_io.gguf_check import check_entries
from model_io.gguf_config import config_of_gguf
from model_io.gguf_parts import GGUFModel, find_models, looks_like_gguf, read_model
from model_io.model_config import MixtralConfig, read_config, read_params
from model_io.original_release import read_release
from model_io.safetensors_reader import (
    INDEX_NAME,
    Headers,
    looks_like_safetensors,
    read_checkpoint,
    read_header,
)
from model_io.stored_tensor import StoredTensor
from model_io.tensor_names import (
    GGUF,
    HUGGINGFACE,
    MISTRAL,
    ModelTensor,
    Naming,
    is_ignored,
    list_tensors,
)
from model_io.torch_reader import looks_like_torch_file

CONVERTIBLE_DTYPES = ("BF16", "F16", "F32")

_CHOOSE = "choose the folder that holds the whole model"


class Layout(StrEnum):
    """The ways in which a Mixtral is published."""

    HUGGINGFACE = "huggingface"
    CONSOLIDATED = "consolidated"
    PYTORCH = "pytorch"
    GGUF = "gguf"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A complete and consistent Mixtral: sizes, where each tensor lies, and what becomes of it.

    `path` is a folder or a GGUF file, whose headers are in `model`.
    """

    path: Path
    layout: Layout
    config: MixtralConfig
    stored: Mapping[str, StoredTensor]
    tensors: tuple[ModelTensor, ...]
    model: GGUFModel | None = None

    @property
    def has_output(self) -> bool:
        """Whether the output matrix is a tensor of its own."""
        return any(tensor.name == "output.weight" for tensor in self.tensors)

    @property
    def files(self) -> tuple[Path, ...]:
        """The files with weights, by name."""
        return tuple(sorted({tensor.path for tensor in self.stored.values()}))


def recognise(path: Path) -> Layout:
    """Which layout a folder or file has. Raises MissingFileError if it is none."""
    if not path.is_dir():
        if looks_like_gguf(path):
            return Layout.GGUF
        problem = "is no GGUF file and not a folder" if path.exists() else "does not exist"
        raise MissingFileError(path, problem, _CHOOSE)
    if (path / "config.json").exists() and not _is_only_mistrals(path):
        return Layout.HUGGINGFACE
    if (path / "params.json").exists():
        is_torch = any(map(looks_like_torch_file, path.iterdir()))
        has_safetensors = any(map(looks_like_safetensors, path.iterdir()))
        return Layout.PYTORCH if is_torch and not has_safetensors else Layout.CONSOLIDATED
    if find_models(path):
        return Layout.GGUF
    raise MissingFileError(path, "has no config.json", _CHOOSE)


def _is_only_mistrals(folder: Path) -> bool:
    """A config.json may stand beside Mistral's own files without weights of its own."""
    if not (folder / "params.json").exists() or (folder / INDEX_NAME).exists():
        return False
    files = filter(looks_like_safetensors, folder.iterdir())
    return not any(HUGGINGFACE.knows(t.name) for path in files for t in read_header(path))


def read_mixtral(path: Path, headers: Headers | None = None) -> Checkpoint:
    """Read all headers of the checkpoint at `path` and hold them against its config.

    `headers` are those of safetensors files that are still to come into the folder. Raises a
    SourceError or a GGUFError that names what is wrong.
    """
    try:
        return _read(path, headers)
    except OSError as error:
        raise unreadable(path, error) from None


def unreadable(path: Path, error: OSError) -> SourceReadError:
    """Why the system doesn't let us look for a model at `path`."""
    problem = f"can't be read: {error.strerror or type(error).__name__}"
    return SourceReadError(path, problem, "check its name and its permissions")


def _read(path: Path, headers: Headers | None) -> Checkpoint:
    layout = recognise(path)
    if layout is Layout.GGUF:
        return _read_gguf(path)
    if layout is Layout.HUGGINGFACE:
        config, naming = read_config(path), HUGGINGFACE
        stored = read_checkpoint(path, naming, headers)
    else:
        config, naming = read_params(path), MISTRAL
        if layout is Layout.PYTORCH:
            stored = read_release(path, config)
        else:
            stored = read_checkpoint(path, naming, headers)
    source = "config.json" if naming is HUGGINGFACE else "params.json"
    return _join(path, layout, config, naming, stored, source)


def _read_gguf(path: Path) -> Checkpoint:
    model = read_model(_only_model(path))
    config = config_of_gguf(model.header)
    check_entries(model.header, [tensor for part in model.parts for tensor in part.tensors])
    stored = model.stored()
    return _join(path, Layout.GGUF, config, GGUF, stored, "its header", model)


def _only_model(path: Path) -> Path:
    if not path.is_dir():
        return path
    first, *others = find_models(path)
    if others:
        problem = f"holds several models, {first.name} and {others[0].name} among them"
        raise MissingFileError(path, problem, "name one of the files")
    return first


def _join(
    path: Path,
    layout: Layout,
    config: MixtralConfig,
    naming: Naming,
    stored: Mapping[str, StoredTensor],
    described_by: str,
    model: GGUFModel | None = None,
) -> Checkpoint:
    kept = {name: tensor for name, tensor in stored.items() if not is_ignored(name)}
    has_output = naming.output in kept or (model is None and not config.tie_word_embeddings)
    tensors = list_tensors(config, has_output=has_output, naming=naming)
    _check_tensors(path, kept, tensors, described_by)
    return Checkpoint(path, layout, config, kept, tensors, model)


def _check_tensors(
    path: Path,
    stored: Mapping[str, StoredTensor],
    tensors: Sequence[ModelTensor],
    described_by: str,
) -> None:
    expected = {name: tensor for tensor in tensors for name in tensor.sources}
    for name, tensor in expected.items():
        if name not in stored:
            raise TensorError(path, f"lacks {name}", "download the model again")
        found, shape = stored[name], tensor.source_shape
        if found.shape != shape:
            problem = f"holds {name} of shape {found.shape} where {described_by} says {shape}"
            raise TensorError(found.path, problem, f"download it and {described_by} again")
    for name, found in stored.items():
        if name not in expected:
            problem = f"holds {name[:120]}, which is no part of a Mixtral"
            raise TensorError(found.path, problem, "choose the model's original weights")


def check_convertible(checkpoint: Checkpoint) -> None:
    """Raise TensorError for weights that are quantized already, or of a strange type."""
    for tensor in checkpoint.stored.values():
        if tensor.dtype not in CONVERTIBLE_DTYPES:
            problem = f"stores {tensor.name} as {tensor.dtype}, which can't be converted"
            raise TensorError(tensor.path, problem, "choose the model's original weights")
