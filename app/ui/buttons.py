"""The buttons of the window, painted after the tokens on Qt's own button classes.

The focus ring shows only when the keyboard brought the focus. Knows nothing of what they do.
"""

from __future__ import annotations

from enum import Enum

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Slot
from PySide6.QtGui import (
    QEnterEvent,
    QFocusEvent,
    QFont,
    QFontMetricsF,
    QKeyEvent,
    QPainter,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QAbstractButton

from app.ui.theme import Theme, TypeRole

KEYBOARD_REASONS = (
    Qt.FocusReason.TabFocusReason,
    Qt.FocusReason.BacktabFocusReason,
    Qt.FocusReason.ShortcutFocusReason,
)

_ARROWS = (Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Up, Qt.Key.Key_Down)


class ButtonKind(Enum):
    """How loud a button is."""

    PLAIN = "plain"
    PRIMARY = "primary"
    DANGER = "danger"
    QUIET = "quiet"  # no border: text2, and the hover colour beneath
    LINK = "link"  # no border: the accent's colour


def keyboard_brought(reason: Qt.FocusReason) -> bool:
    """Whether a focus ring is to be shown."""
    return reason in KEYBOARD_REASONS


def paint_focus_ring(painter: QPainter, theme: Theme, rect: QRectF, radius: float) -> None:
    """A ring of 2 px on the border of `rect`."""
    painter.setPen(QPen(theme.colour("focus"), 2))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRoundedRect(rect.adjusted(1, 1, -1, -1), radius, radius)


class PaintedButton(QAbstractButton):
    """What both kinds of buttons share: hover, focus by keyboard, Enter presses."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.theme = theme
        self.hovered = False
        self.shows_focus = False
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        theme.changed.connect(self.take_theme)

    @Slot()
    def take_theme(self) -> None:
        """Sizes and colours are others now."""
        self.updateGeometry()
        self.update()

    def enterEvent(self, event: QEnterEvent) -> None:
        """Show the hover colour."""
        self.hovered = True
        self.update()
        super().enterEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        """Back to rest."""
        self.hovered = False
        self.update()
        super().leaveEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Show the ring when the keyboard brought the focus."""
        self.shows_focus = keyboard_brought(event.reason())
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Hide the ring."""
        self.shows_focus = False
        super().focusOutEvent(event)
        self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter presses, as Space does."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.click()
        elif event.key() in _ARROWS:
            event.ignore()  # they belong to whoever holds the button
        else:
            super().keyPressEvent(event)


class IconButton(PaintedButton):
    """A square button with an icon alone; `name` is its accessible name, and its tooltip."""

    def __init__(self, theme: Theme, icon: str, name: str, keys: str = "", size: int = 30) -> None:
        super().__init__(theme)
        self._icon = icon
        self._side = size
        self.colour = "text2"
        self.set_name(name, keys)

    def set_name(self, name: str, keys: str = "") -> None:
        """What it does, and the keys that do the same."""
        self.setAccessibleName(name)
        self.setToolTip(f"{name} ({keys})" if keys else name)

    def set_icon(self, icon: str) -> None:
        """Another icon."""
        self._icon = icon
        self.update()

    def sizeHint(self) -> QSize:
        """A square that can be hit."""
        side = max(24, self.theme.px(self._side))
        return QSize(side, side)

    def minimumSizeHint(self) -> QSize:
        """It doesn't shrink."""
        return self.sizeHint()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint the icon, and what hover and focus add."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        radius = self.theme.px(8)
        rect = QRectF(self.rect())
        if (self.hovered or self.isDown()) and self.isEnabled():
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(self.theme.colour("hover"))
            painter.drawRoundedRect(rect, radius, radius)
        size = self.theme.px(18 if self._side >= 30 else 16)
        token = "text" if self.hovered and self.isEnabled() else self.colour
        colour = getattr(self.theme.colours, token)
        corner = QPointF((self.width() - size) / 2, (self.height() - size) / 2)
        self.theme.icons.paint(painter, self._icon, colour, corner.x(), corner.y(), size)
        if self.shows_focus:
            paint_focus_ring(painter, self.theme, rect, radius)


class Button(PaintedButton):
    """A button with a text, and perhaps an icon before it. `small` is 28 px high, else 34."""

    def __init__(
        self,
        theme: Theme,
        text: str,
        kind: ButtonKind = ButtonKind.PLAIN,
        *,
        icon: str = "",
        small: bool = False,
        trailing_icon: str = "",
    ) -> None:
        super().__init__(theme)
        self._kind = kind
        self._icon = icon
        self._trailing_icon = trailing_icon
        self._small = small
        self.setText(text)

    def set_icon(self, icon: str) -> None:
        """Another icon before the text."""
        self._icon = icon
        self.update()

    def sizeHint(self) -> QSize:
        """As wide as its text."""
        theme = self.theme
        width = self._text_width() + 2 * self._padding()
        width += (self._icon_size() + theme.gap(7)) if self._icon else 0
        width += (self._icon_size() + theme.gap(5)) if self._trailing_icon else 0
        return QSize(width, theme.px(28 if self._small else 34))

    def minimumSizeHint(self) -> QSize:
        """It doesn't shrink."""
        return self.sizeHint()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint surface, icons and text."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_surface(painter)
        x = float(self._padding())
        ink = self._ink()
        size = self._icon_size()
        middle = (self.height() - size) / 2
        if self._icon:
            self.theme.icons.paint(painter, self._icon, ink, x, middle, size)
            x += size + self.theme.gap(7)
        painter.setFont(self._font())
        painter.setPen(ink)
        text_rect = QRectF(x, 0, self._text_width() + 1, self.height())
        painter.drawText(text_rect, Qt.AlignmentFlag.AlignVCenter, self.text())
        if self._trailing_icon:
            right = self.width() - self._padding() - size
            self.theme.icons.paint(painter, self._trailing_icon, ink, right, middle, size)

    def _font(self) -> QFont:
        return self.theme.font(TypeRole.SMALL_STRONG if self._small else TypeRole.BUTTON)

    def _text_width(self) -> int:
        return round(QFontMetricsF(self._font()).horizontalAdvance(self.text()) + 0.5)

    def _icon_size(self) -> int:
        return self.theme.px(16)

    def _padding(self) -> int:
        return self.theme.gap(10 if self._small else 14)

    def _ink(self) -> str:
        colours = self.theme.colours
        if not self.isEnabled():
            return colours.text3
        return {
            ButtonKind.PLAIN: colours.text,
            ButtonKind.PRIMARY: colours.on_accent,
            ButtonKind.DANGER: colours.danger,
            ButtonKind.QUIET: colours.text if self.hovered else colours.text2,
            ButtonKind.LINK: colours.accent_hover if self.hovered else colours.accent,
        }[self._kind]

    def _paint_surface(self, painter: QPainter) -> None:
        theme, active = self.theme, self.hovered and self.isEnabled()
        radius = theme.px(8)
        rect = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        bordered = self._kind in (ButtonKind.PLAIN, ButtonKind.DANGER)
        if self._kind is ButtonKind.PRIMARY and self.isEnabled():
            fill, edge = ("accent_hover" if active else "accent"), None
        elif not self.isEnabled():
            fill, edge = "hover", None
        else:
            fill = "hover" if active else ("raised" if bordered else "")
            edge = "line_strong" if bordered else None
        painter.setPen(QPen(theme.colour(edge), 1) if edge else Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour(fill) if fill else Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(rect, radius, radius)
        if not self.shows_focus:
            return
        if self._kind is ButtonKind.PRIMARY:
            painter.setPen(QPen(theme.colour("on_accent"), 1.75))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(rect.adjusted(3, 3, -3, -3), radius - 3, radius - 3)
        else:
            paint_focus_ring(painter, theme, QRectF(self.rect()), radius)
