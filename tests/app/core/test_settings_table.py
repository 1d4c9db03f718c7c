"""The table of settings is sound, can be searched, and the page made from it is up to date."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from app.core import settings as rows
from app.core.chat_options import CHAT_ROWS
from app.core.setting import Kind, Setting
from app.core.setting_groups import ESSENTIALS, GROUPS
from app.core.settings import TABLE
from app.core.settings_page import settings_page
from app.core.settings_search import find_settings
from app.core.settings_table import rows_of
from app.engine.protocol import Sampling

SHOWN = [setting for setting in TABLE if setting.group is not None]
NUMBERS = [setting for setting in SHOWN if setting.kind is Kind.NUMBER]


@pytest.mark.parametrize("setting", SHOWN, ids=lambda setting: setting.name)
def test_a_shown_row_explains_itself(setting: Setting[Any]) -> None:
    """A title and whole sentences; choices with words, each once."""
    assert setting.group in GROUPS
    assert setting.title
    assert setting.sentence.endswith(".")
    assert setting.synonyms
    labels = [choice.label for choice in setting.choices]
    assert all(labels)
    assert len(set(labels)) == len(labels)
    assert all(not choice.sentence or choice.sentence.endswith(".") for choice in setting.choices)


@pytest.mark.parametrize("setting", NUMBERS, ids=lambda setting: setting.name)
def test_a_number_has_bounds_and_a_step(setting: Setting[Any]) -> None:
    """Else no control could change it."""
    assert setting.lowest is not None
    assert setting.highest is not None
    assert 0 < setting.step < setting.highest - setting.lowest
    assert setting.accepts(type(setting.default)(setting.lowest))


def test_a_beginner_sees_six() -> None:
    """Those of LOOK.md, in its order."""
    names = [setting.name for setting in rows_of(ESSENTIALS)]
    wanted = ["theme", "text_size_percent", "language", "send_key", "style", "instructions"]
    assert names == wanted
    assert [setting.name for setting in TABLE if setting.is_essential] == wanted


def test_what_is_remembered_is_not_shown() -> None:
    """It has neither group nor words."""
    hidden = [setting for setting in TABLE if setting.group is None]
    assert {setting.name for setting in hidden} == {
        "last_model",
        "other_models",
        "window_geometry",
        "sidebar_shown",
    }
    assert not any(setting.title or setting.sentence for setting in hidden)


def test_each_sampling_value_has_a_row_of_its_name() -> None:
    """And a chat may have its own."""
    names = {setting.name for setting in CHAT_ROWS}
    assert {field.name for field in fields(Sampling)} <= names


def test_a_load_setting_is_never_a_chats() -> None:
    """One model serves all chats."""
    assert not [setting.name for setting in TABLE if setting.per_chat and setting.needs_load]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("temperature", rows.TEMPERATURE),  # its name
        ("likeliest one always", rows.TEMPERATURE),  # its sentence, words in any order
        ("system prompt", rows.INSTRUCTIONS),  # a synonym
        ("Deutsch", rows.LANGUAGE),  # a choice
        ("FRANCAIS", rows.LANGUAGE),  # case and accents
        ("n_ctx", rows.CONTEXT_TOKENS),
        ("gpu", rows.USES_GPUS),
        ("when_full", rows.WHEN_FULL),  # the name in the file
    ],
)
def test_the_search_finds(text: str, found: Setting[Any]) -> None:
    """By name, explanation, choice and synonym."""
    assert found in find_settings(text, TABLE)


def test_the_search_narrows() -> None:
    """Every word has to be there; nothing that isn't shown is found."""
    assert find_settings("seed", TABLE) == (rows.SEED,)
    assert find_settings("seed gpu", TABLE) == ()
    assert list(find_settings("  ", TABLE)) == SHOWN
    assert find_settings("geometry", TABLE) == ()


def test_values_are_said_in_words() -> None:
    """As the page and the window show them."""
    assert rows.TOP_K.words_of(0) == "All"
    assert rows.MAX_TOKENS.words_of(2048) == "2,048 tokens"
    assert rows.REPACKS.words_of("auto") == "Automatic"
    assert rows.FLASH_ATTENTION.words_of(True) == "On"
    assert rows.STOP_STRINGS.words_of(("a", "b")) == "a, b"
    assert rows.GRAMMAR.words_of("") == "Empty"


def test_the_page_is_made_from_the_table() -> None:
    """`python -m app.core.settings_page > SETTINGS.md` makes it anew."""
    written = Path(__file__).parents[3] / "SETTINGS.md"
    assert written.read_text(encoding="utf-8") == settings_page()
