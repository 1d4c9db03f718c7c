"""Prompts as token ids: how a conversation is put into the format that a model was trained on.

Messages become turns here, and turns can be left out; `prompt_styles` puts each turn into ids. A
reply that the model itself produced stays the ids that it was, so that what the engine's cache
holds always matches.

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
from app.core.prompt_styles import ChatML, MistralV1, PromptStyle, Raw, Turn
from app.core.prompt_styles import Tokenizer as Tokenizer
from app.core.prompt_styles import continued_ids as continued_ids


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

    @property
    def is_pinned(self) -> bool:
        """Whether its turn stays in the prompt when older ones are left out."""


class Prompt:
    """A conversation as ids, made so that its oldest turns can be left out.

    Attributes:
        continues: the last turn's reply is unfinished and is to be gone on with.
        system_text: what stands before everything else; empty for none.
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
        self.system_text = system_text
        self._turns = tuple(turns)
        self._openings = [style.opening(turn) for turn in self._turns]
        self._replies = [self._reply_ids(index) for index in range(len(self._turns))]
        pairs = zip(self._openings, self._replies, strict=True)
        sizes = [len(opening) + len(reply) for opening, reply in pairs]
        self._ends = list(accumulate(sizes, initial=0))
        pinned_sizes = (s if t.is_pinned else 0 for s, t in zip(sizes, self._turns, strict=True))
        self._pinned_ends = list(accumulate(pinned_sizes, initial=0))
        pinned = (index for index, turn in enumerate(self._turns) if turn.is_pinned)
        self._first_pinned = next(pinned, len(self._turns))

    @property
    def turns(self) -> tuple[Turn, ...]:
        """All turns, the oldest first."""
        return self._turns

    @property
    def turn_count(self) -> int:
        """How many turns there are."""
        return len(self._turns)

    def kept_turns(self, first_turn: int) -> list[int]:
        """The turns from `first_turn` on, and before them those that are pinned."""
        pinned = [index for index in range(first_turn) if self._turns[index].is_pinned]
        return pinned + list(range(first_turn, len(self._turns)))

    def ids(self, first_turn: int = 0) -> list[int]:
        """The prompt without the turns before `first_turn`, but for pinned ones.

        The system message is kept; it stands in the first turn that remains.
        """
        first, *others = self.kept_turns(first_turn)
        ids = self._first_opening(first) + self._replies[first]
        for index in others:
            ids += self._openings[index] + self._replies[index]
        return ids

    def asked_token_count(
        self, first_turn: int, last_turn: int, *, before_reply: bool = False
    ) -> int:
        """How long the prompt was when `last_turn` was asked and `first_turn` was the oldest.

        Pinned turns before `first_turn` count. `before_reply`: without an open reply at the end.
        """
        token_count = self._ends[last_turn + 1] - self._ends[first_turn]
        token_count += self._pinned_ends[first_turn]
        opener = self._first_pinned if self._first_pinned < first_turn else first_turn
        token_count += len(self._first_opening(opener)) - len(self._openings[opener])
        if last_turn < len(self._turns) - 1 or before_reply:
            token_count += len(self._style.answering()) - len(self._replies[last_turn])
        return token_count

    def read_token_count(self, first_turn: int) -> int:
        """How long the whole prompt is without the turns before `first_turn`."""
        return self.asked_token_count(first_turn, len(self._turns) - 1)

    @property
    def last_opening_token_count(self) -> int:
        """How long the last turn's user message is, where it isn't the first."""
        return len(self._openings[-1])

    def message_count(self, first_turn: int) -> int:
        """How many messages, system messages apart, stand before `first_turn`."""
        return sum(turn.message_count for turn in self._turns[:first_turn])

    def with_system(self, system_text: str) -> Prompt:
        """The same conversation with another system message; an empty one is none."""
        return Prompt(self._style, system_text, self._turns, continues=self.continues)

    def without_pins(self) -> Prompt:
        """The same conversation with nothing pinned."""
        turns = [replace(turn, is_pinned=False) for turn in self._turns]
        return Prompt(self._style, self.system_text, turns, continues=self.continues)

    def _first_opening(self, index: int) -> list[int]:
        return self._style.first_opening(self.system_text, self._turns[index])

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
        return Prompt(Raw(tokenizer), *_arrange(pieces, ""), continues=continue_last)
    _check_roles(pieces)
    continues = continue_last and not (skip_empty_replies and pieces[-1].role != "assistant")
    _check_last(pieces, continues=continues)
    is_chatml = prompt_format is PromptFormat.CHATML
    style = ChatML(tokenizer) if is_chatml else MistralV1(tokenizer)
    return Prompt(style, *_arrange(pieces, "\n\n"), continues=continues)


@dataclass(frozen=True, slots=True)
class _Piece:
    """One message, or several neighbours made one; `ids` are usable with this vocabulary."""

    role: str
    text: str
    ids: tuple[int, ...]
    message_count: int
    is_pinned: bool = False

    @property
    def is_empty_reply(self) -> bool:
        return self.role == "assistant" and not self.text and not self.ids


def _read_message(message: ChatMessage, tokenizer: Tokenizer) -> _Piece:
    is_ours = message.vocabulary_hash == tokenizer.vocabulary_hash
    ids = message.token_ids if is_ours else ()
    return _Piece(message.role, message.text, ids, 1, message.is_pinned)


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
            turns.append(Turn(piece.text, None, (), piece.message_count, piece.is_pinned))
            continue
        if not turns or turns[-1].reply_text is not None:
            turns.append(Turn(None, None, (), 0))
        count = turns[-1].message_count + piece.message_count
        is_pinned = turns[-1].is_pinned or piece.is_pinned
        turns[-1] = Turn(turns[-1].user_text, piece.text, piece.ids, count, is_pinned)
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
    count = first.message_count + second.message_count
    return _Piece(first.role, text, (), count, first.is_pinned or second.is_pinned)
