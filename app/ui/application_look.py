"""Puts a theme on the application: style, fonts, palette, and the style sheet of the inputs.

Panels paint themselves after the theme; what is set here serves Qt's own controls (inputs,
menus, scroll bars, tooltips) and whatever asks the palette. Knows no panel.
"""

from __future__ import annotations

from dataclasses import asdict

from PySide6.QtCore import QObject, Slot
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication, QStyleFactory, QToolTip

from app.core.paths import resources
from app.ui.theme import Theme, TypeRole

_ROLES = {
    QPalette.ColorRole.Window: "canvas",
    QPalette.ColorRole.WindowText: "text",
    QPalette.ColorRole.Base: "raised",
    QPalette.ColorRole.AlternateBase: "sunken",
    QPalette.ColorRole.ToolTipBase: "raised",
    QPalette.ColorRole.ToolTipText: "text",
    QPalette.ColorRole.PlaceholderText: "text3",
    QPalette.ColorRole.Text: "text",
    QPalette.ColorRole.Button: "raised",
    QPalette.ColorRole.ButtonText: "text",
    QPalette.ColorRole.BrightText: "danger",
    QPalette.ColorRole.Link: "accent",
    QPalette.ColorRole.LinkVisited: "accent",
    QPalette.ColorRole.Highlight: "accent",
    QPalette.ColorRole.HighlightedText: "on_accent",
    QPalette.ColorRole.Light: "raised",
    QPalette.ColorRole.Midlight: "hover",
    QPalette.ColorRole.Mid: "line_strong",
    QPalette.ColorRole.Dark: "control",
    QPalette.ColorRole.Shadow: "line_strong",
    QPalette.ColorRole.Accent: "accent",
}


def palette_of(theme: Theme) -> QPalette:
    """The theme as a QPalette."""
    palette = QPalette()
    for role, token in _ROLES.items():
        palette.setColor(role, theme.colour(token))
    disabled = QPalette.ColorGroup.Disabled
    for role in (QPalette.ColorRole.Text, QPalette.ColorRole.ButtonText):
        palette.setColor(disabled, role, QColor(theme.colours.text3))
    return palette


class ApplicationLook(QObject):
    """Keeps the application dressed as the theme says."""

    def __init__(self, application: QApplication, theme: Theme) -> None:
        super().__init__(application)
        self._application = application
        self._theme = theme
        self._template = (resources() / "themes" / "controls.qss.in").read_text("utf-8")
        application.setStyle(QStyleFactory.create("Fusion"))
        theme.changed.connect(self.apply)
        self.apply()

    @Slot()
    def apply(self) -> None:
        """Fonts, palette and style sheet anew."""
        theme = self._theme
        self._application.setFont(theme.font(TypeRole.BODY))
        self._application.setPalette(palette_of(theme))
        QToolTip.setFont(theme.font(TypeRole.SMALL))
        self._application.setStyleSheet(self._sheet())

    def _sheet(self) -> str:
        theme = self._theme
        lengths = {"h": theme.px(34) - 2, "r8": theme.px(8)}
        lengths |= {"p10": theme.gap(10), "p9": theme.gap(10) - 1}
        lengths |= {f"s{length}": theme.px(length) for length in (4, 7, 14, 22)}
        lengths["s9"] = theme.px(14) // 2 + 2  # a larger radius makes the handle square
        return self._template.format(**lengths, **asdict(theme.colours))
