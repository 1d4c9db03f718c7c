"""The sizes of a Mixtral as a GGUF file's own entries give them.

Trusts no entry: each is held against what llama.cpp would accept. Knows no tensor but the one
whose absence means tied embeddings. Source of names, limits and defaults: src/llama-model.cpp,
`load_hparams` (llama-cpp-python 0.3.36).
"""

from __future__ import annotations

from model_io.errors import CorruptGGUFError, NotMixtralError
from model_io.gguf_reader import GGUFHeader, Value
from model_io.model_config import MixtralConfig

_MOST_LAYERS = 512  # LLAMA_MAX_LAYERS
_MOST_EXPERTS = 256
_MOST = 2**31 - 1
_FETCH = "download it again"


def config_of_gguf(header: GGUFHeader) -> MixtralConfig:
    """The sizes that the file describes; `head_dim` is None where it doesn't say it.

    The embeddings count as tied if this header lists no output.weight; of a model in several
    files the others may. Raises NotMixtralError for a model of another kind, and
    CorruptGGUFError for an entry that is missing or can't be true.
    """
    _check_kind(header)
    return _EntryReader(header).read()


def _check_kind(header: GGUFHeader) -> None:
    remedy = "choose a Mixtral model"
    if not header.architecture:
        raise NotMixtralError(header.path, "does not say what model it holds", remedy)
    if header.architecture != "llama":
        problem = f"holds a model of type {header.architecture[:40]!r}, not Mixtral"
        raise NotMixtralError(header.path, problem, remedy)
    if not header.metadata.get("llama.expert_count"):
        raise NotMixtralError(header.path, "holds a model without experts", remedy)


class _EntryReader:
    """Takes one entry after the other and checks each."""

    def __init__(self, header: GGUFHeader) -> None:
        self._header = header

    def read(self) -> MixtralConfig:
        heads = self._size("attention.head_count")
        config = MixtralConfig(
            hidden_size=self._size("embedding_length"),
            intermediate_size=self._size("feed_forward_length"),
            num_hidden_layers=self._size("block_count", most=_MOST_LAYERS),
            num_attention_heads=heads,
            num_key_value_heads=self._optional_size("attention.head_count_kv") or heads,
            head_dim=self._optional_size("attention.key_length"),
            num_local_experts=self._size("expert_count", most=_MOST_EXPERTS),
            num_experts_per_tok=self._size("expert_used_count"),
            vocab_size=self._optional_size("vocab_size") or self._token_count(),
            max_position_embeddings=self._size("context_length"),
            rms_norm_eps=self._real("attention.layer_norm_rms_epsilon"),
            rope_theta=self._real("rope.freq_base"),
            tie_word_embeddings=all(t.name != "output.weight" for t in self._header.tensors),
        )
        self._check_fit(config)
        return config

    def _entry(self, key: str) -> Value | None:
        return self._header.metadata.get(f"llama.{key}")

    def _error(self, key: str, value: object) -> CorruptGGUFError:
        problem = f"has the value {str(value)[:80]!r} for llama.{key}, which no Mixtral has"
        return CorruptGGUFError(self._header.path, problem, _FETCH)

    def _silence(self, key: str) -> CorruptGGUFError:
        return CorruptGGUFError(self._header.path, f"does not say {key}", _FETCH)

    def _size(self, key: str, most: int = _MOST) -> int:
        value = self._entry(key)
        if value is None:
            raise self._silence(f"llama.{key}")
        if type(value) is not int or not 0 < value <= most:
            raise self._error(key, value)
        return value

    def _optional_size(self, key: str) -> int | None:
        return None if self._entry(key) is None else self._size(key)

    def _token_count(self) -> int:
        tokens = self._header.metadata.get("tokenizer.ggml.tokens")
        if not isinstance(tokens, tuple) or not tokens:
            raise self._silence("llama.vocab_size and has no vocabulary")
        return len(tokens)

    def _real(self, key: str) -> float:
        value = self._entry(key)
        if value is None:
            raise self._silence(f"llama.{key}")
        if not isinstance(value, float) or not 0 < value < 1e30:
            raise self._error(key, value)
        return value

    def _check_fit(self, config: MixtralConfig) -> None:
        heads, length = config.num_attention_heads, config.head_size
        value_length = self._optional_size("attention.value_length") or config.hidden_size // heads
        rotated = self._optional_size("rope.dimension_count") or length
        for key, value, fits in (
            ("attention.head_count", heads, config.head_dim or config.hidden_size % heads == 0),
            ("attention.head_count_kv", config.num_key_value_heads,
             heads % config.num_key_value_heads == 0),
            ("attention.key_length", length, length > 0 and length % 2 == 0),
            ("attention.value_length", value_length, value_length == length),
            ("rope.dimension_count", rotated, rotated == length),
            ("expert_used_count", config.num_experts_per_tok,
             config.num_experts_per_tok <= config.num_local_experts),
        ):  # fmt: skip
            if not fits:
                raise self._error(key, value)
