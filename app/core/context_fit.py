"""Which turns of a conversation fit into the model's context, and which oldest ones are left out.

The answer depends on the conversation and the context's size alone. The chat is replayed from its
first turn: where it had once to be cut, it stays cut until it is full again. So the same chat is
always cut at the same place, nothing has to be remembered, and the cache keeps matching.
"""

from __future__ import annotations

from dataclasses import dataclass

from app.core.errors import PromptError
from app.core.prompt import Prompt

REPLY_ROOM_TOKENS = 1024
"""Room for a reply; in a small context an eighth of it. A prompt that leaves less is cut."""


@dataclass(frozen=True, slots=True)
class FittedPrompt:
    """The ids to evaluate, and how many of the oldest messages they leave out."""

    ids: tuple[int, ...]
    dropped_messages: int


def fit_prompt(prompt: Prompt, context_tokens: int) -> FittedPrompt:
    """Leave out the oldest whole turns until `prompt` fits; the system message always stays.

    When something has to go, enough goes at once to bring the prompt down to three quarters of
    the context: in v1 the system message stands in the first turn, so after every cut all that
    remains is read again.
    Raises PromptError if the last turn alone leaves no room for a single token.
    """
    first_turn = _first_kept_turn(prompt, context_tokens)
    last_turn = prompt.turn_count - 1
    excess_tokens = prompt.asked_token_count(first_turn, last_turn) + 1 - context_tokens
    if excess_tokens > 0:
        raise PromptError(_describe_excess(prompt, excess_tokens, context_tokens))
    return FittedPrompt(tuple(prompt.ids(first_turn)), prompt.message_count(first_turn))


def _first_kept_turn(prompt: Prompt, context_tokens: int) -> int:
    full_at_tokens = context_tokens - min(REPLY_ROOM_TOKENS, context_tokens // 8)
    goal_tokens = context_tokens * 3 // 4
    first_turn = 0
    for last_turn in range(prompt.turn_count):
        if prompt.asked_token_count(first_turn, last_turn) <= full_at_tokens:
            continue
        while first_turn < last_turn and (
            prompt.asked_token_count(first_turn, last_turn) > goal_tokens
        ):
            first_turn += 1
    return first_turn


def _describe_excess(prompt: Prompt, excess_tokens: int, context_tokens: int) -> str:
    last_turn = prompt.turn_count - 1
    excess = f"{excess_tokens:,} token{'s' if excess_tokens > 1 else ''} longer"
    memory = f"the model's memory of {context_tokens:,}"
    if prompt.continues:
        return f"This reply fills {memory} tokens and can't go on. Choose a larger context."
    bare_tokens = prompt.without_system().asked_token_count(last_turn, last_turn)
    if bare_tokens < context_tokens:
        return (
            f"The instructions and this message together are {excess} than {memory}. "
            "Shorten one of them or choose a larger context."
        )
    return f"This message is {excess} than {memory}. Shorten it or choose a larger context."
