"""The data folder is the one that was asked for, by option, by variable, or by the system."""

from __future__ import annotations

from pathlib import Path

from model_io.folders import data_folder


def test_an_option_outranks_the_variable(tmp_path: Path) -> None:
    """Whoever types it means it."""
    assert data_folder(tmp_path, {"OCTET_DATA_DIR": "/elsewhere"}) == tmp_path


def test_a_variable_outranks_the_systems_folder() -> None:
    """An empty one counts as none."""
    assert data_folder(None, {"OCTET_DATA_DIR": "~/mine"}) == Path.home() / "mine"
    assert data_folder(None, {"OCTET_DATA_DIR": ""}) == data_folder(None, {})


def test_the_systems_folder_is_octets_own() -> None:
    """Not the vendor's, and absolute."""
    folder = data_folder(None, {})
    assert folder.is_absolute()
    assert folder.name == "octet"


def test_a_relative_option_is_made_absolute() -> None:
    """The engine's process may have another working folder."""
    assert data_folder("here", {}) == Path.cwd() / "here"
