"""What one chat has of its own: the settings that a chat may have, each as in the settings or not.

Knows nothing of how they are kept; it wishes for all of them at once.
"""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.core.chat_options import CHAT_ROWS, ChatOptions
from app.core.presets import Presets
from app.core.setting import Kind, Setting, T, Value
from app.core.settings import PRESET_ROWS, STYLE, Settings
from app.ui.buttons import Button, IconButton
from app.ui.child_window import ChildWindow
from app.ui.labels import Label, Paragraph
from app.ui.rows_area import RowsArea
from app.ui.setting_list import SettingList
from app.ui.theme import Theme, TypeRole

USUAL_SIZE = (860, 780)


class ChatSettingsWindow(ChildWindow):
    """The settings of the shown chat.

    Signals:
        options_chosen(object): all that the chat is to have of its own, a mapping by names.
        saving_failed(str): a sentence; a style holds until the program ends.
    """

    screen_share = 0.95
    options_chosen = Signal(object)
    saving_failed = Signal(str)

    def __init__(self, theme: Theme, settings: Settings, parent: QWidget) -> None:
        super().__init__(theme, "Settings of this chat", parent)
        self._presets = Presets(settings)
        self._view = ChatOptions(settings, {})
        self.list = SettingList(theme, CHAT_ROWS, self._presets, settings.folder, is_of_chat=True)
        self._title = Label(theme, "Settings of this chat", TypeRole.H1, elided=True)
        self._sentence = Paragraph(
            theme,
            "They hold in this chat alone, from the next reply on. "
            "What you don’t change is as in the settings.",
            TypeRole.BODY,
            "text2",
        )
        self.reset_all_button = Button(theme, "All as in the settings", icon="undo", small=True)
        self._build()
        self.list.value_chosen.connect(self._take_value)
        self.list.reset_requested.connect(self._reset)
        self.list.saving_failed.connect(self.saving_failed)
        self.reset_all_button.clicked.connect(self._reset_all)
        self.deactivated.connect(self.list.finish)  # before the window loses sight of it
        self.closed.connect(self.list.finish)
        self.list.show_only(CHAT_ROWS, with_heads=True)
        theme.changed.connect(self._take_theme)
        self._take_theme()

    def show_chat(self, title: str, view: ChatOptions) -> None:
        """The chat that is shown now, and what it has of its own."""
        self._title.setText(title)
        self.show_options(view)

    def show_options(self, view: ChatOptions) -> None:
        """Its own values are others now."""
        self._view = view
        self.list.set_style_view(view)
        self.list.show_values(self._value_of, self._is_own)
        self.reset_all_button.setVisible(view.has_own)
        self._fit()

    def sizeHint(self) -> QSize:
        """Narrower than the settings."""
        return QSize(*(self.theme.gap(length) for length in USUAL_SIZE))

    def minimumSizeHint(self) -> QSize:
        """It scrolls."""
        return QSize(self.theme.gap(360), self.theme.gap(320))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """In little room the controls go under their text."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        self.list.fit(self.width() - 2 * self.theme.gap(36))

    def _build(self) -> None:
        titles = QVBoxLayout()
        titles.addWidget(self._title)
        titles.addWidget(self._sentence)
        close = IconButton(self.theme, "close", "Close the settings of this chat", "Esc")
        close.clicked.connect(self.close)
        self._head = QHBoxLayout()
        self._head.addLayout(titles, 1)
        self._head.addWidget(close, 0, Qt.AlignmentFlag.AlignTop)
        self._area = RowsArea(self.list)
        self._page = QVBoxLayout(self)
        self._page.setSpacing(0)
        self._page.addLayout(self._head)
        self._page.addWidget(self._area, 1)
        self._page.addSpacing(self.theme.gap(10))
        self._page.addWidget(self.reset_all_button, 0, Qt.AlignmentFlag.AlignLeft)

    def _value_of(self, setting: Setting[Any]) -> Value:
        if setting.kind is Kind.STYLE:
            return self._presets.name_in_force(self._view)
        value: Value = self._view.get(setting)
        return value

    def _is_own(self, setting: Setting[Any]) -> bool:
        if setting.kind is Kind.STYLE:
            return any(self._view.is_own(row) for row in PRESET_ROWS)
        return self._view.is_own(setting)

    @Slot(object, object)
    def _take_value(self, setting: Setting[T], value: T) -> None:
        if setting.kind is Kind.STYLE:
            self.options_chosen.emit(self._view.with_values(self._presets.options_of(str(value))))
        elif value != self._view.get(setting) or self._view.is_own(setting):
            self.options_chosen.emit(self._view.with_value(setting, value))

    @Slot(object)
    def _reset(self, setting: Setting[Any]) -> None:
        rows = (STYLE, *PRESET_ROWS) if setting.kind is Kind.STYLE else (setting,)
        self.options_chosen.emit(self._view.without(*rows))
        self.list.focus(setting)

    @Slot()
    def _reset_all(self) -> None:
        self.options_chosen.emit(self._view.without(*CHAT_ROWS))

    @Slot()
    def _take_theme(self) -> None:
        theme = self.theme
        side = theme.gap(36)
        self._page.setContentsMargins(side, theme.gap(20), 0, theme.gap(14))
        self._head.setContentsMargins(0, 0, side, 0)
        self._area.set_side(side)
        self._fit()
