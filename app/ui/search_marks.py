"""Hits marked in a document: the background of each, and a line around the current one.

Knows nothing of messages, nor of what is searched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import (
    QAbstractTextDocumentLayout,
    QPainter,
    QPen,
    QTextBlock,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
)

from app.ui.folded_text import Span, fold
from app.ui.theme import Theme


@dataclass(frozen=True, slots=True)
class Marks:
    """The hits of one document as positions in it, and which of them is the current one."""

    spans: tuple[Span, ...] = ()
    current: int = -1


NO_MARKS = Marks()


def spans_in(document: QTextDocument, words: Sequence[str]) -> tuple[Span, ...]:
    """Where folded words stand in a document."""
    text = document.toPlainText()
    spans = fold(text).spans(words) if words else []
    if not spans or text.isascii() or max(text) <= "\uffff":
        return tuple(spans)
    return tuple((_position(text, begin), _position(text, end)) for begin, end in spans)


def _position(text: str, place: int) -> int:
    """A place in the text as the document counts: letters beyond U+FFFF are two."""
    return place + sum(letter > "\uffff" for letter in text[:place])


def mark_selections(
    document: QTextDocument, marks: Marks, theme: Theme
) -> list[QAbstractTextDocumentLayout.Selection]:
    """The hits as what a document's layout paints."""
    look = QTextCharFormat()
    look.setBackground(theme.colour("mark"))
    look.setForeground(theme.colour("text"))
    last = max(0, document.characterCount() - 1)
    found = []
    for begin, end in marks.spans:
        selection = QAbstractTextDocumentLayout.Selection()
        cursor = QTextCursor(document)
        cursor.setPosition(min(begin, last))
        cursor.setPosition(min(end, last), QTextCursor.MoveMode.KeepAnchor)
        selection.cursor = cursor
        selection.format = look
        found.append(selection)
    return found


def paint_outline(painter: QPainter, document: QTextDocument, marks: Marks, theme: Theme) -> None:
    """Draw a line around the current hit; a hit that is wrapped has one in each line."""
    if 0 <= marks.current < len(marks.spans):
        painter.setPen(QPen(theme.colour("text"), 1.5))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for rect in span_rects(document, marks.spans[marks.current]):
            painter.drawRoundedRect(rect.adjusted(-1, -0.5, 1, 0.5), 2, 2)


def span_rects(document: QTextDocument, span: Span) -> list[QRectF]:
    """Where a stretch of text stands in its document, one rectangle for each line."""
    begin, end = span
    rects: list[QRectF] = []
    block = document.findBlock(begin)
    while block.isValid() and block.position() < end:
        rects += _block_rects(document, block, begin - block.position(), end - block.position())
        block = block.next()
    return rects


def _block_rects(document: QTextDocument, block: QTextBlock, begin: int, end: int) -> list[QRectF]:
    layout = block.layout()
    origin = document.documentLayout().blockBoundingRect(block).topLeft()
    rects = []
    for index in range(layout.lineCount()):
        line = layout.lineAt(index)
        first = max(begin, line.textStart())
        last = min(end, line.textStart() + line.textLength())
        if first < last:
            x, other = _x_of(line.cursorToX(first)), _x_of(line.cursorToX(last))
            left, width = min(x, other), abs(other - x)
            height = line.ascent() + line.descent()
            rects.append(QRectF(origin.x() + left, origin.y() + line.y(), width, height))
    return rects


def _x_of(found: object) -> float:
    """Qt gives a pair of the place and the position, against its stubs."""
    return float(found[0] if isinstance(found, tuple) else found)  # type: ignore[arg-type]
