"""Rows of the settings' table under the heads of their groups, of which some are shown.

Knows nothing of where values are kept; it tells which one is wanted.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.core.presets import Presets
from app.core.setting import Group, Kind, Setting, SettingsView, Value
from app.ui.labels import Label, Paragraph
from app.ui.setting_control import WIDE, SettingControl, make_control
from app.ui.setting_row import SettingRow
from app.ui.theme import Theme, TypeRole

NARROW_EM = 38


class _Section(QWidget):
    """A group's head and its rows."""

    def __init__(self, theme: Theme, group: Group) -> None:
        super().__init__()
        self._theme = theme
        self.group = group
        self._title = Label(theme, group.title, TypeRole.H2)
        self._sentence = Paragraph(theme, group.sentence, TypeRole.SMALL, "text2")
        self.box = QVBoxLayout(self)
        self.box.setSpacing(0)
        self.box.addWidget(self._title)
        self.box.addWidget(self._sentence)

    def show_head(self, shown: bool, *, with_sentence: bool) -> None:
        """Whether the title stands over the rows."""
        self._title.setVisible(shown)
        self._sentence.setVisible(shown and with_sentence)
        self.box.setContentsMargins(0, self._theme.gap(18) if shown else 0, 0, 0)


class SettingList(QWidget):
    """One row for each setting.

    Signals:
        value_chosen(object, object): a `Setting`, and the value that the user wants.
        reset_requested(object): a `Setting` that is to have its usual value again.
        saving_failed(str): a sentence; what was made holds until the program ends.
    """

    value_chosen = Signal(object, object)
    reset_requested = Signal(object)
    saving_failed = Signal(str)

    def __init__(
        self,
        theme: Theme,
        rows: Iterable[Setting[Any]],
        presets: Presets,
        folder: Path,
        *,
        is_of_chat: bool = False,
    ) -> None:
        """`is_of_chat`: they are one chat's own values over the general ones."""
        super().__init__()
        self._is_of_chat = is_of_chat
        self._theme = theme
        self._rows: dict[Setting[Any], SettingRow] = {}
        self._controls: dict[Setting[Any], SettingControl] = {}
        self._sections: dict[str, _Section] = {}
        self._box = QVBoxLayout(self)
        self._box.setContentsMargins(0, 0, 0, 0)
        self._box.setSpacing(0)
        for setting in rows:
            control = make_control(theme, setting, presets, folder)
            self._add(setting, self._make_row(setting, control), control)
        self._box.addStretch(1)

    @property
    def settings(self) -> tuple[Setting[Any], ...]:
        """All rows."""
        return tuple(self._rows)

    def row(self, setting: Setting[Any]) -> SettingRow:
        """A setting's row."""
        return self._rows[setting]

    def control(self, setting: Setting[Any]) -> SettingControl:
        """A setting's control."""
        return self._controls[setting]

    def show_values(
        self,
        value_of: Callable[[Setting[Any]], Value],
        is_changed: Callable[[Setting[Any]], bool],
    ) -> None:
        """Show what is in force, and which of it isn't usual."""
        for setting, control in self._controls.items():
            value = value_of(setting)
            control.show_value(value)
            self._rows[setting].show_changed(is_changed(setting))
            notes = (choice.sentence for choice in setting.choices if choice.value == value)
            self._rows[setting].show_note(next(notes, ""))

    def show_only(self, settings: Collection[Setting[Any]], *, with_heads: bool) -> None:
        """Hide the rows of all others, and the heads of groups without a row."""
        for setting, row in self._rows.items():
            row.setVisible(setting in settings)
        groups = {setting.group.name for setting in settings if setting.group is not None}
        for name, section in self._sections.items():
            section.setVisible(name in groups)
            section.show_head(with_heads, with_sentence=not self._is_of_chat)

    def set_style_view(self, view: SettingsView) -> None:
        """Whose values a new style takes."""
        for control in self._controls.values():
            control.set_view(view)

    def fit(self, width: int) -> None:
        """Put controls beneath their texts where `width` px leave too little room beside them."""
        is_narrow = width < NARROW_EM * self._theme.em
        for row in self._rows.values():
            row.set_stacked(is_narrow or row.width_beside() > width)

    def focus_first(self) -> None:
        """The focus on the first control that is in sight."""
        for setting, row in self._rows.items():
            if row.isVisible():
                self.focus(setting)
                return

    def focus(self, setting: Setting[Any]) -> None:
        """The focus on a setting's control."""
        control = self._controls[setting]
        for part in control.findChildren(QWidget):
            if part.focusPolicy() & Qt.FocusPolicy.TabFocus and part.isVisible():
                part.setFocus(Qt.FocusReason.ShortcutFocusReason)
                return

    @Slot()
    def finish(self) -> None:
        """Take what is being written."""
        for setting, control in self._controls.items():
            if setting.kind in (Kind.TEXT, *WIDE):
                control.finish()

    def _make_row(self, setting: Setting[Any], control: SettingControl) -> SettingRow:
        title, is_wide = setting.title, setting.kind in WIDE
        if not self._is_of_chat:
            return SettingRow(self._theme, title, setting.sentence, control, is_wide=is_wide)
        return SettingRow(
            self._theme,
            setting.chat_title or title,
            setting.sentence,
            control,
            is_wide=is_wide,
            tag="this chat",
            usual_tag="as in the settings",
        )

    def _add(self, setting: Setting[Any], row: SettingRow, control: SettingControl) -> None:
        self._rows[setting] = row
        self._controls[setting] = control
        control.value_chosen.connect(partial(self.value_chosen.emit, setting))
        control.saving_failed.connect(self.saving_failed)
        row.reset_requested.connect(partial(self.reset_requested.emit, setting))
        group = setting.group
        if group is None:
            raise ValueError(f"{setting.name} is no row that is shown")
        if group.name not in self._sections:
            self._sections[group.name] = _Section(self._theme, group)
            self._box.addWidget(self._sections[group.name])
        self._sections[group.name].box.addWidget(row)
