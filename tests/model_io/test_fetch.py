"""Files of a model on a hub, into a folder."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from model_io.errors import HubMissingError
from model_io.fetch import fetch
from model_io.progress import Progress, ignore_progress, never_stop
from tests.hub_server import Content, FakeHub

FILES: dict[str, Content] = {
    "config.json": b"{}",
    "README.md": b"# A toy",
    "model.safetensors": bytes(3_000_000),
    "consolidated.00.pt": b"the same again",
    "original/params.json": b"{}",
    ".gitattributes": b"*.safetensors lfs",
}
SOURCE = "hub:toys/Toy-Mixtral"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """A hub with these files."""
    with FakeHub(FILES) as running:
        monkeypatch.setenv("HF_ENDPOINT", running.endpoint)
        yield running


def test_without_names_a_whole_checkpoint_comes(hub: FakeHub, tmp_path: Path) -> None:
    """Without the same weights in other forms, and without what only git needs."""
    fetch(SOURCE, [], tmp_path, ignore_progress, never_stop)
    assert {path.name for path in tmp_path.iterdir()} == {
        "config.json", "README.md", "model.safetensors",
    }  # fmt: skip


def test_what_is_named_comes_and_is_hashed(hub: FakeHub, tmp_path: Path) -> None:
    """Each once, in folders of its own if it has them; small files too have a sha256."""
    names = ["original/params.json", "config.json", "config.json"]
    found = fetch(SOURCE, names, tmp_path, ignore_progress, never_stop)
    digest = hashlib.sha256(b"{}").hexdigest()
    assert [(file.path, file.bytes, file.sha256) for file in found] == [
        (tmp_path / "original" / "params.json", 2, digest),
        (tmp_path / "config.json", 2, digest),
    ]


def test_what_is_here_is_not_fetched_again(hub: FakeHub, tmp_path: Path) -> None:
    """It is checked, and counts as done."""
    fetch(SOURCE, [], tmp_path, ignore_progress, never_stop)
    before = len(hub.asked("store"))
    reports: list[Progress] = []
    fetch(SOURCE, [], tmp_path, reports.append, never_stop)
    assert len(hub.asked("store")) == before
    assert reports[-1].done_bytes == reports[-1].total_bytes == 3_000_009


def test_a_file_that_is_not_there(hub: FakeHub, tmp_path: Path) -> None:
    """Before anything is fetched."""
    with pytest.raises(HubMissingError, match=r"toys/Toy-Mixtral no\.txt is not on the hub"):
        fetch(SOURCE, ["config.json", "no.txt"], tmp_path, ignore_progress, never_stop)
    assert not list(tmp_path.iterdir())
