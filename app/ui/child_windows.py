"""The modeless windows beside the main one, each made when it is first wished for.

Knows which of the session's facts they show and whom their wishes go to; what a changed setting
does is the main window's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from app.runtime.facts import Notice
from app.ui.chat_settings_window import ChatSettingsWindow
from app.ui.details_window import DetailsWindow
from app.ui.keys_window import KeysWindow
from app.ui.link_dialog import LinkDialog
from app.ui.settings_window import SettingsWindow
from app.ui.speed_window import SpeedWindow

if TYPE_CHECKING:
    from app.ui.main_window import MainWindow


class ChildWindows(QObject):
    """Opens them, one of each.

    Signals:
        setting_changed(str): the name of a setting that has another value now.
        saving_failed(str): a sentence; the value holds until the program ends.
    """

    setting_changed = Signal(str)
    saving_failed = Signal(str)

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self.settings: SettingsWindow | None = None
        self.chat_settings: ChatSettingsWindow | None = None
        self.keys: KeysWindow | None = None
        self.speed: SpeedWindow | None = None

    @Slot()
    def show_settings(self) -> None:
        """The settings of the program."""
        if self.settings is None:
            main, session = self._window, self._window.session
            window = SettingsWindow(main.theme, main.settings, main, lambda: session.is_outdated)
            window.setting_changed.connect(self.setting_changed)
            window.saving_failed.connect(self.saving_failed)
            window.load_requested.connect(session.load_again)
            window.keys_requested.connect(self.show_keys)
            session.state_changed.connect(window.show_engine_values)
            self.settings = window
        self.settings.show_values()
        self.settings.open_beside()

    @Slot()
    def show_chat_settings(self) -> None:
        """What the shown chat has of its own."""
        if self.chat_settings is None:
            main, session = self._window, self._window.session
            window = ChatSettingsWindow(main.theme, main.settings, main)
            window.options_chosen.connect(session.chat_settings.set_options)
            window.saving_failed.connect(self.saving_failed)
            session.chat_settings.options_changed.connect(self._show_options)
            session.conversation_opened.connect(self._show_options)
            session.title_changed.connect(self._show_options)
            self.chat_settings = window
        self._show_options()
        self.chat_settings.open_beside()

    @Slot()
    def show_keys(self) -> None:
        """The shortcuts."""
        if self.keys is None:
            self.keys = KeysWindow(self._window.theme, self._window.shortcuts, self._window)
            self.keys.saving_failed.connect(self.saving_failed)
        self.keys.open_beside()

    @Slot()
    def show_speed(self) -> None:
        """Why the loaded model is as quick as it is."""
        main, session = self._window, self._window.session
        if self.speed is None:
            window, meter = SpeedWindow(main.theme, main), session.speed
            window.look_requested.connect(meter.look)
            window.measure_requested.connect(meter.measure)
            window.stop_requested.connect(meter.stop)
            window.load_requested.connect(session.load_again)
            meter.facts_changed.connect(window.show_facts)
            self.speed = window
        self.speed.show_facts(session.speed.facts)
        self.speed.open_beside()

    @Slot(str)
    def ask_link(self, address: str) -> None:
        """Show where a link goes, and ask."""
        LinkDialog(self._window.theme, address, self._window).open_beside()

    @Slot(object)
    def show_details(self, notice: Notice) -> None:
        """The technical lines of a notice."""
        DetailsWindow(self._window.theme, notice, self._window).open_beside()

    @Slot()
    def _show_options(self) -> None:
        if self.chat_settings is not None:
            session = self._window.session
            title = session.conversation.summary.title
            self.chat_settings.show_chat(title, session.chat_settings.shown)
