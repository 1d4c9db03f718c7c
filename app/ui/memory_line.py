"""The dashed line above which the model no longer remembers. Knows no messages."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from app.ui.amounts import messages_text
from app.ui.column import ColumnRect
from app.ui.theme import Theme, TypeRole

GAP_BENEATH = 18


class MemoryLine(QWidget):
    """A line across the column with a sentence in its middle."""

    def __init__(self, theme: Theme, dropped_messages: int) -> None:
        super().__init__()
        self._theme = theme
        self._column = ColumnRect(0, 0, 0)
        verb = "stays" if dropped_messages == 1 else "stay"
        count = messages_text(dropped_messages).replace(" message", " earlier message")
        self._text = f"The model’s memory ends here. {count} {verb} in the chat."
        self.setAccessibleName(self._text)

    def lay_out(self, column: ColumnRect) -> int:
        """One line of text, and the gap beneath."""
        self._column = column
        lines = 2 if self._text_width() > column.width - 2 * self._theme.px(24) else 1
        return lines * self._theme.line_height(TypeRole.SMALL) + self._theme.gap(GAP_BENEATH)

    def dispose(self) -> None:
        """Leave the window."""
        self.hide()
        self.deleteLater()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint dashes, sentence, dashes."""
        theme, column = self._theme, self._column
        painter = QPainter(self)
        height = self.height() - theme.gap(GAP_BENEATH)
        painter.setFont(theme.font(TypeRole.SMALL_STRONG))
        painter.setPen(theme.colour("text2"))
        box = QRectF(column.x, 0, column.width, height)
        flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
        painter.drawText(box, flags, self._text)
        side = (column.width - self._text_width()) // 2 - theme.gap(14)
        if side < theme.px(10):
            return
        pen = QPen(theme.colour("control"), 1.5)
        pen.setDashPattern([4, 3])
        pen.setCapStyle(Qt.PenCapStyle.FlatCap)
        painter.setPen(pen)
        middle = round(height / 2)
        painter.drawLine(column.x, middle, column.x + side, middle)
        right = column.x + column.width
        painter.drawLine(right - side, middle, right, middle)

    def _text_width(self) -> int:
        font = self._theme.font(TypeRole.SMALL_STRONG)
        return QFontMetrics(font).horizontalAdvance(self._text)
