"""A chat's own values over the general ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.core import settings as rows
from app.core.chat_options import CHAT_ROWS, ChatOptions
from app.core.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """The defaults."""
    return Settings(tmp_path / "settings.json")


def test_a_value_falls_back_to_the_general_one(settings: Settings) -> None:
    """As it is now, not as it was."""
    chat = ChatOptions(settings, {"top_k": 5})
    settings.set(rows.TEMPERATURE, 0.1)
    settings.set(rows.TOP_K, 99)

    assert chat.get(rows.TEMPERATURE) == 0.1
    assert chat.get(rows.TOP_K) == 5
    assert chat.is_own(rows.TOP_K)
    assert not chat.is_own(rows.TEMPERATURE)


@pytest.mark.parametrize(
    "options",
    [{"top_k": "many"}, {"top_k": -1}, {"top_k": True}, {"theme": "dark"}, {"threads": 3}],
)
def test_what_the_table_forbids_is_not_there(
    settings: Settings, options: dict[str, object]
) -> None:
    """Neither values out of bounds, nor what no chat may have."""
    chat = ChatOptions(settings, options)

    assert not chat.has_own
    assert chat.get(rows.TOP_K) == 40
    assert chat.get(rows.THEME) == "system"
    assert chat.get(rows.THREADS) == 0


def test_names_of_a_newer_octet_are_kept(settings: Settings) -> None:
    """Through changing and resetting."""
    chat = ChatOptions(settings, {"newer": [1], "top_k": 5})
    chat = ChatOptions(settings, chat.with_value(rows.SEED, 7))

    assert chat.options == {"newer": [1], "top_k": 5, "seed": 7}
    assert chat.without(*CHAT_ROWS) == {"newer": [1]}


def test_lists_come_back_from_json(settings: Settings) -> None:
    """A chat's options are kept as JSON."""
    chat = ChatOptions(settings, {"stop_strings": ["User:", "END"]})
    assert chat.get(rows.STOP_STRINGS) == ("User:", "END")


def test_a_value_equal_to_the_general_one_is_still_its_own(settings: Settings) -> None:
    """So the chat keeps it when the general one changes."""
    chat = ChatOptions(settings, ChatOptions(settings, {}).with_value(rows.TOP_K, 40))
    settings.set(rows.TOP_K, 3)
    assert chat.get(rows.TOP_K) == 40


def test_refusals(settings: Settings) -> None:
    """By a ValueError."""
    chat = ChatOptions(settings, {})
    with pytest.raises(ValueError, match="theme"):
        chat.with_value(rows.THEME, "dark")
    with pytest.raises(ValueError, match="top_k"):
        chat.with_value(rows.TOP_K, -3)
