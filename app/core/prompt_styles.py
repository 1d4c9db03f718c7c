"""How each prompt format puts one turn into token ids.

Ids are made piece by piece with special tokens off, exactly as mistral-common's v1 does, so that
a typed `</s>` or `<|im_end|>` stays text. Knows nothing of whole conversations; `prompt` does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from app.core.errors import PromptError


class Tokenizer(Protocol):
    """What prompts need of a vocabulary."""

    @property
    def bos_id(self) -> int | None:
        """The id that begins every prompt; None if the model wants none."""

    @property
    def eos_id(self) -> int:
        """The id that closes a reply."""

    @property
    def im_start_id(self) -> int | None:
        """The id of ChatML's `<|im_start|>`, if the vocabulary has it."""

    @property
    def im_end_id(self) -> int | None:
        """The id of ChatML's `<|im_end|>`, if the vocabulary has it."""

    @property
    def vocabulary_hash(self) -> str:
        """Names the vocabulary: equal hashes mean equal ids."""

    def tokenize(self, text: str) -> list[int]:
        """The ids of `text`, with SentencePiece's space in front and never a control token."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A message of the user and the reply to it.

    Attributes:
        user_text: None when the conversation begins with a reply.
        reply_text: None when there is no reply yet.
        reply_ids: the ids of the reply as the model made them; empty: tokenize `reply_text`.
        message_count: how many messages of the conversation, system messages apart, it holds.
        is_pinned: one of them is pinned, so the turn stays when older ones are left out.
    """

    user_text: str | None
    reply_text: str | None
    reply_ids: tuple[int, ...]
    message_count: int
    is_pinned: bool = False


class PromptStyle(Protocol):
    """How one format puts turns into ids."""

    def first_opening(self, system_text: str, turn: Turn) -> list[int]:
        """Everything up to the end of the first user message, the system message included."""

    def opening(self, turn: Turn) -> list[int]:
        """The user message of a later turn."""

    def answering(self) -> list[int]:
        """What stands between a user message and the model's first id."""

    def reply(self, turn: Turn, *, is_open: bool) -> list[int]:
        """The reply of `turn`; an open one is not closed, since the model goes on with it."""


def continued_ids(tokenizer: Tokenizer, text: str) -> list[int]:
    """The ids of `text` where it follows other text: without SentencePiece's space in front.

    No piece of a SentencePiece vocabulary reaches over a line's end, so the ids of a line's end
    can be put in front and taken away again; should one, `text` is tokenized as a beginning.
    """
    lead = tokenizer.tokenize("\n")
    ids = tokenizer.tokenize("\n" + text)
    return ids[len(lead) :] if ids[: len(lead)] == lead else tokenizer.tokenize(text)


class MistralV1:
    """Mixtral Instruct: `[INST]` is ordinary text (mistral_common, InstructTokenizerV1)."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer

    def first_opening(self, system_text: str, turn: Turn) -> list[int]:
        bos_ids = _bos_ids(self._tokenizer)
        if not system_text:
            return bos_ids + self.opening(turn)
        text = f"[INST] {system_text}\n\n{turn.user_text or ''} [/INST]"
        return bos_ids + self._tokenizer.tokenize(text)

    def opening(self, turn: Turn) -> list[int]:
        return self._tokenizer.tokenize(f"[INST] {turn.user_text or ''} [/INST]")

    def answering(self) -> list[int]:
        return []

    def reply(self, turn: Turn, *, is_open: bool) -> list[int]:
        ids = list(turn.reply_ids) or self._tokenizer.tokenize(turn.reply_text or "")
        return ids if is_open else [*ids, self._tokenizer.eos_id]


class ChatML:
    """`<|im_start|>role`, the text, `<|im_end|>`, each on a line; the two are control tokens."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        if tokenizer.im_start_id is None or tokenizer.im_end_id is None:
            raise PromptError("The model's vocabulary lacks ChatML's tokens. Choose another file.")
        self._tokenizer = tokenizer
        self._start_ids = [tokenizer.im_start_id]
        self._end_ids = [tokenizer.im_end_id, *tokenizer.tokenize("\n")]

    def first_opening(self, system_text: str, turn: Turn) -> list[int]:
        system_ids = self._message("system", system_text) if system_text else []
        return _bos_ids(self._tokenizer) + system_ids + self.opening(turn)

    def opening(self, turn: Turn) -> list[int]:
        return self._message("user", turn.user_text) if turn.user_text is not None else []

    def answering(self) -> list[int]:
        return self._start_ids + self._tokenizer.tokenize("assistant\n")

    def reply(self, turn: Turn, *, is_open: bool) -> list[int]:
        if turn.reply_ids:
            ids = [*self.answering(), *turn.reply_ids]
        else:
            ids = self._start_ids + self._tokenizer.tokenize(f"assistant\n{turn.reply_text}")
        return ids if is_open else ids + self._end_ids

    def _message(self, role: str, text: str) -> list[int]:
        return self._start_ids + self._tokenizer.tokenize(f"{role}\n{text}") + self._end_ids


class Raw:
    """A base model: the texts one after the other, nothing in between."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer

    def first_opening(self, system_text: str, turn: Turn) -> list[int]:
        text = system_text + (turn.user_text or "")
        return _bos_ids(self._tokenizer) + (self._tokenizer.tokenize(text) if text else [])

    def opening(self, turn: Turn) -> list[int]:
        return continued_ids(self._tokenizer, turn.user_text or "")

    def answering(self) -> list[int]:
        return []

    def reply(self, turn: Turn, *, is_open: bool) -> list[int]:
        del is_open  # nothing closes a text
        return list(turn.reply_ids) or continued_ids(self._tokenizer, turn.reply_text or "")


def _bos_ids(tokenizer: Tokenizer) -> list[int]:
    return [] if tokenizer.bos_id is None else [tokenizer.bos_id]
