"""Binds the keys of the whole window to what it can do. Knows the window, and no panel's inside."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, Slot
from PySide6.QtGui import QGuiApplication, QKeySequence, QShortcut
from PySide6.QtWidgets import QApplication, QWidget

from app.core.conversation import Role
from app.core.settings import TEXT_SIZE_PERCENT
from app.ui.keys import MESSAGE_KEYS, WINDOW_KEYS, Deed
from app.ui.shortcuts import Shortcuts

if TYPE_CHECKING:
    from app.ui.main_window import MainWindow

TEXT_STEP = 10


class WindowKeys(QObject):
    """The shortcuts of `window`, as `shortcuts` has them."""

    def __init__(self, window: MainWindow, shortcuts: Shortcuts) -> None:
        super().__init__(window)
        self._window = window
        self._shortcuts = shortcuts
        self._bound: list[QShortcut] = []
        shortcuts.changed.connect(self._bind)
        self._bind()

    @Slot()
    def _bind(self) -> None:
        for shortcut in self._bound:
            shortcut.setEnabled(False)
            shortcut.deleteLater()
        self._bound.clear()
        deeds = self._deeds()
        for key in WINDOW_KEYS:
            for sequence in self._shortcuts.of(key.deed):
                shortcut = QShortcut(QKeySequence(sequence), self._window)
                shortcut.activated.connect(deeds[key.deed])
                self._bound.append(shortcut)
        letters = {key.deed: self._shortcuts.of(key.deed) for key in MESSAGE_KEYS}
        self._window.page.transcript.letters.set_keys(letters)

    def _deeds(self) -> dict[Deed, Callable[[], object]]:
        window, session = self._window, self._window.session
        transcript = window.page.transcript
        return {
            Deed.NEW_CHAT: window.new_chat,
            Deed.FIND_CHAT: self._find_chat,
            Deed.FIND_IN_CHAT: window.page.open_find,
            Deed.FIND_NEXT: lambda: window.page.step_find(1),
            Deed.FIND_PREVIOUS: lambda: window.page.step_find(-1),
            Deed.TOGGLE_SIDEBAR: window.toggle_sidebar,
            Deed.NEXT_CHAT: lambda: session.open_neighbour(1),
            Deed.PREVIOUS_CHAT: lambda: session.open_neighbour(-1),
            Deed.SHOW_MODELS: window.show_models,
            Deed.ANSWER_AGAIN: self._answer_again,
            Deed.PREVIOUS_VERSION: lambda: self._show_version(-1),
            Deed.NEXT_VERSION: lambda: self._show_version(1),
            Deed.PREVIOUS_MESSAGE: lambda: transcript.step_message(-1),
            Deed.NEXT_MESSAGE: lambda: transcript.step_message(1),
            Deed.COPY_CODE: self._copy_code,
            Deed.RENAME: self._rename,
            Deed.UNDO_DELETE: session.undo_delete,
            Deed.NEXT_AREA: lambda: self._step_area(1),
            Deed.PREVIOUS_AREA: lambda: self._step_area(-1),
            Deed.SETTINGS: window.windows.show_settings,
            Deed.LARGER_TEXT: lambda: self._step_text(TEXT_STEP),
            Deed.SMALLER_TEXT: lambda: self._step_text(-TEXT_STEP),
            Deed.USUAL_TEXT: lambda: window.set_text_size(TEXT_SIZE_PERCENT.default),
            Deed.ATTACH: self._attach,
            Deed.KEYS: window.windows.show_keys,
        }

    def _find_chat(self) -> None:
        self._window.show_sidebar()
        self._window.sidebar.filter.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self._window.sidebar.filter.selectAll()

    def _attach(self) -> None:
        self._window.show_chat()
        self._window.attachments.choose_files()

    def _answer_again(self) -> None:
        """The reply that has the focus, else the last one."""
        message = self._window.page.transcript.focused_message()
        if message is not None and message.role is Role.ASSISTANT:
            self._window.session.answer_again(message.message_id)

    def _show_version(self, step: int) -> None:
        message = self._window.page.transcript.focused_message()
        if message is None:
            return
        if 1 <= message.version + step <= message.version_count:
            self._window.session.show_version(message.message_id, step)

    def _copy_code(self) -> None:
        code = self._window.page.transcript.last_code()
        if code is not None:
            QGuiApplication.clipboard().setText(code)
            self._window.say_copied("Code copied")

    def _rename(self) -> None:
        window = self._window
        if window.sidebar.list.hasFocus():
            window.sidebar.list.rename_current()
        else:
            window.page.header.begin_rename()

    def _step_text(self, step: int) -> None:
        self._window.set_text_size(self._window.theme.text_size_percent + step)

    def _step_area(self, step: int) -> None:
        """Sidebar, header, transcript, composer, and round again; what is hidden is left out."""
        areas = self._areas()
        focused = QApplication.focusWidget()
        at = -1 if step > 0 else 0
        for index, (area, _) in enumerate(areas):
            if focused is not None and (area is focused or area.isAncestorOf(focused)):
                at = index
        areas[(at + step) % len(areas)][1].setFocus(Qt.FocusReason.ShortcutFocusReason)

    def _areas(self) -> list[tuple[QWidget, QWidget]]:
        """Each area, and what in it takes the focus."""
        window = self._window
        page, sidebar = window.page, window.sidebar
        found: list[tuple[QWidget, QWidget]] = []
        if window.sidebar_in_sight:
            found.append((sidebar, sidebar.list))
        if window.pages.currentWidget() is not page:
            return [*found, (window.get_mixtral, window.get_mixtral.first_control)]
        found.append((page.header, page.header.chip))
        if page.transcript.isVisible():
            found.append((page.transcript, page.transcript))
        return [*found, (page.composer, page.composer.draft)]
