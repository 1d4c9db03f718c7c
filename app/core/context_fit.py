"""Which turns of a conversation fit into the model's context, and which older ones are left out.

The answer depends on the conversation and the context's size alone. The chat is replayed from its
first turn: where it had once to be cut, it stays cut until it is full again. So the same chat is
always cut at the same place, nothing has to be remembered, and the cache keeps matching. Turns with
a pinned message stay, in their place. A cut that was agreed on (`EarlierCut`) is where the replay
begins; the summary of what it leaves out stands after the system text.
"""

from __future__ import annotations

from dataclasses import dataclass

from app.core.errors import PromptError
from app.core.prompt import Prompt

REPLY_ROOM_TOKENS = 1024
"""Room for a reply; in a small context an eighth of it. A prompt that leaves less is cut."""

SUMMARY_HEADING = "Summary of the earlier conversation: "


@dataclass(frozen=True, slots=True)
class EarlierCut:
    """A cut that was agreed on: the first `message_count` messages, system messages apart, are out.

    Only whole turns are left out, and pinned ones stay. `summary`, if there is one, tells what they
    said; it stands after the system text.
    """

    message_count: int
    summary: str = ""


NO_CUT = EarlierCut(0)


@dataclass(frozen=True, slots=True)
class FittedPrompt:
    """The ids to evaluate, and what they leave out.

    `outside_messages` are the indices of the messages that are left out, system messages apart,
    and `dropped_messages` is one more than the last of them: the model's memory begins there, but
    for pinned messages. `exceeds_cut`: more is left out than was agreed on, since the prompt would
    else be `excess_tokens` longer than leaves room for a reply.
    """

    ids: tuple[int, ...]
    dropped_messages: int
    outside_messages: tuple[int, ...] = ()
    exceeds_cut: bool = False
    excess_tokens: int = 0


def fit_prompt(prompt: Prompt, context_tokens: int, cut: EarlierCut = NO_CUT) -> FittedPrompt:
    """Leave out the oldest whole turns until `prompt` fits; the system message always stays.

    When something has to go, enough goes at once to bring the prompt down to three quarters of
    the context: in v1 the system message stands in the first turn, so after every cut all that
    remains is read again.
    Raises PromptError if what has to stay leaves no room for a single token.
    """
    prompt = with_summary(prompt, cut.summary)
    cut_turn = turn_after(prompt, cut.message_count)
    first_turn = first_kept_turn(prompt, context_tokens, cut_turn)
    last_turn = prompt.turn_count - 1
    if excess_of(prompt, first_turn, context_tokens) > 0:
        raise PromptError(describe_excess(prompt, first_turn, context_tokens))
    outside = outside_messages(prompt, first_turn)
    room = prompt.asked_token_count(cut_turn, last_turn) - _full_at(context_tokens)
    return FittedPrompt(
        tuple(prompt.ids(first_turn)),
        outside[-1] + 1 if outside else 0,
        outside,
        exceeds_cut=len(outside) > len(outside_messages(prompt, cut_turn)),
        excess_tokens=max(0, room),
    )


def with_summary(prompt: Prompt, summary: str) -> Prompt:
    """The same conversation with the summary of what was before it, after the system text.

    In v1 this is the beginning of the first user message; ChatML has it in its system message.
    """
    if not summary.strip():
        return prompt
    parts = (prompt.system_text, f"{SUMMARY_HEADING}{summary.strip()}")
    return prompt.with_system("\n\n".join(part for part in parts if part))


def turn_after(prompt: Prompt, message_count: int) -> int:
    """The first turn that none of the first `message_count` messages is in; never beyond the last.

    A turn that the cut goes through is left in.
    """
    seen = 0
    for index, turn in enumerate(prompt.turns):
        if seen + turn.message_count > message_count:
            return index
        seen += turn.message_count
    return prompt.turn_count - 1


def first_kept_turn(
    prompt: Prompt, context_tokens: int, cut_turn: int = 0, *, before_reply: bool = False
) -> int:
    """The oldest turn, but for pinned ones, that is in the prompt; see `fit_prompt`."""
    full_at_tokens, goal_tokens = _full_at(context_tokens), context_tokens * 3 // 4
    first_turn = cut_turn
    for last_turn in range(cut_turn, prompt.turn_count):
        is_open = before_reply and last_turn == prompt.turn_count - 1

        def size(first: int, last: int = last_turn, *, is_open: bool = is_open) -> int:
            return prompt.asked_token_count(first, last, before_reply=is_open)

        if size(first_turn) <= full_at_tokens:
            continue
        while first_turn < last_turn and size(first_turn) > goal_tokens:
            first_turn += 1
    return first_turn


def outside_messages(prompt: Prompt, first_turn: int) -> tuple[int, ...]:
    """The messages, system messages apart, that are left out if `first_turn` is the oldest."""
    outside: list[int] = []
    seen = 0
    for turn in prompt.turns[:first_turn]:
        if not turn.is_pinned:
            outside += range(seen, seen + turn.message_count)
        seen += turn.message_count
    return tuple(outside)


def excess_of(prompt: Prompt, first_turn: int, context_tokens: int) -> int:
    """How many tokens the prompt leaves too little for an answer of one; 0 or less if it fits."""
    return prompt.asked_token_count(first_turn, prompt.turn_count - 1) + 1 - context_tokens


def describe_excess(prompt: Prompt, first_turn: int, context_tokens: int) -> str:
    """The sentence for a prompt whose `excess_of` is above 0."""
    last_turn = prompt.turn_count - 1
    excess_tokens = excess_of(prompt, first_turn, context_tokens)
    excess = f"{excess_tokens:,} token{'s' if excess_tokens > 1 else ''} longer"
    memory = f"the model's memory of {context_tokens:,}"
    bare = prompt.without_pins()
    if excess_of(bare, last_turn, context_tokens) <= 0:
        pinned_tokens = excess_tokens - excess_of(bare, last_turn, context_tokens)
        return (
            f"The pinned messages take {pinned_tokens:,} tokens. With them this message is "
            f"{excess} than {memory}. Unpin some or choose a larger context."
        )
    if prompt.continues:
        return f"This reply fills {memory} tokens and can't go on. Choose a larger context."
    bare_tokens = bare.with_system("").asked_token_count(last_turn, last_turn)
    if bare_tokens < context_tokens:
        return (
            f"The instructions and this message together are {excess} than {memory}. "
            "Shorten one of them or choose a larger context."
        )
    return f"This message is {excess} than {memory}. Shorten it or choose a larger context."


def reply_room_tokens(context_tokens: int) -> int:
    """How much of the context a prompt leaves for the reply before something is left out."""
    return min(REPLY_ROOM_TOKENS, context_tokens // 8)


def _full_at(context_tokens: int) -> int:
    return context_tokens - reply_room_tokens(context_tokens)
