"""The page that tells how the real model comes onto this computer.

Honest and simple: what each version needs, the command that fetches and converts the weights, a
button for a file that is here already. Knows nothing of the session; signals say what is wished.
"""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app.ui.buttons import Button, ButtonKind, IconButton
from app.ui.copy_button import CopyButton
from app.ui.labels import Label, Paragraph
from app.ui.theme import Theme, TypeRole

COMMAND = (
    "octet model convert hub:mistralai/Mixtral-8x7B-Instruct-v0.1 --quant Q4_K_M --out mixtral.gguf"
)

VERSIONS = (
    ("Compact", "Q4_K_M", "28.4 GB", "32 GB"),
    ("Fine", "Q6_K", "38.4 GB", "48 GB"),
    ("Finest", "Q8_0", "49.6 GB", "64 GB"),
)
"""Name, kind, the file's size (10⁹ bytes), and the memory that a computer needs for it."""


class GetMixtralPage(QWidget):
    """A page beside the sidebar; chats go on meanwhile.

    Signals:
        open_file_requested: the button for a model file.
        closed: back to the chat.
    """

    open_file_requested = Signal()
    closed = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._close = IconButton(theme, "close", "Back to the chat", "Esc")
        self._open = Button(theme, "Open a model file", ButtonKind.PRIMARY)
        self._command = QLineEdit(COMMAND)
        self._copy = CopyButton(theme, "Copy the command", self._command.text)
        self._grid = QGridLayout()
        self._content = QVBoxLayout()
        self._inner = QWidget()
        self._build()
        self._close.clicked.connect(self.closed)
        self._open.clicked.connect(self.open_file_requested)
        theme.changed.connect(self._take_theme)
        self._take_theme()

    @property
    def first_control(self) -> QWidget:
        """What takes the focus."""
        return self._open

    def focus_first(self) -> None:
        """The page has come into sight."""
        self._open.setFocus(Qt.FocusReason.TabFocusReason)

    def sizeHint(self) -> QSize:
        """It scrolls."""
        return QSize(600, 400)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Escape leads back."""
        if event.key() == Qt.Key.Key_Escape:
            self.closed.emit()
        else:
            super().keyPressEvent(event)

    def _build(self) -> None:
        theme, content = self._theme, self._content
        head = QHBoxLayout()
        head.addWidget(Paragraph(theme, "Get Mixtral", TypeRole.DISPLAY, "text"), 1)
        head.addWidget(self._close, 0, Qt.AlignmentFlag.AlignTop)
        content.addLayout(head)
        self._say(
            "Mixtral 8x7B is a large model: eight experts, two of them at work for every word. "
            "It runs on this computer if there is memory for it."
        )
        content.addSpacing(theme.gap(8))
        self._add_versions()
        self._head("You have a Mixtral file")
        self._say(
            "Octet loads GGUF files, from other programs as well. The file stays where it is."
        )
        content.addWidget(self._open, 0, Qt.AlignmentFlag.AlignLeft)
        self._add_command()
        content.addStretch(1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self._scrolled(content))

    def _add_command(self) -> None:
        self._head("You have no file yet")
        self._say(
            "This command in a terminal fetches Mistral's own weights, 93 GB, and makes the file "
            "on the way. It takes up the file's size and 10 GB more, and goes on where it was when "
            "it is run again. A folder that holds the weights may stand in place of hub:…"
        )
        row = QHBoxLayout()
        self._command.setReadOnly(True)
        self._command.setCursorPosition(0)
        self._command.setAccessibleName("Command")
        row.addWidget(self._command, 1)
        row.addWidget(self._copy)
        self._content.addLayout(row)

    def _scrolled(self, content: QVBoxLayout) -> QScrollArea:
        self._inner.setLayout(content)
        area = QScrollArea()
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setWidgetResizable(True)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setWidget(self._inner)
        return area

    def _add_versions(self) -> None:
        theme, grid = self._theme, self._grid
        for column, text in enumerate(("Version", "Kind", "On the disk", "Memory it needs")):
            grid.addWidget(Label(theme, text, TypeRole.CAPTION_HEAD, "text2"), 0, column)
        for line, cells in enumerate(VERSIONS, start=1):
            for column, text in enumerate(cells):
                role = TypeRole.NAME if column == 0 else TypeRole.BODY
                grid.addWidget(Label(theme, text, role), line, column)
        grid.setColumnStretch(3, 1)
        self._content.addLayout(grid)

    def _head(self, text: str) -> None:
        self._content.addSpacing(self._theme.gap(12))
        self._content.addWidget(Label(self._theme, text, TypeRole.H2))

    def _say(self, text: str) -> None:
        self._content.addWidget(Paragraph(self._theme, text, TypeRole.BODY, "text2"))

    @Slot()
    def _take_theme(self) -> None:
        theme = self._theme
        side = theme.gap(36)
        self._content.setContentsMargins(side, theme.gap(24), side, side)
        self._content.setSpacing(theme.gap(8))
        self._inner.setMaximumWidth(54 * theme.reading_em)
        self._grid.setHorizontalSpacing(theme.gap(36))
        self._grid.setVerticalSpacing(theme.gap(8))
        self._command.setFont(theme.font(TypeRole.CODE))
