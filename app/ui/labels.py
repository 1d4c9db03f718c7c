"""Texts of the window: one line or several, in a type role and a colour token.

Knows nothing of what they say.
"""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Slot
from PySide6.QtGui import (
    QPainter,
    QPaintEvent,
    QTextBlockFormat,
    QTextCursor,
    QTextDocument,
    QTextOption,
)
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget

from app.ui.theme import Theme, TypeRole, tabular


class Label(QLabel):
    """One line of text. With `elided` it gives way and ends in "…" when there is no room."""

    def __init__(
        self,
        theme: Theme,
        text: str = "",
        role: TypeRole = TypeRole.BODY,
        colour: str = "text",
        *,
        elided: bool = False,
        icon: str = "",
    ) -> None:
        super().__init__(text)
        self._icon = icon
        self._theme = theme
        self._role = role
        self._colour = colour
        self._elided = elided
        self.setTextFormat(Qt.TextFormat.PlainText)
        if elided:
            self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        theme.changed.connect(self._take_theme)
        self._take_theme()

    def set_colour(self, colour: str) -> None:
        """Another token."""
        self._colour = colour
        self.update()

    def sizeHint(self) -> QSize:
        """One line, and the icon before it."""
        metrics = self.fontMetrics()
        width = metrics.horizontalAdvance(self.text()) + 1 + self._indent()
        return QSize(width, max(metrics.height(), self._theme.line_height(self._role)))

    def minimumSizeHint(self) -> QSize:
        """An elided text gives way."""
        return QSize(0, self.sizeHint().height()) if self._elided else self.sizeHint()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint the text, shortened if it must be, and the icon.

        Not left to QLabel: a style sheet of the application overrides a label's palette.
        """
        theme, painter = self._theme, QPainter(self)
        colour = theme.colour(self._colour)
        if self._icon:
            size = theme.px(16)
            top = (self.height() - size) / 2
            theme.icons.paint(painter, self._icon, colour.name(), 0, top, size)
        room = self.rect().adjusted(self._indent(), 0, 0, 0)
        shown = self.text()
        if self._elided:
            mode = Qt.TextElideMode.ElideRight
            shown = self.fontMetrics().elidedText(shown, mode, room.width())
        painter.setPen(colour)
        painter.drawText(room, self.alignment() | Qt.TextFlag.TextSingleLine, shown)

    def _indent(self) -> int:
        return self._theme.px(16) + self._theme.gap(7) if self._icon else 0

    @Slot()
    def _take_theme(self) -> None:
        self.setFont(tabular(self._theme.font(self._role)))
        self.updateGeometry()
        self.update()


class Paragraph(QWidget):
    """Text of several lines with the role's line height; a bold `lead` may stand before it."""

    def __init__(
        self,
        theme: Theme,
        text: str = "",
        role: TypeRole = TypeRole.BODY,
        colour: str = "text2",
        *,
        lead: str = "",
        centred: bool = False,
    ) -> None:
        super().__init__()
        self._theme = theme
        self._role = role
        self._colour = colour
        self._text = text
        self._lead = lead
        self._centred = centred
        self._document = QTextDocument(self)
        self._document.setDocumentMargin(0)
        self._document.setUndoRedoEnabled(False)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        theme.changed.connect(self._fill)
        self._fill()

    def set_text(self, text: str, lead: str = "") -> None:
        """Say something else."""
        self._text, self._lead = text, lead
        self._fill()

    def text(self) -> str:
        """What it says, the lead included."""
        return f"{self._lead} {self._text}".strip()

    def hasHeightForWidth(self) -> bool:
        """It wraps."""
        return True

    def heightForWidth(self, width: int) -> int:
        """The height that the text takes in `width` px."""
        if self._document.textWidth() != width:
            self._document.setTextWidth(width)
        return round(self._document.size().height())

    def sizeHint(self) -> QSize:
        """As wide as the text in one line, at most forty characters."""
        width = min(
            round(self._document.idealWidth()) + 1, self.fontMetrics().averageCharWidth() * 40
        )
        return QSize(width, self.heightForWidth(max(width, self.width())))

    def minimumSizeHint(self) -> QSize:
        """A few words in a line at least."""
        return QSize(self.fontMetrics().averageCharWidth() * 8, self._theme.line_height(self._role))

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint the document."""
        self.heightForWidth(self.width())
        self._document.drawContents(QPainter(self))

    @Slot()
    def _fill(self) -> None:
        self.setAccessibleName(self.text())
        self.setFont(self._theme.font(self._role))
        document = self._document
        document.clear()
        document.setDefaultFont(self.font())
        option = QTextOption()
        if self._centred:
            option.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        document.setDefaultTextOption(option)
        cursor = QTextCursor(document)
        block_format = QTextBlockFormat()
        block_format.setLineHeight(
            self._theme.line_height_percent(self._role),
            QTextBlockFormat.LineHeightTypes.ProportionalHeight.value,
        )
        cursor.setBlockFormat(block_format)
        self._insert(cursor)
        self.updateGeometry()
        self.update()

    def _insert(self, cursor: QTextCursor) -> None:
        style = cursor.charFormat()
        if self._lead:
            style.setFontWeight(600)
            style.setForeground(self._theme.colour("text"))
            cursor.insertText(self._lead + " ", style)
        style.setFontWeight(self._role.value.weight)
        style.setForeground(self._theme.colour(self._colour))
        cursor.insertText(self._text, style)
