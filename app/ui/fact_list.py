"""A list of facts: what it is at the left, how much at the right. Knows nothing of the facts."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QGridLayout, QWidget

from app.ui.labels import Label, Paragraph
from app.ui.theme import Theme, TypeRole


class FactList(QWidget):
    """Rows of a name and a text that wraps."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._rows: list[tuple[Label, Paragraph]] = []
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setColumnStretch(1, 1)
        theme.changed.connect(self._take_theme)
        self._take_theme()

    def show_facts(self, facts: Sequence[tuple[str, str]]) -> None:
        """Show pairs of a name and a text, in place of those that are shown."""
        while len(self._rows) < len(facts):
            self._add_row()
        for (name, text), (label, paragraph) in zip(facts, self._rows, strict=False):
            label.setText(name)
            paragraph.set_text(text)
        for number, row in enumerate(self._rows):
            for part in row:
                part.setVisible(number < len(facts))

    def texts(self) -> dict[str, str]:
        """What is shown."""
        return {
            label.text(): paragraph.text()
            for label, paragraph in self._rows
            if not label.isHidden()
        }

    def _add_row(self) -> None:
        label = Label(self._theme, "", TypeRole.BODY, "text2")
        label.setAlignment(Qt.AlignmentFlag.AlignTop)
        paragraph = Paragraph(self._theme, "", TypeRole.BODY, "text")
        row = len(self._rows)
        self._grid.addWidget(label, row, 0, Qt.AlignmentFlag.AlignTop)
        self._grid.addWidget(paragraph, row, 1)
        self._rows.append((label, paragraph))

    @Slot()
    def _take_theme(self) -> None:
        self._grid.setHorizontalSpacing(self._theme.gap(24))
        self._grid.setVerticalSpacing(self._theme.gap(6))
