"""A block of code: its head with language, wrap and copy, and the code, which scrolls sideways.

While its fence is open plain text is appended; colours come when it closes. Knows nothing of
messages.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QObject, QRectF, Qt, Signal, Slot
from PySide6.QtGui import QPainter, QPen
from PySide6.QtWidgets import QScrollBar, QWidget

from app.ui.block_views import BlockView, Selections
from app.ui.buttons import ButtonKind, IconButton
from app.ui.code_colours import CodeColours
from app.ui.copy_button import CopyButton
from app.ui.highlight import language_name
from app.ui.markdown import Block, CodeBlock
from app.ui.rich_text import PlacedText, TextStyle
from app.ui.theme import Theme, TypeRole


class CodeControls(QObject):
    """The real controls of a block of code: wrap, copy, and the scroll bar beneath.

    Signals:
        wrap_toggled: long lines are to be wrapped, or not any more.
        scrolled: the code stands elsewhere.
    """

    wrap_toggled = Signal()
    scrolled = Signal()

    def __init__(self, theme: Theme, parent: QWidget, code: Callable[[], str]) -> None:
        super().__init__(parent)
        self.wrap = IconButton(theme, "wrap", "Wrap long lines", size=28)
        self.copy = CopyButton(theme, "Copy the code", code, ButtonKind.QUIET, small=True)
        self.bar = QScrollBar(Qt.Orientation.Horizontal)
        self.bar.setAccessibleName("Scroll the code sideways")
        for widget in (self.wrap, self.copy, self.bar):
            widget.setParent(parent)
            widget.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.bar.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.wrap.clicked.connect(self.wrap_toggled)
        self.bar.valueChanged.connect(self.scrolled)


class CodeBlockView(BlockView):
    """A block of code at its place in a message."""

    def __init__(
        self,
        theme: Theme,
        block: CodeBlock,
        parent: QWidget,
        colours: CodeColours,
        resized: Callable[[], None],
    ) -> None:
        super().__init__(theme)
        self._block = block
        self._resized = resized
        self._colours = colours
        self._parent = parent
        self._text = PlacedText(theme, TextStyle(TypeRole.CODE, wraps=theme.wraps_code))
        self._text.repaint_wanted = self._repaint
        self._text.set_plain(block.code)
        self._controls = CodeControls(theme, parent, lambda: self._block.code)
        self._controls.wrap_toggled.connect(self._toggle_wrap)
        self._controls.scrolled.connect(self._scroll)
        self._wraps = theme.wraps_code
        self._colour()

    @property
    def block(self) -> CodeBlock:
        """What is shown."""
        return self._block

    @property
    def texts(self) -> Sequence[PlacedText]:
        """The code."""
        return (self._text,)

    @property
    def widgets(self) -> Sequence[QWidget]:
        """Wrap, copy and the scroll bar."""
        controls = self._controls
        return (controls.wrap, controls.copy, controls.bar)

    def accept(self, block: Block) -> bool:
        """More of the same code is appended."""
        if not isinstance(block, CodeBlock) or block.levels != self._block.levels:
            return False
        if block.language != self._block.language or not block.code.startswith(self._block.code):
            return False
        self._text.append_plain(block.code[len(self._block.code) :])
        self._block = block
        self._colour()
        return True

    def dispose(self) -> None:
        """Take the controls out, and stop colouring."""
        self._colours.forget(self._text)
        super().dispose()
        self._controls.deleteLater()

    def lay_out(self, width: float) -> None:
        """The head, the code, and the scroll bar if a line is longer than the block."""
        self.revision += 1
        self.width = width
        inner = width - 2 * self._side
        text_height = self._text.set_width(inner)
        overflow = 0 if self._wraps else max(0, round(self._text.natural_width - inner))
        bar = self._controls.bar
        bar.setRange(0, overflow)
        bar.setPageStep(max(1, round(inner)))
        bar.setSingleStep(self.theme.px(24))
        bar.setVisible(overflow > 0)
        below = bar.sizeHint().height() if overflow else self.theme.gap(13)
        self.height = round(self._head + self.theme.gap(12) + text_height + below)

    def place(self, x: float, y: float) -> None:
        """Move the controls and the code."""
        super().place(x, y)
        theme, controls = self.theme, self._controls
        right = round(x + self.width) - theme.gap(8)
        for button, gap in ((controls.copy, 0), (controls.wrap, theme.gap(2))):
            size = button.sizeHint()
            right -= size.width() + gap
            button.setGeometry(
                right, round(y + (self._head - size.height()) / 2), size.width(), size.height()
            )
            button.show()
        bar = controls.bar
        height = bar.sizeHint().height()
        bar.setGeometry(
            round(x) + 6, round(y + self.height) - height - 1, round(self.width) - 12, height
        )
        self._place_text()

    def scroll_sideways(self, by: int) -> bool:
        """Move the code, if a line is longer than the block."""
        bar = self._controls.bar
        bar.setValue(bar.value() + by)
        return bar.maximum() > 0

    def paint(self, painter: QPainter, visible: QRectF, selections: Selections) -> None:
        """Paint the surface, the language and the code."""
        theme = self.theme
        frame = self.rect.adjusted(0.5, 0.5, -0.5, -0.5)
        # A frame of 200,000 px takes long even where it isn't seen.
        frame.setTop(max(frame.top(), visible.top() - 40))
        frame.setBottom(min(frame.bottom(), visible.bottom() + 40))
        painter.setPen(QPen(theme.colour("line"), 1))
        painter.setBrush(theme.colour("sunken"))
        painter.drawRoundedRect(frame, theme.px(10), theme.px(10))
        rule = QRectF(round(self.x), round(self.y + self._head), round(self.width), 1)
        painter.fillRect(rule, theme.colour("line"))
        painter.setFont(theme.font(TypeRole.CAPTION_HEAD))
        painter.setPen(theme.colour("text2"))
        head = QRectF(self.x + self._side, self.y, self.width, self._head)
        name = language_name(self._block.language)
        painter.drawText(head, Qt.AlignmentFlag.AlignVCenter, name)
        self._text.paint(painter, visible, selections.get(0))

    @property
    def _head(self) -> int:
        return self.theme.px(34)

    @property
    def _side(self) -> int:
        return self.theme.gap(15)

    def _place_text(self) -> None:
        self._text.x = self.x + self._side - self._controls.bar.value()
        self._text.y = self.y + self._head + self.theme.gap(12)
        self._text.clip = QRectF(
            self.x + 1, self.y + self._head + 1, self.width - 2, self.height - self._head - 2
        )

    def _colour(self) -> None:
        if not self._block.is_open and self._block.language:
            self._colours.colour(self._text, self._block.code, self._block.language.lower())

    @Slot()
    def _scroll(self) -> None:
        self._place_text()
        self._repaint()

    @Slot()
    def _toggle_wrap(self) -> None:
        self._wraps = not self._wraps
        name = "Let long lines run on" if self._wraps else "Wrap long lines"
        self._controls.wrap.set_name(name)
        self._text.set_wraps(self._wraps)
        self._controls.bar.setValue(0)
        self._resized()

    def _repaint(self) -> None:
        self.revision += 1
        self._parent.update(self.rect.toAlignedRect())
