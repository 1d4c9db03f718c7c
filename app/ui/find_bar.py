"""The bar under the header in which one types what is to be found in the open chat.

Knows nothing of messages; says what is wished by signals.
"""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QSizePolicy, QWidget

from app.ui.amounts import count_text
from app.ui.buttons import IconButton
from app.ui.column import column_in
from app.ui.labels import Label
from app.ui.theme import Theme, TypeRole

HEIGHT = 46


class FindField(QLineEdit):
    """Enter goes on, Shift+Enter back, Escape closes.

    Signals:
        step_requested(int): 1 for the next hit, -1 for the previous one.
        left: Escape.
    """

    step_requested = Signal(int)
    left = Signal()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Take the keys of the bar."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            is_back = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
            self.step_requested.emit(-1 if is_back else 1)
        elif event.key() == Qt.Key.Key_Escape:
            self.left.emit()
        else:
            super().keyPressEvent(event)


class FindBar(QWidget):
    """Field, count, previous, next, close.

    Signals:
        text_changed(str): to be found.
        step_requested(int): 1 for the next hit, -1 for the previous one.
        closed: it is put away.
    """

    text_changed = Signal(str)
    step_requested = Signal(int)
    closed = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self.field = FindField()
        self.field.setPlaceholderText("Find in this chat")
        self.field.setAccessibleName("Find in this chat")
        self.field.setMaxLength(1000)
        self.count = Label(theme, "", TypeRole.SMALL, "text2")
        self.previous = IconButton(theme, "up", "Previous hit", "Shift+F3", size=28)
        self.next = IconButton(theme, "down", "Next hit", "F3", size=28)
        self.close_button = IconButton(theme, "close", "Close the search", "Esc", size=28)
        self._layout = layout = QHBoxLayout(self)
        layout.addWidget(self.field, 1)
        layout.addWidget(self.count)
        for button in (self.previous, self.next, self.close_button):
            layout.addWidget(button)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._connect()
        self._take_theme()
        self.show_found(0, 0, True)
        self.hide()

    def open(self) -> None:
        """Show the bar, its text selected."""
        self.show()
        self.field.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.field.selectAll()

    @Slot(int, int, bool)
    def show_found(self, place: int, total: int, is_complete: bool) -> None:
        """The current hit's number, and how many there are so far."""
        text = self.field.text()
        if not text.strip():
            words = ""
        elif total:
            words = f"{count_text(place)} of {count_text(total)}"
        else:
            words = "No hits" if is_complete else "Searching"
        self.count.setText(words)
        self.count.setAccessibleName(words)
        self.count.setVisible(bool(words))
        for button in (self.previous, self.next):
            button.setEnabled(total > 0)
        self.count.updateGeometry()

    def sizeHint(self) -> QSize:
        """46 px high."""
        return QSize(400, self._theme.px(HEIGHT) + 1)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Escape on a button closes, too."""
        if event.key() == Qt.Key.Key_Escape:
            self.closed.emit()
        else:
            super().keyPressEvent(event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint the hairline beneath."""
        painter = QPainter(self)
        painter.setPen(QPen(self._theme.colour("line"), 1))
        painter.drawLine(0, self.height() - 1, self.width(), self.height() - 1)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep to the column of the texts."""
        super().resizeEvent(event)
        self._fit()

    def _connect(self) -> None:
        self._theme.changed.connect(self._take_theme)
        self.field.textChanged.connect(self.text_changed)
        self.field.step_requested.connect(self.step_requested)
        self.field.left.connect(self.closed)
        self.previous.clicked.connect(self._ask_previous)
        self.next.clicked.connect(self._ask_next)
        self.close_button.clicked.connect(self.closed)

    def _fit(self) -> None:
        theme = self._theme
        column = column_in(theme, self.width(), is_narrow=False)
        right = self.width() - column.x - column.width
        self._layout.setContentsMargins(column.x, theme.gap(6), right, theme.gap(6))

    @Slot()
    def _ask_previous(self) -> None:
        self.step_requested.emit(-1)

    @Slot()
    def _ask_next(self) -> None:
        self.step_requested.emit(1)

    @Slot()
    def _take_theme(self) -> None:
        self.field.setFont(self._theme.font(TypeRole.BODY))
        self._layout.setSpacing(self._theme.gap(6))
        self._fit()
        self.updateGeometry()
