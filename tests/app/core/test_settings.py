"""The table of settings, and the file of their values."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from app.core import settings as rows
from app.core.settings import TABLE, Setting, Settings


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "settings.json"


@pytest.mark.parametrize("setting", TABLE, ids=lambda setting: setting.name)
def test_row_allows_its_default(setting: Setting[Any]) -> None:
    """Every row of the table is sound: default allowed, names the constant's, bounds in order."""
    assert setting.accepts(setting.default)
    assert getattr(rows, setting.name.upper()) is setting
    assert bool(setting.title) == bool(setting.sentence)
    assert setting.lowest is None or setting.highest is None or setting.lowest < setting.highest


def test_names_are_unique() -> None:
    """Two rows would share one value."""
    assert len({setting.name for setting in TABLE}) == len(TABLE)


def test_values_are_there_after_a_restart(path: Path) -> None:
    """Each type comes back as it was."""
    settings = Settings(path)
    settings.set(rows.THEME, "dark")
    settings.set(rows.TEMPERATURE, 1.0)
    settings.set(rows.SIDEBAR_SHOWN, False)
    settings.set(rows.OTHER_MODELS, ("/a/b.gguf", "/c/\udcff.gguf"))
    again = Settings(path)

    assert again.get(rows.THEME) == "dark"
    assert again.get(rows.TEMPERATURE) == 1.0
    assert again.get(rows.SIDEBAR_SHOWN) is False
    assert again.get(rows.OTHER_MODELS) == ("/a/b.gguf", "/c/\udcff.gguf")


def test_only_changes_are_written_and_privately(path: Path) -> None:
    """A value that is the default again leaves the file; nobody else can read it."""
    settings = Settings(path)
    settings.set(rows.THEME, "dark")
    settings.set(rows.TEXT_SIZE_PERCENT, 150)
    changed = settings.is_changed(rows.THEME)
    settings.reset(rows.THEME)

    assert json.loads(path.read_bytes()) == {"text_size_percent": 150}
    assert changed
    assert not settings.is_changed(rows.THEME)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        (rows.THEME, "pink"),
        (rows.TEXT_SIZE_PERCENT, 79),
        (rows.TEXT_SIZE_PERCENT, 201),
        (rows.TEXT_SIZE_PERCENT, True),
        (rows.TEMPERATURE, float("nan")),
        (Setting("unknown", 1), 1),
    ],
)
def test_value_outside_the_table_is_refused(
    path: Path, setting: Setting[Any], value: object
) -> None:
    """By a ValueError, and nothing is written."""
    with pytest.raises(ValueError, match=setting.name):
        Settings(path).set(setting, value)

    assert not path.exists()


def test_bad_values_in_the_file_count_as_defaults(path: Path) -> None:
    """One wrong value spoils no other, and a newer Octet's setting is kept."""
    path.write_text('{"theme": 3, "temperature": 1, "top_p": NaN, "newer": [1]}')
    settings = Settings(path)
    settings.set(rows.TOP_K, 5)

    assert settings.get(rows.THEME) == "system"
    assert settings.get(rows.TEMPERATURE) == 1.0
    assert settings.get(rows.TOP_P) == 0.95
    assert json.loads(path.read_bytes())["newer"] == [1]


@pytest.mark.parametrize("content", [b"{", b"[1]", b"\xff\xfe", b""])
def test_damaged_file_is_put_aside(path: Path, content: bytes) -> None:
    """The defaults are in force, a sentence says so, and the old file is kept."""
    path.write_bytes(content)
    settings = Settings(path)
    (kept,) = path.parent.iterdir()

    assert settings.get(rows.THEME) == "system"
    assert kept.name in settings.problem
    assert kept.read_bytes() == content


def test_several_settings_are_written_at_once(path: Path) -> None:
    """All or none of them."""
    writes: list[bytes] = []
    settings = Settings(path, lambda _, data: writes.append(data))
    settings.set_many({"temperature": 0.2, "top_k": 3})
    with pytest.raises(ValueError, match="unheard"):
        settings.set_many({"unheard": 1})

    assert [json.loads(data) for data in writes] == [{"temperature": 0.2, "top_k": 3}]


def test_a_list_beside_the_table_is_kept(path: Path) -> None:
    """An empty one leaves the file; a row of the table is no such list."""
    settings = Settings(path)
    settings.set_list("shortcuts", [{"deed": "KEYS"}])
    again = Settings(path).get_list("shortcuts")
    settings.set(rows.OTHER_MODELS, ("/a.gguf",))
    settings.set_list("shortcuts", [])

    assert again == [{"deed": "KEYS"}]
    assert Settings(path).get_list("other_models") == []
    assert json.loads(path.read_bytes()) == {"other_models": ["/a.gguf"]}
