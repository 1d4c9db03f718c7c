"""What a prompt is made of, part by part, as it would be sent now.

Knows nothing of engines and windows: who can build prompts and count texts is handed in.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from app.core.context_fit import (
    EarlierCut,
    excess_of,
    first_kept_turn,
    outside_messages,
    turn_after,
    with_summary,
)
from app.core.prompt import ChatMessage, Prompt


class CountedMessage(ChatMessage, Protocol):
    """What counting needs of a message."""

    @property
    def attached_characters(self) -> int:
        """How many of the text's first characters are files'."""


@dataclass(frozen=True, slots=True)
class PromptParts:
    """What a prompt is made of, in tokens; the parts add up to `total_tokens` exactly.

    `instruction_tokens` are the system text's, `summary_tokens` the earlier conversation's
    summary's, `file_tokens` the attached files' (the draft's files count as draft).
    `outside_messages` are not in it; the draft pushes out `pushed_out_messages` of them.
    `excess_tokens` is how much too long it is to be sent at all, 0 mostly.
    """

    total_tokens: int = 0
    instruction_tokens: int = 0
    summary_tokens: int = 0
    message_tokens: int = 0
    file_tokens: int = 0
    draft_tokens: int = 0
    outside_messages: tuple[int, ...] = ()
    pushed_out_messages: int = 0
    excess_tokens: int = 0


BuildPrompt = Callable[[Sequence[CountedMessage], bool], Prompt]
"""Called with messages, and whether the last is a reply that is to be gone on with."""
CountText = Callable[[str], int]


def count_parts(
    messages: Sequence[CountedMessage],
    draft: CountedMessage | None,
    build: BuildPrompt,
    count_text: CountText,
    context_tokens: int,
    cut: EarlierCut,
) -> PromptParts:
    """Count the prompt of `messages` and `draft`, or the chat as it stands without a draft.

    A reply at the chat's end counts as closed. Raises PromptError for what can't be a prompt.
    """
    standing = _standing(messages, build, context_tokens, cut)
    if draft is None:
        return standing.parts(messages, count_text) if standing else PromptParts()
    prompt = build([*messages, draft], False)
    asked = _place(prompt, context_tokens, cut)
    pushed_out = set(asked.outside) - set(standing.outside if standing else ())
    draft_tokens = prompt.last_opening_token_count
    if standing and standing.prompt.turns[-1].reply_text is None:
        draft_tokens -= standing.prompt.last_opening_token_count  # it is added to that message
    parts = asked.parts(messages, count_text)
    return replace(
        parts,
        draft_tokens=draft_tokens,
        message_tokens=max(0, parts.message_tokens - draft_tokens),
        pushed_out_messages=len(pushed_out),
        excess_tokens=max(0, excess_of(asked.summed_up, asked.first_turn, context_tokens)),
    )


@dataclass(frozen=True, slots=True)
class _Placed:
    """A prompt, where it begins, and how it is with its summary."""

    prompt: Prompt
    summed_up: Prompt
    first_turn: int

    @property
    def outside(self) -> tuple[int, ...]:
        return outside_messages(self.prompt, self.first_turn)

    def parts(self, messages: Sequence[CountedMessage], count_text: CountText) -> PromptParts:
        """Everything that is neither instructions nor summary nor files counts as messages."""
        outside = self.outside
        total = self.summed_up.read_token_count(self.first_turn) + self.prompt.continues
        with_system = self.prompt.read_token_count(self.first_turn)
        bare = self.prompt.with_system("").read_token_count(self.first_turn)
        closed_bare = bare + self.prompt.continues
        files = min(closed_bare, _file_tokens(messages, outside, count_text))
        return PromptParts(
            total_tokens=total,
            instruction_tokens=with_system - bare,
            summary_tokens=total - self.prompt.continues - with_system,
            message_tokens=closed_bare - files,
            file_tokens=files,
            outside_messages=outside,
        )


def _standing(
    messages: Sequence[CountedMessage], build: BuildPrompt, context_tokens: int, cut: EarlierCut
) -> _Placed | None:
    if not any(message.role != "system" for message in messages):
        return None
    prompt = build(messages, messages[-1].role == "assistant")
    return _place(prompt, context_tokens, cut, before_reply=prompt.continues)


def _place(
    prompt: Prompt, context_tokens: int, cut: EarlierCut, *, before_reply: bool = False
) -> _Placed:
    summed_up = with_summary(prompt, cut.summary)
    cut_turn = turn_after(prompt, cut.message_count)
    first_turn = first_kept_turn(summed_up, context_tokens, cut_turn, before_reply=before_reply)
    return _Placed(prompt, summed_up, first_turn)


def _file_tokens(
    messages: Sequence[CountedMessage], outside: Collection[int], count_text: CountText
) -> int:
    said = [message for message in messages if message.role != "system"]
    left_out = set(outside)
    return sum(
        count_text(message.text[: message.attached_characters])
        for index, message in enumerate(said)
        if message.attached_characters and index not in left_out
    )
