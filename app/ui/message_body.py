"""The blocks of one message: built, laid out beneath each other, painted and selected.

Finished blocks never move while the message grows; only those that the last growth touched are
laid out again. Knows nothing of the message's foot, of its bubble or of the transcript.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from PySide6.QtCore import QCoreApplication, QEvent, QPointF, QRectF
from PySide6.QtGui import QFontMetricsF, QPainter
from PySide6.QtWidgets import QWidget

from app.ui.block_views import BlockView, RuleBlockView, TextBlockView
from app.ui.code_block import CodeBlockView
from app.ui.markdown import Block, CodeBlock, Level, LevelKind, RuleBlock, TableBlock, TextBlock
from app.ui.message_kit import MessageKit
from app.ui.rich_text import PlacedText
from app.ui.selection import TextSelection
from app.ui.table_block import TableBlockView
from app.ui.theme import TypeRole

ITEM_INDENT, QUOTE_INDENT, MARKER_GAP = 24, 16, 8


class MessageBody:
    """The blocks of a message within its widget `parent`."""

    def __init__(self, kit: MessageKit, parent: QWidget) -> None:
        self._kit = kit
        self._theme = kit.theme
        self._parent = parent
        self._views: list[BlockView] = []
        self._settled = 0  # so many views, from the first, can't change any more
        self._dirty = 0  # the first view that must be laid out
        self._width = -1.0
        self._x = self._y = 0.0
        self.height = 0.0
        self.selection = TextSelection()

    @property
    def views(self) -> Sequence[BlockView]:
        """The blocks from the first to the last."""
        return self._views

    @property
    def texts(self) -> list[PlacedText]:
        """Every document in reading order."""
        return [text for view in self._views for text in view.texts]

    @property
    def first_text(self) -> PlacedText | None:
        """The uppermost document, if the message begins with text."""
        texts = self._views[0].texts if self._views else ()
        return texts[0] if texts else None

    @property
    def last_text(self) -> PlacedText | None:
        """The document at the end, if the message ends with text."""
        texts = self._views[-1].texts if self._views else ()
        return texts[-1] if texts else None

    def grow(self, settled: Sequence[Block], open_blocks: Sequence[Block] = ()) -> None:
        """Add final blocks in place of the open ones, and new open ones after them."""
        first = self._settled
        for index, block in enumerate((*settled, *open_blocks), start=first):
            self._show(index, block)
        self._settled = first + len(settled)
        for view in self._views[self._settled + len(open_blocks) :]:
            self._dispose_of(view)
        del self._views[self._settled + len(open_blocks) :]
        self._dirty = min(self._dirty, len(self._views))

    def mend(self, blocks: Sequence[tuple[int, Block]]) -> None:
        """Blocks that were final are others after all; those that are the same stay."""
        for index, block in blocks:
            self._show(index, block)

    def lay_out(self, x: float, y: float, width: float) -> float:
        """Put the blocks into a column of `width` px at (x, y); returns the height."""
        if (x, y, width) != (self._x, self._y, self._width):
            self._dirty = 0
            self._x, self._y, self._width = x, y, width
        top = y
        if self._dirty:
            above = self._views[self._dirty - 1]
            top = above.y + above.height
        for index in range(self._dirty, len(self._views)):
            top = self._place(index, top)
        self._dirty = len(self._views)
        self.height = top - y
        return self.height

    def lay_out_again(self) -> None:
        """A block's size is another now (its lines are wrapped, say)."""
        self._dirty = 0
        QCoreApplication.postEvent(self._parent, QEvent(QEvent.Type.LayoutRequest))

    def dirty_top(self) -> float:
        """Above this nothing has changed since the last layout."""
        if not self._dirty or self._dirty > len(self._views):
            return self._y
        above = self._views[self._dirty - 1]
        return above.y + above.height

    def paint(self, painter: QPainter, visible: QRectF, *, on_canvas: bool = True) -> None:
        """Paint the blocks that lie in `visible`; finished ones on the canvas from pictures."""
        laid_out = self._views[: self._dirty]
        first = bisect_right(laid_out, visible.top(), key=_top) - 1
        for index in range(max(0, first), len(laid_out)):
            view = laid_out[index]
            if view.y > visible.bottom():
                return
            self._paint_levels(painter, index)
            marked = self._marked_in(index)
            if on_canvas and not marked and index < self._settled:
                self._kit.pictures.paint(painter, view, visible)
            else:
                view.paint(painter, visible, marked)

    def text_index_at(self, point: QPointF) -> int | None:
        """The document nearest to a point, searched down the blocks."""
        best: tuple[float, int] | None = None
        for index, text in enumerate(self.texts):
            distance = _distance(text.rect, point)
            if best is None or distance < best[0]:
                best = (distance, index)
        return None if best is None else best[1]

    def scroll_sideways(self, point: QPointF, by: int) -> bool:
        """Move the block under a point, if it is wider than the message."""
        return any(view.rect.contains(point) and view.scroll_sideways(by) for view in self._views)

    def href_at(self, point: QPointF) -> str:
        """The link under a point, or ""."""
        for text in self.texts:
            if text.rect.contains(point):
                return text.href_at(point)
        return ""

    def last_code(self) -> str | None:
        """The code of the last block of code."""
        for view in reversed(self._views):
            if isinstance(view, CodeBlockView):
                return view.block.code
        return None

    def controls(self) -> list[QWidget]:
        """The buttons inside the blocks, in reading order."""
        return [widget for view in self._views for widget in view.widgets]

    def dispose(self) -> None:
        """Take everything out of the window."""
        for view in self._views:
            self._dispose_of(view)
        self._views.clear()

    def _dispose_of(self, view: BlockView) -> None:
        self._kit.pictures.forget(view)
        view.dispose()

    def _marked_in(self, index: int) -> dict[int, tuple[int, int]]:
        """What is selected in a block."""
        if self.selection.is_empty:
            return {}
        first_text = sum(len(view.texts) for view in self._views[:index])
        return self.selection.within(first_text, len(self._views[index].texts))

    def _show(self, index: int, block: Block) -> None:
        if index < len(self._views):
            view = self._views[index]
            if view.block == block:
                return
            if not view.accept(block):
                self._dispose_of(view)
                self._views[index] = self._make_view(block)
        else:
            self._views.append(self._make_view(block))
        self._dirty = min(self._dirty, index)

    def _make_view(self, block: Block) -> BlockView:
        if isinstance(block, TextBlock):
            return TextBlockView(self._theme, block)
        if isinstance(block, TableBlock):
            return TableBlockView(self._theme, block, self._parent)
        if isinstance(block, RuleBlock):
            return RuleBlockView(self._theme, block)
        return CodeBlockView(
            self._theme, block, self._parent, self._kit.colours, resized=self.lay_out_again
        )

    def _place(self, index: int, top: float) -> float:
        """Lay one block out beneath `top`; returns its lower edge."""
        view = self._views[index]
        if index:
            top += self._theme.gap(gap_between(self._views[index - 1].block, view.block))
        indent = self._indent(view.block.levels)
        view.lay_out(max(self._width - indent, 40.0))
        view.place(self._x if reads_leftwards(view) else self._x + indent, top)
        return top + view.height

    def _indent(self, levels: Sequence[Level]) -> float:
        return sum(self._level_indent(level) for level in levels)

    def _level_indent(self, level: Level) -> float:
        if level.kind is LevelKind.QUOTE:
            return self._theme.gap(QUOTE_INDENT)
        metrics = QFontMetricsF(self._theme.font(TypeRole.READING))
        marker = metrics.horizontalAdvance(level.marker)
        return max(self._theme.px(ITEM_INDENT), marker + self._theme.gap(MARKER_GAP))

    def _paint_levels(self, painter: QPainter, index: int) -> None:
        """The bars of quotes and the markers of items at the left of a block."""
        view = self._views[index]
        x, mirrored = self._x, reads_leftwards(view)
        for depth, level in enumerate(view.block.levels):
            if level.kind is LevelKind.QUOTE:
                bar = self._theme.px(2)
                self._paint_bar(painter, index, depth, self._mirror(x, bar) if mirrored else x)
            elif level.begins:
                self._paint_marker(painter, view, level, x, mirrored=mirrored)
            x += self._level_indent(level)

    def _paint_bar(self, painter: QPainter, index: int, depth: int, x: float) -> None:
        view = self._views[index]
        top = view.y
        if index and _is_quoted(self._views[index - 1].block, depth):
            above = self._views[index - 1]
            top = above.y + above.height
        bar = QRectF(round(x), top, self._theme.px(2), view.y + view.height - top)
        painter.fillRect(bar, self._theme.colour("control"))

    def _mirror(self, x: float, width: float) -> float:
        """The same distance from the right edge, for what is read from there."""
        return 2 * self._x + self._width - x - width

    def _paint_marker(
        self, painter: QPainter, view: BlockView, level: Level, x: float, *, mirrored: bool
    ) -> None:
        font = self._theme.font(TypeRole.READING)
        painter.setFont(font)
        painter.setPen(self._theme.colour("text2" if level.marker == "•" else "text"))
        metrics = QFontMetricsF(font)
        if mirrored:
            x = self._mirror(x, metrics.horizontalAdvance(level.marker))
        baseline = view.y + metrics.ascent()
        painter.drawText(QPointF(x, baseline), level.marker)


def gap_between(above: Block, below: Block) -> int:
    """The px at 100 % between two blocks of a message."""
    if isinstance(below, TextBlock) and below.heading:
        return 18
    if isinstance(above, TextBlock) and above.heading:
        return 8
    if isinstance(above, (CodeBlock, TableBlock)) or isinstance(below, (CodeBlock, TableBlock)):
        return 16
    if below.levels and below.levels[-1].begins and above.levels:
        return 4
    return 12


def reads_leftwards(view: BlockView) -> bool:
    """Whether a block begins at the right."""
    return isinstance(view, TextBlockView) and view.texts[0].reads_leftwards


def _top(view: BlockView) -> float:
    return view.y


def _is_quoted(block: Block, depth: int) -> bool:
    return len(block.levels) > depth and block.levels[depth].kind is LevelKind.QUOTE


def _distance(rect: QRectF, point: QPointF) -> float:
    """How far a point is from a rectangle; lines count more than columns."""
    dx = max(rect.left() - point.x(), 0, point.x() - rect.right())
    dy = max(rect.top() - point.y(), 0, point.y() - rect.bottom())
    return dx + 1000 * dy
