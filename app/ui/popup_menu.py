"""A menu with rounded corners in the theme's colours.

Knows nothing of what its entries do.
"""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QPoint, QRectF, Qt
from PySide6.QtGui import (
    QAction,
    QGuiApplication,
    QKeySequence,
    QPainterPath,
    QRegion,
    QResizeEvent,
)
from PySide6.QtWidgets import QMenu, QWidget

from app.ui.theme import Theme

RADIUS = 10  # as in the style sheet


def let_corners_through(menu: QMenu) -> None:
    """Ask the system to show what is behind the rounded corners. Before the menu is shown."""
    menu.setWindowFlag(Qt.WindowType.FramelessWindowHint)
    menu.setWindowFlag(Qt.WindowType.NoDropShadowWindowHint)
    menu.setAttribute(Qt.WidgetAttribute.WA_TranslucentBackground)
    menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)


class PopupMenu(QMenu):
    """A menu that deletes itself when it is closed."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        let_corners_through(self)
        self.setToolTipsVisible(True)

    def add(
        self,
        text: str,
        do: Callable[[], object],
        *,
        icon: str = "",
        keys: str = "",
        is_danger: bool = False,
    ) -> QAction:
        """Add an entry. `keys` are shown, not bound: the window binds them."""
        action = self.addAction(text.replace("&", "&&"))
        if icon:
            token = "danger" if is_danger else "text2"
            colour = getattr(self._theme.colours, token)
            action.setIcon(self._theme.icons.icon(icon, colour, self._theme.px(16)))
        if keys:
            action.setShortcut(QKeySequence(keys))
            action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
            action.setShortcutVisibleInContextMenu(True)
        action.triggered.connect(lambda: do())
        return action

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Cut the corners off where nobody might blend them with what is behind."""
        super().resizeEvent(event)
        if QGuiApplication.platformName() != "xcb":
            return
        path = QPainterPath()
        path.addRoundedRect(QRectF(self.rect()), RADIUS, RADIUS)
        self.setMask(QRegion(path.toFillPolygon().toPolygon()))

    def popup_above(self, widget: QWidget) -> None:
        """Open with the lower edge at the widget's upper one."""
        corner = widget.mapToGlobal(widget.rect().topLeft())
        self.popup(corner - QPoint(0, self.sizeHint().height() + 4))

    def popup_below(self, widget: QWidget) -> None:
        """Open under the widget, the right edges in line."""
        corner = widget.mapToGlobal(widget.rect().bottomRight())
        self.popup(corner - QPoint(self.sizeHint().width(), -5))
