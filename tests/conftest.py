"""Fixtures that several packages' tests share, and what every test is kept from.

No test sees the user's own folders, none needs a display, and none leaves a thread or a process
running.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.toy_model import write_toy_model

# Qt reads both when the application object is made, and warns of a locale without UTF-8.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ["LC_ALL"] = "C.UTF-8"

CHILD_END_SECONDS = 20


@pytest.fixture(autouse=True, scope="session")
def own_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An empty home folder, so that nobody's settings change a test."""
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("home")
        patch.setenv("HOME", str(home))
        for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"):
            patch.delenv(name, raising=False)
        yield home


@pytest.fixture(autouse=True)
def own_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data folder that a test gets if it names none; it doesn't exist yet."""
    folder = tmp_path / "octet"
    monkeypatch.setenv("OCTET_DATA_DIR", str(folder))
    return folder


@pytest.fixture(autouse=True)
def no_thread_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail a test that ends while a QThread of its own still runs: it would die in another one."""
    if "PySide6.QtCore" not in sys.modules:
        yield
        return
    from PySide6.QtCore import QThread

    started: list[QThread] = []
    start = QThread.start

    def remember_and_start(thread: QThread, *priority: QThread.Priority) -> None:
        started.append(thread)
        start(thread, *priority)

    monkeypatch.setattr(QThread, "start", remember_and_start)
    yield
    running = []
    for thread in started:
        with contextlib.suppress(RuntimeError):  # deleted by Qt, which demands that it has ended
            if thread.isRunning():
                running.append(thread.objectName() or repr(thread))
    assert not running, f"left running: {running}"


@pytest.fixture(autouse=True)
def no_process_left() -> Iterator[None]:
    """Fail a test that ends while a child process of its own lives on."""
    before = set(multiprocessing.active_children())
    yield
    left = set(multiprocessing.active_children()) - before
    for child in left:
        child.join(CHILD_END_SECONDS)  # one that was told to end may need a moment
    assert not [child.name for child in left if child.is_alive()]


@pytest.fixture(scope="session")
def toy_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A GGUF of two random layers with the real v1 vocabulary: quick, and never ends by itself."""
    return write_toy_model(tmp_path_factory.mktemp("models") / "toy.gguf")
