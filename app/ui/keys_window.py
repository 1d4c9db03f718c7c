"""The shortcuts (F1): all keys with a filter, and each of them can be changed.

Knows the table of keys, and nothing of what they do.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.core.errors import DataFolderError
from app.ui.buttons import Button, IconButton
from app.ui.child_window import ChildWindow
from app.ui.filter_field import FilterField
from app.ui.key_row import KeyRow
from app.ui.keys import MESSAGE_KEYS, OTHER_KEYS, WINDOW_KEYS, Deed, WindowKey
from app.ui.labels import Label, Paragraph
from app.ui.rows_area import RowsArea
from app.ui.shortcuts import Shortcuts
from app.ui.theme import Theme, TypeRole


class _Part(QWidget):
    """A head and rows beneath it, each with the words by which the filter finds it."""

    def __init__(self, theme: Theme, title: str, sentence: str) -> None:
        super().__init__()
        self._rows: list[tuple[QWidget, Callable[[], str]]] = []
        self._box = QVBoxLayout(self)
        self._box.setContentsMargins(0, theme.gap(12), 0, theme.gap(6))
        self._box.setSpacing(0)
        self._box.addWidget(Label(theme, title, TypeRole.H3))
        if sentence:
            self._box.addWidget(Paragraph(theme, sentence, TypeRole.SMALL, "text2"))

    def add(self, row: QWidget, words: Callable[[], str]) -> None:
        """One row more."""
        self._rows.append((row, words))
        self._box.addWidget(row)

    def filter(self, wanted: list[str]) -> int:
        """Show the rows that have all these words; returns how many."""
        count = 0
        for row, words in self._rows:
            said = words().casefold()
            shown = all(word in said for word in wanted)
            row.setVisible(shown)
            count += shown
        self.setVisible(count > 0)
        return count


class KeysWindow(ChildWindow):
    """The table, changeable.

    Signals:
        saving_failed(str): a sentence; the keys hold until the program ends.
    """

    screen_share = 0.95
    saving_failed = Signal(str)

    def __init__(self, theme: Theme, shortcuts: Shortcuts, parent: QWidget) -> None:
        super().__init__(theme, "Keyboard shortcuts", parent)
        self._shortcuts = shortcuts
        self._wanted: tuple[Deed, str] | None = None
        self.rows: dict[Deed, KeyRow] = {}
        self.filter = FilterField(theme, "Find a key or what it does", "Find a shortcut", "Ctrl+F")
        self.reset_all = Button(theme, "Reset all", icon="undo", small=True)
        self._nothing = Label(theme, "Nothing found.", TypeRole.BODY, "text2")
        self._parts = [
            self._make_part("In the window", "", WINDOW_KEYS),
            self._make_part(
                "On a message", "They act while a message has the focus.", MESSAGE_KEYS
            ),
            self._make_fixed(),
        ]
        self._build()
        shortcuts.changed.connect(self.show_keys)
        self.filter.textChanged.connect(self._apply_filter)
        self.filter.list_requested.connect(self._focus_first)
        self.reset_all.clicked.connect(self._reset_all)
        QShortcut(QKeySequence.StandardKey.Find, self).activated.connect(self._focus_filter)
        self.show_keys()

    @Slot()
    def show_keys(self) -> None:
        """Show the keys in force."""
        self._wanted = None
        for deed, row in self.rows.items():
            row.show_keys(self._shortcuts.shown(deed), is_changed=self._shortcuts.is_changed(deed))
        self.reset_all.setVisible(self._shortcuts.any_changed)
        self._apply_filter()

    def sizeHint(self) -> QSize:
        """Most keys in sight on most screens."""
        return QSize(self.theme.px(620), self.theme.px(700))

    def minimumSizeHint(self) -> QSize:
        """It scrolls."""
        return QSize(self.theme.px(320), self.theme.px(240))

    # --- parts -------------------------------------------------------------------------------

    def _make_part(self, title: str, sentence: str, keys: tuple[WindowKey, ...]) -> _Part:
        part = _Part(self.theme, title, sentence)
        for key in keys:
            deed = key.deed
            row = KeyRow(self.theme, key.text)
            row.keys_pressed.connect(partial(self._take_keys, deed))
            row.taking_agreed.connect(self._take_from_other)
            row.reset_requested.connect(partial(self._do, deed, self._shortcuts.reset))
            row.clear_requested.connect(partial(self._do, deed, self._shortcuts.clear))
            self.rows[deed] = row
            part.add(row, partial(self._words_of, key))
        return part

    def _make_fixed(self) -> _Part:
        theme = self.theme
        part = _Part(theme, "Always so", "These can’t be changed.")
        for keys, text in OTHER_KEYS:
            row = QWidget()
            line = QHBoxLayout(row)
            line.setContentsMargins(0, theme.gap(6), 0, theme.gap(6))
            line.addWidget(Label(theme, text, TypeRole.BODY, elided=True), 1)
            line.addWidget(Label(theme, keys, TypeRole.SMALL_STRONG, "text2"))
            part.add(row, f"{keys} {text}".strip)
        return part

    def _build(self) -> None:
        theme = self.theme
        close = IconButton(theme, "close", "Close the shortcuts", "Esc")
        close.clicked.connect(self.close)
        top = QHBoxLayout()
        top.setSpacing(theme.gap(10))
        top.addWidget(self.filter, 1)
        top.addWidget(self.reset_all)
        top.addWidget(close)
        area = RowsArea(*self._parts, self._nothing, QWidget())
        area.set_side(theme.gap(24))
        page = QVBoxLayout(self)
        page.setContentsMargins(theme.gap(24), theme.gap(16), 0, theme.gap(12))
        page.setSpacing(theme.gap(6))
        top.setContentsMargins(0, 0, theme.gap(24), 0)
        page.addLayout(top)
        page.addWidget(area, 1)

    def _words_of(self, key: WindowKey) -> str:
        portable = " ".join(self._shortcuts.of(key.deed))
        return f"{key.text} {self._shortcuts.shown(key.deed)} {portable}"

    @Slot()
    def _apply_filter(self) -> None:
        wanted = self.filter.text().casefold().split()
        counts = [part.filter(wanted) for part in self._parts]
        self._nothing.setVisible(not any(counts))

    @Slot()
    def _focus_filter(self) -> None:
        self.filter.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.filter.selectAll()

    @Slot()
    def _focus_first(self) -> None:
        for row in self.rows.values():
            if row.isVisible():
                row.button.setFocus(Qt.FocusReason.ShortcutFocusReason)
                return

    # --- what is changed ---------------------------------------------------------------------

    def _take_keys(self, deed: Deed, sequence: str) -> None:
        reason = self._shortcuts.refusal(deed, sequence)
        owner = self._shortcuts.owner_of(sequence, deed)
        shown = QKeySequence(sequence).toString(QKeySequence.SequenceFormat.NativeText)
        if reason:
            self.rows[deed].show_trouble(reason)
        elif owner is not None:
            self._wanted = (deed, sequence)
            said = f"{shown} is taken: “{owner.text}”. Used here, it does that no more."
            self.rows[deed].show_trouble(said, can_agree=True)
            self.rows[deed].agree.setFocus(Qt.FocusReason.TabFocusReason)
        else:
            self._do(deed, lambda each: self._shortcuts.change(each, sequence))

    @Slot()
    def _take_from_other(self) -> None:
        if self._wanted is not None:
            deed, sequence = self._wanted
            self._do(deed, lambda each: self._shortcuts.change(each, sequence))

    def _do(self, deed: Deed, change: Callable[[Deed], None]) -> None:
        try:
            change(deed)
        except DataFolderError as error:
            self.saving_failed.emit(str(error))
        self.rows[deed].button.setFocus(Qt.FocusReason.OtherFocusReason)

    @Slot()
    def _reset_all(self) -> None:
        try:
            self._shortcuts.reset_all()
        except DataFolderError as error:
            self.saving_failed.emit(str(error))
        self.filter.setFocus(Qt.FocusReason.OtherFocusReason)
