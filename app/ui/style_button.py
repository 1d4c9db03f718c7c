"""The composer's choice of a style for the replies. Knows nothing of what a style does."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Signal, Slot

from app.ui.buttons import Button, ButtonKind
from app.ui.popup_menu import PopupMenu
from app.ui.theme import Theme


class StyleButton(Button):
    """The style in force, with a menu of all of them.

    Signals:
        style_chosen(str): another style's name.
    """

    style_chosen = Signal(str)

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, "", ButtonKind.QUIET, small=True, trailing_icon="down")
        self.setToolTip("Style of the replies")
        self._names: tuple[str, ...] = ()
        self.clicked.connect(self._show_styles)

    def set_styles(self, names: tuple[str, ...]) -> None:
        """All styles there are."""
        self._names = names

    def show_style(self, name: str) -> None:
        """The style in force; "" is own values."""
        self.setText(name or "Own values")
        self.setAccessibleName(f"Style of the replies: {self.text()}")
        self.updateGeometry()

    @Slot()
    def _show_styles(self) -> None:
        menu = PopupMenu(self.theme, self)
        for name in self._names:
            is_chosen = name == self.text()
            menu.add(name, partial(self.style_chosen.emit, name), icon="check" if is_chosen else "")
        menu.popup_above(self)
