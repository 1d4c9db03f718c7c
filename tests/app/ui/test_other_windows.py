"""Settings apply at once, links ask, the page about Mixtral says true numbers."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from app.core.errors import DataFolderError
from app.core.settings import INSTRUCTIONS, SEND_KEY, TEXT_SIZE_PERCENT, THEME, Settings
from app.runtime.facts import Notice, NoticeKind
from app.ui.details_window import DetailsWindow
from app.ui.get_mixtral import COMMAND, VERSIONS
from app.ui.keys import WINDOW_KEYS, Deed
from app.ui.link_dialog import LinkDialog
from app.ui.main_window import MainWindow
from app.ui.settings_window import SettingsWindow
from tests.app.ui.chats import chat, reply, user
from tests.fakes import ScriptedSession


@pytest.fixture
def settings_window(window: MainWindow) -> SettingsWindow:
    """Opened as the user does."""
    window.show_settings()
    assert window._settings_window is not None
    return window._settings_window


def test_the_theme_changes_at_once(
    window: MainWindow, settings_window: SettingsWindow, settings: Settings
) -> None:
    """And is kept."""
    settings_window._theme_choice._segments["dark"].click()
    assert window.theme.is_dark
    assert settings.get(THEME) == "dark"
    settings_window._theme_choice._segments["light"].click()
    assert not window.theme.is_dark


def test_text_size_and_send_key_change_at_once(
    window: MainWindow, settings_window: SettingsWindow, settings: Settings
) -> None:
    """Slider and number agree."""
    settings_window._slider.setValue(130)
    assert settings_window._percent.value() == 130
    assert window.theme.text_size_percent == settings.get(TEXT_SIZE_PERCENT) == 130
    settings_window._send._segments["ctrl+enter"].click()
    assert settings.get(SEND_KEY) == "ctrl+enter"
    assert not window.page.composer.draft.sends_with_enter


def test_the_style_is_the_composers_too(
    window: MainWindow, settings_window: SettingsWindow, settings: Settings
) -> None:
    """Chosen in one place, shown in both."""
    settings_window._style._segments["Precise"].click()
    assert settings.style == "Precise"
    assert window.page.composer.foot.style_button.text() == "Precise"


def test_instructions_are_kept_and_can_be_reset(
    settings_window: SettingsWindow, settings: Settings
) -> None:
    """Written a moment after the last letter, at the latest when the window closes."""
    settings_window._instructions.setPlainText("Be brief. ")
    settings_window.close()
    assert settings.get(INSTRUCTIONS) == "Be brief."
    settings_window._reset.click()
    assert settings.get(INSTRUCTIONS) == ""


def test_a_setting_that_cannot_be_saved_holds_all_the_same(
    window: MainWindow, settings_window: SettingsWindow, settings: Settings
) -> None:
    """With a notice."""

    def refuse(*_: object) -> None:
        raise DataFolderError("The disk is full.")

    settings._write = refuse
    settings_window._theme_choice._segments["dark"].click()
    assert window.theme.is_dark
    assert window.page.notices.notice.text == "The disk is full."
    window.theme.set_mode("light")


def test_escape_closes_and_the_focus_returns(
    window: MainWindow, settings_window: SettingsWindow, qtbot: QtBot
) -> None:
    """To the composer, where one was."""
    QTest.keyClick(settings_window, Qt.Key.Key_Escape)
    assert not settings_window.isVisible()
    qtbot.waitUntil(window.page.composer.draft.hasFocus)


def test_a_link_opens_only_after_a_yes(
    window: MainWindow, session: ScriptedSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The address is shown in full."""
    opened: list[QUrl] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", opened.append)
    session.open(chat(user(1), reply(2)))
    window.page.transcript.link_activated.emit("https://example.org/guide")
    (dialog,) = window.findChildren(LinkDialog)
    assert dialog.isModal()
    assert opened == []
    dialog._open.click()
    assert opened == [QUrl("https://example.org/guide")]


@pytest.mark.parametrize("address", ["file:///etc/passwd", "javascript:alert(1)", "C:\\x.exe"])
def test_other_addresses_are_not_opened(window: MainWindow, address: str) -> None:
    """They can only be copied."""
    dialog = LinkDialog(window.theme, address, window)
    assert not hasattr(dialog, "_open")
    dialog.close()


def test_the_page_about_mixtral_tells_true_numbers(window: MainWindow) -> None:
    """File sizes and memory of each version, and the command that converts."""
    assert [(kind, size, memory) for _, kind, size, memory in VERSIONS] == [
        ("Q4_K_M", "28.4 GB", "32 GB"),
        ("Q6_K", "38.4 GB", "48 GB"),
        ("Q8_0", "49.6 GB", "64 GB"),
    ]
    window.show_get_mixtral()
    window.get_mixtral._copy.click()
    assert QGuiApplication.clipboard().text() == COMMAND


def test_a_model_file_is_chosen_and_loaded(
    window: MainWindow, session: ScriptedSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then the chat is in sight again."""
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: ("/models/m.gguf", ""))
    window.show_get_mixtral()
    window.get_mixtral._open.click()
    assert session.wishes[-1] == ("load_model", "/models/m.gguf")
    assert window.pages.currentWidget() is window.page


def test_details_are_copied_with_the_sentence(window: MainWindow, session: ScriptedSession) -> None:
    """So that somebody else can help."""
    notice = Notice(NoticeKind.WARNING, "The engine stopped.", "Nothing is lost.", None, "line 1")
    window._show_details(notice)
    (details,) = window.findChildren(DetailsWindow)
    details.findChildren(type(window.get_mixtral._copy))[0].click()
    text = QGuiApplication.clipboard().text()
    assert text == "The engine stopped. Nothing is lost.\n\nline 1"


def test_each_deed_has_one_row_of_keys() -> None:
    """Nothing is bound twice, nothing is left out."""
    assert [key.deed for key in WINDOW_KEYS] != []
    assert sorted(key.deed.value for key in WINDOW_KEYS) == sorted(deed.value for deed in Deed)
    sequences = [sequence for key in WINDOW_KEYS for sequence in key.sequences]
    assert len(sequences) == len(set(sequences))
