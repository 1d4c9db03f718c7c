"""Styles: Octet's four, and one's own in settings.json."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.core import settings as rows
from app.core.chat_options import ChatOptions
from app.core.presets import BUILT_IN, Presets
from app.core.settings import PRESET_ROWS, Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """The defaults."""
    return Settings(tmp_path / "settings.json")


@pytest.fixture
def presets(settings: Settings) -> Presets:
    """Octet's styles."""
    return Presets(settings)


def test_a_style_is_in_force_when_all_its_values_are(settings: Settings, presets: Presets) -> None:
    """Any own value ends it; Balanced is how Octet starts."""
    first = presets.name_in_force()
    names = []
    for preset in BUILT_IN:
        presets.choose(preset.name)
        names.append(presets.name_in_force())
    presets.choose("Balanced")
    left = json.loads((settings.folder / "settings.json").read_bytes())
    settings.set(rows.TOP_K, 7)

    assert first == "Balanced"
    assert names == ["Precise", "Balanced", "Creative", "Deterministic"]
    assert left == {}
    assert presets.name_in_force() == ""


def test_built_in_values_are_allowed() -> None:
    """Each of them by its row."""
    for preset in BUILT_IN:
        assert set(preset.changed) <= {setting.name for setting in PRESET_ROWS}
        assert all(setting.accepts(preset.value_of(setting)) for setting in PRESET_ROWS)


def test_ones_own_style_is_there_after_a_restart(settings: Settings, presets: Presets) -> None:
    """With its values and its instructions."""
    settings.set(rows.TEMPERATURE, 0.15)
    settings.set(rows.STYLE_INSTRUCTIONS, "Rhyme.")
    presets.create("  My   verse ")
    presets.choose("Balanced")
    again = Settings(settings.folder / "settings.json")
    Presets(again).choose("My verse")

    assert again.get(rows.TEMPERATURE) == 0.15
    assert again.get(rows.STYLE_INSTRUCTIONS) == "Rhyme."
    assert Presets(again).name_in_force() == "My verse"


def test_of_equal_styles_the_chosen_one_is_in_force(presets: Presets) -> None:
    """A copy of Balanced isn't taken for Balanced once it is chosen."""
    presets.create("Mine")
    before = presets.name_in_force()
    presets.choose("Mine")

    assert (before, presets.name_in_force()) == ("Balanced", "Mine")


@pytest.mark.parametrize("name", ["", "  ", "balanced", "MINE"])
def test_a_name_is_given_once(presets: Presets, name: str) -> None:
    """Without regard to case, and never an empty one."""
    presets.create("Mine")
    reason = presets.why_not(name)
    with pytest.raises(ValueError, match=reason):
        presets.create(name)

    assert reason
    assert [preset.name for preset in presets.own] == ["Mine"]
    assert presets.why_not("mine", besides="Mine") == ""


def test_renaming_keeps_it_in_force(presets: Presets) -> None:
    """And its place."""
    for name in ("One", "Two"):
        presets.create(name)
    presets.choose("One")
    presets.rename("One", "First")

    assert [preset.name for preset in presets.own] == ["First", "Two"]
    assert presets.name_in_force() == "First"


def test_updating_takes_the_values_in_force(settings: Settings, presets: Presets) -> None:
    """Of that style alone."""
    for name in ("One", "Two"):
        presets.create(name)
    settings.set(rows.TOP_K, 9)
    presets.update("One")

    assert [preset.value_of(rows.TOP_K) for preset in presets.own] == [9, 40]


def test_deleting_can_be_undone(settings: Settings, presets: Presets) -> None:
    """In its place; the values in force stay as they are."""
    for top_k, name in enumerate(("One", "Two", "Three"), start=1):
        settings.set(rows.TOP_K, top_k)
        presets.create(name)
    presets.choose("Two")
    place, preset = presets.delete("Two")
    left = [each.name for each in presets.own]
    in_force = presets.name_in_force()
    presets.restore(place, preset)

    assert (left, in_force) == (["One", "Three"], "")
    assert [each.name for each in presets.own] == ["One", "Two", "Three"]
    assert settings.get(rows.TOP_K) == 2


def test_octets_styles_stay(presets: Presets) -> None:
    """They can't be deleted, and an unknown one can't be chosen."""
    with pytest.raises(ValueError, match="Precise"):
        presets.delete("Precise")
    with pytest.raises(ValueError, match="Wild"):
        presets.choose("Wild")


def test_what_the_file_holds_is_distrusted(tmp_path: Path) -> None:
    """Bad entries are left out, bad values are the defaults; nothing else suffers."""
    path = tmp_path / "settings.json"
    entries = [3, {"name": ""}, {"name": "Balanced"}, {"name": "A", "top_k": "x", "min_p": 0.2}]
    path.write_text(json.dumps({"presets": entries}))
    (preset,) = Presets(Settings(path)).own

    assert preset.name == "A"
    assert (preset.value_of(rows.TOP_K), preset.value_of(rows.MIN_P)) == (40, 0.2)


def test_a_chat_can_have_a_style_of_its_own(settings: Settings, presets: Presets) -> None:
    """All its values are the chat's then, whatever becomes of the general ones."""
    chat = ChatOptions(settings, {})
    chat = ChatOptions(settings, chat.with_values(presets.options_of("Precise")))
    presets.choose("Creative")

    assert presets.name_in_force(chat) == "Precise"
    assert chat.get(rows.TEMPERATURE) == 0.3
    assert presets.name_in_force() == "Creative"
