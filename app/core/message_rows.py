"""Messages, chats and drafts as rows of the database, and back.

Knows the columns of the tables, but runs no SQL.
"""

from __future__ import annotations

import json
import sqlite3
import sys
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, fields

from app.core.conversation import (
    Attachment,
    Conversation,
    ConversationSummary,
    Message,
    MessageState,
    ReplyFigures,
    Role,
)

FIGURES = tuple(field.name for field in fields(ReplyFigures))
"""The columns of a reply's figures, in the order of `ReplyFigures`."""

REPLY_COLUMNS = ("text", "state", "token_ids", "vocabulary_hash", "model_name", *FIGURES)
"""What is written while a reply grows, in the order of `reply_values`."""

_WIDTHS = {2: "H", 4: "I"}


def reply_values(message: Message) -> tuple[object, ...]:
    """The values for `REPLY_COLUMNS`."""
    figures = astuple(message.figures) if message.figures else (None,) * len(FIGURES)
    return (
        clean_text(message.text),
        message.state.value,
        pack_token_ids(message.token_ids),
        message.vocabulary_hash,
        message.model_name,
        *figures,
    )


def message_of(row: sqlite3.Row) -> Message:
    """The message in a row that also has `version` and `version_count`.

    A reply that stands as growing was left so by a crash, since whoever lets one grow knows it
    better than the database: it is read as CUT_OFF. Token ids that can't be understood are left
    out, since they only save time. Raises ValueError for a row that breaks the table's rules.
    """
    if not isinstance(row["text"], str):
        raise ValueError(f"the text of message {row['id']} is missing")
    state = MessageState(row["state"])
    figures = [row[name] for name in FIGURES]
    return Message(
        message_id=row["id"],
        conversation_id=row["conversation_id"],
        parent_id=row["parent_id"],
        role=Role(row["role"]),
        text=row["text"],
        state=MessageState.CUT_OFF if state is MessageState.GROWING else state,
        token_ids=_readable_token_ids(row["token_ids"]),
        vocabulary_hash=row["vocabulary_hash"],
        model_name=row["model_name"],
        figures=None if None in figures else ReplyFigures(*figures),
        version=row["version"],
        version_count=row["version_count"],
        created_at=row["created_at"],
        attachments=unpack_attachments(row["attachments"]),
        is_pinned=bool(row["is_pinned"]),
        is_edited=bool(row["is_edited"]),
    )


def conversation_of(row: sqlite3.Row, branch: Iterable[sqlite3.Row]) -> Conversation:
    """The chat in `row` of the table `conversation`, with the rows of its messages.

    Raises ValueError for a row that breaks the tables' rules.
    """
    rows = list(branch)
    return Conversation(
        ConversationSummary(row["id"], row["title"], row["changed_at"]),
        tuple(map(message_of, rows)),
        _readable_options(row["options"]),
        {each["id"]: each["summary"] for each in rows if each["summary"] is not None},
    )


@dataclass(frozen=True, slots=True)
class Draft:
    """What stands in a chat's composer, and what was sent there and waits for the model."""

    text: str = ""
    waiting: str = ""
    attachments: tuple[Attachment, ...] = ()
    waiting_attachments: tuple[Attachment, ...] = ()


def draft_of(row: sqlite3.Row) -> Draft:
    """The draft in a row."""
    return Draft(
        row["text"],
        row["waiting"],
        unpack_attachments(row["attachments"]),
        unpack_attachments(row["waiting_attachments"]),
    )


def draft_values(draft: Draft) -> tuple[str, str, str, str]:
    """The columns of a draft, its chat's id apart."""
    return (
        clean_text(draft.text),
        clean_text(draft.waiting),
        pack_attachments(draft.attachments),
        pack_attachments(draft.waiting_attachments),
    )


def pack_attachments(attachments: Sequence[Attachment]) -> str:
    """As JSON; empty for none."""
    return (
        clean_text(json.dumps([*map(astuple, attachments)], ensure_ascii=False))
        if attachments
        else ""
    )


def unpack_attachments(packed: str) -> tuple[Attachment, ...]:
    """The files that `pack_attachments` was given. Raises ValueError for a text it didn't make."""
    try:
        return tuple(Attachment(*values) for values in json.loads(packed)) if packed else ()
    except TypeError as error:
        raise ValueError(f"attachments that are none: {packed[:40]!r}") from error


def _readable_options(packed: str) -> Mapping[str, object]:
    """A chat's own settings; none if they can't be understood, since the chat matters more."""
    try:
        options = json.loads(packed) if packed else {}
    except ValueError:
        return {}
    return options if isinstance(options, dict) else {}


def _readable_token_ids(packed: bytes) -> tuple[int, ...]:
    try:
        return unpack_token_ids(packed)
    except (ValueError, TypeError):
        return ()


def pack_token_ids(token_ids: Sequence[int]) -> bytes:
    """One byte that says how many bytes an id has (2 or 4), then the ids, little-endian."""
    if not token_ids:
        return b""
    width = 2 if max(token_ids) < 1 << 16 else 4
    packed = array(_WIDTHS[width], token_ids)
    if sys.byteorder == "big":
        packed.byteswap()
    return bytes((width,)) + packed.tobytes()


def unpack_token_ids(packed: bytes) -> tuple[int, ...]:
    """The ids that `pack_token_ids` was given. Raises ValueError for bytes it didn't make."""
    if not packed:
        return ()
    if packed[0] not in _WIDTHS:
        raise ValueError(f"token ids of {packed[0]} bytes")
    token_ids = array(_WIDTHS[packed[0]])
    token_ids.frombytes(packed[1:])
    if sys.byteorder == "big":
        token_ids.byteswap()
    return tuple(token_ids)


def clean_text(text: str) -> str:
    """`text` with halves of surrogate pairs joined, or replaced where the other half is missing.

    Qt and the clipboard can deliver them; no UTF-8 and so no database takes them.
    """
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
