"""Every control has a name, and the transcript can be walked by those who don't see it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from PySide6.QtGui import QAccessible, QAccessibleInterface
from PySide6.QtWidgets import QWidget

from app.runtime.facts import Notice, NoticeAction, NoticeKind, SessionState
from app.ui.chat_settings_window import ChatSettingsWindow
from app.ui.details_window import DetailsWindow
from app.ui.keys_window import KeysWindow
from app.ui.link_dialog import LinkDialog
from app.ui.main_window import MainWindow
from app.ui.settings_window import SettingsWindow
from tests.app.ui.chats import chat, growing, reply, user
from tests.fakes import ScriptedSession

_CONTROLS = {
    QAccessible.Role.Button,
    QAccessible.Role.ButtonMenu,
    QAccessible.Role.CheckBox,
    QAccessible.Role.ComboBox,
    QAccessible.Role.EditableText,
    QAccessible.Role.Link,
    QAccessible.Role.List,
    QAccessible.Role.ListItem,
    QAccessible.Role.PushButton if hasattr(QAccessible.Role, "PushButton") else None,
    QAccessible.Role.RadioButton,
    QAccessible.Role.Slider,
    QAccessible.Role.SpinBox,
    QAccessible.Role.StaticText,
}


def everything_in(interface: QAccessibleInterface) -> Iterator[QAccessibleInterface]:
    """An interface and all beneath it."""
    yield interface
    for number in range(interface.childCount()):
        child = interface.child(number)
        if child is not None and child.isValid():
            yield from everything_in(child)


def nameless(widget: QWidget) -> list[str]:
    """The visible controls of a window that a screen reader can't name."""
    found = []
    for interface in everything_in(QAccessible.queryAccessibleInterface(widget)):
        if interface.state().invisible or interface.role() not in _CONTROLS:
            continue
        if not interface.text(QAccessible.Text.Name).strip():
            thing = interface.object()
            inside = thing is not None and thing.objectName() == "qt_spinbox_lineedit"
            if not inside:  # the spin box around it has the name
                found.append(f"{interface.role()} {thing}")
    return found


def test_a_chat_has_names(window: MainWindow, session: ScriptedSession) -> None:
    """Sidebar, header, messages with code and versions, notices, composer."""
    session.open(chat(user(1, version_count=2), reply(2, version_count=3)))
    notice = Notice(NoticeKind.WARNING, "The engine stopped.", "x", NoticeAction.DETAILS, "log")
    session.notice_raised.emit(notice)
    assert nameless(window) == []


@pytest.mark.parametrize("state", [SessionState.LOADING, SessionState.NO_MODEL])
def test_an_empty_window_has_names(
    window: MainWindow, session: ScriptedSession, state: SessionState
) -> None:
    """With cards, without a model, while loading."""
    session.become(state)
    assert nameless(window) == []


def test_a_growing_reply_has_names(window: MainWindow, session: ScriptedSession) -> None:
    """The stop button, too."""
    session.open(chat(user(1), growing(2)))
    session.become(SessionState.READING)
    assert nameless(window) == []
    assert window.page.composer.send_button.accessibleName() == "Stop the reply"


_WINDOWS: list[Callable[[MainWindow], QWidget]] = [
    lambda window: SettingsWindow(window.theme, window.settings, window),
    lambda window: KeysWindow(window.theme, window.shortcuts, window),
    lambda window: ChatSettingsWindow(window.theme, window.settings, window),
    lambda window: LinkDialog(window.theme, "https://example.org", window),
    lambda window: DetailsWindow(
        window.theme, Notice(NoticeKind.ERROR, "A.", "B.", None, "lines"), window
    ),
]


@pytest.mark.parametrize("make", _WINDOWS)
def test_other_windows_have_names(
    window: MainWindow, make: Callable[[MainWindow], QWidget]
) -> None:
    """Settings, keys, links, details."""
    other = make(window)
    other.show()
    assert nameless(other) == []
    other.close()


def test_get_mixtral_has_names(window: MainWindow) -> None:
    """The page beside the sidebar."""
    window.show_get_mixtral()
    assert nameless(window) == []


def test_a_message_says_who_and_what(window: MainWindow, session: ScriptedSession) -> None:
    """Name, version and length; the text as its description."""
    session.open(chat(user(1, "How?"), reply(2, "So.", version=2, version_count=3)))
    first, second = (window.page.transcript.view(row) for row in (0, 1))
    assert first.accessibleName() == "You"
    assert second.accessibleName() == "Mixtral, version 2 of 3, 300 tokens"
    assert second.accessibleDescription() == "So."
