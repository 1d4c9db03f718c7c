"""Prompts as token ids: how a conversation is put into the format that a model was trained on.

Ids are made piece by piece with special tokens off, exactly as mistral-common's v1 does, so that
a typed `</s>` or `<|im_end|>` stays text. A reply that the model itself produced stays the ids
that it was, so that what the engine's cache holds always matches.

Knows nothing of llama.cpp (a `Tokenizer` is handed in), of files (`prompt_format` chooses), nor
of how much a context holds (`context_fit`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Protocol

from app.core.errors import PromptError
from app.core.prompt_format import PromptFormat


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


class ChatMessage(Protocol):
    """What prompts need of a message; `app.engine.protocol.PromptMessage` is one."""

    @property
    def role(self) -> str:
        """`system`, `user` or `assistant`."""

    @property
    def text(self) -> str:
        """What was said."""

    @property
    def token_ids(self) -> tuple[int, ...]:
        """What the model produced for a reply, without the end token; may be empty."""

    @property
    def vocabulary_hash(self) -> str:
        """The vocabulary of `token_ids`."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A message of the user and the reply to it.

    Attributes:
        user_text: None when the conversation begins with a reply.
        reply_text: None when there is no reply yet.
        reply_ids: the ids of the reply as the model made them; empty: tokenize `reply_text`.
        message_count: how many messages of the conversation, system messages apart, it holds.
    """

    user_text: str | None
    reply_text: str | None
    reply_ids: tuple[int, ...]
    message_count: int


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


class Prompt:
    """A conversation as ids, made so that its oldest turns can be left out.

    Attributes:
        continues: the last turn's reply is unfinished and is to be gone on with.
    """

    def __init__(
        self,
        style: PromptStyle,
        system_text: str,
        turns: Sequence[Turn],
        *,
        continues: bool = False,
    ) -> None:
        """`turns` is not empty; only the last of them may lack a reply or have an open one."""
        self.continues = continues
        self._style = style
        self._system_text = system_text
        self._turns = tuple(turns)
        self._openings = [style.opening(turn) for turn in self._turns]
        self._replies = [self._reply_ids(index) for index in range(len(self._turns))]
        pairs = zip(self._openings, self._replies, strict=True)
        self._ends = list(accumulate((len(a) + len(b) for a, b in pairs), initial=0))

    @property
    def turn_count(self) -> int:
        """How many turns there are."""
        return len(self._turns)

    def ids(self, first_turn: int = 0) -> list[int]:
        """The prompt without the turns before `first_turn`; the system message is kept."""
        ids = self._first_opening(first_turn) + self._replies[first_turn]
        for index in range(first_turn + 1, len(self._turns)):
            ids += self._openings[index] + self._replies[index]
        return ids

    def asked_token_count(self, first_turn: int, last_turn: int) -> int:
        """How long the prompt was when `last_turn` was asked and `first_turn` was the oldest."""
        token_count = self._ends[last_turn + 1] - self._ends[first_turn]
        token_count += len(self._first_opening(first_turn)) - len(self._openings[first_turn])
        if last_turn < len(self._turns) - 1:
            token_count += len(self._style.answering()) - len(self._replies[last_turn])
        return token_count

    def message_count(self, first_turn: int) -> int:
        """How many messages, system messages apart, stand before `first_turn`."""
        return sum(turn.message_count for turn in self._turns[:first_turn])

    def without_system(self) -> Prompt:
        """The same conversation without its system message."""
        return Prompt(self._style, "", self._turns, continues=self.continues)

    def _first_opening(self, index: int) -> list[int]:
        return self._style.first_opening(self._system_text, self._turns[index])

    def _reply_ids(self, index: int) -> list[int]:
        turn, is_last = self._turns[index], index == len(self._turns) - 1
        if turn.reply_text is None:
            return self._style.answering() if is_last else []
        return self._style.reply(turn, is_open=is_last and self.continues)


def build_prompt(
    messages: Sequence[ChatMessage],
    tokenizer: Tokenizer,
    prompt_format: PromptFormat,
    *,
    continue_last: bool = False,
    skip_empty_replies: bool = False,
) -> Prompt:
    """Put `messages` into `prompt_format`.

    What mistral-common's v1 accepts gives its ids, what it refuses is refused: neighbours of one
    role are joined by a blank line, all system messages stand in the first user message.
    With `continue_last` the last message is a reply to go on with. With `skip_empty_replies` a
    reply that was stopped before its first word is left out, where it would be refused else.
    Raises PromptError when the format can't express the conversation.
    """
    pieces = [_read_message(message, tokenizer) for message in messages]
    if skip_empty_replies:
        pieces = _skip_empty_replies(pieces)
    if prompt_format is PromptFormat.RAW:
        return Prompt(_Raw(tokenizer), *_arrange(pieces, ""), continues=continue_last)
    _check_roles(pieces)
    continues = continue_last and not (skip_empty_replies and pieces[-1].role != "assistant")
    _check_last(pieces, continues=continues)
    is_chatml = prompt_format is PromptFormat.CHATML
    style = _ChatML(tokenizer) if is_chatml else _MistralV1(tokenizer)
    return Prompt(style, *_arrange(pieces, "\n\n"), continues=continues)


def continued_ids(tokenizer: Tokenizer, text: str) -> list[int]:
    """The ids of `text` where it follows other text: without SentencePiece's space in front.

    No piece of a SentencePiece vocabulary reaches over a line's end, so the ids of a line's end
    can be put in front and taken away again; should one, `text` is tokenized as a beginning.
    """
    lead = tokenizer.tokenize("\n")
    ids = tokenizer.tokenize("\n" + text)
    return ids[len(lead) :] if ids[: len(lead)] == lead else tokenizer.tokenize(text)


@dataclass(frozen=True, slots=True)
class _Piece:
    """One message, or several neighbours made one; `ids` are usable with this vocabulary."""

    role: str
    text: str
    ids: tuple[int, ...]
    message_count: int

    @property
    def is_empty_reply(self) -> bool:
        return self.role == "assistant" and not self.text and not self.ids


def _read_message(message: ChatMessage, tokenizer: Tokenizer) -> _Piece:
    is_ours = message.vocabulary_hash == tokenizer.vocabulary_hash
    return _Piece(message.role, message.text, message.token_ids if is_ours else (), 1)


def _skip_empty_replies(pieces: Sequence[_Piece]) -> list[_Piece]:
    kept: list[_Piece] = []
    for piece in pieces:
        if piece.is_empty_reply and kept:
            kept[-1] = replace(kept[-1], message_count=kept[-1].message_count + 1)
        elif not piece.is_empty_reply:
            kept.append(piece)
    return kept


def _check_roles(pieces: Sequence[_Piece]) -> None:
    if not pieces:
        raise PromptError("The conversation is empty. Write a message first.")
    previous_role = ""
    for number, piece in enumerate(pieces, start=1):
        if piece.role not in ("system", "user", "assistant"):
            raise PromptError(
                f"Message {number} has the role “{piece.role}”. "
                "This model knows only system, user and assistant."
            )
        if piece.role == "system" and previous_role == "assistant":
            raise PromptError(
                f"Message {number} is a system message after a reply. "
                "Put it before the first reply."
            )
        if piece.is_empty_reply:
            raise PromptError(f"Message {number} is a reply without text. Remove it or fill it.")
        previous_role = piece.role


def _check_last(pieces: Sequence[_Piece], *, continues: bool) -> None:
    ends_in_reply = pieces[-1].role == "assistant"
    if continues and not ends_in_reply:
        raise PromptError("The conversation doesn't end with a reply. There is none to continue.")
    if ends_in_reply and (not continues or len(pieces) == 1):
        raise PromptError("The conversation ends with a reply. Add a message to be answered.")


def _arrange(pieces: Sequence[_Piece], joint: str) -> tuple[str, list[Turn]]:
    """The system text and the turns, at least one."""
    system_text = joint.join(p.text for p in pieces if p.role == "system" and p.text)
    turns: list[Turn] = []
    for piece in _join_neighbours(pieces, joint):
        if piece.role != "assistant":
            turns.append(Turn(piece.text, None, (), piece.message_count))
            continue
        if not turns or turns[-1].reply_text is not None:
            turns.append(Turn(None, None, (), 0))
        count = turns[-1].message_count + piece.message_count
        turns[-1] = Turn(turns[-1].user_text, piece.text, piece.ids, count)
    return system_text, turns or [Turn(None, None, (), 0)]


def _join_neighbours(pieces: Sequence[_Piece], joint: str) -> list[_Piece]:
    """Neighbours of one role made one, without the system messages, which keep others apart."""
    joined: list[_Piece] = []
    previous_role = ""
    for piece in pieces:
        if piece.role != "system" and piece.role == previous_role:
            joined[-1] = _join(joined[-1], piece, joint)
        elif piece.role != "system":
            joined.append(piece)
        previous_role = piece.role
    return joined


def _join(first: _Piece, second: _Piece, joint: str) -> _Piece:
    text = joint.join(text for text in (first.text, second.text) if text)
    return _Piece(first.role, text, (), first.message_count + second.message_count)


class _MistralV1:
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


class _ChatML:
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


class _Raw:
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
