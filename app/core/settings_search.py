"""Finds settings by name, explanation, choices and synonyms. Knows no values in force."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Any

from app.core.setting import Setting


def find_settings(text: str, rows: Iterable[Setting[Any]]) -> tuple[Setting[Any], ...]:
    """The rows in which every word of `text` begins some word, in their order.

    Accents and case don't count. Without a word, all rows that are shown.
    """
    wanted = _words(text)
    return tuple(
        row for row in rows if row.group is not None and _has_all(wanted, _words(_said_of(row)))
    )


def _has_all(wanted: list[str], words: list[str]) -> bool:
    return all(any(word.startswith(part) for word in words) for part in wanted)


def _said_of(row: Setting[Any]) -> str:
    choices = (f"{choice.label} {choice.sentence}" for choice in row.choices)
    return " ".join((row.name, row.title, row.sentence, *choices, *row.synonyms))


def _words(text: str) -> list[str]:
    plain = unicodedata.normalize("NFKD", text.casefold())
    letters = (c if c.isalnum() else " " for c in plain if not unicodedata.combining(c))
    return "".join(letters).split()
