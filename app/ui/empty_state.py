"""What stands where no message is yet: the mark, a line, and for the demo four questions.

Knows nothing of the session; says what is wished by signals.
"""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QWidget

from app.ui.buttons import Button, ButtonKind, PaintedButton, paint_focus_ring
from app.ui.column import SCROLL_BAR, column_in
from app.ui.labels import Paragraph
from app.ui.mark import Mark
from app.ui.theme import Theme, TypeRole


@dataclass(frozen=True, slots=True)
class Question:
    """A card: what is asked, and a line that says what one will learn."""

    icon: str
    text: str
    promise: str


QUESTIONS = (
    Question("cpu", "Which version fits this computer?", "Sizes, and the memory they need."),
    Question(
        "download", "How do I get the real Mixtral?", "From a file, or from the weights you have."
    ),
    Question("offline", "Where are my chats kept?", "And what leaves this computer: nothing."),
    Question("models", "What is a mixture of experts?", "Two of eight, for every word."),
)


class QuestionCard(PaintedButton):
    """A question that a click asks."""

    def __init__(self, theme: Theme, question: Question) -> None:
        super().__init__(theme)
        self.question = question
        self.setText(question.text)
        self.setAccessibleDescription(question.promise)

    def sizeHint(self) -> QSize:
        """Two lines."""
        theme = self.theme
        lines = theme.line_height(TypeRole.NAME) + theme.line_height(TypeRole.SMALL)
        return QSize(theme.px(200), lines + 2 * theme.gap(11))

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint the card."""
        theme = self.theme
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        rect = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        radius = theme.px(12)
        painter.setPen(QPen(theme.colour("line"), 1))
        painter.setBrush(theme.colour("hover" if self.hovered else "raised"))
        painter.drawRoundedRect(rect, radius, radius)
        size = theme.px(18)
        left, top = theme.gap(15), theme.gap(11)
        name_height = theme.line_height(TypeRole.NAME)
        icon_top = top + (name_height - size) / 2
        theme.icons.paint(painter, self.question.icon, theme.colours.accent, left, icon_top, size)
        left += size + theme.gap(11)
        room = self.width() - left - theme.gap(12)
        self._paint_line(painter, self.question.text, TypeRole.NAME, "text", left, top, room)
        self._paint_line(
            painter, self.question.promise, TypeRole.SMALL, "text2", left, top + name_height, room
        )
        if self.shows_focus:
            paint_focus_ring(painter, theme, QRectF(self.rect()), radius)

    def _paint_line(
        self, painter: QPainter, text: str, role: TypeRole, token: str, x: int, y: int, room: int
    ) -> None:
        font = self.theme.font(role)
        painter.setFont(font)
        painter.setPen(self.theme.colour(token))
        shown = QFontMetrics(font).elidedText(text, Qt.TextElideMode.ElideRight, room)
        line = QRectF(x, y, room, self.theme.line_height(role))
        painter.drawText(line, Qt.AlignmentFlag.AlignVCenter, shown)


class EmptyState(QWidget):
    """An empty chat: of the demo, of a real model, or without any model.

    Signals:
        question_asked(str): a card was clicked.
        get_mixtral_requested, demo_requested: the buttons while there is no model.
    """

    question_asked = Signal(str)
    get_mixtral_requested = Signal()
    demo_requested = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._mark = Mark(theme, 60)
        self._head = Paragraph(theme, "", TypeRole.DISPLAY, "text", centred=True)
        self._line = Paragraph(theme, "", TypeRole.READING, "text2", centred=True)
        self._cards = [QuestionCard(theme, question) for question in QUESTIONS]
        self._get = Button(theme, "Get Mixtral", ButtonKind.PRIMARY)
        self._demo = Button(theme, "Use the demo")
        for part in (self._mark, self._head, self._line, *self._cards, self._get, self._demo):
            part.setParent(self)
        for card in self._cards:
            card.clicked.connect(self._ask)
        self._get.clicked.connect(self.get_mixtral_requested)
        self._demo.clicked.connect(self.demo_requested)
        theme.changed.connect(self._lay_out)

    def show_demo(self) -> None:
        """The demo answers."""
        self._show("Ask the demo about Octet", "In English, French, German, Spanish or Italian.")
        self._show_parts(cards=True, buttons=False, has_demo=False)

    def show_model(self, line: str) -> None:
        """A real model answers, or is about to; `line` says which, and how much it remembers."""
        self._show("New chat", line)
        self._show_parts(cards=False, buttons=False, has_demo=False)

    def show_no_model(self, *, has_demo: bool) -> None:
        """Nothing can answer."""
        self._show("There is no model yet.", "Octet needs a Mixtral file, or its small demo.")
        self._show_parts(cards=False, buttons=True, has_demo=has_demo)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Place the parts."""
        super().resizeEvent(event)
        self._lay_out()

    def _show(self, head: str, line: str) -> None:
        self._head.set_text(head)
        self._line.set_text(line)

    def _show_parts(self, *, cards: bool, buttons: bool, has_demo: bool) -> None:
        for card in self._cards:
            card.setVisible(cards)
        self._get.setVisible(buttons)
        self._demo.setVisible(buttons and has_demo)
        self._lay_out()

    @Slot()
    def _lay_out(self) -> None:
        theme = self._theme
        column = column_in(theme, self.width() + SCROLL_BAR, is_narrow=False)
        blocks = self._content_height(column.width)
        top = max(theme.gap(10), round((self.height() - blocks) / 2) + theme.gap(9))
        top = min(top, max(theme.gap(10), self.height() - blocks - theme.gap(10)))
        mark = self._mark.sizeHint().width()
        self._mark.move(column.x + (column.width - mark) // 2, top)
        top += mark + theme.gap(16)
        for text, gap in ((self._head, 6), (self._line, 23)):
            height = text.heightForWidth(column.width)
            text.setGeometry(column.x, top, column.width, height)
            top += height + theme.gap(gap)
        if not self._cards[0].isHidden():
            self._place_cards(column.x, top, column.width)
        self._place_buttons(column.x, top, column.width)
        self.setMinimumHeight(blocks + 2 * theme.gap(10))

    def _content_height(self, width: int) -> int:
        theme = self._theme
        height = self._mark.sizeHint().height() + theme.gap(16)
        height += self._head.heightForWidth(width) + theme.gap(6)
        height += self._line.heightForWidth(width) + theme.gap(23)
        rows = (2 if self._two_columns(width) else 4) if not self._cards[0].isHidden() else 0
        height += rows * (self._cards[0].sizeHint().height() + theme.gap(10))
        return height + (theme.px(34) if not self._get.isHidden() else 0)

    def _two_columns(self, width: int) -> bool:
        return width >= 38 * self._theme.em

    def _place_cards(self, x: int, top: int, width: int) -> None:
        gap = self._theme.gap(10)
        columns = 2 if self._two_columns(width) else 1
        card_width = (width - gap * (columns - 1)) // columns
        height = self._cards[0].sizeHint().height()
        for index, card in enumerate(self._cards):
            row, column = divmod(index, columns)
            left = x + (card_width + gap) * column
            card.setGeometry(left, top + (height + gap) * row, card_width, height)

    def _place_buttons(self, x: int, top: int, width: int) -> None:
        shown = [button for button in (self._get, self._demo) if not button.isHidden()]
        gap = self._theme.gap(8)
        taken = sum(button.sizeHint().width() for button in shown) + gap * (len(shown) - 1)
        left = x + (width - taken) // 2
        for button in shown:
            size = button.sizeHint()
            button.setGeometry(left, top, size.width(), size.height())
            left += size.width() + gap

    @Slot()
    def _ask(self) -> None:
        card = self.sender()
        if isinstance(card, QuestionCard):
            self.question_asked.emit(card.question.text)
