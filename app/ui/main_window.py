"""Octet's window: assembles the panels and joins them; nothing else.

    theme = Theme(settings.get(THEME), settings.get(TEXT_SIZE_PERCENT))
    look = ApplicationLook(application, theme)          # once for the application
    window = MainWindow(session, settings, theme)
    window.show()                                       # then session.start()

`close_requested` is emitted when the user closes the window: whoever built the session closes it.
Knows nothing of engines and disks; `app.ui.session_binding` shows the session's facts and
`app.ui.session_wishes` hands wishes on to it.
"""

from __future__ import annotations

import base64
import contextlib

from PySide6.QtCore import QByteArray, QEvent, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QCloseEvent, QGuiApplication, QKeyEvent
from PySide6.QtWidgets import QFileDialog

from app.core.errors import DataFolderError
from app.core.settings import (
    CODE_WRAP,
    ON_CLOSE,
    REDUCE_MOTION,
    SIDEBAR_SHOWN,
    TEXT_SIZE_PERCENT,
    THEME,
    WINDOW_GEOMETRY,
    Setting,
    Settings,
    T,
)
from app.runtime.chat_session import ChatSession
from app.runtime.facts import Notice, NoticeKind
from app.ui.attachment_wishes import AttachmentWishes
from app.ui.chat_page import ChatPage
from app.ui.child_windows import ChildWindows
from app.ui.get_mixtral import GetMixtralPage
from app.ui.mark import MarkClock
from app.ui.model_menu import ModelMenu
from app.ui.session_binding import SessionBinding
from app.ui.session_wishes import SessionWishes
from app.ui.shortcuts import Shortcuts
from app.ui.sidebar import Sidebar
from app.ui.theme import Theme
from app.ui.window_frame import WindowFrame
from app.ui.window_keys import WindowKeys

USUAL_SIZE = (1180, 780)


class MainWindow(WindowFrame):
    """The main window.

    Signals:
        close_requested: the user has closed it.
    """

    close_requested = Signal()

    def __init__(self, session: ChatSession, settings: Settings, theme: Theme) -> None:
        super().__init__(theme)
        self.session = session
        self.settings = settings
        self.setWindowTitle("Octet")
        self.setWindowIcon(theme.icons.icon("octet-app", theme.colours.accent, 128, 1.0))
        self._clock = MarkClock(self)
        self.page = ChatPage(theme, self._clock)
        self.sidebar = Sidebar(theme, self._clock)
        self.get_mixtral = GetMixtralPage(theme)
        self.pages.addWidget(self.page)
        self.pages.addWidget(self.get_mixtral)
        self.set_sidebar(self.sidebar, shown=settings.get(SIDEBAR_SHOWN))
        self.binding = SessionBinding(session, settings, self.page, self.sidebar, self._clock)
        self.wishes = SessionWishes(session, settings, self.page, self.sidebar, self.binding)
        self.shortcuts = Shortcuts(settings)
        self.windows = ChildWindows(self)
        self.attachments = AttachmentWishes(session, self.page, self)
        self._keys = WindowKeys(self, self.shortcuts)
        self._is_leaving = False
        self._must_leave = False
        self._connect()
        self._restore_geometry()
        self._apply_reading()
        self.page.composer.draft.setFocus()
        QTimer.singleShot(0, self.page.transcript.colours.warm_up)

    # --- pages and windows -------------------------------------------------------------------

    @Slot()
    def show_chat(self) -> None:
        """The page with the conversation."""
        self.pages.setCurrentWidget(self.page)
        self.sidebar.set_page("")
        self.page.composer.draft.setFocus()

    @Slot()
    def show_get_mixtral(self) -> None:
        """The page that tells how the real model comes here."""
        self.pages.setCurrentWidget(self.get_mixtral)
        self.sidebar.set_page("get_mixtral")
        self.put_sidebar_away()
        self.get_mixtral.focus_first()

    @Slot()
    def show_models(self) -> None:
        """The list of models under the chip."""
        menu = ModelMenu(self.theme, self.page.header.chip)
        menu.model_chosen.connect(self.session.load_model)
        menu.open_file_requested.connect(self.open_model_file)
        menu.get_mixtral_requested.connect(self.show_get_mixtral)
        menu.speed_requested.connect(self.windows.show_speed)
        menu.unload_requested.connect(self.session.unloader.unload)
        menu.show_models(
            self.binding.models,
            self.session.model,
            self.session.speed.facts,
            can_unload=self.session.unloader.can_unload,
        )

    @Slot()
    def open_model_file(self) -> None:
        """Choose a GGUF file and load it."""
        path, _ = QFileDialog.getOpenFileName(
            self, "Open a model file", "", "Models (*.gguf);;All files (*)"
        )
        if path:
            self.session.load_model(path)
            self.show_chat()

    @Slot()
    def new_chat(self) -> None:
        """A chat without messages, ready to be written in."""
        self.session.new_conversation()
        self.put_sidebar_away()
        self.show_chat()

    @Slot()
    def escape(self) -> None:
        """Stop; else close what lies over the chat; else back to the message."""
        if self.session.state.is_working:
            self.session.stop()
        elif not self.page.find_bar.isHidden():
            self.page.close_find()
        elif self.is_folded and self.sidebar_in_sight:
            self.put_sidebar_away()
            self.page.composer.draft.setFocus()
        else:
            self.show_chat()

    @Slot(int)
    def set_text_size(self, percent: int) -> None:
        """Larger or smaller text, within the bounds."""
        least, most = TEXT_SIZE_PERCENT.lowest or 80, TEXT_SIZE_PERCENT.highest or 200
        self._keep(TEXT_SIZE_PERCENT, int(max(least, min(most, percent))))
        self._apply_setting(TEXT_SIZE_PERCENT.name)

    def say_copied(self, text: str) -> None:
        """Say for a moment that something is on the clipboard."""
        self.page.toast.say(text, "copy")
        self.page.place_toast()

    # --- events ------------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Escape, wherever nobody else wanted it."""
        if event.key() == Qt.Key.Key_Escape:
            self.escape()
        else:
            super().keyPressEvent(event)

    def changeEvent(self, event: QEvent) -> None:
        """Nothing turns in a window that isn't seen."""
        super().changeEvent(event)
        if event.type() is QEvent.Type.WindowStateChange:
            self._apply_reading()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Remember the place, and say that it is the end; or after the reply, if that is wished."""
        geometry = base64.b64encode(self.saveGeometry().data()).decode("ascii")
        self._keep(WINDOW_GEOMETRY, geometry)
        if self._may_finish and self.session.state.is_working and not _session_ends():
            event.ignore()
            self._is_leaving = True
            self.hide()
            return
        super().closeEvent(event)
        self.close_requested.emit()

    # --- parts -------------------------------------------------------------------------------

    def _connect(self) -> None:
        page, sidebar = self.page, self.sidebar
        sidebar.hide_requested.connect(self.toggle_sidebar)
        sidebar.new_requested.connect(self.new_chat)
        sidebar.get_mixtral_requested.connect(self.show_get_mixtral)
        sidebar.settings_requested.connect(self.windows.show_settings)
        sidebar.list.open_requested.connect(self._show_opened)
        page.header.sidebar_requested.connect(self.toggle_sidebar)
        page.header.new_requested.connect(self.new_chat)
        page.header.models_requested.connect(self.show_models)
        page.header.copy_requested.connect(self._copy_chat)
        page.header.options_requested.connect(self.windows.show_chat_settings)
        page.banner.get_mixtral_requested.connect(self.show_get_mixtral)
        page.empty.get_mixtral_requested.connect(self.show_get_mixtral)
        page.composer.left.connect(self.escape)
        self.windows.setting_changed.connect(self._apply_setting)
        self.windows.saving_failed.connect(self._tell_unsaved)
        page.transcript.link_activated.connect(self.windows.ask_link)
        page.transcript.copy_requested.connect(self._copy_message)
        self.wishes.details_requested.connect(self.windows.show_details)
        self.wishes.settings_changed.connect(self.binding.show_settings)
        self.wishes.saving_failed.connect(self._tell_unsaved)
        page.header.edit.left.connect(self.show_chat)
        self.get_mixtral.open_file_requested.connect(self.open_model_file)
        self.get_mixtral.closed.connect(self.show_chat)
        self.sidebar_toggled.connect(self._keep_sidebar)
        self.was_resized.connect(self._take_size)
        # Later, since the next message may follow the reply at once.
        self.session.state_changed.connect(self._leave_if_done, Qt.ConnectionType.QueuedConnection)

    @Slot()
    def _take_size(self) -> None:
        self.page.header.set_folded(self.is_folded)

    @Slot(bool)
    def _keep_sidebar(self, shown: bool) -> None:
        self._keep(SIDEBAR_SHOWN, shown)

    @Slot()
    def _show_opened(self) -> None:
        self.put_sidebar_away()
        self.show_chat()

    @Slot(str)
    def _apply_setting(self, name: str) -> None:
        if name == THEME.name:
            self.theme.set_mode(self.settings.get(THEME))
        elif name == TEXT_SIZE_PERCENT.name:
            self.theme.set_text_size(self.settings.get(TEXT_SIZE_PERCENT))
        self._apply_reading()
        self.binding.show_settings()
        self.session.chat_settings.note_settings()
        self.session.unloader.note_activity()

    def _apply_reading(self) -> None:
        reduces_motion = self.settings.get(REDUCE_MOTION)
        self.theme.set_reading(
            reduces_motion=reduces_motion, wraps_code=self.settings.get(CODE_WRAP)
        )
        self._clock.still = self.isMinimized() or reduces_motion

    @Slot()
    def leave(self) -> None:
        """Close and end at once, whatever is under way."""
        self._must_leave = True
        self.close()

    @property
    def _may_finish(self) -> bool:
        return not self._must_leave and self.settings.get(ON_CLOSE) == "finish"

    @Slot()
    def _leave_if_done(self) -> None:
        """The window was closed during a reply, which has ended."""
        if self._is_leaving and not self.session.state.is_working:
            self._is_leaving = False
            self.close_requested.emit()

    @Slot(int)
    def _copy_message(self, message_id: int) -> None:
        for message in self.page.transcript.messages:
            if message.message_id == message_id:
                QGuiApplication.clipboard().setText(message.text)
                self.say_copied("Copied as Markdown")

    @Slot()
    def _copy_chat(self) -> None:
        QGuiApplication.clipboard().setText(self.page.transcript.as_markdown())
        self.say_copied("Chat copied as Markdown")

    @Slot(str)
    def _tell_unsaved(self, sentence: str) -> None:
        self.page.notices.add(
            Notice(NoticeKind.WARNING, "The setting can’t be saved.", sentence, key="setting")
        )

    def _keep(self, setting: Setting[T], value: T) -> None:
        try:
            self.settings.set(setting, value)
        except DataFolderError as error:
            self._tell_unsaved(str(error))

    def _restore_geometry(self) -> None:
        self.resize(*USUAL_SIZE)
        kept = self.settings.get(WINDOW_GEOMETRY)
        if kept:
            with contextlib.suppress(ValueError):
                self.restoreGeometry(QByteArray(base64.b64decode(kept)))


def _session_ends() -> bool:
    """Whether the system wants the program gone: it waits for nobody's reply."""
    application = QGuiApplication.instance()
    return isinstance(application, QGuiApplication) and application.isSavingSession()
