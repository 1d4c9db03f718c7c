"""The sizes of a Mixtral out of a GGUF header."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from model_io.errors import CorruptGGUFError, NotMixtralError
from model_io.gguf_config import config_of_gguf
from model_io.gguf_reader import GGUFHeader, Value, read_header
from model_io.model_config import MixtralConfig, read_config
from tests.model_io.checkpoints import SHAPES

PATH = Path("model.gguf")
ENTRIES: dict[str, Value] = {
    "general.architecture": "llama",
    "llama.block_count": 32,
    "llama.context_length": 32768,
    "llama.embedding_length": 4096,
    "llama.feed_forward_length": 14336,
    "llama.attention.head_count": 32,
    "llama.attention.head_count_kv": 8,
    "llama.attention.layer_norm_rms_epsilon": 1e-5,
    "llama.rope.freq_base": 1e6,
    "llama.rope.dimension_count": 128,
    "llama.expert_count": 8,
    "llama.expert_used_count": 2,
    "llama.vocab_size": 32000,
    "tokenizer.ggml.tokens": ("<unk>", "<s>", "</s>"),
}


def header_of(**changes: Value | None) -> GGUFHeader:
    """A header with some `llama.` entries changed (`__` for a dot), or left out where None."""
    changed = {f"llama.{key.replace('__', '.')}": value for key, value in changes.items()}
    entries = {k: v for k, v in (ENTRIES | changed).items() if v is not None}
    return GGUFHeader(PATH, 3, entries, (), 0, 0, 32)


def test_reads_the_sizes_of_the_released_model() -> None:
    """Each under its own name."""
    assert config_of_gguf(header_of()) == MixtralConfig(
        hidden_size=4096,
        intermediate_size=14336,
        num_hidden_layers=32,
        num_attention_heads=32,
        num_key_value_heads=8,
        head_dim=None,
        num_local_experts=8,
        num_experts_per_tok=2,
        vocab_size=32000,
        max_position_embeddings=32768,
        rms_norm_eps=1e-5,
        rope_theta=1e6,
        tie_word_embeddings=True,
    )


@pytest.mark.parametrize("name", SHAPES)
def test_agrees_with_config_json(name: str, checkpoints: Path, bf16_files: Path) -> None:
    """A converted file says what its source said; small numbers in single precision."""
    expected = read_config(checkpoints / name)
    found = config_of_gguf(read_header(bf16_files / f"{name}.gguf"))
    assert found.rms_norm_eps == pytest.approx(expected.rms_norm_eps)
    assert replace(found, rms_norm_eps=expected.rms_norm_eps) == expected


def test_the_vocabulary_is_counted_where_its_size_is_not_said() -> None:
    """Old files have no llama.vocab_size."""
    assert config_of_gguf(header_of(vocab_size=None)).vocab_size == 3


def test_heads_may_have_a_length_of_their_own() -> None:
    """Then the file says it three times."""
    long = header_of(attention__key_length=64, attention__value_length=64, rope__dimension_count=64)
    assert config_of_gguf(long).head_dim == 64


def test_each_head_has_its_own_keys_where_nothing_is_said() -> None:
    """llama.cpp's default."""
    assert config_of_gguf(header_of(attention__head_count_kv=None)).num_key_value_heads == 32


STRANGERS: dict[str, tuple[dict[str, Value], str]] = {
    "nothing said": ({}, "does not say what model it holds; choose a Mixtral"),
    "no experts": (ENTRIES | {"llama.expert_count": 0}, "holds a model without experts"),
    "another model": (
        {"general.architecture": "qwen2"}, "holds a model of type 'qwen2', not Mixtral",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", STRANGERS)
def test_models_of_another_kind(case: str) -> None:
    """A class of their own."""
    entries, words = STRANGERS[case]
    with pytest.raises(NotMixtralError) as caught:
        config_of_gguf(GGUFHeader(PATH, 3, entries, (), 0, 0, 32))
    assert str(caught.value).startswith(f"model.gguf {words}")


CASES: dict[str, tuple[dict[str, Value | None], str]] = {
    "no layers said": ({"block_count": None}, "does not say llama.block_count"),
    "no rope said": ({"rope__freq_base": None}, "does not say llama.rope.freq_base"),
    "no epsilon": ({"attention__layer_norm_rms_epsilon": None}, "does not say llama.attention.lay"),
    "no context": ({"context_length": None}, "does not say llama.context_length"),
    "no experts used": ({"expert_used_count": None}, "does not say llama.expert_used_count"),
    "absurd layers": ({"block_count": 513}, "value '513' for llama.block_count"),
    "absurd experts": ({"expert_count": 257}, "value '257' for llama.expert_count"),
    "absurd width": ({"embedding_length": 2**31}, "for llama.embedding_length"),
    "a negative size": ({"feed_forward_length": -1}, "value '-1' for llama.feed_forward_length"),
    "a text": ({"context_length": "long"}, "value 'long' for llama.context_length"),
    "a switch": ({"block_count": True}, "value 'True' for llama.block_count"),
    "a list": ({"attention__head_count": (32, 32)}, "value '(32, 32)' for llama.attention.head"),
    "a rope without size": ({"rope__freq_base": 0.0}, "value '0.0' for llama.rope.freq_base"),
    "no number": ({"rope__freq_base": float("nan")}, "value 'nan' for llama.rope.freq_base"),
    "more used than there are": ({"expert_used_count": 9}, "'9' for llama.expert_used_count"),
    "heads don't divide": ({"attention__head_count": 33}, "'33' for llama.attention.head_count,"),
    "keys don't divide": ({"attention__head_count_kv": 7}, "'7' for llama.attention.head_count_kv"),
    "an odd head": ({"embedding_length": 4128}, "'129' for llama.attention.key_length"),
    "another rope": ({"rope__dimension_count": 64}, "'64' for llama.rope.dimension_count"),
    "short values": ({"attention__value_length": 64}, "'64' for llama.attention.value_length"),
    "long keys only": ({"attention__key_length": 256}, "'128' for llama.attention.value_length"),
}


@pytest.mark.parametrize("case", CASES)
def test_an_entry_that_can_not_be_true(case: str) -> None:
    """The sentence names it."""
    changes, words = CASES[case]
    with pytest.raises(CorruptGGUFError) as caught:
        config_of_gguf(header_of(**changes))
    assert words in str(caught.value)


def test_a_file_without_any_vocabulary() -> None:
    """Neither its size nor its tokens."""
    entries = {k: v for k, v in ENTRIES.items() if "vocab" not in k and "tokens" not in k}
    with pytest.raises(CorruptGGUFError, match=r"llama\.vocab_size and has no vocabulary"):
        config_of_gguf(GGUFHeader(PATH, 3, entries, (), 0, 0, 32))
