"""Who said what: messages, and the tree that they form.

A conversation is a tree of messages. An edit or a second answer adds a sibling; nothing is
overwritten. What the window shows is one path from a root to a leaf, the *branch*.
Knows nothing of the disk, of prompts or of windows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
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
class Attachment:
    """A file whose text goes with a user's message.

    Attributes:
        name: the file's name, without its folder.
        text: what the model reads of it.
        file_bytes: the size of the file itself; 0 if unknown.
        is_cut: `text` is only the beginning, since the user had the rest left out.
    """

    name: str
    text: str
    file_bytes: int = 0
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """One node of a conversation's tree.

    Attributes:
        message_id: unique in the store, given by it.
        parent_id: the message that this one answers or follows; None for a root.
        token_ids: the ids that the model produced for this reply, without the end token;
            empty for users' messages and for texts that were edited or imported.
        vocabulary_hash: of the model that produced `token_ids`; ids are only reused with it.
        version, version_count: 1-based place among the siblings, and how many there are; those in
            the bin don't count.
        created_at: seconds since the epoch.
        attachments: files that the user sent with the text.
        is_pinned: it stays in the prompt when older turns are left out.
        is_edited: the user wrote this version of a reply.
        deleted_at: seconds since the epoch; in the bin since then, None for all that is shown.
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
    attachments: tuple[Attachment, ...] = ()
    is_pinned: bool = False
    is_edited: bool = False
    deleted_at: float | None = None


@dataclass(frozen=True, slots=True)
class ConversationSummary:
    """A line of the conversation list. `changed_at` in seconds since the epoch.

    `folder` is the name of the folder that the chat lies in, empty for none.
    """

    conversation_id: int
    title: str
    changed_at: float
    is_pinned: bool = False
    folder: str = ""


@dataclass(frozen=True, slots=True)
class Summary:
    """What stands in the prompt in place of a chat's beginning, up to that message.

    An empty `text` is a cut without a summary: the user had the oldest messages left out.
    """

    text: str
    up_to_message_id: int


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation as it is shown: its summary and the branch that is open, root first.

    `options` are the settings that hold in this chat alone, by the names of the settings' table.
    `summaries` are the texts of all `Summary`s, by the last message that each covers; in a branch
    the one that reaches furthest counts.
    """

    summary: ConversationSummary
    branch: tuple[Message, ...] = ()
    options: Mapping[str, object] = field(default_factory=dict)
    summaries: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ChatTree:
    """A whole conversation with all its branches, as it is exported, imported and forked.

    Attributes:
        messages: parents before their children, siblings in the order of their versions. Their
            ids count within this tree; `version` and `version_count` are of no meaning here.
        shown_leaf_id: the last message of the branch that is shown; 0 for an empty chat.
        created_at: seconds since the epoch.
    """

    summary: ConversationSummary
    messages: tuple[Message, ...] = ()
    shown_leaf_id: int = 0
    created_at: float = 0.0
    options: Mapping[str, object] = field(default_factory=dict)
