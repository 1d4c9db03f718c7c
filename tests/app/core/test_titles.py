"""Titles made from the first message."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.titles import NEW_CHAT_TITLE, TITLE_LENGTH, title_of


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("Why is the sky dark at night?", "Why is the sky dark at night?"),
        ("Why is the sky dark at night? I read that", "Why is the sky dark at night?"),
        ("\n\n  # Trip to   Ghent\nby train", "Trip to Ghent"),
        ("1. First of all", "First of all"),
        ("```python\nprint(1)\n```", "print(1)"),
        ("", NEW_CHAT_TITLE),
        ("\n ** \n", NEW_CHAT_TITLE),
        ("word " * 30, "word word word word word word word word word word word…"),
        ("x" * 100, "x" * (TITLE_LENGTH - 1) + "…"),
        ("e.g. this", "e.g. this"),
    ],
)
def test_title_is_the_first_sentence(text: str, title: str) -> None:
    """Without Markdown's marks, and cut between words."""
    assert title_of(text) == title


@given(st.text())
def test_title_is_one_short_line(text: str) -> None:
    """Whatever was written."""
    title = title_of(text)

    assert 0 < len(title) <= TITLE_LENGTH
    assert len(title.splitlines()) == 1
