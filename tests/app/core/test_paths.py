"""Where things lie, and who may read them."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest

from app.core import paths
from app.core.errors import DataFolderError, InstallationError


def test_flag_goes_before_variable_goes_before_system(tmp_path: Path) -> None:
    """--data-dir, then OCTET_DATA_DIR, then platformdirs."""
    variable = {"OCTET_DATA_DIR": str(tmp_path / "variable")}

    assert paths.data_dir(tmp_path / "flag", variable) == tmp_path / "flag"
    assert paths.data_dir(None, variable) == tmp_path / "variable"
    assert paths.data_dir(None, {}).name == "octet"


def test_relative_folder_becomes_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A later change of the working directory doesn't move it."""
    monkeypatch.chdir(tmp_path)

    assert paths.data_dir("here") == tmp_path / "here"


def test_folders_are_made_privately(tmp_path: Path) -> None:
    """All with mode 0700; nothing else is left in them."""
    folder = paths.open_data_folder(tmp_path / "a" / "data")

    for made in (folder.root, folder.models, folder.logs):
        assert stat.S_IMODE(made.stat().st_mode) == 0o700
    assert sorted(folder.root.iterdir()) == [folder.logs, folder.models]


def test_folder_in_place_of_which_a_file_stands_is_a_sentence(tmp_path: Path) -> None:
    """The sentence names the path and what to do."""
    (tmp_path / "data").write_text("")

    with pytest.raises(DataFolderError, match=r"data can't be written: .*--data-dir"):
        paths.open_data_folder(tmp_path / "data")


def test_write_replaces_the_whole_file(tmp_path: Path) -> None:
    """Mode 0600, whatever stood there before, and nothing beside it."""
    path = tmp_path / "file"
    path.write_text("old and longer")
    paths.write_private_file(path, b"new")

    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    """Here a folder stands in its place; the temporary file is removed."""
    (tmp_path / "file" / "inside").mkdir(parents=True)
    with pytest.raises(DataFolderError, match="file can't be written"):
        paths.write_private_file(tmp_path / "file", b"new")

    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_private_file_keeps_its_content(tmp_path: Path) -> None:
    """Only its mode changes."""
    path = tmp_path / "file"
    path.write_bytes(b"content")
    path.chmod(0o644)
    paths.create_private_file(path)

    assert path.read_bytes() == b"content"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_resources_of_the_checkout() -> None:
    """This repository's own folder."""
    assert paths.resources() == Path(__file__).parents[3] / "resources"


def test_resources_of_the_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a bundle nothing else is looked at."""
    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path), raising=False)
    (tmp_path / "resources" / "icons").mkdir(parents=True)

    assert paths.resources() == tmp_path / "resources"


def test_resources_of_the_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Installed, they lie below share/octet of the environment."""
    monkeypatch.setattr(paths, "__file__", str(tmp_path / "site" / "app" / "core" / "paths.py"))
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    (tmp_path / "share" / "octet" / "resources" / "icons").mkdir(parents=True)

    assert paths.resources() == tmp_path / "share" / "octet" / "resources"


def test_missing_resources_are_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken installation says so."""
    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path), raising=False)

    with pytest.raises(InstallationError, match="install Octet again"):
        paths.resources()
