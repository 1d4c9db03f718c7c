"""The settings apply at once, are found by the search, and can be worked by keyboard alone."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit, QPlainTextEdit, QSpinBox, QWidget
from pytestqt.qtbot import QtBot

from app.core import settings as rows
from app.core.errors import DataFolderError
from app.core.presets import Presets
from app.core.setting import Kind, Setting
from app.core.setting_groups import ENGINE, REPLIES
from app.core.settings import Settings
from app.runtime.facts import SessionState
from app.ui.check import Check
from app.ui.list_box import ListBox
from app.ui.main_window import MainWindow
from app.ui.number_box import NumberBox
from app.ui.segmented import Segmented
from app.ui.settings_window import SHOWN, SettingsWindow
from app.ui.style_choice import StyleChoice
from tests.fakes import ScriptedSession


@pytest.fixture
def settings_window(window: MainWindow, qtbot: QtBot) -> SettingsWindow:
    """Opened as the user does."""
    window.windows.show_settings()
    opened = window.windows.settings
    assert opened is not None
    opened.resize(1040, 780)
    qtbot.waitUntil(opened.isActiveWindow)
    return opened


def part(window: SettingsWindow, setting: Setting[Any], kind: type[QWidget]) -> Any:  # noqa: ANN401  of whichever kind
    """The control inside a setting's row."""
    return window.list.control(setting).findChildren(kind)[0]


def shown_rows(window: SettingsWindow) -> list[str]:
    """The settings whose rows are in sight."""
    return [s.name for s in window.list.settings if window.list.row(s).isVisible()]


def segment(window: SettingsWindow, setting: Setting[Any], value: object) -> None:
    """Click one of the words."""
    values = [choice.value for choice in setting.choices]
    part(window, setting, Segmented)._segments[str(values.index(value))].click()


def test_every_row_has_a_control_of_its_kind(settings_window: SettingsWindow) -> None:
    """Chosen by the table alone."""
    kinds = {
        Kind.SWITCH: (Check,),
        Kind.CHOICE: (Segmented, ListBox),
        Kind.NUMBER: (NumberBox,),
        Kind.TEXT: (QLineEdit,),
        Kind.LONG_TEXT: (QPlainTextEdit,),
        Kind.LIST: (QPlainTextEdit,),
        Kind.STYLE: (StyleChoice,),
        Kind.FOLDER: (QWidget,),
    }
    assert settings_window.list.settings == SHOWN
    for setting in SHOWN:
        control = settings_window.list.control(setting)
        found = [kind for kind in kinds[setting.kind] if control.findChildren(kind)]
        assert found, setting.name


def test_it_opens_one_window(window: MainWindow, settings_window: SettingsWindow) -> None:
    """No part of it stands alone for a moment."""
    seen = {widget for widget in QApplication.topLevelWidgets() if widget.isVisible()}
    assert seen == {window, settings_window}


def test_the_theme_changes_at_once(
    window: MainWindow, settings_window: SettingsWindow, settings: Settings
) -> None:
    """And is kept."""
    segment(settings_window, rows.THEME, "dark")
    assert window.theme.is_dark
    assert settings.get(rows.THEME) == "dark"
    segment(settings_window, rows.THEME, "light")
    assert not window.theme.is_dark


def test_slider_and_number_agree(
    window: MainWindow, settings_window: SettingsWindow, settings: Settings
) -> None:
    """Of the text size, which changes at once."""
    box = part(settings_window, rows.TEXT_SIZE_PERCENT, NumberBox)
    box.slider.setValue(130)
    assert box.spin.value() == 130
    assert window.theme.text_size_percent == settings.get(rows.TEXT_SIZE_PERCENT) == 130
    window.set_text_size(100)


def test_the_send_key_changes_at_once(window: MainWindow, settings_window: SettingsWindow) -> None:
    """In the composer."""
    segment(settings_window, rows.SEND_KEY, "ctrl+enter")
    assert not window.page.composer.draft.sends_with_enter


def test_reduced_motion_holds_the_mark_still(
    window: MainWindow, settings_window: SettingsWindow
) -> None:
    """And nothing slides or fades."""
    part(settings_window, rows.REDUCE_MOTION, Check).click()
    assert window._clock.still
    assert window.theme.motion_ms(120) == 0
    part(settings_window, rows.REDUCE_MOTION, Check).click()
    assert not window._clock.still


def test_the_style_is_the_composers_too(
    window: MainWindow, settings_window: SettingsWindow, settings: Settings
) -> None:
    """Chosen in one place, shown in both."""
    part(settings_window, rows.STYLE, Segmented)._segments["Precise"].click()
    assert Presets(settings).name_in_force() == "Precise"
    assert window.page.composer.foot.style_button.text() == "Precise"


def test_a_text_is_taken_at_the_latest_when_the_window_closes(
    settings_window: SettingsWindow, settings: Settings
) -> None:
    """Without blanks; Reset empties it."""
    part(settings_window, rows.INSTRUCTIONS, QPlainTextEdit).setPlainText("Be brief. ")
    settings_window.close()
    kept = settings.get(rows.INSTRUCTIONS)
    settings_window.list.row(rows.INSTRUCTIONS).reset.click()

    assert kept == "Be brief."
    assert settings.get(rows.INSTRUCTIONS) == ""
    assert part(settings_window, rows.INSTRUCTIONS, QPlainTextEdit).toPlainText() == ""


def test_a_list_has_a_line_for_each(settings_window: SettingsWindow, settings: Settings) -> None:
    """Empty lines are none."""
    box = part(settings_window, rows.STOP_STRINGS, QPlainTextEdit)
    box.setPlainText("User:\n\nEND")
    box.tell()
    assert settings.get(rows.STOP_STRINGS) == ("User:", "END")


def test_numbers_keep_to_their_bounds(settings_window: SettingsWindow, settings: Settings) -> None:
    """And say the special one in words."""
    spin = part(settings_window, rows.SEED, NumberBox).spin
    assert spin.text() == "A fresh one each time"
    spin.setValue(-5)
    assert settings.get(rows.SEED) == -1
    spin.setValue(4_294_967_294)
    assert settings.get(rows.SEED) == 4_294_967_294
    temperature = part(settings_window, rows.TEMPERATURE, NumberBox).spin
    temperature.stepUp()
    assert settings.get(rows.TEMPERATURE) == 0.75


def test_a_change_is_marked_and_can_be_reset(
    settings_window: SettingsWindow, settings: Settings
) -> None:
    """The focus stays in the row."""
    settings_window.show_group(REPLIES)
    row = settings_window.list.row(rows.TOP_K)
    before = row.reset.isVisible()
    settings.set(rows.TOP_K, 7)
    settings_window.show_values()
    during = row.reset.isVisible()
    row.reset.click()

    assert (before, during, row.reset.isVisible()) == (False, True, False)
    assert settings.get(rows.TOP_K) == 40
    focused = QApplication.focusWidget()
    assert focused is not None
    assert settings_window.list.control(rows.TOP_K).isAncestorOf(focused)


def test_the_groups_show_their_rows(settings_window: SettingsWindow) -> None:
    """Essentials first, then what is chosen, or all."""
    assert len(shown_rows(settings_window)) == 6
    settings_window.groups.button("engine").click()
    assert shown_rows(settings_window)[0] == "preference"
    settings_window.show_group(None)
    assert len(shown_rows(settings_window)) == len(SHOWN)


def test_the_search_shows_what_it_finds_under_heads(settings_window: SettingsWindow) -> None:
    """Over all groups; emptied, the page is there again."""
    settings_window.search.setText("penalty")
    found = shown_rows(settings_window)
    settings_window.search.setText("zzz")
    none = shown_rows(settings_window)
    title = settings_window._head.title.text()
    settings_window.search.clear()

    assert {"repeat_penalty", "frequency_penalty", "presence_penalty"} <= set(found)
    assert "theme" not in found
    assert (none, title) == ([], "Nothing found")
    assert len(shown_rows(settings_window)) == 6


def test_the_search_is_worked_by_keyboard(settings_window: SettingsWindow) -> None:
    """Ctrl+F, a word, Down to the control, arrows change it."""
    QTest.keyClick(settings_window, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    assert settings_window.search.hasFocus()
    QTest.keyClicks(settings_window.search, "threads")
    QTest.keyClick(settings_window.search, Qt.Key.Key_Down)
    spin = part(settings_window, rows.THREADS, QSpinBox)
    assert spin.hasFocus()
    QTest.keyClick(spin, Qt.Key.Key_Up)
    assert spin.value() == 1


def test_up_and_down_go_through_the_groups(settings_window: SettingsWindow) -> None:
    """And show them."""
    settings_window.groups.button("essentials").setFocus(Qt.FocusReason.TabFocusReason)
    QTest.keyClick(settings_window.groups.button("essentials"), Qt.Key.Key_Down)
    assert settings_window.groups.button("replies").hasFocus()
    assert "temperature" in shown_rows(settings_window)


def test_tab_reaches_every_control(settings_window: SettingsWindow) -> None:
    """On the page with the most rows, each one's control once."""
    settings_window.show_group(REPLIES)
    settings_window.search.setFocus(Qt.FocusReason.TabFocusReason)
    reached: set[str] = set()
    for _ in range(80):
        QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Tab)
        focused = QApplication.focusWidget()
        assert focused is not None
        for setting in settings_window.list.settings:
            if settings_window.list.control(setting).isAncestorOf(focused):
                reached.add(setting.name)
    assert reached == set(shown_rows(settings_window))


def test_at_twice_the_text_size_the_groups_become_a_list(
    window: MainWindow, settings_window: SettingsWindow, qtbot: QtBot
) -> None:
    """Nothing is wider than the window, and the keyboard's page stays reachable."""
    window.set_text_size(200)
    assert settings_window.group_box.isVisible()
    assert not settings_window.groups.isVisible()
    for group in (None, ENGINE):
        settings_window.show_group(group)
        qtbot.wait(0)
        assert settings_window.list.width() <= settings_window.width()
    with qtbot.waitSignal(settings_window.keys_requested):
        settings_window.group_box.chosen.emit("keys")
    window.set_text_size(100)
    assert settings_window.groups.isVisible()


def test_a_setting_that_cannot_be_saved_holds_all_the_same(
    window: MainWindow, settings_window: SettingsWindow, settings: Settings
) -> None:
    """With a notice."""

    def refuse(*_: object) -> None:
        raise DataFolderError("The disk is full.")

    settings._write = refuse
    segment(settings_window, rows.THEME, "dark")
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


def test_a_change_of_the_engines_offers_to_load_again(
    settings_window: SettingsWindow, session: ScriptedSession
) -> None:
    """Until that is done."""
    before = settings_window.foot.load.isVisible()
    session.is_outdated = True
    part(settings_window, rows.USES_GPUS, Check).click()
    during = settings_window.foot.load.isVisible()
    settings_window.foot.load.click()
    wish = session.wishes[-1]
    session.is_outdated = False
    session.become(SessionState.LOADING)

    assert (before, during, settings_window.foot.load.isVisible()) == (False, True, False)
    assert wish == ("load_again",)


def test_a_change_begins_the_idle_time_anew(
    settings_window: SettingsWindow, session: ScriptedSession
) -> None:
    """The setting for it may be the one that changed."""
    before = session.unloader.activities
    segment(settings_window, rows.UNLOAD_AFTER_MINUTES, 10)
    assert session.unloader.activities > before


def test_the_data_folder_is_opened(
    settings_window: SettingsWindow, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the system's own window."""
    opened: list[QUrl] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", opened.append)
    settings_window.list.control(rows.DATA_FOLDER)._open()
    assert opened == [QUrl.fromLocalFile(str(settings.folder))]


class TestStyles:
    """Making, renaming and deleting one's own."""

    @pytest.fixture
    def choice(self, settings_window: SettingsWindow) -> StyleChoice:
        """The row's control."""
        (found,) = settings_window.list.control(rows.STYLE).findChildren(StyleChoice)
        return found

    def name(self, choice: StyleChoice, text: str) -> None:
        """Write a name, and Enter."""
        choice.line.edit.setText(text)
        QTest.keyClick(choice.line.edit, Qt.Key.Key_Return)

    def test_one_is_made_of_the_values_in_force(
        self, window: MainWindow, choice: StyleChoice, settings: Settings
    ) -> None:
        """It is in force at once, and in the composer's menu."""
        settings.set(rows.TEMPERATURE, 0.15)
        choice.begin_new()
        self.name(choice, "Dry")
        assert Presets(settings).name_in_force() == "Dry"
        assert window.page.composer.foot.style_button.text() == "Dry"
        assert window.page.composer.foot.style_button._names[-1] == "Dry"
        assert not choice.line.isVisible()

    def test_a_bad_name_is_refused_in_words(self, choice: StyleChoice, settings: Settings) -> None:
        """The line stays; Escape leaves it, and the window is still there."""
        choice.begin_new()
        self.name(choice, "precise")
        reason = choice.line._reason.text()
        visible = choice.line.isVisible()
        QTest.keyClick(choice.line.edit, Qt.Key.Key_Escape)

        assert reason == "There is a style of this name already."
        assert (visible, choice.line.isVisible()) == (True, False)
        assert choice.window().isVisible()
        assert Presets(settings).own == ()

    def test_renaming_and_deleting_with_undo(self, choice: StyleChoice, settings: Settings) -> None:
        """The style in force."""
        settings.set(rows.TEMPERATURE, 0.15)
        choice.begin_new()
        self.name(choice, "Dry")
        choice.begin_rename()
        self.name(choice, "Very dry")
        renamed = [preset.name for preset in Presets(settings).own]
        choice.delete_shown()
        left = Presets(settings).own
        choice.undo.click()

        assert renamed == ["Very dry"]
        assert left == ()
        assert Presets(settings).name_in_force() == "Very dry"
