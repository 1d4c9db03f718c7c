"""The groups of the settings at the left, with their counts, or as a list box in little room.

Knows no settings.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.core.setting import Group
from app.ui.nav_button import NavButton
from app.ui.theme import Theme, TypeRole, tabular


class GroupButton(NavButton):
    """A group, and how many settings it has."""

    def __init__(self, theme: Theme, icon: str, text: str, count: int) -> None:
        super().__init__(theme, icon, text)
        self._count = count
        self.setAccessibleName(f"{text}, {count} settings" if count else text)

    def sizeHint(self) -> QSize:
        """A row as wide as its word."""
        size = super().sizeHint()
        theme = self.theme
        word = self.fontMetrics().horizontalAdvance(self.text())
        width = theme.px(18) + theme.gap(66) + round(word * theme.px(14) / self.font_size())
        return QSize(max(size.width(), width), size.height())

    def font_size(self) -> int:
        """The height of the letters that `fontMetrics` measures."""
        return max(1, self.fontInfo().pixelSize())

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the count at the right."""
        super().paintEvent(event)
        if self._count:
            painter = QPainter(self)
            painter.setFont(tabular(self.theme.font(TypeRole.SMALL)))
            painter.setPen(self.theme.colour("text2"))
            room = self.rect().adjusted(0, 0, -self.theme.gap(11), 0)
            flags = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
            painter.drawText(room, flags, str(self._count))


class SettingGroups(QWidget):
    """One row a group; Up and Down go through them.

    Signals:
        group_chosen(object): the `Group`.
        keys_requested: the way to the shortcuts.
    """

    group_chosen = Signal(object)
    keys_requested = Signal()

    def __init__(self, theme: Theme, groups: Sequence[tuple[Group, int]]) -> None:
        """Each group with the number of its settings."""
        super().__init__()
        self._buttons: dict[str, GroupButton] = {}
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(1)
        for group, count in groups:
            button = GroupButton(theme, group.icon, group.title, count)
            button.clicked.connect(partial(self.group_chosen.emit, group))
            self._buttons[group.name] = button
            column.addWidget(button)
        self._keys = GroupButton(theme, "keyboard", "Keyboard", 0)
        self._keys.clicked.connect(self.keys_requested)
        column.addWidget(self._keys)

    def show_group(self, name: str) -> None:
        """Which one fills the page; "" for several."""
        for each, button in self._buttons.items():
            button.set_chosen(each == name)

    def button(self, name: str) -> GroupButton:
        """The row of a group."""
        return self._buttons[name]

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Up and Down choose the neighbour."""
        steps = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}
        step = steps.get(Qt.Key(event.key()))
        buttons = [*self._buttons.values(), self._keys]
        focused = self.focusWidget()
        if step is None or focused not in buttons:
            super().keyPressEvent(event)
            return
        place = buttons.index(focused) + step
        if 0 <= place < len(buttons):
            buttons[place].setFocus(Qt.FocusReason.TabFocusReason)
            if buttons[place] is not self._keys:
                buttons[place].click()
