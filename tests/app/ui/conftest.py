"""The window on a scripted session, and parts of it alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.core.settings import Settings
from app.ui.application_look import ApplicationLook
from app.ui.main_window import MainWindow
from app.ui.mark import MarkClock
from app.ui.theme import Theme
from app.ui.transcript_view import TranscriptView
from tests.fakes import ScriptedSession, loaded_model


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The offscreen platform warns of what it can't do: least sizes, raising, grabbing keys."""
    for item in items:
        if Path(__file__).parent not in item.path.parents:
            continue
        item.add_marker(pytest.mark.qt_log_ignore("^This plugin does not support"))


@pytest.fixture
def theme(qapp: QApplication) -> Theme:
    """The light theme at 100 %."""
    return Theme("light")


@pytest.fixture
def transcript(qtbot: QtBot, theme: Theme) -> TranscriptView:
    """A transcript of 900 by 700 px."""
    clock = MarkClock()
    view = TranscriptView(theme, clock)
    clock.setParent(view)
    qtbot.addWidget(view)
    view.resize(900, 700)
    view.show()
    return view


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """The defaults, written to a file of the test's own."""
    return Settings(tmp_path / "settings.json")


@pytest.fixture
def session(qapp: QApplication) -> ScriptedSession:
    """A session that says what the test says."""
    return ScriptedSession(is_demo=False)


@pytest.fixture
def make_window(
    qtbot: QtBot, qapp: QApplication, settings: Settings
) -> Iterator[Callable[[ScriptedSession, int, int], MainWindow]]:
    """Opens windows of a size, and takes them away again."""
    windows: list[MainWindow] = []
    theme = Theme("light")
    look = ApplicationLook(qapp, theme)

    def make(session: ScriptedSession, width: int = 1180, height: int = 780) -> MainWindow:
        session.chat_settings.general = settings
        window = MainWindow(session, settings, theme)
        window.resize(width, height)
        window.show()
        qtbot.waitUntil(window.isActiveWindow)
        windows.append(window)
        return window

    yield make
    for window in windows:
        window.close()
        window.deleteLater()
    look.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    qapp.setStyleSheet("")


@pytest.fixture
def window(make_window: Callable[..., MainWindow], session: ScriptedSession) -> MainWindow:
    """The window with a real model loaded, and no chat yet."""
    window = make_window(session)
    session.load(replace(loaded_model("/models/m.gguf"), name="Mixtral 8x7B Instruct"))
    return window
