"""The sidebar: brand, new chat, the chats with a filter over their titles, and the way onwards.

Knows nothing of the session; says what is wished by signals.
"""

from __future__ import annotations

from PySide6.QtCore import QSize, Signal, Slot
from PySide6.QtGui import QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QWidget

from app.ui.buttons import IconButton
from app.ui.conversation_list import ConversationList
from app.ui.filter_field import FilterField
from app.ui.labels import Label
from app.ui.mark import MarkClock
from app.ui.nav_button import NavButton
from app.ui.theme import Theme, TypeRole

WIDTH = 264


class Sidebar(QWidget):
    """The panel at the left, 264 px wide at 100 % text.

    Signals:
        hide_requested, new_requested, get_mixtral_requested, settings_requested: wishes.
    """

    hide_requested = Signal()
    new_requested = Signal()
    get_mixtral_requested = Signal()
    settings_requested = Signal()

    def __init__(self, theme: Theme, clock: MarkClock) -> None:
        super().__init__()
        self._theme = theme
        self._brand = Label(theme, "Octet", TypeRole.H3)
        self._hide = IconButton(theme, "panel", "Hide the sidebar", "Ctrl+B")
        self._new = IconButton(theme, "new-chat", "New chat", "Ctrl+N")
        self.filter = FilterField(theme)
        self.list = ConversationList(theme, clock)
        self._get = NavButton(theme, "download", "Get Mixtral")
        self._settings = NavButton(theme, "settings", "Settings", "Ctrl+,")
        self._truth = Label(theme, "Offline. Everything stays here.", TypeRole.CAPTION, "text2")
        for part in self._parts():
            part.setParent(self)
        self._hide.clicked.connect(self.hide_requested)
        self._new.clicked.connect(self.new_requested)
        self._get.clicked.connect(self.get_mixtral_requested)
        self._settings.clicked.connect(self.settings_requested)
        self.filter.textChanged.connect(self.list.set_filter)
        self.filter.list_requested.connect(self.list.focus_first)
        theme.changed.connect(self._take_theme)

    def set_page(self, name: str) -> None:
        """Which of the rows at the foot stands for what fills the main area; "" for none."""
        self._get.set_chosen(name == "get_mixtral")

    def sizeHint(self) -> QSize:
        """Its width; any height."""
        return QSize(self._theme.px(WIDTH) + 1, 400)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Place the parts."""
        super().resizeEvent(event)
        self._lay_out()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint the surface, the hairlines and the icons that are no buttons."""
        theme = self._theme
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme.colour("sidebar"))
        painter.setPen(QPen(theme.colour("line"), 1))
        painter.drawLine(self.width() - 1, 0, self.width() - 1, self.height())
        side = theme.gap(10)
        rule = self._get.y() - theme.gap(7)
        painter.drawLine(side, rule, self.width() - 2 - side, rule)
        size = theme.px(24)
        middle = theme.px(25)
        theme.icons.paint(
            painter, "octet-app", theme.colours.accent, theme.gap(16), middle - size / 2, size
        )
        small = theme.px(15)
        top = self._truth.y() + (self._truth.height() - small) / 2
        theme.icons.paint(painter, "offline", theme.colours.good, theme.gap(21), top, small)

    def _parts(self) -> tuple[QWidget, ...]:
        return (
            self._brand,
            self._hide,
            self._new,
            self.filter,
            self.list,
            self._get,
            self._settings,
            self._truth,
        )

    def _lay_out(self) -> None:
        theme, width = self._theme, self.width() - 1
        side, row = theme.gap(10), theme.px(34)
        middle = theme.px(25)
        brand = self._brand.sizeHint()
        left = theme.gap(16) + theme.px(24) + theme.gap(6)
        self._brand.setGeometry(left, middle - brand.height() // 2, brand.width(), brand.height())
        button = self._new.sizeHint().width()
        right = width - side - button
        self._new.setGeometry(right, middle - button // 2, button, button)
        right -= button + theme.gap(6)
        self._hide.setGeometry(right, middle - button // 2, button, button)
        top = theme.px(50)
        self.filter.setGeometry(side, top, width - 2 * side, row)
        top += row + theme.gap(6)
        foot = self.height() - theme.px(104)
        self.list.setGeometry(side, top, width - 2 * side, max(0, foot - theme.gap(7) - 2 - top))
        self._get.setGeometry(side, foot, width - 2 * side, row)
        self._settings.setGeometry(side, foot + row, width - 2 * side, row)
        line = self._truth.sizeHint().height()
        truth_top = foot + 2 * row + theme.px(16) - line // 2
        left = theme.gap(21) + theme.px(15) + theme.gap(8)
        self._truth.setGeometry(left, truth_top, width - left, line)

    @Slot()
    def _take_theme(self) -> None:
        self.updateGeometry()
        self._lay_out()
        self.update()
