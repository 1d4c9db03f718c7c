"""What happens when the window is closed while a reply grows, and unloading from its menu."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.core.settings import ON_CLOSE, Settings
from app.runtime.facts import SessionState
from app.ui.main_window import MainWindow
from app.ui.model_menu import ModelMenu
from tests.fakes import ScriptedSession, loaded_model


def closings(window: MainWindow) -> list[bool]:
    """Grows with each wish to end the program."""
    told: list[bool] = []
    window.close_requested.connect(lambda: told.append(True))
    return told


def test_closing_ends_the_program(window: MainWindow, session: ScriptedSession) -> None:
    """Also during a reply, which is cut off: that is how Octet starts."""
    told = closings(window)
    session.become(SessionState.REPLYING)
    window.close()
    assert told == [True]


def test_a_reply_is_finished_first(
    window: MainWindow, session: ScriptedSession, settings: Settings, qtbot: QtBot
) -> None:
    """The window goes at once; a message that waits is answered, too."""
    told = closings(window)
    settings.set(ON_CLOSE, "finish")
    session.become(SessionState.REPLYING)
    window.close()
    hidden = not window.isVisible()
    session.become(SessionState.READY)
    session.become(SessionState.READING)  # the next one, at once
    QApplication.processEvents()
    during = list(told)
    session.become(SessionState.READY)
    qtbot.waitUntil(lambda: told == [True])

    assert hidden
    assert during == []


def test_the_system_waits_for_no_reply(
    window: MainWindow, session: ScriptedSession, settings: Settings
) -> None:
    """Ctrl-C and a request to end close the window at once, be it in sight or gone already."""
    told = closings(window)
    settings.set(ON_CLOSE, "finish")
    session.become(SessionState.REPLYING)
    window.close()
    before = list(told)
    window.leave()

    assert (before, told) == ([], [True])


def test_without_a_reply_nothing_is_waited_for(
    window: MainWindow, session: ScriptedSession, settings: Settings
) -> None:
    """Whatever the setting."""
    told = closings(window)
    settings.set(ON_CLOSE, "finish")
    session.become(SessionState.READY)
    window.close()
    assert told == [True]


def test_the_model_is_unloaded_from_its_menu(
    make_window: Callable[[ScriptedSession], MainWindow], session: ScriptedSession
) -> None:
    """If it does nothing; the chip says that it isn't loaded."""
    window = make_window(session)
    session.load(loaded_model("/models/m.gguf"))
    window.show_models()
    busy = [action.text() for action in window.findChildren(ModelMenu)[-1].actions()]
    session.unloader.can_unload = True
    window.show_models()
    menu = window.findChildren(ModelMenu)[-1]
    (unload,) = [action for action in menu.actions() if action.text() == "Unload it now"]
    unload.trigger()
    wish = session.wishes[-1]
    session.is_loaded = False
    session.model_unloaded.emit()

    assert "Unload it now" not in busy
    assert wish == ("unloader.unload",)
    assert window.page.header.chip.accessibleName().endswith("not loaded")
