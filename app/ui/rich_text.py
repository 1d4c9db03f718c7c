"""Runs of text in documents that are placed, painted, hit and selected.

A `PlacedText` is one QTextDocument at a place in its message. Nothing in it can reach the network
or the disk. Knows nothing of blocks of other kinds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QPointF, QRectF, QSizeF, Qt, QUrl
from PySide6.QtGui import (
    QAbstractTextDocumentLayout,
    QImage,
    QPainter,
    QTextBlock,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextImageFormat,
    QTextLayout,
    QTextOption,
)

from app.ui.markdown import Run, Runs
from app.ui.search_marks import NO_MARKS, Marks, mark_selections, paint_outline
from app.ui.theme import Theme, TypeRole


class SealedDocument(QTextDocument):
    """A document that loads nothing, whatever its text asks for."""

    def __init__(self) -> None:
        super().__init__()
        self.setDocumentMargin(0)
        self.setUndoRedoEnabled(False)

    def loadResource(self, _kind: int, _name: QUrl | str) -> object:
        """Refuse: no network, no file."""
        return None


@dataclass(frozen=True, slots=True)
class TextStyle:
    """How the runs of a text look."""

    role: TypeRole
    colour: str = "text"
    alignment: Qt.AlignmentFlag = Qt.AlignmentFlag.AlignLeft
    wraps: bool = True


class PlacedText:
    """One document and where it is. Positions are those of its message's widget."""

    def __init__(self, theme: Theme, style: TextStyle) -> None:
        self.theme = theme
        self.style = style
        self.x = 0.0
        self.y = 0.0
        self.clip: QRectF | None = None  # what shows of a text that scrolls sideways
        self.document = SealedDocument()
        self.marks = NO_MARKS
        self._marked_href = ""
        self.repaint_wanted: Callable[[], None] | None = None
        self._wraps = style.wraps
        self._natural_width: float | None = None
        option = QTextOption(style.alignment)
        option.setTabStopDistance(4 * theme.px(8))
        is_code = style.role is TypeRole.CODE  # which is read from the left, whatever is in it
        directions = Qt.LayoutDirection
        option.setTextDirection(
            directions.LeftToRight if is_code else directions.LayoutDirectionAuto
        )
        self.document.setDefaultTextOption(option)
        self.set_wraps(style.wraps)
        self.document.setDefaultFont(theme.font(style.role))

    def set_runs(self, runs: Runs) -> None:
        """Fill the document anew."""
        self._natural_width = None
        cursor = QTextCursor(self.document)
        cursor.beginEditBlock()
        cursor.select(QTextCursor.SelectionType.Document)
        cursor.removeSelectedText()
        cursor.setBlockFormat(self.block_format())
        for run in runs:
            self._insert(cursor, run)
        cursor.endEditBlock()

    def set_plain(self, text: str) -> None:
        """Fill the document with text of one style; every line is a block of its own."""
        self.document.clear()
        self.append_plain(text)

    def set_wraps(self, wraps: bool) -> None:
        """Break long lines, or let them run on."""
        self._wraps = wraps
        option = self.document.defaultTextOption()
        mode = QTextOption.WrapMode
        option.setWrapMode(mode.WrapAtWordBoundaryOrAnywhere if wraps else mode.NoWrap)
        self.document.setDefaultTextOption(option)

    def note_repaint(self) -> None:
        """The letters' colours are others now."""
        if self.repaint_wanted is not None:
            self.repaint_wanted()

    def append_plain(self, text: str) -> None:
        """Add text at the end without touching what is laid out."""
        self._natural_width = None
        cursor = QTextCursor(self.document)
        cursor.movePosition(QTextCursor.MoveOperation.End)
        if self.document.isEmpty():
            cursor.setBlockFormat(self.block_format())
        cursor.insertText(text, self.char_format())

    def block_format(self) -> QTextBlockFormat:
        """The line height of the role."""
        block = QTextBlockFormat()
        block.setAlignment(self.style.alignment)
        block.setLineHeight(
            self.theme.line_height_percent(self.style.role),
            QTextBlockFormat.LineHeightTypes.ProportionalHeight.value,
        )
        return block

    def char_format(self, run: Run | None = None) -> QTextCharFormat:
        """The look of a run."""
        theme = self.theme
        char = QTextCharFormat()
        char.setForeground(theme.colour(self.style.colour))
        if run is None:
            return char
        font = theme.font(TypeRole.INLINE_CODE if run.code else self.style.role)
        if run.code:
            scale = self.style.role.value.size / TypeRole.READING.value.size
            font.setPixelSize(round(font.pixelSize() * scale))
            char.setBackground(theme.colour("sunken"))
        font.setBold(run.bold or font.bold())
        font.setItalic(run.italic)
        font.setStrikeOut(run.struck)
        char.setFont(font)
        if run.href:
            char.setAnchor(True)
            char.setAnchorHref(run.href)
            char.setForeground(theme.colour("accent"))
        return char

    def set_width(self, width: float) -> float:
        """Lay the text out in `width` px (in its own, if it doesn't wrap); returns its height."""
        wanted = width if self._wraps else -1
        if self.document.textWidth() != wanted:
            self.document.setTextWidth(wanted)
        return self.height

    @property
    def height(self) -> float:
        """The height as laid out."""
        return float(self.document.size().height())

    @property
    def reads_leftwards(self) -> bool:
        """Whether its first strong letter is Hebrew, Arabic or the like."""
        return self.document.begin().textDirection() is Qt.LayoutDirection.RightToLeft

    @property
    def natural_width(self) -> float:
        """The width of the text when no line is broken."""
        if self._natural_width is None:
            laid_out_in = self.document.textWidth()
            if laid_out_in != -1:  # each call lays all lines out anew, for the same width too
                self.document.setTextWidth(-1)
            self._natural_width = float(self.document.idealWidth())
            if laid_out_in != -1:
                self.document.setTextWidth(laid_out_in)
        return self._natural_width

    @property
    def rect(self) -> QRectF:
        """Where the text is, the part that is scrolled away included."""
        return QRectF(QPointF(self.x, self.y), QSizeF(self.document.size()))

    @property
    def length(self) -> int:
        """The number of positions at which a selection can end, less one."""
        return max(0, self.document.characterCount() - 1)

    def paint(self, painter: QPainter, visible: QRectF, selection: tuple[int, int] | None) -> None:
        """Paint what lies in `visible`, with the positions of `selection` marked."""
        area = visible if self.clip is None else visible.intersected(self.clip)
        if not area.intersects(self.rect):
            return
        painter.save()
        if self.clip is not None:
            painter.setClipRect(self.clip)
        painter.translate(self.x, self.y)
        context = QAbstractTextDocumentLayout.PaintContext()
        context.clip = area.translated(-self.x, -self.y)
        context.selections = mark_selections(self.document, self.marks, self.theme)
        if selection is not None and selection[0] < selection[1]:
            context.selections = [*context.selections, self._selection(*selection)]
        self.document.documentLayout().draw(painter, context)
        paint_outline(painter, self.document, self.marks, self.theme)
        painter.restore()

    def position_at(self, point: QPointF) -> int:
        """The position in the text nearest to a point of the message."""
        local = QPointF(point.x() - self.x, point.y() - self.y)
        fuzzy = Qt.HitTestAccuracy.FuzzyHit
        return max(0, self.document.documentLayout().hitTest(local, fuzzy))

    def href_at(self, point: QPointF) -> str:
        """The link under a point of the message, or ""."""
        if self.clip is not None and not self.clip.contains(point):
            return ""
        local = QPointF(point.x() - self.x, point.y() - self.y)
        return str(self.document.documentLayout().anchorAt(local))

    def set_marks(self, marks: Marks) -> None:
        """Mark the hits of a search."""
        if marks != self.marks:
            self.marks = marks
            self.note_repaint()

    def mark_link(self, href: str) -> bool:
        """Underline the links to an address, and no others; whether that changed anything."""
        if href == self._marked_href:
            return False
        self._marked_href = href
        cursor = QTextCursor(self.document)
        cursor.beginEditBlock()  # at its end the lines are laid out again
        block = self.document.begin()
        while block.isValid():
            block.layout().setFormats(_underlines(block, href))
            block = block.next()
        cursor.endEditBlock()
        self.note_repaint()
        return True

    def end_of_text(self) -> QRectF:
        """The line box after the last letter, as a rectangle without width."""
        block = self.document.lastBlock()
        layout = block.layout()
        origin = self.document.documentLayout().blockBoundingRect(block).topLeft()
        if layout.lineCount() == 0:
            return QRectF(self.x, self.y, 0, self.theme.line_height(self.style.role))
        line = layout.lineAt(layout.lineCount() - 1)
        at_end: Any = line.cursorToX(block.length() - 1)  # a pair, against the stubs
        x = float(at_end[0] if isinstance(at_end, tuple) else at_end)
        top = origin.y() + line.y()
        return QRectF(self.x + origin.x() + x, self.y + top, 0, line.height())

    def text_between(self, begin: int, end: int) -> str:
        """The plain text of a range of positions."""
        cursor = QTextCursor(self.document)
        cursor.setPosition(begin)
        cursor.setPosition(min(end, self.length), QTextCursor.MoveMode.KeepAnchor)
        return cursor.selectedText().replace("\u2029", "\n").replace("\u2028", "\n")

    def word_at(self, position: int) -> tuple[int, int]:
        """The word around a position."""
        cursor = QTextCursor(self.document)
        cursor.setPosition(min(position, self.length))
        cursor.select(QTextCursor.SelectionType.WordUnderCursor)
        return cursor.selectionStart(), cursor.selectionEnd()

    def _selection(self, begin: int, end: int) -> QAbstractTextDocumentLayout.Selection:
        selection = QAbstractTextDocumentLayout.Selection()
        cursor = QTextCursor(self.document)
        cursor.setPosition(begin)
        cursor.setPosition(min(end, self.length), QTextCursor.MoveMode.KeepAnchor)
        marked = QTextCharFormat()
        marked.setBackground(self.theme.colour("accent_soft"))
        selection.cursor = cursor
        selection.format = marked
        return selection

    def _insert(self, cursor: QTextCursor, run: Run) -> None:
        if run.is_image:
            self._insert_icon(cursor)
        cursor.insertText(run.text, self.char_format(run))

    def _insert_icon(self, cursor: QTextCursor) -> None:
        """The file icon before an image's alt text."""
        theme, size = self.theme, self.theme.px(16)
        pixmap = theme.icons.pixmap("file", theme.colours.text2, size, 2.0)
        image: QImage = pixmap.toImage()
        self.document.addResource(
            QTextDocument.ResourceType.ImageResource.value, QUrl("icon:file"), image
        )
        picture = QTextImageFormat()
        picture.setName("icon:file")
        picture.setWidth(size)
        picture.setHeight(size)
        picture.setVerticalAlignment(QTextCharFormat.VerticalAlignment.AlignMiddle)
        cursor.insertImage(picture)
        cursor.insertText(" ", self.char_format())


def _underlines(block: QTextBlock, href: str) -> list[QTextLayout.FormatRange]:
    """The stretches of a line of text that lead to that address."""
    found = []
    pieces = block.begin()
    while not pieces.atEnd():
        fragment = pieces.fragment()
        if href and fragment.charFormat().anchorHref() == href:
            piece = QTextLayout.FormatRange()
            piece.start = fragment.position() - block.position()
            piece.length = fragment.length()
            line = QTextCharFormat()
            line.setFontUnderline(True)
            piece.format = line
            found.append(piece)
        pieces += 1
    return found
