"""Reads config.json or params.json: the sizes of a Mixtral, under Hugging Face's names.

Knows the spellings of both files (config.json before and after transformers 5; params.json as
mistral-inference writes it and as the first release had it) and no tensor.
"""

from __future__ import annotations

import json
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from model_io.errors import ConfigError, MissingFileError, NotMixtralError, SourceError

_JSON_LIMIT_BYTES = 2 * 1024 * 1024
"""What Mixtral has takes 100 kB at most; in memory, JSON can be thirty times as large."""

_FETCH = "download that file again"

# What transformers' MixtralConfig assumes where the file is silent.
_DEFAULTS: Mapping[str, int] = {
    "num_key_value_heads": 8,
    "num_local_experts": 8,
    "num_experts_per_tok": 2,
    "max_position_embeddings": 131072,
}

_OWN_NAMES: Mapping[str, str] = {
    "dim": "hidden_size",
    "hidden_dim": "intermediate_size",
    "n_layers": "num_hidden_layers",
    "n_heads": "num_attention_heads",
    "n_kv_heads": "num_key_value_heads",
    "norm_eps": "rms_norm_eps",
    "max_seq_len": "max_position_embeddings",
    "num_experts": "num_local_experts",
    "tied_embeddings": "tie_word_embeddings",
}
"""params.json's word for what config.json calls otherwise (mistral-inference, args.py)."""

_SHORT = reprlib.Repr()  # goes neither deep nor far into what it shows
_SHORT.maxstring = _SHORT.maxother = 80

_RELEASED_CONTEXT_TOKENS = 32768  # params.json doesn't say it; Mixtral's own is meant


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


def check_file(path: Path, error: type[SourceError], limit_bytes: int = _JSON_LIMIT_BYTES) -> None:
    """Make sure that the file at `path`, if it is there, can be read whole.

    Raises `error` for a pipe, whose reader would wait, and for a file above the limit.
    """
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise error(path, "is not a file", _FETCH)
        if path.is_file() and path.stat().st_size > limit_bytes:
            raise error(path, "is far too long for what it should hold", _FETCH)
    except OSError as reason:
        raise _unreadable(path, reason, error) from None


def _unreadable(path: Path, reason: OSError, error: type[SourceError]) -> SourceError:
    detail = reason.strerror or type(reason).__name__
    return error(path, f"can't be read: {detail}", "check the file")


def read_json(path: Path, error: type[SourceError]) -> dict[str, object]:
    """The JSON object in the file at `path`; anything else is raised as `error`.

    All its texts can be written as UTF-8: JSON can spell half of a character ("\\ud800").
    """
    check_file(path, error)
    try:
        content = json.loads(path.read_bytes())
        json.dumps(content, ensure_ascii=False).encode()
    except OSError as reason:
        raise _unreadable(path, reason, error) from None
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


def read_params(folder: Path) -> MixtralConfig:
    """Read and check `folder`/params.json, which stands beside Mistral's own weight files.

    Raises MissingFileError, ConfigError, or NotMixtralError for a model without experts.
    """
    path = folder / "params.json"
    if not path.is_file():
        raise MissingFileError(
            folder, "has no params.json", "choose the folder that holds the whole model"
        )
    content = read_json(path, ConfigError)
    experts = content.pop("moe", {})
    if isinstance(experts, dict):
        content = experts | content
    own = {_OWN_NAMES[key]: key for key in content if key in _OWN_NAMES}
    found = {_OWN_NAMES.get(key, key): value for key, value in content.items()}
    if "num_local_experts" not in found:
        raise NotMixtralError(path, "describes a model without experts", "choose a Mixtral model")
    found.setdefault("max_position_embeddings", _RELEASED_CONTEXT_TOKENS)
    config = _ConfigReader(path, found, own).read()
    if config.head_dim == config.hidden_size // config.num_attention_heads:
        # What goes without saying in config.json isn't said in the GGUF either.
        config = replace(config, head_dim=None)
    return config


def _check_kind(path: Path, content: Mapping[str, object]) -> None:
    kind = content.get("model_type")
    remedy = "choose a Mixtral model"
    if kind != "mixtral":
        raise NotMixtralError(
            path, f"describes a model of type {_SHORT.repr(kind)}, not Mixtral", remedy
        )
    architectures = content.get("architectures") or ["MixtralForCausalLM"]
    if architectures != ["MixtralForCausalLM"]:
        raise NotMixtralError(
            path, f"describes a {_SHORT.repr(architectures)}, not a Mixtral", remedy
        )
    if content.get("quantization_config"):
        problem = "describes a model that is quantized already"
        raise NotMixtralError(path, problem, "choose the original weights")


class _ConfigReader:
    """Takes one value after the other and checks each; `own` are the file's other names."""

    def __init__(
        self, path: Path, content: Mapping[str, object], own: Mapping[str, str] | None = None
    ) -> None:
        self._path = path
        self._content = content
        self._own = own or {}
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
        name = self._own.get(key, key)
        shown = value if isinstance(value, str) else _SHORT.repr(value)
        problem = f"has the value {shown[:80]!r} for {name}, which no Mixtral has"
        return ConfigError(self._path, problem, _FETCH)

    def _size(self, key: str) -> int:
        value = self._content.get(key, _DEFAULTS.get(key))
        if value is None:
            raise ConfigError(self._path, f"does not say {self._own.get(key, key)}", _FETCH)
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
        # Far beyond any Mixtral: what a damaged file claims must not become lists in memory.
        for key, limit in (("num_hidden_layers", 1024), ("num_local_experts", 256)):
            if getattr(config, key) > limit:
                raise self._error(key, getattr(config, key))
        if config.vocab_size > 1_000_000:
            raise self._error("vocab_size", config.vocab_size)
        if config.num_experts_per_tok > config.num_local_experts:
            raise self._error("num_experts_per_tok", config.num_experts_per_tok)
