"""The header: the chat's title, the model's chip, the memory's gauge, the chat's menu.

Knows nothing of the session; says what is wished by signals.
"""

from __future__ import annotations

from PySide6.QtCore import QSize, Signal, Slot
from PySide6.QtGui import QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.runtime.facts import ContextUse
from app.ui.buttons import Button, ButtonKind, IconButton
from app.ui.column import is_narrow_window
from app.ui.gauge import Gauge
from app.ui.model_chip import ModelChip
from app.ui.popup_menu import PopupMenu
from app.ui.theme import Theme
from app.ui.title_edit import TitleButton, TitleEdit

HEIGHT = 54


class Header(QWidget):
    """54 px above the transcript.

    Signals:
        rename_requested(str): the open chat's new title.
        sidebar_requested, new_requested, models_requested, cancel_requested, delete_requested,
        copy_requested, find_requested, options_requested: wishes.
    """

    rename_requested = Signal(str)
    sidebar_requested = Signal()
    new_requested = Signal()
    models_requested = Signal()
    cancel_requested = Signal()
    delete_requested = Signal()
    copy_requested = Signal()
    find_requested = Signal()
    options_requested = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self.panel = IconButton(theme, "panel", "Show the sidebar", "Ctrl+B")
        self.new = IconButton(theme, "new-chat", "New chat", "Ctrl+N")
        self.title = TitleButton(theme)
        self.edit = TitleEdit()
        self.chip = ModelChip(theme)
        self.cancel = Button(theme, "Cancel", ButtonKind.QUIET, small=True)
        self.cancel.setAccessibleName("Cancel loading the model")
        self.gauge = Gauge(theme)
        self.find_button = IconButton(theme, "search", "Find in this chat", "Ctrl+F")
        self.menu = IconButton(theme, "more", "Menu of the chat")
        self._can_change = False
        self._is_folded = False
        for part in (
            self.panel,
            self.new,
            self.title,
            self.edit,
            self.chip,
            self.cancel,
            self.gauge,
            self.find_button,
            self.menu,
        ):
            part.setParent(self)
        for part in (self.edit, self.cancel, self.find_button):
            part.hide()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._connect()

    def show_title(self, title: str, *, can_change: bool) -> None:
        """The open chat's title; a chat without messages has no menu."""
        self._can_change = can_change
        self.title.show_title(title, can_rename=can_change)
        self.menu.setVisible(can_change)
        self.edit.hide()
        self.lay_out()

    def set_can_change(self, can_change: bool) -> None:
        """Whether there is a chat on the disk that can be renamed and deleted."""
        if can_change != self._can_change:
            self.show_title(self.title.text(), can_change=can_change)

    def set_has_messages(self, has_messages: bool) -> None:
        """Whether there is anything to find."""
        self.find_button.setVisible(has_messages)
        self.lay_out()

    def show_use(self, use: ContextUse | None) -> None:
        """What fills the model's memory."""
        self.gauge.show_use(use)
        self.lay_out()

    def show_loading(self, is_loading: bool) -> None:
        """Whether there is a load that can be given up."""
        self.cancel.setVisible(is_loading)
        self.lay_out()

    def set_folded(self, is_folded: bool) -> None:
        """Whether the sidebar is away: its two buttons are here then."""
        self._is_folded = is_folded
        self.panel.setVisible(is_folded)
        self.lay_out()

    @Slot()
    def begin_rename(self) -> None:
        """Make the title writable."""
        if self._can_change:
            self.edit.begin(self.title.text())

    def sizeHint(self) -> QSize:
        """54 px high."""
        return QSize(400, self._theme.px(HEIGHT) + 1)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Place the parts."""
        super().resizeEvent(event)
        self.lay_out()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint the hairline beneath."""
        painter = QPainter(self)
        painter.setPen(QPen(self._theme.colour("line"), 1))
        painter.drawLine(0, self.height() - 1, self.width(), self.height() - 1)

    @Slot()
    def lay_out(self) -> None:
        """Buttons from the left, chip, gauge and menu from the right, the title in between."""
        theme = self._theme
        self._choose_lengths()
        left = theme.gap(10)
        for button in (self.panel, self.new):
            if not button.isHidden():
                left = self._put(button, left) + theme.gap(8)
        left = max(left, theme.gap(20)) if self.panel.isHidden() else left
        right = self.width() - theme.gap(12)
        for part, gap in (
            (self.menu, 2),
            (self.find_button, 10),
            (self.gauge, 14),
            (self.cancel, 6),
            (self.chip, 14),
        ):
            if not part.isHidden():
                right -= part.sizeHint().width()
                self._put(part, right)
                right -= theme.gap(gap)
        room = max(0, right - left)
        self.title.setGeometry(left, (self.height() - theme.px(30)) // 2, room, theme.px(30))
        self.edit.setGeometry(left - 8, (self.height() - theme.px(34)) // 2, room, theme.px(34))

    def _choose_lengths(self) -> None:
        """Chip and gauge give way until the title has room for a few words."""
        narrow = is_narrow_window(self._theme, self.window().width())
        for level in range(1 if narrow else 0, 5):
            self.chip.set_length(level)
            self.gauge.set_short(level > 0)
            self.gauge.set_folded(level > 2)
            self.new.setVisible(self._is_folded and level < 4)
            if self._room_for_title() >= self._title_wants(level):
                return

    def _title_wants(self, level: int) -> int:
        """The title in full while something else can give way, then a few words of it."""
        most = (16, 16, 7, 1, 1)[level] * self._theme.em
        return min(self.title.sizeHint().width(), most)

    def _room_for_title(self) -> int:
        parts = (
            self.panel,
            self.new,
            self.menu,
            self.find_button,
            self.gauge,
            self.cancel,
            self.chip,
        )
        taken = sum(part.sizeHint().width() for part in parts if not part.isHidden())
        return self.width() - taken - 6 * self._theme.gap(10)

    def _put(self, part: QWidget, left: int) -> int:
        size = part.sizeHint()
        part.setGeometry(left, (self.height() - size.height()) // 2, size.width(), size.height())
        return left + size.width()

    def _connect(self) -> None:
        self._theme.changed.connect(self._take_theme)
        self.panel.clicked.connect(self.sidebar_requested)
        self.new.clicked.connect(self.new_requested)
        self.title.clicked.connect(self.begin_rename)
        self.edit.title_written.connect(self._take_title)
        self.chip.clicked.connect(self.models_requested)
        self.cancel.clicked.connect(self.cancel_requested)
        self.find_button.clicked.connect(self.find_requested)
        self.menu.clicked.connect(self._show_menu)

    @Slot(str)
    def _take_title(self, title: str) -> None:
        if title and title != self.title.text():
            self.rename_requested.emit(title)

    @Slot()
    def _show_menu(self) -> None:
        menu = PopupMenu(self._theme, self)
        menu.add("Rename", self.begin_rename, icon="edit", keys="F2")
        menu.add("Find in this chat", self.find_requested.emit, icon="search", keys="Ctrl+F")
        menu.add("Copy the chat", self.copy_requested.emit, icon="copy")
        menu.add("Settings of this chat…", self.options_requested.emit, icon="settings")
        menu.addSeparator()
        menu.add(
            "Move to the bin", self.delete_requested.emit, icon="trash", keys="Del", is_danger=True
        )
        menu.popup_below(self.menu)

    @Slot()
    def _take_theme(self) -> None:
        self.updateGeometry()
        self.lay_out()
