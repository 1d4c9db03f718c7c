"""The blocks of a message that are text alone, and what all kinds of blocks have in common.

A block view is no widget: it holds documents, and its message's widget paints it. Knows nothing
of messages or of the transcript.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from PySide6.QtCore import QRectF
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QWidget

from app.ui.markdown import Block, LevelKind, RuleBlock, TextBlock
from app.ui.rich_text import PlacedText, TextStyle
from app.ui.theme import Theme, TypeRole

Selections = dict[int, tuple[int, int]]
"""Marked positions by the index of the text within its block."""


class BlockView(ABC):
    """One block at its place. `x`, `y`, `width`, `height` are those of the message's widget."""

    def __init__(self, theme: Theme) -> None:
        self.theme = theme
        self.revision = 0  # counts how often it came to look different
        self.x = 0.0
        self.y = 0.0
        self.width = 0.0
        self.height = 0.0

    @property
    @abstractmethod
    def block(self) -> Block:
        """What is shown."""

    @property
    @abstractmethod
    def texts(self) -> Sequence[PlacedText]:
        """The documents in reading order."""

    @property
    def widgets(self) -> Sequence[QWidget]:
        """Real controls inside the block."""
        return ()

    @property
    def column_count(self) -> int:
        """How many texts stand in one row."""
        return 1

    def note_change(self) -> None:
        """It looks different now."""
        self.revision += 1

    def accept(self, _block: Block) -> bool:
        """Become `block` without being built anew, if that can be done."""
        return False

    @abstractmethod
    def lay_out(self, width: float) -> None:
        """Set `width` and `height`."""

    def place(self, x: float, y: float) -> None:
        """Move everything to (x, y)."""
        self.x, self.y = x, y

    def scroll_sideways(self, _by: int) -> bool:
        """Move what is wider than the block by so many px; False if nothing is."""
        return False

    @abstractmethod
    def paint(self, painter: QPainter, visible: QRectF, selections: Selections) -> None:
        """Paint what lies in `visible`."""

    def dispose(self) -> None:
        """Take the block's controls out of the window."""
        for widget in self.widgets:
            widget.hide()
            widget.deleteLater()

    @property
    def rect(self) -> QRectF:
        """The place of the block."""
        return QRectF(self.x, self.y, self.width, self.height)


_HEADING_ROLES = {1: TypeRole.H1, 2: TypeRole.H2}


class TextBlockView(BlockView):
    """A paragraph, a heading, or the text of a list item."""

    def __init__(self, theme: Theme, block: TextBlock, role: TypeRole = TypeRole.READING) -> None:
        super().__init__(theme)
        self._block = block
        if block.heading:
            role = _HEADING_ROLES.get(block.heading, TypeRole.H3)
        quoted = any(level.kind is LevelKind.QUOTE for level in block.levels)
        self._text = PlacedText(theme, TextStyle(role, "text2" if quoted else "text"))
        self._text.set_runs(block.runs)
        self._text.repaint_wanted = self.note_change

    @property
    def block(self) -> Block:
        """What is shown."""
        return self._block

    @property
    def texts(self) -> Sequence[PlacedText]:
        """The one document."""
        return (self._text,)

    def accept(self, block: Block) -> bool:
        """Another text of the same kind."""
        if not isinstance(block, TextBlock):
            return False
        if (block.heading, block.levels) != (self._block.heading, self._block.levels):
            return False
        self._block = block
        self._text.set_runs(block.runs)
        return True

    def lay_out(self, width: float) -> None:
        """Wrap the text."""
        self.revision += 1
        self.width = width
        self.height = self._text.set_width(width)

    def place(self, x: float, y: float) -> None:
        """Move the document."""
        super().place(x, y)
        self._text.x, self._text.y = x, y

    def paint(self, painter: QPainter, visible: QRectF, selections: Selections) -> None:
        """Paint the document."""
        self._text.paint(painter, visible, selections.get(0))


class RuleBlockView(BlockView):
    """A hairline."""

    def __init__(self, theme: Theme, block: RuleBlock) -> None:
        super().__init__(theme)
        self._block = block

    @property
    def block(self) -> Block:
        """What is shown."""
        return self._block

    @property
    def texts(self) -> Sequence[PlacedText]:
        """None."""
        return ()

    def lay_out(self, width: float) -> None:
        """A line with a little room."""
        self.revision += 1
        self.width, self.height = width, 9

    def paint(self, painter: QPainter, _visible: QRectF, _selections: Selections) -> None:
        """Paint the line."""
        rule = QRectF(round(self.x), round(self.y + self.height / 2), round(self.width), 1)
        painter.fillRect(rule, self.theme.colour("line_strong"))
