"""All settings: groups at the left, a search above them, rows at the right. They apply at once.

Made from the table; knows nothing of who honours a setting.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QKeySequence, QPainter, QPaintEvent, QPen, QResizeEvent, QShortcut
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from app.core.errors import DataFolderError
from app.core.presets import Presets
from app.core.setting import Group, Kind, Setting, T, Value
from app.core.setting_groups import ESSENTIALS, GROUPS
from app.core.settings import TABLE, Settings
from app.core.settings_search import find_settings
from app.core.settings_table import rows_of
from app.ui.buttons import Button, ButtonKind, IconButton
from app.ui.child_window import ChildWindow
from app.ui.filter_field import FilterField
from app.ui.labels import Label, Paragraph
from app.ui.list_box import ListBox
from app.ui.rows_area import RowsArea
from app.ui.setting_groups import SettingGroups
from app.ui.setting_list import SettingList
from app.ui.setting_row import SettingRow
from app.ui.theme import Theme, TypeRole

USUAL_SIZE = (1040, 780)
SIDE_WIDTH = 248
FOLDED_EM = 56
_KEYS = "keys"
SHOWN = tuple(setting for setting in TABLE if setting.group is not None)
"""The rows that people see."""


class _Values:
    """The values in force, of which the style is several together."""

    def __init__(self, settings: Settings) -> None:
        self.presets = Presets(settings)
        self._settings = settings

    def value_of(self, setting: Setting[Any]) -> Value:
        """The value that a row shows."""
        if setting.kind is Kind.STYLE:
            return self.presets.name_in_force()
        value: Value = self._settings.get(setting)
        return value

    def is_changed(self, setting: Setting[Any]) -> bool:
        """Whether that isn't the default."""
        return bool(self.value_of(setting) != setting.default)

    def choose(self, setting: Setting[T], value: T) -> None:
        """Put a value in force; raises DataFolderError if it can't be saved."""
        if setting.kind is Kind.STYLE:
            self.presets.choose(str(value))
        else:
            self._settings.set(setting, value)


class _Head(QWidget):
    """What the page is called, and the button that closes."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.title = Label(theme, "", TypeRole.H1)
        self._sentence = Paragraph(theme, "", TypeRole.BODY, "text2")
        titles = QVBoxLayout()
        titles.setSpacing(theme.gap(2))
        titles.addWidget(self.title)
        titles.addWidget(self._sentence)
        self._line = QHBoxLayout(self)
        self._line.setContentsMargins(0, 0, 0, 0)
        self._line.addLayout(titles, 1)

    def show_page(self, title: str, sentence: str) -> None:
        """Another page."""
        self.title.setText(title)
        self._sentence.set_text(sentence)

    def take_button(self, button: QWidget) -> None:
        """Have it at the right."""
        self._line.addWidget(button, 0, Qt.AlignmentFlag.AlignTop)


class SettingsFoot(QWidget):
    """The way to all settings, and to loading the model by other ones."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.show_all = Button(theme, "", ButtonKind.LINK, small=True, trailing_icon="right")
        self.load = Button(theme, "Load again", small=True)
        self._offer = SettingRow(
            theme, "The model was loaded with other values", "Loading again reads the chat anew.",
            self.load,
        )  # fmt: skip
        self._text = Label(
            theme,
            "Everything else is in the groups at the left, or in the search.",
            TypeRole.SMALL,
            "text2",
            elided=True,
        )
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._offer)
        line = QHBoxLayout()
        line.addWidget(self._text, 1)
        line.addWidget(self.show_all)
        column.addLayout(line)

    def offer_load(self, offers: bool) -> None:
        """Whether the model was loaded by other values."""
        self._offer.setVisible(offers)

    def show_way_on(self, shown: bool) -> None:
        """Whether there is more than what is shown."""
        self._text.setVisible(shown)
        self.show_all.setVisible(shown)


class SettingsWindow(ChildWindow):
    """The settings of the program.

    Signals:
        setting_changed(str): the name of a setting that has another value now.
        saving_failed(str): a sentence; the value holds until the program ends.
        load_requested: load the model by what is in force now.
        keys_requested: the way to the shortcuts.
    """

    screen_share = 0.95
    setting_changed = Signal(str)
    saving_failed = Signal(str)
    load_requested = Signal()
    keys_requested = Signal()

    def __init__(
        self,
        theme: Theme,
        settings: Settings,
        parent: QWidget,
        is_outdated: Callable[[], bool] = lambda: False,
    ) -> None:
        """`is_outdated` tells whether the loaded model was loaded by other values."""
        super().__init__(theme, "Settings", parent)
        self._is_outdated = is_outdated
        self._values = _Values(settings)
        self._group: Group | None = ESSENTIALS  # None: all of them
        self.list = SettingList(theme, SHOWN, self._values.presets, settings.folder)
        search = f"Search {len(SHOWN)} settings"
        self.search = FilterField(theme, search, search, "Ctrl+F")
        self.groups = SettingGroups(theme, [(group, len(rows_of(group))) for group in GROUPS])
        self.group_box = ListBox(theme, "Group of settings")
        self._heading = QWidget()
        self._heading_line = QHBoxLayout(self._heading)
        self._heading_line.addWidget(Label(theme, "Settings", TypeRole.H2))
        self._head = _Head(theme)
        self._area = RowsArea(self.list)
        self.foot = SettingsFoot(theme)
        self._close = IconButton(theme, "close", "Close the settings", "Esc")
        self._is_folded: bool | None = None
        self._build()
        self._connect()
        self.show_values()
        self._show_page()
        self._take_theme()

    @Slot()
    def show_values(self) -> None:
        """Show what is in force."""
        self.list.show_values(self._values.value_of, self._values.is_changed)
        self._fit()
        self.show_engine_values()

    @Slot()
    def show_engine_values(self) -> None:
        """Show whether the model was loaded by what is in force."""
        self.foot.offer_load(self._is_outdated())

    @Slot(object)
    def show_group(self, group: Group | None) -> None:
        """A group's page; None for all."""
        self._group = group
        self.search.clear()
        self._show_page()

    @Slot(object)
    def _take_group(self, chosen: Group | str | None) -> None:
        if isinstance(chosen, str):
            self.group_box.show_value(self._group)
            self.keys_requested.emit()
        else:
            self.show_group(chosen)

    def sizeHint(self) -> QSize:
        """As it is drawn."""
        return QSize(*USUAL_SIZE)

    def minimumSizeHint(self) -> QSize:
        """It folds and scrolls."""
        return QSize(self.theme.gap(400), self.theme.gap(320))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """In little room the groups become a list box, and controls go under their text."""
        super().resizeEvent(event)
        self._fold()
        self._fit()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint the surface at the left."""
        if self._is_folded:
            return
        painter = QPainter(self)
        painter.fillRect(self._side.geometry(), self.theme.colour("sidebar"))
        painter.setPen(QPen(self.theme.colour("line"), 1))
        right = self._side.geometry().right()
        painter.drawLine(right, 0, right, self.height())

    # --- parts -------------------------------------------------------------------------------

    def _build(self) -> None:
        for widget in (self._heading, self.search, self.groups, self.group_box):
            widget.setParent(self)  # else each would be a window until it has its place
        self._side = QWidget()
        self._side_box = QVBoxLayout(self._side)
        self._top = QHBoxLayout()
        self._page = QVBoxLayout()
        self._page.setSpacing(0)
        self._page.addLayout(self._top)
        self._page.addWidget(self._head)
        self._page.addWidget(self._area, 1)
        self._page.addWidget(self.foot)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(0)
        grid.addWidget(self._side, 0, 0)
        grid.addLayout(self._page, 0, 1)
        grid.setColumnStretch(1, 1)
        choices: list[tuple[object, str, str]] = [(g, g.title, g.sentence) for g in GROUPS]
        self.group_box.set_choices([*choices, (_KEYS, "Keyboard", ""), (None, "All settings", "")])
        self.foot.show_all.setText(f"Show all {len(SHOWN)}")

    def _connect(self) -> None:
        self.list.value_chosen.connect(self._take_value)
        self.list.reset_requested.connect(self._reset)
        self.list.saving_failed.connect(self.saving_failed)
        self.search.textChanged.connect(self._show_page)
        self.search.list_requested.connect(self._focus_found)
        self.groups.group_chosen.connect(self.show_group)
        self.groups.keys_requested.connect(self.keys_requested)
        self.group_box.chosen.connect(self._take_group)
        self.foot.show_all.clicked.connect(lambda: self.show_group(None))
        self.foot.load.clicked.connect(self.load_requested)
        self._close.clicked.connect(self.close)
        self.deactivated.connect(self.list.finish)  # before the window loses sight of it
        self.closed.connect(self.list.finish)
        QShortcut(QKeySequence.StandardKey.Find, self).activated.connect(self._focus_search)
        self.theme.changed.connect(self._take_theme)

    def _fit(self) -> None:
        side = 0 if self._is_folded else self.theme.px(SIDE_WIDTH)
        self.list.fit(self.width() - side - 2 * self.theme.gap(36))

    def _fold(self) -> None:
        """Side by side, or one above the other."""
        is_folded = self.width() < FOLDED_EM * self.theme.em
        if is_folded == self._is_folded:
            return
        self._is_folded = is_folded
        self._top.setContentsMargins(
            0, 0, self.theme.gap(36), self.theme.gap(10) if is_folded else 0
        )
        self._side.setVisible(not is_folded)
        self.groups.setVisible(not is_folded)
        self.group_box.setVisible(is_folded)
        self._heading.setVisible(not is_folded)
        while self._side_box.count():
            self._side_box.takeAt(0)
        if is_folded:
            for part, share in ((self.group_box, 2), (self.search, 3)):
                self._top.addWidget(part, share)
            self._top.addWidget(self._close)
        else:
            self._head.take_button(self._close)
            for widget in (self._heading, self.search, self.groups):
                self._side_box.addWidget(widget)
            self._side_box.addStretch(1)
        self._show_page()
        self.update()

    # --- what is shown -----------------------------------------------------------------------

    @Slot()
    def _show_page(self) -> None:
        text, group = self.search.text().strip(), self._group
        if text:
            found = find_settings(text, SHOWN)
            title, sentence = _found_words(len(found), text)
        elif group is None:
            found, title = SHOWN, "All settings"
            sentence = "They apply at once."
        else:
            found, title, sentence = rows_of(group), group.title, group.sentence
        self._head.show_page(title, sentence)
        self.list.show_only(found, with_heads=bool(text) or group is None)
        self.groups.show_group("" if text or group is None else group.name)
        self.group_box.show_value(None if text else group)
        self.foot.show_way_on(group is ESSENTIALS and not text and not self._is_folded)
        self._area.verticalScrollBar().setValue(0)

    @Slot()
    def _focus_search(self) -> None:
        self.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.search.selectAll()

    @Slot()
    def _focus_found(self) -> None:
        """On to the first control that is in sight."""
        self.list.focus_first()

    # --- what is changed ---------------------------------------------------------------------

    @Slot(object, object)
    def _take_value(self, setting: Setting[T], value: T) -> None:
        try:
            self._values.choose(setting, value)
        except DataFolderError as error:
            self.saving_failed.emit(str(error))
        self.show_values()
        self.setting_changed.emit(setting.name)

    @Slot(object)
    def _reset(self, setting: Setting[Any]) -> None:
        self._take_value(setting, setting.default)
        self.list.focus(setting)

    @Slot()
    def _take_theme(self) -> None:
        theme = self.theme
        side = theme.gap(36)
        self._side.setFixedWidth(theme.px(SIDE_WIDTH))
        edge = theme.gap(10)
        self._side_box.setContentsMargins(edge, theme.gap(14), edge, edge)
        self._side_box.setSpacing(theme.gap(10))
        self._heading_line.setContentsMargins(theme.gap(8), 0, 0, 0)
        self._page.setContentsMargins(side, theme.gap(20), 0, theme.gap(14))
        self._top.setSpacing(theme.gap(8))
        self._head.setContentsMargins(0, 0, side, theme.gap(4))
        self.foot.setContentsMargins(0, theme.gap(8), side, 0)
        self._area.set_side(side)
        self._fold()
        self._fit()
        self.update()


def _found_words(count: int, text: str) -> tuple[str, str]:
    """The head of what a search has found."""
    if not count:
        return "Nothing found", f"No setting has to do with “{text}”."
    if count == 1:
        return "1 setting", f"It has to do with “{text}”."
    return f"{count} settings", f"They have to do with “{text}”."
