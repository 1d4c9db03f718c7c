"""Says what a file or a folder is: which layout, which model, and what is wrong with it.

Joins the readers; converts nothing, reads no weight, and loads no native library.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from model_io.checkpoint import read_mixtral
from model_io.errors import ConfigError, MissingFileError, ModelIOError
from model_io.gguf_reader import GGUFHeader, check_usable, read_header
from model_io.model_config import MixtralConfig, read_config, read_json
from model_io.safetensors_reader import StoredTensor, read_checkpoint
from model_io.tokenizer import read_vocabulary

_Found = TypeVar("_Found")


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was found; None where it is silent. `problems` are sentences for people.

    `layout` is "huggingface", "consolidated", "gguf" or "gguf-split-experts"; `quant` of a folder
    is the type of most of its weights.
    """

    layout: str
    architecture: str | None
    layers: int | None
    experts: int | None
    quant: str | None
    context: int | None
    complete: bool
    problems: tuple[str, ...]


def inspect(path: Path) -> Inspection:
    """Look at the GGUF file or the checkpoint folder at `path`.

    What is wrong with a model is part of the answer. Raises ModelIOError for something that is
    no model at all.
    """
    if not path.is_dir():
        return _inspect_gguf(read_header(path))
    if (path / "config.json").is_file():
        return _inspect_huggingface(path)
    if (path / "params.json").is_file():
        return _inspect_consolidated(path)
    raise MissingFileError(path, "holds no model", "choose a GGUF file or a model's folder")


def _inspect_gguf(header: GGUFHeader) -> Inspection:
    problems: list[str] = []
    _attempt(lambda: check_usable(header), problems)
    return Inspection(
        layout="gguf-split-experts" if header.is_split_expert else "gguf",
        architecture=header.architecture or None,
        layers=header.layer_count,
        experts=header.expert_count,
        quant=header.quant,
        context=header.context_tokens,
        complete=not header.missing_bytes,
        problems=tuple(problems),
    )


def _inspect_huggingface(folder: Path) -> Inspection:
    problems: list[str] = []
    content = _attempt(lambda: read_json(folder / "config.json", ConfigError), problems) or {}
    config = _attempt(lambda: read_config(folder), problems)
    stored = _attempt(lambda: read_checkpoint(folder), problems)
    if config and stored:
        _attempt(lambda: read_mixtral(folder), problems)
    if config:
        size = config.vocab_size
        _attempt(lambda: read_vocabulary(folder, size), problems)
    kind = content.get("model_type")
    architecture = kind if isinstance(kind, str) else None
    return _describe("huggingface", architecture, config, _main_dtype(stored), problems)


def _inspect_consolidated(folder: Path) -> Inspection:
    layout = "is in Mistral's own layout, which can't be converted"
    error = MissingFileError(folder, layout, "download the model's Hugging Face files")
    return _describe("consolidated", None, None, None, [str(error)])


def _describe(
    layout: str,
    architecture: str | None,
    config: MixtralConfig | None,
    quant: str | None,
    problems: Iterable[str],
) -> Inspection:
    found = tuple(dict.fromkeys(problems))
    return Inspection(
        layout=layout,
        architecture=architecture,
        layers=config.num_hidden_layers if config else None,
        experts=config.num_local_experts if config else None,
        quant=quant,
        context=config.max_position_embeddings if config else None,
        complete=not found,
        problems=found,
    )


def _attempt(action: Callable[[], _Found], problems: list[str]) -> _Found | None:
    """The result of `action`, or None with its problem noted."""
    try:
        return action()
    except ModelIOError as error:
        problems.append(str(error))
        return None


def _main_dtype(stored: dict[str, StoredTensor] | None) -> str | None:
    sizes: Counter[str] = Counter()
    for tensor in (stored or {}).values():
        sizes[tensor.dtype] += tensor.data_bytes
    return max(sizes, key=sizes.__getitem__, default=None)
