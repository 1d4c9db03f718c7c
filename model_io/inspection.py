"""Says what a file or a folder is: which layout, which model, and what is wrong with it.

Joins the readers; converts nothing, reads no weight, and loads no native library.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from model_io.checkpoint import (
    Checkpoint,
    Layout,
    check_convertible,
    read_mixtral,
    recognise,
    unreadable,
)
from model_io.conversion_plan import result_sizes
from model_io.errors import ConfigError, MissingFileError, ModelIOError, TensorError
from model_io.gguf_parts import find_models
from model_io.gguf_reader import GGUFHeader, check_usable, read_header
from model_io.model_config import MixtralConfig, read_config, read_json, read_params
from model_io.repair import plan_repair
from model_io.tokenizer import read_vocabulary

_Found = TypeVar("_Found")


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was found; None where it is silent. `problems` are sentences for people.

    `layout` is "huggingface", "consolidated", "pytorch", "gguf" or "gguf-split-experts"; `quant`
    is a GGUF's own word, and of others the type of most of the weights. `becomes` has the bytes
    of the file of each kind that can be made of it; of a file with its experts apart, what
    `repair` makes.
    """

    layout: str
    architecture: str | None
    layers: int | None
    experts: int | None
    quant: str | None
    context: int | None
    complete: bool
    problems: tuple[str, ...]
    becomes: Mapping[str, int] = field(default_factory=dict)


def inspect(path: Path) -> Inspection:
    """Look at the GGUF file or the checkpoint folder at `path`.

    What is wrong with a model is part of the answer. Raises ModelIOError for something that is
    no model at all.
    """
    try:
        return _inspect(path)
    except OSError as error:
        raise unreadable(path, error) from None


def _inspect(path: Path) -> Inspection:
    if not path.is_dir():
        return _inspect_gguf(read_header(path))
    try:
        layout = recognise(path)
    except MissingFileError:
        remedy = "choose a GGUF file or a model's folder"
        raise MissingFileError(path, "holds no model", remedy) from None
    if layout is Layout.GGUF:
        return _inspect_gguf(read_header(next(iter(find_models(path)))))
    return _inspect_folder(path, layout)


def _inspect_gguf(header: GGUFHeader) -> Inspection:
    problems: list[str] = []
    _attempt(lambda: check_usable(header), problems)
    checkpoint = None
    if not problems or header.is_split_expert:
        notes: list[str] = []
        checkpoint = _attempt(lambda: read_mixtral(header.path), notes)
        if header.expert_count:
            problems += notes
    return Inspection(
        layout="gguf-split-experts" if header.is_split_expert else "gguf",
        architecture=header.architecture or None,
        layers=header.layer_count,
        experts=header.expert_count,
        quant=header.quant,
        context=header.context_tokens,
        complete=not header.missing_bytes and not (problems and not header.is_split_expert),
        problems=tuple(dict.fromkeys(problems)),
        becomes=_sizes(checkpoint),
    )


def _inspect_folder(folder: Path, layout: Layout) -> Inspection:
    problems: list[str] = []
    is_huggingface = layout is Layout.HUGGINGFACE
    read = read_config if is_huggingface else read_params
    config = _attempt(lambda: read(folder), problems)
    checkpoint = _attempt(lambda: read_mixtral(folder), problems)
    if checkpoint:
        _attempt(lambda: check_convertible(checkpoint), problems)
    if config:
        size = config.vocab_size
        _attempt(lambda: read_vocabulary(folder, size), problems)
    architecture = _model_type(folder) if is_huggingface else "mixtral" if config else None
    return _describe(layout, architecture, config, checkpoint, problems)


def _model_type(folder: Path) -> str | None:
    content = _attempt(lambda: read_json(folder / "config.json", ConfigError), []) or {}
    kind = content.get("model_type")
    return kind if isinstance(kind, str) else None


def _describe(
    layout: Layout,
    architecture: str | None,
    config: MixtralConfig | None,
    checkpoint: Checkpoint | None,
    problems: list[str],
) -> Inspection:
    becomes = {} if problems else _attempt(lambda: _sizes(checkpoint), problems)
    found = tuple(dict.fromkeys(problems))
    return Inspection(
        layout=layout,
        architecture=architecture,
        layers=config.num_hidden_layers if config else None,
        experts=config.num_local_experts if config else None,
        quant=_main_dtype(checkpoint),
        context=config.max_position_embeddings if config else None,
        complete=not found,
        problems=found,
        becomes=becomes or {},
    )


def _sizes(checkpoint: Checkpoint | None) -> dict[str, int]:
    """The result's size for each kind that can be made."""
    if checkpoint is None:
        return {}
    with suppress(TensorError):
        return result_sizes(checkpoint)
    model = checkpoint.model
    if model is None or not model.is_split_expert:
        return {}
    with suppress(TensorError):
        return {model.header.quant or "repaired": plan_repair(checkpoint).file_bytes}
    return {}


def _attempt(action: Callable[[], _Found], problems: list[str]) -> _Found | None:
    """The result of `action`, or None with its problem noted."""
    try:
        return action()
    except ModelIOError as error:
        problems.append(str(error))
        return None


def _main_dtype(checkpoint: Checkpoint | None) -> str | None:
    sizes: Counter[str] = Counter()
    for tensor in checkpoint.stored.values() if checkpoint else ():
        sizes[tensor.dtype] += tensor.data_bytes
    return max(sizes, key=sizes.__getitem__, default=None)
