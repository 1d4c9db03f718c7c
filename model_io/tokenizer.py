"""Turns tokenizer.model and its companions into the vocabulary entries of a GGUF.

Knows the order in which llama.cpp lets one file overrule another; knows no weights.
Source: conversion/base.py, `_create_vocab_sentencepiece`, and conversion/llama.py, `set_vocab`
(llama-cpp-python 0.3.36).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

import gguf
from sentencepiece import SentencePieceProcessor

from model_io.errors import MissingFileError, TokenizerError
from model_io.gguf_values import (
    STRUCT_CODES,
    Metadata,
    MetadataValue,
    ValueKind,
    boolean,
    string,
)
from model_io.model_config import check_file, read_json

_FETCH = "download that file again"

_VOCABULARY_LIMIT_BYTES = 16 * 1024 * 1024
"""Mixtral's tokenizer.model has 0.5 MB, its tokenizer.json 2 MB."""

_MOST_TEMPLATES = 20


class TokenKind(IntEnum):
    """What a token is for; `llama_token_type`."""

    NORMAL = 1
    UNKNOWN = 2
    CONTROL = 3
    USER_DEFINED = 4
    UNUSED = 5
    BYTE = 6


@dataclass(slots=True)
class _Vocabulary:
    """Texts (UTF-8), scores and kinds, by token id."""

    texts: list[bytes]
    scores: list[float]
    kinds: list[int]

    def replace(self, token: int, text: str, kind: TokenKind) -> None:
        self.texts[token] = text.encode()
        self.scores[token] = -1000.0
        self.kinds[token] = kind


def read_vocabulary(folder: Path, vocab_size: int) -> Metadata:
    """The `tokenizer.*` entries of the checkpoint in `folder`, in llama.cpp's order.

    The vocabulary is cut or padded to `vocab_size` tokens. Raises MissingFileError without a
    tokenizer.model, and TokenizerError for files that can't be understood.
    """
    companion = folder / "tokenizer_config.json"
    settings = read_json(companion, TokenizerError) if companion.is_file() else {}
    vocabulary = _read_pieces(folder, vocab_size)
    _apply_added_tokens(folder / "added_tokens.json", vocabulary)
    _apply_decoder(companion, settings, vocabulary)
    entries = _prefix_entry(settings) | _token_entries(vocabulary)
    return entries | _special_entries(folder, vocab_size)


def _read_pieces(folder: Path, vocab_size: int) -> _Vocabulary:
    path = folder / "tokenizer.model"
    if not path.is_file():
        remedy = "download that file from the model's page into it"
        raise MissingFileError(folder, "has no tokenizer.model", remedy)
    check_file(path, TokenizerError, _VOCABULARY_LIMIT_BYTES)
    vocabulary = _Vocabulary(
        [f"[PAD{token}]".encode() for token in range(vocab_size)],
        [-10000.0] * vocab_size,
        [int(TokenKind.UNUSED)] * vocab_size,
    )
    try:
        if not (model := path.read_bytes()):
            raise ValueError("empty")  # the library would leave an empty model uninitialized
        pieces = SentencePieceProcessor(model_proto=model)
        for token in range(min(vocab_size, pieces.vocab_size())):
            vocabulary.texts[token] = pieces.IdToPiece(token).encode()
            vocabulary.scores[token] = pieces.GetScore(token)
            vocabulary.kinds[token] = _piece_kind(pieces, token)
    except (OSError, RuntimeError, ValueError):
        problem = "is not a SentencePiece vocabulary"
        raise TokenizerError(path, problem, _FETCH) from None
    return vocabulary


def _piece_kind(pieces: SentencePieceProcessor, token: int) -> TokenKind:
    for is_kind, kind in (
        (pieces.IsUnknown, TokenKind.UNKNOWN),
        (pieces.IsControl, TokenKind.CONTROL),
        (pieces.IsUnused, TokenKind.UNUSED),
        (pieces.IsByte, TokenKind.BYTE),
    ):
        if is_kind(token):
            return kind
    return TokenKind.NORMAL


def _apply_added_tokens(path: Path, vocabulary: _Vocabulary) -> None:
    """added_tokens.json: texts of a fine-tune, and their ids."""
    if not path.is_file():
        return
    for text, token in read_json(path, TokenizerError).items():
        if type(token) is not int or token < 0:
            raise TokenizerError(path, f"gives {text[:40]!r} no valid id", _FETCH)
        if token < len(vocabulary.texts):
            vocabulary.replace(token, text, TokenKind.USER_DEFINED)


def _apply_decoder(path: Path, settings: dict[str, object], vocabulary: _Vocabulary) -> None:
    """`added_tokens_decoder` of tokenizer_config.json, which has the last word."""
    decoder = settings.get("added_tokens_decoder") or {}
    if not isinstance(decoder, dict):
        raise TokenizerError(path, "has an added_tokens_decoder that is no object", _FETCH)
    for key, entry in decoder.items():
        text = entry.get("content") if isinstance(entry, dict) else None
        if not key.isdecimal() or len(key) > 10 or not isinstance(text, str):
            raise TokenizerError(path, f"has no valid token under {key[:40]!r}", _FETCH)
        if (token := int(key)) >= len(vocabulary.texts):
            continue
        if entry.get("special") or _looks_special(text):
            vocabulary.replace(token, text, TokenKind.CONTROL)
        else:
            vocabulary.replace(token, text.replace("▁", " "), TokenKind.USER_DEFINED)


def _looks_special(text: str) -> bool:
    """`does_token_look_special`: control tokens that some models forget to mark as such."""
    marks = (("<|", "|>"), ("<｜", "｜>"), ("<unused", ">"))
    return text in ("<pad>", "<mask>", "<2mass>", "[@BOS@]") or any(
        text.startswith(opening) and text.endswith(closing) for opening, closing in marks
    )


def _prefix_entry(settings: dict[str, object]) -> Metadata:
    """Whether a space is put before the text; llama.cpp assumes yes where the file is silent."""
    if (wanted := settings.get("add_prefix_space")) is None:
        return {}
    return {"tokenizer.ggml.add_space_prefix": boolean(bool(wanted))}


def _token_entries(vocabulary: _Vocabulary) -> Metadata:
    return {
        "tokenizer.ggml.model": string("llama"),
        "tokenizer.ggml.pre": string("default"),
        "tokenizer.ggml.tokens": MetadataValue(ValueKind.STRING, vocabulary.texts),
        "tokenizer.ggml.scores": MetadataValue(ValueKind.FLOAT32, vocabulary.scores),
        "tokenizer.ggml.token_type": MetadataValue(ValueKind.INT32, vocabulary.kinds),
    }


class _FirstWins(dict[str, bool]):
    """Keeps the first value of a key.

    gguf 0.19.0 lets tokenizer_config.json overrule tokenizer.json about which tokens are added;
    the llama.cpp of llama-cpp-python 0.3.36 does the opposite.
    """

    def __setitem__(self, key: str, value: bool) -> None:
        self.setdefault(key, value)


class _SpecialVocabulary(gguf.SpecialVocab):  # type: ignore[misc]  # gguf has no types
    def _load(self, path: Path) -> None:
        self.add_special_token = _FirstWins()
        super()._load(path)


def _special_entries(folder: Path, vocab_size: int) -> Metadata:
    """Ids of the special tokens, which of them are added, and the chat template."""
    _check_companions(folder)
    try:
        special = _SpecialVocabulary(folder, n_vocab=vocab_size)
        writer = gguf.GGUFWriter(path=None, arch="llama")
        special.add_to_gguf(writer, quiet=True)
        entries = {
            key: _typed(folder, key, entry)
            for key, entry in writer.kv_data[0].items()
            if key.startswith("tokenizer.")
        }
    except (
        ValueError, TypeError, AttributeError, LookupError, RecursionError, OSError, struct.error
    ) as error:  # fmt: skip
        # The package checks little of what stands in the files: any of these means "not that".
        reason = f" ({error})" if isinstance(error, ValueError) else ""
        problem = f"has a tokenizer.json or chat template that can't be understood{reason}"
        raise TokenizerError(folder, problem, "download the tokenizer files again") from None
    return entries


def _check_companions(folder: Path) -> None:
    """The gguf package reads these as they are, wherever a link leads and however long."""
    templates = sorted((folder / "additional_chat_templates").glob("*.jinja"))
    if len(templates) > _MOST_TEMPLATES:
        raise TokenizerError(folder, f"has {len(templates):,} chat templates", "keep one of them")
    for name in ("config.json", "chat_template.json", "chat_template.jinja"):
        check_file(folder / name, TokenizerError)
    for path in templates:
        check_file(path, TokenizerError)
    check_file(folder / "tokenizer.json", TokenizerError, _VOCABULARY_LIMIT_BYTES)


def _typed(folder: Path, key: str, entry: Any) -> MetadataValue:  # noqa: ANN401  from gguf
    """A value of the gguf package as ours; JSON's true may stand where a number is meant."""
    kind, value = ValueKind(entry.type), entry.value
    if kind is ValueKind.ARRAY:
        kind, value = ValueKind.STRING, list(value)
    texts = value if isinstance(value, list) else [value]
    if kind is ValueKind.STRING:
        if not all(isinstance(text, str) for text in texts):
            raise TokenizerError(folder, f"has a strange value for {key}", _FETCH)
        "".join(texts).encode()  # raises for half of a character
    else:
        struct.pack("<" + STRUCT_CODES[kind], value)  # raises for what is no such number
    return MetadataValue(kind, value)
