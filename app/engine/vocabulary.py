"""The loaded model's vocabulary: texts to ids and ids to bytes, through llama.cpp.

It may be asked from several threads at once: llama.cpp only reads a vocabulary, and the memory
of recent answers is locked. Knows nothing of contexts, of chats or of prompts' formats.
"""

from __future__ import annotations

import ctypes
import hashlib
import threading
from array import array
from collections import OrderedDict
from typing import Any

from llama_cpp import llama_cpp as native

from app.core.prompt import continued_ids

_KEPT_IDS = 1 << 18
"""How many ids of recent texts are kept: a chat is tokenized again with its every message."""

_IM_START, _IM_END = "<|im_start|>", "<|im_end|>"


class Vocabulary:
    """An `app.core.prompt.Tokenizer` on a loaded model; valid as long as the model is.

    Attributes:
        bos_id: the id that begins a prompt; None if the file says that there is none.
        eos_id: the id that closes a reply.
        im_start_id, im_end_id: ChatML's tokens, None where the vocabulary lacks them.
        vocabulary_hash: 16 hexadecimal digits over all pieces, their kinds and their scores.
        token_count: how many ids there are.
        pointer: the `llama_vocab_p`.
    """

    def __init__(self, model: Any) -> None:  # noqa: ANN401  a bare pointer from ctypes
        """`model` is a `llama_model_p`, with or without weights."""
        self.pointer: Any = native.llama_model_get_vocab(model)
        self._recent = _RecentTexts()
        self._pieces: dict[int, bytes] = {}
        adds_bos = native.llama_vocab_get_add_bos(self.pointer)
        self.bos_id: int | None = native.llama_vocab_bos(self.pointer) if adds_bos else None
        self.eos_id: int = native.llama_vocab_eos(self.pointer)
        self.token_count: int = native.llama_vocab_n_tokens(self.pointer)
        self.im_start_id = self._find_token(_IM_START)
        self.im_end_id = self._find_token(_IM_END)
        self.vocabulary_hash = self._hash()

    def tokenize(self, text: str) -> list[int]:
        """The ids of `text`, with SentencePiece's space in front and never a control token.

        Halves of surrogate pairs, which JSON can bring, are joined, or become U+FFFD.
        """
        kept = self._recent.find(text)
        if kept is None:
            kept = array("i", self._tokenize_around_marks(text))
            self._recent.keep(text, kept)
        return kept.tolist()

    def piece(self, token: int) -> bytes:
        """The bytes that `token` adds to a text; empty for control tokens."""
        known = self._pieces.get(token)
        if known is None:
            known = self._pieces[token] = self._read_piece(token)
        return known

    def is_end(self, token: int) -> bool:
        """Whether the model ends its reply with `token`."""
        return token == self.im_end_id or self.is_native_end(token)

    def is_native_end(self, token: int) -> bool:
        """Whether the file itself says that `token` ends a reply."""
        ends: bool = native.llama_vocab_is_eog(self.pointer, token)
        return ends

    def _tokenize_around_marks(self, text: str) -> list[int]:
        # Some files declare ChatML's tokens as a user's, and llama.cpp then finds them in any text.
        for mark, token in ((_IM_START, self.im_start_id), (_IM_END, self.im_end_id)):
            if token is not None and mark in text:
                before, after = text.split(mark, 1)
                return self._tokenize_around_marks(before + mark[0]) + continued_ids(
                    self, mark[1:] + after
                )
        return self._tokenize(text, parse_special=False)

    def _tokenize(self, text: str, *, parse_special: bool) -> list[int]:
        data = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()
        room = len(data) + 2
        ids = (native.llama_token * room)()
        count = native.llama_tokenize(
            self.pointer, data, len(data), ids, room, False, parse_special
        )
        return list(ids[:count])

    def _find_token(self, text: str) -> int | None:
        ids = self._tokenize(text, parse_special=True)
        return ids[0] if len(ids) == 1 else None

    def _read_piece(self, token: int) -> bytes:
        buffer = ctypes.create_string_buffer(64)
        size = native.llama_token_to_piece(self.pointer, token, buffer, len(buffer), 0, False)
        if size < 0:
            buffer = ctypes.create_string_buffer(-size)
            size = native.llama_token_to_piece(self.pointer, token, buffer, len(buffer), 0, False)
        return buffer.raw[:size]

    def _hash(self) -> str:
        digest = hashlib.sha256()
        for token in range(self.token_count):
            digest.update(native.llama_vocab_get_text(self.pointer, token))
            score = native.llama_vocab_get_score(self.pointer, token)
            digest.update(b"\0%d %a\n" % (native.llama_vocab_get_attr(self.pointer, token), score))
        digest.update(b"%a" % self._tokenize("a b", parse_special=False))
        return digest.hexdigest()[:16]


class _RecentTexts:
    """Ids of the texts last asked for, up to `_KEPT_IDS` of them; safe between threads."""

    def __init__(self) -> None:
        self._ids_of: OrderedDict[str, array[int]] = OrderedDict()
        self._kept_count = 0
        self._lock = threading.Lock()

    def find(self, text: str) -> array[int] | None:
        with self._lock:
            ids = self._ids_of.get(text)
            if ids is not None:
                self._ids_of.move_to_end(text)
            return ids

    def keep(self, text: str, ids: array[int]) -> None:
        with self._lock:
            if text in self._ids_of or len(ids) > _KEPT_IDS:
                return
            self._ids_of[text] = ids
            self._kept_count += len(ids)
            while self._kept_count > _KEPT_IDS:
                self._kept_count -= len(self._ids_of.popitem(last=False)[1])
