"""Both spellings of config.json, and what is assumed where it is silent."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from model_io.errors import ConfigError, MetadataError, NotMixtralError
from model_io.model_config import check_file, read_config, read_json
from tests.model_io.test_quant_types import REAL

# The released model's own file, without what doesn't matter here.
OLD = {
    "architectures": ["MixtralForCausalLM"],
    "hidden_act": "silu",
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "max_position_embeddings": 32768,
    "model_type": "mixtral",
    "num_attention_heads": 32,
    "num_experts_per_tok": 2,
    "num_hidden_layers": 32,
    "num_key_value_heads": 8,
    "num_local_experts": 8,
    "rms_norm_eps": 1e-05,
    "rope_theta": 1000000.0,
    "sliding_window": None,
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
    "vocab_size": 32000,
}


def write(folder: Path, content: object) -> Path:
    """A folder with this config.json."""
    (folder / "config.json").write_text(json.dumps(content))
    return folder


def test_the_old_spelling(tmp_path: Path) -> None:
    """`rope_theta` and `torch_dtype` at the top."""
    assert read_config(write(tmp_path, OLD)) == REAL


def test_the_new_spelling(tmp_path: Path) -> None:
    """`rope_parameters`, `dtype`, and a `head_dim` that is null."""
    new = {k: v for k, v in OLD.items() if k not in ("rope_theta", "torch_dtype")}
    rope = {"rope_theta": 1e6, "rope_type": "default"}
    new |= {"rope_parameters": rope, "dtype": "bfloat16", "head_dim": None}
    assert read_config(write(tmp_path, new)) == REAL


def test_silence_means_what_transformers_assumes(tmp_path: Path) -> None:
    """Eight experts, two of them used, eight key-value heads, rope base 1e6."""
    silent = ("num_local_experts", "num_experts_per_tok", "num_key_value_heads", "rope_theta",
              "rms_norm_eps", "tie_word_embeddings", "architectures", "hidden_act")  # fmt: skip
    assert read_config(write(tmp_path, {k: v for k, v in OLD.items() if k not in silent})) == REAL


def test_null_key_value_heads_are_as_many_as_heads(tmp_path: Path) -> None:
    """An explicit null is not silence."""
    config = read_config(write(tmp_path, OLD | {"num_key_value_heads": None}))
    assert config.num_key_value_heads == 32


def test_a_head_size_of_its_own(tmp_path: Path) -> None:
    """Written or computed."""
    assert read_config(write(tmp_path, OLD)).head_size == 128
    assert read_config(write(tmp_path, OLD | {"head_dim": 64})).head_size == 64


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("num_key_value_heads", 5),
        ("head_dim", 63),
        ("vocab_size", True),
        ("rms_norm_eps", "small"),
        ("rope_theta", 0),
        ("rope_theta", 1e40),
        ("rope_parameters", [1]),
        ("rope_scaling", {"type": "linear", "factor": 2}),
        ("tie_word_embeddings", "yes"),
    ],
)
def test_values_that_no_mixtral_has(key: str, value: object, tmp_path: Path) -> None:
    """The sentence names the key."""
    with pytest.raises(ConfigError, match="which no Mixtral has") as caught:
        read_config(write(tmp_path, OLD | {key: value}))
    assert key.split("_")[0] in str(caught.value)


@pytest.mark.parametrize("key", ["model_type", "architectures"])
def test_another_kind_is_named_in_few_letters(key: str, tmp_path: Path) -> None:
    """However much stands in its place."""
    with pytest.raises(NotMixtralError, match="describes a") as caught:
        read_config(write(tmp_path, OLD | {key: ["x" * 5000] * 200}))
    assert len(str(caught.value)) < len(str(tmp_path)) + 600


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    """Nobody may ever write into it."""
    os.mkfifo(tmp_path / "config.json")
    with pytest.raises(ConfigError, match="is not a file"):
        read_json(tmp_path / "config.json", ConfigError)


def test_json_that_would_fill_the_memory_is_not_read(tmp_path: Path) -> None:
    """A list of empty lists is thirty times as large in memory."""
    (tmp_path / "config.json").write_text("[" + "[]," * 2_000_000 + "1]")
    with pytest.raises(ConfigError, match="is far too long for what it should hold"):
        read_json(tmp_path / "config.json", ConfigError)


def test_a_file_that_is_not_there_can_be_read(tmp_path: Path) -> None:
    """Who wants it says so."""
    check_file(tmp_path / "nothing", MetadataError)


def test_a_name_that_no_disk_takes(tmp_path: Path) -> None:
    """The system's own words."""
    with pytest.raises(MetadataError, match="can't be read: File name too long"):
        check_file(tmp_path / ("x" * 300), MetadataError)
