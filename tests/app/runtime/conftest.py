"""A data folder for sessions with a scripted engine."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from tests.app.runtime.house import House


@pytest.fixture
def house(qtbot: QtBot, tmp_path: Path) -> Iterator[House]:
    """A fresh one; all its sessions are closed at the end."""
    house = House(qtbot, tmp_path)
    yield house
    for session in house.sessions:
        session.close()
    house.sessions.clear()
    gc.collect()  # else another test's thread may free this one's timers, which Qt forbids
