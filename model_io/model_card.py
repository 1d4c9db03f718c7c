"""What a GGUF says about its model besides tensors and vocabulary: its card and its sizes.

The rules by which llama.cpp finds a model's name, author, version and licence (README.md's
front matter, config.json, generation_config.json, the folder's name) are long and end up in the
bytes, so the gguf package applies them. Knows no tensor and writes no file.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

import gguf
import yaml  # type: ignore[import-untyped]  # gguf reads cards with it

from model_io.errors import MetadataError
from model_io.gguf_values import (
    STRUCT_CODES,
    Metadata,
    MetadataValue,
    ValueKind,
    float32,
    string,
    uint32,
)
from model_io.model_config import MixtralConfig, check_file

_ARCHITECTURE = "llama"
_QUANTIZATION_VERSION = 2  # GGML_QNT_VERSION

_CARD_LIMIT_BYTES = 4 * 1024 * 1024
_SETTINGS_LIMIT = 100_000
"""Letters: YAML takes a second for so many. What Mixtral's card begins with has 200."""

_MOST_ENTRIES = 1000

# The package checks little of what stands in the files: each of these means "not like that".
_MISREADINGS = (
    yaml.YAMLError, struct.error, ArithmeticError, ValueError, TypeError, AttributeError,
    LookupError, RecursionError, OSError,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ParameterCounts:
    """How many weights a model has; `expert` counts one expert of every layer."""

    total: int
    shared: int
    expert: int
    experts: int


def describe_model(
    folder: Path, config: MixtralConfig, counts: ParameterCounts, file_type: int
) -> Metadata:
    """The entries from `general.architecture` to `general.quantization_version`, in order.

    `folder` is the checkpoint, `file_type` a number of `quant_types.FILE_TYPES`. Raises
    MetadataError for a README.md or another file that can't be understood.
    """
    metadata: Metadata = {"general.architecture": string(_ARCHITECTURE)}
    metadata |= _read_card(folder, counts)
    metadata |= _describe_sizes(config, file_type)
    metadata["general.quantization_version"] = uint32(_QUANTIZATION_VERSION)
    return metadata


def rewrite_as_quantized(metadata: Metadata, file_type: int) -> Metadata:
    """The same entries as llama-quantize leaves them: these two removed and set again last.

    src/llama-quant.cpp, `llama_model_quantize_impl`.
    """
    moved = {
        "general.quantization_version": uint32(_QUANTIZATION_VERSION),
        "general.file_type": uint32(file_type),
    }
    return {key: value for key, value in metadata.items() if key not in moved} | moved


def _read_card(folder: Path, counts: ParameterCounts) -> Metadata:
    # The name of the folder is part of the rules, so it must not be "." or "..".
    named = Path(os.path.abspath(folder))  # noqa: PTH100  resolve() would follow links
    _check_files(folder)
    try:
        _check_settings(named)
        card = gguf.Metadata.load(None, named, None, counts.total)
        _add_sampling(card, named)
        if card.size_label is None:
            card.size_label = gguf.size_label(
                counts.total, counts.shared, counts.expert, counts.experts
            )
        writer = gguf.GGUFWriter(path=None, arch=_ARCHITECTURE)
        writer.add_type(gguf.GGUFType.MODEL)
        card.set_gguf_meta_model(writer)
        if len(writer.kv_data[0]) > _MOST_ENTRIES:
            raise ValueError("README.md names too many models and datasets")
        return {key: _typed(entry) for key, entry in writer.kv_data[0].items()}
    except _MISREADINGS as error:
        problem = f"describes its model in a way that can't be understood ({_say(error)})"
        remedy = "correct or remove its README.md and generation_config.json"
        raise MetadataError(folder, problem, remedy) from None


def _check_files(folder: Path) -> None:
    check_file(folder / "README.md", MetadataError, _CARD_LIMIT_BYTES)
    for name in ("config.json", "generation_config.json"):
        check_file(folder / name, MetadataError)


def _check_settings(folder: Path) -> None:
    """Raise ValueError for what would take minutes to read, or to write out.

    YAML can say the same list again and again, in lists of such lists; and the package cuts
    names into parts, the longer the slower.
    """
    path = folder / "README.md"
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    begins = lines[:1] == ["---"]
    settings = takewhile(lambda line: line != "---", lines[1:] if begins else [])
    if sum(len(line) + 1 for line in settings) > _SETTINGS_LIMIT:
        raise ValueError("the settings before the text of README.md are too long")
    card = gguf.Metadata.load_model_card(folder)
    _check_extent(card, "the settings in README.md have no end")
    named = gguf.Metadata.load_hf_parameters(folder).get("_name_or_path")
    _check_extent(named, "the name in config.json is too long")


def _check_extent(value: object, complaint: str) -> None:
    """Walk through all of a value, as often as it is repeated; ValueError if it has no end."""
    left, waiting = _SETTINGS_LIMIT, [value]
    while waiting:
        match waiting.pop():
            case dict() as table:
                waiting += [*table.keys(), *table.values()]
                left -= 2 * len(table)
            case list() | tuple() | set() as row:
                waiting += row
                left -= len(row)
            case text:
                left -= len(str(text))
        if left < 0:
            raise ValueError(complaint)


def _say(error: Exception) -> str:
    """The reason as far as it means something to people; YAML's own ones fill several lines."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem and error.problem_mark:
        return f"{error.problem}, line {error.problem_mark.line + 2} of README.md"
    if isinstance(error, RecursionError):
        return "values in values without end"
    is_clear = isinstance(error, ValueError | yaml.YAMLError)
    return str(error) if is_clear else "a value of another kind than it should be"


def _add_sampling(card: Any, folder: Path) -> None:  # noqa: ANN401  gguf has no types
    """Newer llama.cpp takes the penalty under the name that transformers gives it, too."""
    if card.sampling_penalty_repeat is None:
        settings = gguf.Metadata.load_generation_config(folder)
        card.sampling_penalty_repeat = settings.get("repetition_penalty")


def _typed(entry: Any) -> MetadataValue:  # noqa: ANN401  gguf has no types
    """A value of the gguf package as ours.

    Cards hold numbers and lists where a text is meant ("version: 2"), and YAML reads the language
    "no" as False; llama.cpp fails on them, here they become the texts that were meant.
    """
    kind = ValueKind(entry.type)
    if kind is ValueKind.ARRAY:
        return MetadataValue(ValueKind.STRING, tuple(map(_text, entry.value)))
    if kind is ValueKind.STRING:
        return MetadataValue(kind, _text(entry.value))
    struct.pack("<" + STRUCT_CODES[kind], entry.value)  # raises for what is no such number
    return MetadataValue(kind, entry.value)


def _text(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    text = "no" if value is False else str(value)
    text.encode()  # raises for half of a character, which YAML can spell
    return text


def _describe_sizes(config: MixtralConfig, file_type: int) -> Metadata:
    """conversion/base.py, `TextModel.set_gguf_parameters`, and conversion/llama.py."""
    sizes: Metadata = {
        "block_count": uint32(config.num_hidden_layers),
        "context_length": uint32(config.max_position_embeddings),
        "embedding_length": uint32(config.hidden_size),
        "feed_forward_length": uint32(config.intermediate_size),
        "attention.head_count": uint32(config.num_attention_heads),
        "attention.head_count_kv": uint32(config.num_key_value_heads),
        "rope.freq_base": float32(config.rope_theta),
        "attention.layer_norm_rms_epsilon": float32(config.rms_norm_eps),
        "expert_count": uint32(config.num_local_experts),
        "expert_used_count": uint32(config.num_experts_per_tok),
    }
    if config.head_dim is not None:
        sizes["attention.key_length"] = uint32(config.head_dim)
        sizes["attention.value_length"] = uint32(config.head_dim)
    metadata = {f"{_ARCHITECTURE}.{key}": value for key, value in sizes.items()}
    return metadata | {
        "general.file_type": uint32(file_type),
        f"{_ARCHITECTURE}.vocab_size": uint32(config.vocab_size),
        f"{_ARCHITECTURE}.rope.dimension_count": uint32(config.head_size),
    }
