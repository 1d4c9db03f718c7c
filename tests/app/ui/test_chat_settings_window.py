"""What a chat has of its own is shown and changed in a window of its own."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtWidgets import QSpinBox, QWidget

from app.core import settings as rows
from app.core.chat_options import CHAT_ROWS
from app.core.setting import Setting
from app.core.settings import Settings
from app.ui.chat_settings_window import ChatSettingsWindow
from app.ui.main_window import MainWindow
from app.ui.segmented import Segmented
from tests.app.ui.chats import chat, reply, user
from tests.fakes import ScriptedSession


@pytest.fixture
def chat_window(window: MainWindow, session: ScriptedSession) -> ChatSettingsWindow:
    """Opened from the chat's menu."""
    session.open(chat(user(1), reply(2)))
    window.page.header.options_requested.emit()
    assert window.windows.chat_settings is not None
    return window.windows.chat_settings


def part(window: ChatSettingsWindow, setting: Setting[Any], kind: type[QWidget]) -> Any:  # noqa: ANN401  of whichever kind
    """The control inside a setting's row."""
    return window.list.control(setting).findChildren(kind)[0]


def test_only_what_a_chat_may_have_is_there(chat_window: ChatSettingsWindow) -> None:
    """Under the heads of the groups."""
    assert chat_window.list.settings == CHAT_ROWS
    assert rows.THEME not in CHAT_ROWS
    assert all(chat_window.list.row(setting).isVisible() for setting in CHAT_ROWS)


def test_a_value_of_its_own(
    chat_window: ChatSettingsWindow, session: ScriptedSession, settings: Settings
) -> None:
    """It is marked, holds in the chat alone, and goes with Reset."""
    row = chat_window.list.row(rows.TOP_K)
    usual = row._tag.text()
    part(chat_window, rows.TOP_K, QSpinBox).setValue(7)
    marked = (row._tag.text(), dict(session.chat_settings.options))
    row.reset.click()

    assert usual == "as in the settings"
    assert marked == ("this chat", {"top_k": 7})
    assert session.chat_settings.options == {}
    assert settings.get(rows.TOP_K) == 40


def test_a_style_of_its_own(
    window: MainWindow,
    chat_window: ChatSettingsWindow,
    session: ScriptedSession,
    settings: Settings,
) -> None:
    """The composer shows and changes it from then on; the general one stays."""
    part(chat_window, rows.STYLE, Segmented)._segments["Precise"].click()
    shown = window.page.composer.foot.style_button.text()
    window.page.composer.style_chosen.emit("Creative")
    chosen = session.chat_settings.shown.get(rows.TEMPERATURE)
    chat_window.list.row(rows.STYLE).reset.click()

    assert (shown, chosen) == ("Precise", 1.0)
    assert settings.get(rows.TEMPERATURE) == 0.7
    assert session.chat_settings.options == {}
    assert window.page.composer.foot.style_button.text() == "Balanced"


def test_all_as_in_the_settings(chat_window: ChatSettingsWindow, session: ScriptedSession) -> None:
    """At once; what the table doesn't know stays."""
    session.chat_settings.set_options({"newer": 1, "top_k": 5, "seed": 3})
    assert chat_window.reset_all_button.isVisible()
    chat_window.reset_all_button.click()
    assert session.chat_settings.options == {"newer": 1}
    assert not chat_window.reset_all_button.isVisible()


def test_it_follows_the_chat_that_is_shown(
    chat_window: ChatSettingsWindow, session: ScriptedSession
) -> None:
    """Its title and its values."""
    session.chat_settings.options = {"top_k": 11}
    session.open(chat(user(5), title="Bees"))
    assert part(chat_window, rows.TOP_K, QSpinBox).value() == 11
    assert chat_window._title.text() == "Bees"
