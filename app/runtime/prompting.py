"""What the engine is asked: a branch as messages for the model, settings as sampling values.

Knows nothing of tokens.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from app.core import settings as rows
from app.core.attached_text import attached_text
from app.core.conversation import Conversation, Message, Role
from app.core.settings import SettingsView
from app.engine.protocol import (
    NO_CUT,
    EarlierCut,
    LoadedModel,
    PromptFormat,
    PromptMessage,
    Sampling,
    WhenFull,
)


@dataclass(frozen=True, slots=True)
class Manner:
    """How one reply is made otherwise than the settings say: `when_full` None is as they say."""

    raw: bool = False
    when_full: WhenFull | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """All that one reply is made from; `message_ids` are the branch's, in its order."""

    messages: tuple[PromptMessage, ...]
    sampling: Sampling
    raw: bool = False
    when_full: WhenFull = WhenFull.DROP
    cut: EarlierCut = NO_CUT
    message_ids: tuple[int, ...] = ()


def asked_of(
    conversation: Conversation, settings: SettingsView, model: LoadedModel, manner: Manner
) -> Asked:
    """What the reply at the conversation's end is made from.

    A base model can't summarise, nor is a text to be summarised: then the oldest is dropped.
    """
    is_raw = manner.raw or model.prompt_format is PromptFormat.RAW
    when_full = manner.when_full or WhenFull(settings.get(rows.WHEN_FULL))
    if is_raw and when_full is WhenFull.SUMMARISE:
        when_full = WhenFull.DROP
    return Asked(
        prompt_of(conversation.branch, settings),
        sampling_of(settings),
        manner.raw,
        when_full,
        cut_of(conversation.branch, conversation.summaries),
        tuple(message.message_id for message in conversation.branch),
    )


def instructions_of(settings: SettingsView) -> str:
    """Those for every chat, or the chat's own, then those of the style; empty for none."""
    parts = (settings.get(rows.INSTRUCTIONS), settings.get(rows.STYLE_INSTRUCTIONS))
    return "\n\n".join(part.strip() for part in parts if part.strip())


def prompt_of(branch: Sequence[Message], settings: SettingsView) -> tuple[PromptMessage, ...]:
    """The instructions, if there are any, then the branch; replies with the ids they are made of.

    Attached files stand before a message's text. The growing reply at the end is left out while it
    has no text.
    """
    instructions = instructions_of(settings)
    system = (PromptMessage(Role.SYSTEM.value, instructions),) if instructions else ()
    last = branch[-1] if branch else None
    if last is not None and last.role is Role.ASSISTANT and not last.text:
        branch = branch[:-1]
    return (*system, *map(_prompt_message, branch))


def cut_of(branch: Sequence[Message], summaries: Mapping[int, str]) -> EarlierCut:
    """The latest cut in this branch; `summaries` by the last message that each covers."""
    for index in reversed(range(len(branch))):
        summary = summaries.get(branch[index].message_id)
        if summary is not None:
            return EarlierCut(index + 1, summary)
    return NO_CUT


def sampling_of(settings: SettingsView) -> Sampling:
    """How the next reply's tokens are chosen; the row of each value has its name."""
    names = {each.name for each in fields(Sampling)}
    values: dict[str, Any] = {
        row.name: settings.get(row) for row in rows.TABLE if row.name in names
    }
    return Sampling(**{**values, "seed": None if values["seed"] < 0 else values["seed"]})


def _prompt_message(message: Message) -> PromptMessage:
    files = attached_text(message.attachments)
    return PromptMessage(
        message.role.value,
        files + message.text,
        message.token_ids,
        message.vocabulary_hash,
        message.is_pinned,
        len(files),
    )
