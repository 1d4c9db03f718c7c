"""Who said what: messages, and the tree that they form.

A conversation is a tree of messages. An edit or a second answer adds a sibling; nothing is
overwritten. What the window shows is one path from a root to a leaf, the *branch*.
Knows nothing of the disk, of prompts or of windows.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """Who speaks in a message."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


class MessageState(StrEnum):
    """How far a message has come. A user's message is COMPLETE from the start."""

    GROWING = "growing"
    COMPLETE = "complete"
    STOPPED = "stopped"  # by the user, or by the limit of tokens
    CUT_OFF = "cut_off"  # by the engine's or the program's end; what had arrived is kept


@dataclass(frozen=True, slots=True)
class ReplyFigures:
    """What a reply cost. Times are seconds, counts are tokens."""

    prompt_tokens: int
    reused_tokens: int
    completion_tokens: int
    prefill_seconds: float
    decode_seconds: float
    seed: int

    @property
    def tokens_per_second(self) -> float:
        """Decoding speed; 0 when nothing was decoded."""
        return self.completion_tokens / self.decode_seconds if self.decode_seconds > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Message:
    """One node of a conversation's tree.

    Attributes:
        message_id: unique in the store, given by it.
        parent_id: the message that this one answers or follows; None for a root.
        token_ids: the ids that the model produced for this reply, without the end token;
            empty for users' messages and for texts that were edited or imported.
        vocabulary_hash: of the model that produced `token_ids`; ids are only reused with it.
        version, version_count: 1-based place among the siblings, and how many there are.
        created_at: seconds since the epoch.
    """

    message_id: int
    conversation_id: int
    parent_id: int | None
    role: Role
    text: str
    state: MessageState = MessageState.COMPLETE
    token_ids: tuple[int, ...] = ()
    vocabulary_hash: str = ""
    model_name: str = ""
    figures: ReplyFigures | None = None
    version: int = 1
    version_count: int = 1
    created_at: float = 0.0


@dataclass(frozen=True, slots=True)
class ConversationSummary:
    """A line of the conversation list. `changed_at` in seconds since the epoch."""

    conversation_id: int
    title: str
    changed_at: float


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation as it is shown: its summary and the branch that is open, root first."""

    summary: ConversationSummary
    branch: tuple[Message, ...] = ()
