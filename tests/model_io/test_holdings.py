"""Notes of what engines hold: by whom, and for how long they count."""

from __future__ import annotations

import json
import os
from pathlib import Path

import psutil
import pytest

from model_io.holdings import forget_holdings, note_holdings, read_holdings
from tests.vulkan import in_child

HELD = {"Vulkan0": 20 * 2**30, "RAM": 2**30}


def note(folder: Path, pid: int, started: float, held: object) -> Path:
    """What a process with that number would have left."""
    path = folder / f"engine-{pid}.json"
    path.write_text(json.dumps({"started": started, "held": held}))
    return path


def parent_note(folder: Path, held: object = HELD) -> Path:
    """Of a process that runs: the one that started the tests."""
    pid = os.getppid()
    return note(folder, pid, psutil.Process(pid).create_time(), held)


def test_what_another_process_holds_is_read(tmp_path: Path) -> None:
    """By memory."""
    parent_note(tmp_path)
    assert read_holdings(tmp_path) == HELD


def test_what_a_process_noted_is_not_its_own_question(tmp_path: Path) -> None:
    """Another process reads it, and after `forget_holdings` nobody does."""
    note_holdings(tmp_path, HELD)
    assert read_holdings(tmp_path) == {}
    assert in_child(read_holdings, tmp_path) == HELD
    forget_holdings(tmp_path)
    assert in_child(read_holdings, tmp_path) == {}


def test_a_process_that_is_gone_holds_nothing(tmp_path: Path) -> None:
    """Its number may even belong to another by now; the next note removes what it left."""
    old = note(tmp_path, os.getppid(), 12345.0, HELD)
    assert read_holdings(tmp_path) == {}
    note_holdings(tmp_path, {})
    assert not old.exists()


@pytest.mark.parametrize(
    "held", [None, [], "RAM", {"RAM": "much"}, {"RAM": -1}, {"RAM": 1.5}], ids=repr
)
def test_a_damaged_note_counts_for_nothing(tmp_path: Path, held: object) -> None:
    """Whatever is in it."""
    parent_note(tmp_path, held)
    (tmp_path / "engine-1.json").write_bytes(b"\xff{")
    (tmp_path / "engine-x.json").write_text("{}")
    assert read_holdings(tmp_path) == {}


def test_no_folder_is_no_trouble(tmp_path: Path) -> None:
    """Neither to read nor to write."""
    missing = tmp_path / "missing"
    note_holdings(missing, HELD)
    forget_holdings(missing)
    assert read_holdings(missing) == {}
