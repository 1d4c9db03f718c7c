"""Every shortcut can be changed: conflicts are named, and all of it can be reset."""

from __future__ import annotations

import json

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app.core.settings import Settings
from app.ui.keys import Deed
from app.ui.keys_window import KeysWindow
from app.ui.main_window import MainWindow
from app.ui.shortcuts import Shortcuts
from tests.app.ui.chats import chat, reply, user
from tests.fakes import ScriptedSession

CONTROL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def shortcuts(settings: Settings) -> Shortcuts:
    """The table's keys."""
    return Shortcuts(settings, is_mac=False)


@pytest.fixture
def keys_window(window: MainWindow, qtbot: QtBot) -> KeysWindow:
    """Opened as the user does."""
    window.windows.show_keys()
    assert window.windows.keys is not None
    qtbot.waitUntil(window.windows.keys.isActiveWindow)
    return window.windows.keys


def test_a_change_is_there_after_a_restart(shortcuts: Shortcuts, settings: Settings) -> None:
    """And only changes are written."""
    shortcuts.change(Deed.NEW_CHAT, "ctrl+alt+n")
    again = Shortcuts(Settings(settings.folder / "settings.json"), is_mac=False)
    written = json.loads((settings.folder / "settings.json").read_bytes())

    assert again.of(Deed.NEW_CHAT) == ("Ctrl+Alt+N",)
    assert again.of(Deed.KEYS) == ("F1", "Ctrl+/")
    assert written == {"shortcuts": [{"deed": "NEW_CHAT", "keys": ["Ctrl+Alt+N"]}]}


def test_a_key_has_one_deed(shortcuts: Shortcuts) -> None:
    """Whoever takes it, the other loses it, and gets it back by its own reset."""
    owner = shortcuts.owner_of("Ctrl+/", Deed.NEW_CHAT)
    shortcuts.change(Deed.NEW_CHAT, "Ctrl+/")
    taken = (shortcuts.of(Deed.NEW_CHAT), shortcuts.of(Deed.KEYS))
    shortcuts.reset(Deed.KEYS)

    assert owner is not None
    assert owner.deed is Deed.KEYS
    assert taken == (("Ctrl+/",), ("F1",))
    assert shortcuts.of(Deed.KEYS) == ("F1", "Ctrl+/")
    assert shortcuts.of(Deed.NEW_CHAT) == ()


@pytest.mark.parametrize(
    ("deed", "sequence", "refused"),
    [
        (Deed.NEW_CHAT, "N", True),  # writes a letter
        (Deed.NEW_CHAT, "Shift+N", True),
        (Deed.NEW_CHAT, "Ctrl+C", True),  # copies
        (Deed.NEW_CHAT, "Return", True),
        (Deed.NEW_CHAT, "Esc", True),
        (Deed.NEW_CHAT, "F9", False),
        (Deed.NEW_CHAT, "Alt+N", False),
        (Deed.NEW_CHAT, "Ctrl++", False),
        (Deed.NEW_CHAT, "+", True),
        (Deed.COPY_MESSAGE, "K", False),
        (Deed.COPY_MESSAGE, "Left", True),  # goes through its buttons
    ],
)
def test_keys_with_a_fixed_use_stay_with_it(
    shortcuts: Shortcuts, deed: Deed, sequence: str, refused: bool
) -> None:
    """And letters are for writing."""
    assert bool(shortcuts.refusal(deed, sequence)) == refused
    if refused:
        with pytest.raises(ValueError, match="key"):
            shortcuts.change(deed, sequence)


def test_on_a_mac_alt_and_an_arrow_move_by_a_word(settings: Settings) -> None:
    """So the four have Control, too, which Qt calls Meta there."""
    mac = Shortcuts(settings, is_mac=True)
    deeds = (
        Deed.PREVIOUS_VERSION,
        Deed.NEXT_VERSION,
        Deed.PREVIOUS_MESSAGE,
        Deed.NEXT_MESSAGE,
    )
    found = [mac.of(deed)[0] for deed in deeds]
    assert found == ["Meta+Alt+Left", "Meta+Alt+Right", "Meta+Alt+Up", "Meta+Alt+Down"]
    assert mac.of(Deed.NEW_CHAT) == ("Ctrl+N",)


def test_what_the_file_holds_is_distrusted(settings: Settings) -> None:
    """Unknown deeds, and what is no key."""
    settings.set_list(
        "shortcuts",
        [7, {"deed": "FLY", "keys": ["Ctrl+Y"]}, {"deed": "KEYS", "keys": ["F2x", "F9"]}, {}],
    )
    found = Shortcuts(settings, is_mac=False)
    assert "F9" in found.of(Deed.KEYS)
    assert found.of(Deed.NEW_CHAT) == ("Ctrl+N",)


def test_resetting_all(shortcuts: Shortcuts, settings: Settings) -> None:
    """Nothing is left in the file."""
    shortcuts.change(Deed.NEW_CHAT, "F9")
    shortcuts.clear(Deed.RENAME)
    changed = shortcuts.any_changed
    shortcuts.reset_all()

    assert changed
    assert not shortcuts.any_changed
    assert json.loads((settings.folder / "settings.json").read_bytes()) == {}


def press(window: KeysWindow, deed: Deed, key: Qt.Key, held: Qt.KeyboardModifier) -> None:
    """Change a shortcut by keyboard."""
    button = window.rows[deed].button
    button.setFocus(Qt.FocusReason.TabFocusReason)
    QTest.keyClick(button, Qt.Key.Key_Space)
    assert button.is_listening
    QTest.keyClick(button, key, held)


def test_the_new_key_works_at_once(
    window: MainWindow, keys_window: KeysWindow, session: ScriptedSession, qtbot: QtBot
) -> None:
    """And the old one no more."""
    press(keys_window, Deed.NEW_CHAT, Qt.Key.Key_F9, Qt.KeyboardModifier.NoModifier)
    keys_window.close()
    qtbot.waitUntil(window.isActiveWindow)
    QTest.keyClick(window, Qt.Key.Key_F9)
    wishes = [wish[0] for wish in session.wishes]
    QTest.keyClick(window, Qt.Key.Key_N, CONTROL)

    assert wishes.count("new_conversation") == 1
    assert [wish[0] for wish in session.wishes].count("new_conversation") == 1


def test_a_conflict_is_named_and_decided(keys_window: KeysWindow) -> None:
    """Nothing changes before the yes."""
    press(keys_window, Deed.SETTINGS, Qt.Key.Key_R, CONTROL)
    row, shortcuts = keys_window.rows[Deed.SETTINGS], keys_window._shortcuts
    said = row._reason.text()
    before = shortcuts.of(Deed.SETTINGS)
    row.agree.click()

    assert "Answer again" in said
    assert before == ("Ctrl+,",)
    assert shortcuts.of(Deed.SETTINGS) == ("Ctrl+R",)
    assert shortcuts.of(Deed.ANSWER_AGAIN) == ()
    assert keys_window.rows[Deed.ANSWER_AGAIN].button.text() == "No key"


def test_escape_leaves_the_key_as_it_is(keys_window: KeysWindow) -> None:
    """And the window open."""
    press(keys_window, Deed.SETTINGS, Qt.Key.Key_Escape, Qt.KeyboardModifier.NoModifier)
    assert keys_window.isVisible()
    assert keys_window._shortcuts.of(Deed.SETTINGS) == ("Ctrl+,",)
    assert not keys_window.rows[Deed.SETTINGS].button.is_listening


def test_the_filter_finds_deeds_and_keys(keys_window: KeysWindow) -> None:
    """By what is done, or by the key."""

    def found() -> set[Deed]:
        return {deed for deed, row in keys_window.rows.items() if row.isVisible()}

    keys_window.filter.setText("text size")
    by_text = found()
    keys_window.filter.setText("ctrl+b")
    by_key = found()
    keys_window.filter.setText("zzz")
    nothing = (found(), keys_window._nothing.isVisible())

    assert by_text == {Deed.USUAL_TEXT}
    assert by_key == {Deed.TOGGLE_SIDEBAR}
    assert nothing == (set(), True)


def test_one_and_all_can_be_reset(keys_window: KeysWindow) -> None:
    """By buttons that are there only then."""
    before = keys_window.reset_all.isVisible()
    for deed, key in ((Deed.NEW_CHAT, Qt.Key.Key_F9), (Deed.RENAME, Qt.Key.Key_F10)):
        press(keys_window, deed, key, Qt.KeyboardModifier.NoModifier)
    keys_window.rows[Deed.NEW_CHAT].reset.click()
    one = keys_window._shortcuts.of(Deed.NEW_CHAT)
    keys_window.reset_all.click()

    assert not before
    assert one == ("Ctrl+N",)
    assert not keys_window._shortcuts.any_changed
    assert not keys_window.reset_all.isVisible()


def test_a_letter_on_a_message_can_be_changed(
    window: MainWindow, keys_window: KeysWindow, session: ScriptedSession
) -> None:
    """The old one is a letter like others then."""
    session.open(chat(user(1), reply(2)))
    press(keys_window, Deed.MESSAGE_AGAIN, Qt.Key.Key_W, Qt.KeyboardModifier.NoModifier)
    view = window.page.transcript.view(1)
    QTest.keyClick(view, Qt.Key.Key_R)
    before = [wish for wish in session.wishes if wish[0] == "answer_again"]
    QTest.keyClick(view, Qt.Key.Key_W)

    assert before == []
    assert session.wishes[-1] == ("answer_again", 2)
