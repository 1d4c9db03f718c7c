"""The choice of a style, and making, renaming and deleting one's own. Knows no style's values."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from app.core.errors import DataFolderError
from app.core.presets import Preset, Presets
from app.core.setting import SettingsView
from app.ui.buttons import Button, ButtonKind, IconButton
from app.ui.labels import Label
from app.ui.list_box import ListBox
from app.ui.popup_menu import PopupMenu
from app.ui.segmented import Segmented
from app.ui.theme import Theme, TypeRole

OWN_VALUES = "Own values"


class _NameLine(QWidget):
    """Where a style gets its name.

    Signals:
        name_written(str): Enter or the button.
        left: Escape or the other button.
    """

    name_written = Signal(str)
    left = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.edit = QLineEdit()
        self.edit.setAccessibleName("Name of the style")
        self.edit.setPlaceholderText("Name of the style")
        self.edit.setMaxLength(40)
        save = Button(theme, "Save", ButtonKind.PRIMARY, small=True)
        cancel = Button(theme, "Cancel", ButtonKind.QUIET, small=True)
        self._reason = Label(theme, "", TypeRole.SMALL, "danger")
        row = QHBoxLayout()
        row.setContentsMargins(0, 0, 0, 0)
        for part in (self.edit, save, cancel):
            row.addWidget(part)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(row)
        column.addWidget(self._reason)
        save.clicked.connect(self._tell)
        cancel.clicked.connect(self.left)
        self.edit.textEdited.connect(self._reason.hide)

    def begin(self, name: str) -> None:
        """Show the line with a name to start from."""
        self.edit.setText(name)
        self.edit.selectAll()
        self._reason.hide()
        self.show()
        self.edit.setFocus(Qt.FocusReason.OtherFocusReason)

    def refuse(self, reason: str) -> None:
        """Say why the name can't be."""
        self._reason.setText(reason)
        self._reason.setVisible(True)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter saves, Escape leaves."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._tell()
        elif event.key() == Qt.Key.Key_Escape:
            self.left.emit()
        else:
            super().keyPressEvent(event)

    @Slot()
    def _tell(self) -> None:
        self.name_written.emit(self.edit.text())


class StyleChoice(QWidget):
    """All styles, and a menu for one's own.

    Signals:
        style_chosen(str): another style's name.
        saving_failed(str): a sentence; the style is there until the program ends.
    """

    style_chosen = Signal(str)
    saving_failed = Signal(str)

    def __init__(self, theme: Theme, name: str, presets: Presets) -> None:
        super().__init__()
        self._theme = theme
        self._name = name
        self._presets = presets
        self.view: SettingsView | None = None  # whose values a new style takes; None: the settings'
        self._shown = ""
        self._renamed = ""
        self._deleted: tuple[int, Preset] | None = None
        self._names: tuple[str, ...] = ()
        self._choice: Segmented | ListBox | None = None
        self.menu = IconButton(theme, "more", "Make, rename and delete styles")
        self.line = _NameLine(theme)
        self._undo_text = Label(theme, "", TypeRole.SMALL, "text2", elided=True)
        self.undo = Button(theme, "Undo", ButtonKind.LINK, icon="undo", small=True)
        self._undo_line = QWidget()
        self._build()
        self.show_style("")

    def show_style(self, name: str) -> None:
        """The style in force; "" for own values."""
        self._shown = name
        names = tuple(preset.name for preset in self._presets.all)
        if names != self._names or self._choice is None:
            self._names = names
            self._remake_choice()
        if isinstance(self._choice, ListBox):
            words = list(names) if name else [*names, ""]
            choices: list[tuple[object, str, str]] = [(w, w or OWN_VALUES, "") for w in words]
            self._choice.set_choices(choices)
        if self._choice is not None:
            self._choice.show_value(name)

    def _build(self) -> None:
        self._row = QHBoxLayout()
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(self._theme.gap(6))
        self._row.addWidget(self.menu)
        self._row.addStretch(1)
        undo = QHBoxLayout(self._undo_line)
        undo.setContentsMargins(0, 0, 0, 0)
        undo.addWidget(self._undo_text, 1)
        undo.addWidget(self.undo)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(self._row)
        column.addWidget(self.line)
        column.addWidget(self._undo_line)
        self.line.hide()
        self._undo_line.hide()
        self.menu.clicked.connect(self._show_menu)
        self.line.name_written.connect(self._take_name)
        self.line.left.connect(self._leave_line)
        self.undo.clicked.connect(self.restore_deleted)

    def _remake_choice(self) -> None:
        """Side by side as long as there are Octet's own only, then a list."""
        if self._choice is not None:
            self._row.removeWidget(self._choice)
            self._choice.hide()
            self._choice.deleteLater()
        if self._presets.own:
            self._choice = ListBox(self._theme, self._name)
        else:
            pairs = tuple((name, name) for name in self._names)
            self._choice = Segmented(self._theme, self._name, pairs)
        self._choice.chosen.connect(self._take_choice)
        self._row.insertWidget(0, self._choice)
        QWidget.setTabOrder(self._choice, self.menu)

    @Slot()
    def _show_menu(self) -> None:
        menu = PopupMenu(self._theme, self)
        menu.add("Save the values in force as a style…", self.begin_new, icon="plus")
        if any(preset.name == self._shown for preset in self._presets.own):
            menu.addSeparator()
            menu.add("Rename…", self.begin_rename, icon="edit")
            menu.add("Delete the style", self.delete_shown, icon="trash", is_danger=True)
        menu.popup_below(self.menu)

    @Slot()
    def begin_new(self) -> None:
        """Ask for the name of a new style."""
        self._renamed = ""
        self.line.begin("")

    @Slot()
    def begin_rename(self) -> None:
        """Ask for another name of the style in force."""
        self._renamed = self._shown
        self.line.begin(self._shown)

    @Slot()
    def delete_shown(self) -> None:
        """Take the style in force away; its values stay, and it can come back."""
        name = self._shown
        try:
            self._deleted = self._presets.delete(name)
        except DataFolderError as error:
            self.saving_failed.emit(str(error))
        self._undo_text.setText(f"“{name}” is deleted. Its values stay.")
        self._undo_line.show()
        self.show_style(self._presets.name_in_force(self.view))

    @Slot()
    def restore_deleted(self) -> None:
        """Bring it back."""
        self._undo_line.hide()
        if self._deleted is not None:
            place, preset = self._deleted
            self._deleted = None
            self._save(lambda: self._presets.restore(place, preset))
        self.show_style(self._presets.name_in_force(self.view))

    @Slot(str)
    def _take_name(self, name: str) -> None:
        reason = self._presets.why_not(name, self._renamed)
        if reason:
            self.line.refuse(reason)
            return
        name = " ".join(name.split())
        if self._renamed:
            self._save(lambda: self._presets.rename(self._renamed, name))
        else:
            self._save(lambda: self._presets.create(name, self.view))
        self._leave_line()
        self.style_chosen.emit(name)

    def _save(self, change: Callable[[], object]) -> None:
        try:
            change()
        except DataFolderError as error:
            self.saving_failed.emit(str(error))

    @Slot()
    def _leave_line(self) -> None:
        self.line.hide()
        self.menu.setFocus(Qt.FocusReason.OtherFocusReason)

    @Slot(object)
    def _take_choice(self, name: str) -> None:
        if name:
            self.style_chosen.emit(name)
