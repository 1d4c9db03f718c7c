"""Reads config.json: the sizes of a Mixtral, under the names that the file itself uses.

Knows both spellings of the file (before and after transformers 5) and no tensor.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from model_io.errors import ConfigError, MissingFileError, NotMixtralError, SourceError

_JSON_LIMIT_BYTES = 256 * 1024 * 1024
_FETCH = "download that file again"

# What transformers' MixtralConfig assumes where the file is silent.
_DEFAULTS: Mapping[str, int] = {
    "num_key_value_heads": 8,
    "num_local_experts": 8,
    "num_experts_per_tok": 2,
    "max_position_embeddings": 131072,
}


@dataclass(frozen=True, slots=True)
class MixtralConfig:
    """The sizes of one model; `head_dim` is None where the file leaves it to be computed."""

    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int | None
    num_local_experts: int
    num_experts_per_tok: int
    vocab_size: int
    max_position_embeddings: int
    rms_norm_eps: float
    rope_theta: float
    tie_word_embeddings: bool

    @property
    def head_size(self) -> int:
        """The length of one attention head's vectors."""
        return self.head_dim or self.hidden_size // self.num_attention_heads


def read_json(path: Path, error: type[SourceError]) -> dict[str, object]:
    """The JSON object in the file at `path`; anything else is raised as `error`.

    All its texts can be written as UTF-8: JSON can spell half of a character ("\\ud800").
    """
    try:
        if path.stat().st_size > _JSON_LIMIT_BYTES:
            raise error(path, "is far too long for what it should hold", _FETCH)
        content = json.loads(path.read_bytes())
        json.dumps(content, ensure_ascii=False).encode()
    except OSError as reason:
        detail = reason.strerror or type(reason).__name__
        raise error(path, f"can't be read: {detail}", "check the file") from None
    except UnicodeEncodeError:
        raise error(path, "holds half of a character in one of its texts", _FETCH) from None
    except (ValueError, RecursionError):
        raise error(path, "is not valid JSON", _FETCH) from None
    if not isinstance(content, dict):
        raise error(path, "does not hold a JSON object", _FETCH)
    return content


def read_config(folder: Path) -> MixtralConfig:
    """Read and check `folder`/config.json.

    Raises MissingFileError, ConfigError, or NotMixtralError for a model of another kind.
    """
    path = folder / "config.json"
    if not path.is_file():
        raise MissingFileError(
            folder, "has no config.json", "choose the folder that holds the whole model"
        )
    content = read_json(path, ConfigError)
    _check_kind(path, content)
    return _ConfigReader(path, content).read()


def _check_kind(path: Path, content: Mapping[str, object]) -> None:
    kind = content.get("model_type")
    remedy = "choose a Mixtral model"
    if kind != "mixtral":
        raise NotMixtralError(path, f"describes a model of type {kind!r}, not Mixtral", remedy)
    architectures = content.get("architectures") or ["MixtralForCausalLM"]
    if architectures != ["MixtralForCausalLM"]:
        raise NotMixtralError(path, f"describes a {architectures!r}, not a Mixtral", remedy)
    if content.get("quantization_config"):
        problem = "describes a model that is quantized already"
        raise NotMixtralError(path, problem, "choose the original weights")


class _ConfigReader:
    """Takes one value after the other and checks each."""

    def __init__(self, path: Path, content: Mapping[str, object]) -> None:
        self._path = path
        self._content = content
        rope = content.get("rope_parameters") or content.get("rope_scaling") or {}
        if not isinstance(rope, dict):
            raise self._error("rope_parameters", rope)
        self._rope: Mapping[str, object] = rope

    def read(self) -> MixtralConfig:
        self._check_rope()
        if self._content.get("hidden_act", "silu") != "silu":
            raise self._error("hidden_act", self._content["hidden_act"])
        heads = self._size("num_attention_heads")
        config = MixtralConfig(
            hidden_size=self._size("hidden_size"),
            intermediate_size=self._size("intermediate_size"),
            num_hidden_layers=self._size("num_hidden_layers"),
            num_attention_heads=heads,
            num_key_value_heads=self._key_value_heads(heads),
            head_dim=self._optional_size("head_dim"),
            num_local_experts=self._size("num_local_experts"),
            num_experts_per_tok=self._size("num_experts_per_tok"),
            vocab_size=self._size("vocab_size"),
            max_position_embeddings=self._size("max_position_embeddings"),
            rms_norm_eps=self._real("rms_norm_eps", self._content, 1e-5),
            rope_theta=self._rope_theta(),
            tie_word_embeddings=self._switch("tie_word_embeddings"),
        )
        self._check_fit(config)
        return config

    def _error(self, key: str, value: object) -> ConfigError:
        problem = f"has the value {str(value)[:80]!r} for {key}, which no Mixtral has"
        return ConfigError(self._path, problem, _FETCH)

    def _size(self, key: str) -> int:
        value = self._content.get(key, _DEFAULTS.get(key))
        if value is None:
            raise ConfigError(self._path, f"does not say {key}", _FETCH)
        if type(value) is not int or not 0 < value < 2**31:
            raise self._error(key, value)
        return value

    def _optional_size(self, key: str) -> int | None:
        return None if self._content.get(key) is None else self._size(key)

    def _key_value_heads(self, heads: int) -> int:
        # An explicit null means one for each head, a missing key means eight.
        key = "num_key_value_heads"
        if key in self._content and self._content[key] is None:
            return heads
        return self._size(key)

    def _switch(self, key: str) -> bool:
        value = self._content.get(key) or False
        if not isinstance(value, bool):
            raise self._error(key, value)
        return value

    def _real(self, key: str, content: Mapping[str, object], default: float) -> float:
        value = content.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e30:
            raise self._error(key, value)
        return float(value)

    def _rope_theta(self) -> float:
        content = self._rope if "rope_theta" in self._rope else self._content
        return self._real("rope_theta", content, 1e6)

    def _check_rope(self) -> None:
        kind = self._rope.get("rope_type", self._rope.get("type"))
        if kind not in (None, "default"):
            raise self._error("rope_type", kind)

    def _check_fit(self, config: MixtralConfig) -> None:
        if config.head_dim is None and config.hidden_size % config.num_attention_heads:
            raise self._error("num_attention_heads", config.num_attention_heads)
        if config.num_attention_heads % config.num_key_value_heads:
            raise self._error("num_key_value_heads", config.num_key_value_heads)
        if config.head_size % 2:
            raise self._error("head_dim", config.head_size)
        if config.num_experts_per_tok > config.num_local_experts:
            raise self._error("num_experts_per_tok", config.num_experts_per_tok)
