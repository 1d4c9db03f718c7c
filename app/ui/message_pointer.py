"""The mouse in a message: selecting text across its blocks, and links.

Knows nothing of how messages are painted or stored.
"""

from __future__ import annotations

from PySide6.QtCore import QObject, QPointF, Qt, Signal
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QWidget

from app.ui.message_body import MessageBody
from app.ui.rich_text import PlacedText
from app.ui.selection import Place


class MessagePointer(QObject):
    """Turns the mouse events of `widget` into a selection in `body`.

    Signals:
        link_activated(str): a link was clicked; nothing is opened by itself.
        selection_changed: another range of this message's text is selected.
        look_changed: to be painted anew; a link is under the mouse, say.
        extended(object): a click with Shift at a `Place`, while the selection began elsewhere.
        dragged_out(QPointF): the mouse draws the selection above or below this message.
        dropped: the mouse let go.
    """

    link_activated = Signal(str)
    selection_changed = Signal()
    look_changed = Signal()
    extended = Signal(object)
    dragged_out = Signal(QPointF)
    dropped = Signal()

    def __init__(self, widget: QWidget, body: MessageBody) -> None:
        super().__init__(widget)
        self._widget = widget
        self._body = body
        self._pressed_href = ""
        self._drags = False
        self._begun: Place | None = None  # where the drag began; None: in another message
        self._marked: PlacedText | None = None

    def press(self, event: QMouseEvent) -> None:
        """Begin a selection, or extend it with Shift."""
        if event.button() is not Qt.MouseButton.LeftButton:
            return
        point = event.position()
        self._pressed_href = self._body.href_at(point)
        place = self.place_at(point)
        selection = self._body.selection
        self._drags = True
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self._begun = None
            self.extended.emit(place)
        else:
            self._begun = place
            selection.anchor = selection.head = place
            self.selection_changed.emit()

    def move(self, event: QMouseEvent) -> None:
        """Draw the selection, or show that there is a link."""
        if self._drags and event.buttons() & Qt.MouseButton.LeftButton:
            self._drag(event.position())
            return
        self._hover(event.position())

    def release(self, event: QMouseEvent) -> None:
        """A click on a link asks for it."""
        self._drags = False
        self.dropped.emit()
        href = self._body.href_at(event.position())
        if href and href == self._pressed_href and self._body.selection.is_empty:
            self.link_activated.emit(href)

    def _drag(self, point: QPointF) -> None:
        if not 0 <= point.y() <= self._widget.height():
            self.dragged_out.emit(point)
        elif self._begun is None:
            self.extended.emit(self.place_at(point))
        else:
            self._body.selection.anchor = self._begun
            self._body.selection.head = self.place_at(point)
            self.selection_changed.emit()

    def select_word(self, event: QMouseEvent) -> None:
        """The word under a double click."""
        place = self.place_at(event.position())
        if place is None:
            return
        begin, end = self._body.texts[place[0]].word_at(place[1])
        self._body.selection.anchor = (place[0], begin)
        self._body.selection.head = (place[0], end)
        self._drags = False
        self.selection_changed.emit()

    def select_all(self) -> None:
        """The whole message."""
        texts = self._body.texts
        if texts:
            self._body.selection.anchor = (0, 0)
            self._body.selection.head = (len(texts) - 1, texts[-1].length)
            self.selection_changed.emit()

    def _hover(self, point: QPointF) -> None:
        texts = self._body.texts
        under = next((text for text in texts if text.rect.contains(point)), None)
        href = under.href_at(point) if under else ""
        if href:
            shape = Qt.CursorShape.PointingHandCursor
        else:
            shape = Qt.CursorShape.IBeamCursor if under else Qt.CursorShape.ArrowCursor
        if self._widget.cursor().shape() is not shape:
            self._widget.setCursor(shape)
        self._widget.setToolTip(href)
        self._mark_link(under, href)

    def _mark_link(self, under: PlacedText | None, href: str) -> None:
        """Underline the link under the mouse, and no other."""
        for text in (self._marked, under):
            if text is not None and text.mark_link(href if text is under else ""):
                self.look_changed.emit()
        self._marked = under if href else None

    def leave(self) -> None:
        """The mouse is elsewhere."""
        self._mark_link(None, "")

    def place_at(self, point: QPointF) -> Place | None:
        """The place in the text nearest to a point of the message."""
        index = self._body.text_index_at(point)
        if index is None:
            return None
        return index, self._body.texts[index].position_at(point)
