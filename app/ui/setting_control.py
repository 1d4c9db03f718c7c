"""The control by which a row of the settings is changed, chosen by what the row says of itself.

No row has one of its own: what the table can describe, a control here can change. Knows nothing of
where values are kept.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import QUrl, Signal, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from app.core.presets import Presets
from app.core.setting import Kind, Setting, SettingsView, Value
from app.ui.buttons import Button
from app.ui.check import Check
from app.ui.labels import Label
from app.ui.list_box import ListBox
from app.ui.number_box import NumberBox
from app.ui.segmented import Segmented
from app.ui.style_choice import StyleChoice
from app.ui.text_box import TextBox
from app.ui.theme import Theme, TypeRole

_MOST_SEGMENTS, _MOST_LETTERS = 4, 30
WIDE = (Kind.LONG_TEXT, Kind.LIST)
"""What takes the row's whole width, beneath its text."""


class SettingControl(QWidget):
    """What all of them have in common.

    Signals:
        value_chosen(object): the value that the user wants, of the setting's type.
        saving_failed(str): a sentence; what was made holds until the program ends.
    """

    value_chosen = Signal(object)
    saving_failed = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.box = QVBoxLayout(self)
        self.box.setContentsMargins(0, 0, 0, 0)

    def show_value(self, value: Value) -> None:
        """The value in force."""
        raise NotImplementedError

    def tell(self, value: Value) -> None:
        """The user wants this value."""
        self.value_chosen.emit(value)

    def finish(self) -> None:
        """Take what is being written."""

    def set_view(self, view: SettingsView) -> None:
        """Whose values are shown, for the control that takes several together."""


def make_control(
    theme: Theme, setting: Setting[Any], presets: Presets, folder: Path
) -> SettingControl:
    """The control for a row. `presets` and `folder` are for the rows that show them."""
    kind = setting.kind
    if kind is Kind.STYLE:
        return _StyleControl(theme, setting, presets)
    if kind is Kind.FOLDER:
        return _FolderControl(theme, folder)
    plain = {
        Kind.SWITCH: _SwitchControl,
        Kind.NUMBER: _NumberControl,
        Kind.TEXT: _LineControl,
        Kind.LONG_TEXT: _TextControl,
        Kind.LIST: _TextControl,
        Kind.CHOICE: _SegmentControl if _fits_side_by_side(setting) else _ListControl,
    }
    return plain[kind](theme, setting)


def _fits_side_by_side(setting: Setting[Any]) -> bool:
    letters = sum(len(choice.label) for choice in setting.choices)
    return len(setting.choices) <= _MOST_SEGMENTS and letters <= _MOST_LETTERS


class _SwitchControl(SettingControl):
    """On or off."""

    def __init__(self, theme: Theme, setting: Setting[Any]) -> None:
        super().__init__()
        self._check = Check(theme, setting.title)
        self._check.toggled.connect(self.tell)
        self.box.addWidget(self._check)

    def show_value(self, value: Value) -> None:
        """Without telling it."""
        self._check.blockSignals(True)
        self._check.setChecked(bool(value))
        self._check.blockSignals(False)


class _SegmentControl(SettingControl):
    """A few short words side by side."""

    def __init__(self, theme: Theme, setting: Setting[Any]) -> None:
        super().__init__()
        self._values = [choice.value for choice in setting.choices]
        words = [(str(place), choice.label) for place, choice in enumerate(setting.choices)]
        self._segmented = Segmented(theme, setting.title, words)
        self._segmented.chosen.connect(self._take)
        self.box.addWidget(self._segmented)

    def show_value(self, value: Value) -> None:
        """One of the choices."""
        self._segmented.show_value(str(self._values.index(value)) if value in self._values else "")

    @Slot(str)
    def _take(self, place: str) -> None:
        self.value_chosen.emit(self._values[int(place)])


class _ListControl(SettingControl):
    """More words, or longer ones."""

    def __init__(self, theme: Theme, setting: Setting[Any]) -> None:
        super().__init__()
        self._list = ListBox(theme, setting.title)
        self._list.set_choices([(c.value, c.label, c.sentence) for c in setting.choices])
        self._list.chosen.connect(self.tell)
        self.box.addWidget(self._list)

    def show_value(self, value: Value) -> None:
        """One of the choices."""
        self._list.show_value(value)


class _NumberControl(SettingControl):
    """A number."""

    def __init__(self, theme: Theme, setting: Setting[Any]) -> None:
        super().__init__()
        self._number = NumberBox(theme, setting)
        self._number.number_chosen.connect(self.tell)
        self.box.addWidget(self._number)

    def show_value(self, value: Value) -> None:
        """Without telling it."""
        if isinstance(value, (int, float)):
            self._number.show_number(value)


class _LineControl(SettingControl):
    """One line of text."""

    def __init__(self, theme: Theme, setting: Setting[Any]) -> None:
        super().__init__()
        self._edit = QLineEdit()
        self._edit.setAccessibleName(setting.title)
        self._edit.setPlaceholderText(setting.placeholder)
        self._edit.setMinimumWidth(theme.px(220))
        self._edit.editingFinished.connect(self.finish)
        self.box.addWidget(self._edit)

    def show_value(self, value: Value) -> None:
        """The text in force."""
        self._edit.setText(str(value))

    @Slot()
    def finish(self) -> None:
        """Tell what stands there."""
        self.value_chosen.emit(self._edit.text().strip())


class _TextControl(SettingControl):
    """Several lines: one text, or a list of texts with one in each line."""

    def __init__(self, theme: Theme, setting: Setting[Any]) -> None:
        super().__init__()
        self._is_list = setting.kind is Kind.LIST
        self._text = TextBox(theme, setting.title, setting.placeholder, is_code=setting.is_code)
        self._text.text_written.connect(self._take)
        self.box.addWidget(self._text)

    def show_value(self, value: Value) -> None:
        """The text in force."""
        self._text.show_text("\n".join(value) if isinstance(value, tuple) else str(value))

    def finish(self) -> None:
        """Tell what stands there."""
        self._text.tell()

    @Slot(str)
    def _take(self, text: str) -> None:
        lines = tuple(line for line in text.split("\n") if line)
        self.value_chosen.emit(lines if self._is_list else text)


class _StyleControl(SettingControl):
    """The styles, and what can be done with one's own."""

    def __init__(self, theme: Theme, setting: Setting[Any], presets: Presets) -> None:
        super().__init__()
        self.choice = StyleChoice(theme, setting.title, presets)
        self.choice.style_chosen.connect(self.tell)
        self.choice.saving_failed.connect(self.saving_failed)
        self.box.addWidget(self.choice)

    def show_value(self, value: Value) -> None:
        """The style in force; "" for own values."""
        self.choice.show_style(str(value))

    def set_view(self, view: SettingsView) -> None:
        """A new style takes its values."""
        self.choice.view = view


class _FolderControl(SettingControl):
    """A path, and the button that shows it."""

    def __init__(self, theme: Theme, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        label = Label(theme, str(folder), TypeRole.SMALL, "text2", elided=True)
        label.setMinimumWidth(theme.px(240))
        label.setToolTip(str(folder))
        button = Button(theme, "Open", icon="folder", small=True)
        button.setAccessibleName("Open the data folder")
        button.clicked.connect(self._open)
        row = QHBoxLayout()
        row.setSpacing(theme.gap(12))
        row.addWidget(label, 1)
        row.addWidget(button)
        self.box.addLayout(row)

    def show_value(self, value: Value) -> None:
        """It is always the same."""

    @Slot()
    def _open(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._folder)))
