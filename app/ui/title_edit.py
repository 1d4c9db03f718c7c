"""The chat's title in the header: a click or F2 makes it writable. Knows no chats."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFocusEvent, QFontMetrics, QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QLineEdit, QSizePolicy

from app.ui.buttons import PaintedButton, paint_focus_ring
from app.ui.theme import Theme, TypeRole


class TitleButton(PaintedButton):
    """The title as it stands; gives way in little room."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def show_title(self, title: str, *, can_rename: bool) -> None:
        """Another title; that of a chat without messages can't be changed."""
        self.setText(title)
        self.setAccessibleName(f"Title: {title}")
        self.setEnabled(can_rename)
        self.setToolTip("Rename the chat (F2)" if can_rename else "")
        self.update()

    def sizeHint(self) -> QSize:
        """As wide as the title."""
        metrics = QFontMetrics(self.theme.font(TypeRole.H3))
        return QSize(metrics.horizontalAdvance(self.text()) + 8, self.theme.px(30))

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint the title, shortened if it must be."""
        theme = self.theme
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(theme.font(TypeRole.H3))
        painter.setPen(theme.colour("text"))
        shown = painter.fontMetrics().elidedText(
            self.text(), Qt.TextElideMode.ElideRight, self.width() - 4
        )
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignVCenter, shown)
        if self.shows_focus:
            paint_focus_ring(painter, theme, QRectF(self.rect()), theme.px(8))


class TitleEdit(QLineEdit):
    """The title while it is written.

    Signals:
        title_written(str): Enter, or the focus has left.
        left: Enter or Escape.
    """

    title_written = Signal(str)
    left = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Title of the chat")
        self.setMaxLength(200)

    def begin(self, title: str) -> None:
        """Show the field with the title selected."""
        self.setText(title)
        self.show()
        self.selectAll()
        self.setFocus(Qt.FocusReason.OtherFocusReason)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter takes the title, Escape doesn't."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._end()
            self.left.emit()
        elif event.key() == Qt.Key.Key_Escape:
            self.hide()
            self.left.emit()
        else:
            super().keyPressEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """What was written counts."""
        super().focusOutEvent(event)
        if self.isVisible():
            self._end()

    def _end(self) -> None:
        self.hide()
        self.title_written.emit(self.text().strip())
