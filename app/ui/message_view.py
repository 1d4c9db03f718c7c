"""One message in the transcript: what a user's and the model's have in common.

Geometry, painting, selection, focus and keys. Knows nothing of other messages; what is wished
goes out by signals.
"""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QRectF, Qt, Signal, Slot
from PySide6.QtGui import (
    QContextMenuEvent,
    QEnterEvent,
    QFocusEvent,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QApplication, QWidget

from app.core.conversation import Message
from app.ui.buttons import keyboard_brought, paint_focus_ring
from app.ui.column import ColumnRect
from app.ui.keys import Deed
from app.ui.message_body import MessageBody
from app.ui.message_foot import MessageFoot
from app.ui.message_kit import MessageKit
from app.ui.message_menu import show_message_menu
from app.ui.message_pointer import MessagePointer
from app.ui.message_stops import MessageStops
from app.ui.message_wishes import MessageWishes
from app.ui.selection import Place

RING_ROOM = 8  # px at 100 % above the content, where the focus ring has its place


class MessageView(MessageWishes):
    """A message as wide as the transcript; its texts keep to the column.

    Signals:
        those of `MessageWishes`.
        attachment_requested(object): the `Attachment` whose text is wanted.
        link_activated(str): an address that the model wrote.
        height_changed: to be laid out anew.
        focused(int): the message's id.
        stop_reached: the keyboard is at another link or button.
        selection_copy_requested(bool): what is selected, in this message and others; as Markdown?
    """

    attachment_requested = Signal(object)
    link_activated = Signal(str)
    height_changed = Signal()
    focused = Signal(int)
    stop_reached = Signal()
    selection_copy_requested = Signal(bool)

    def __init__(self, kit: MessageKit, message: Message) -> None:
        super().__init__(message)
        self.kit = kit
        self.theme = kit.theme
        self.is_last = False
        self.column = ColumnRect(0, 0, 0)
        self.body = MessageBody(kit, self)
        self.foot = MessageFoot(kit.theme, self)
        self.pointer = MessagePointer(self, self.body)
        self.stops = MessageStops(self, self.body, self.controls)
        self._shows_ring = False
        self._hovered = False
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.pointer.link_activated.connect(self.link_activated)
        self.pointer.selection_changed.connect(self.update)
        self.pointer.look_changed.connect(self.update)
        self._connect_foot()

    def set_last(self, is_last: bool) -> None:
        """Whether it stands at the end of the branch."""
        if is_last != self.is_last:
            self.is_last = is_last
            self.refresh_foot()

    def lay_out(self, column: ColumnRect) -> int:
        """Fit everything into the column; returns the height, the gap beneath included."""
        raise NotImplementedError

    def content_rect(self) -> QRectF:
        """What the focus ring goes around."""
        raise NotImplementedError

    def needs_foot(self) -> bool:
        """Whether the foot shows without hover and focus."""
        raise NotImplementedError

    def refresh_foot(self) -> None:
        """Show the controls that fit now."""
        self.foot.show_message(self.message, is_last=self.is_last)
        self._show_foot()
        self.height_changed.emit()

    def controls(self) -> list[QWidget]:
        """What Left and Right go through."""
        return [w for w in (*self.body.controls(), *self.foot.controls()) if w.isEnabled()]

    def focus_by_keyboard(self) -> None:
        """Take the focus and show the ring."""
        self.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def dispose(self) -> None:
        """Leave the window."""
        self.body.dispose()
        self.hide()
        self.deleteLater()

    def event(self, event: QEvent) -> bool:
        """A block that asks for another size has the message laid out anew."""
        if event.type() is QEvent.Type.LayoutRequest:
            self.height_changed.emit()
        return super().event(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the message and the focus ring."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self.paint_content(painter, QRectF(event.rect()))
        self.stops.paint(painter, self.theme)
        if self._shows_ring and not self.stops.href:
            around = self.content_rect().adjusted(-8, -6, 8, 6)
            paint_focus_ring(painter, self.theme, around, self.theme.px(10))

    def paint_content(self, painter: QPainter, visible: QRectF) -> None:
        """Paint what lies in `visible`."""
        self.body.paint(painter, visible)

    def enterEvent(self, event: QEnterEvent) -> None:
        """Show the foot."""
        self._hovered = True
        self._show_foot()
        super().enterEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        """Hide the foot."""
        self._hovered = False
        self.pointer.leave()
        self._show_foot()
        super().leaveEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Show the foot, and the ring if the keyboard brought the focus."""
        self._shows_ring = keyboard_brought(event.reason())
        super().focusInEvent(event)
        self.focused.emit(self.message_id)
        self._show_foot()
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Hide them."""
        self._shows_ring = False
        self.stops.leave()
        super().focusOutEvent(event)
        self._show_foot()
        self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin a selection."""
        self.pointer.press(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Draw the selection."""
        self.pointer.move(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End the selection, or click a link."""
        self.pointer.release(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Select a word."""
        self.pointer.select_word(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Sideways for code and tables under the mouse; up and down for the transcript."""
        by = event.pixelDelta().x() or event.angleDelta().x() // 2
        if by and self.body.scroll_sideways(event.position(), -by):
            event.accept()
        else:
            super().wheelEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """What can be done with it."""
        show_message_menu(self, event.globalPos())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Letters act on the message; Left and Right go through its links and buttons."""
        do = self.deeds().get(self.kit.letters.deed_of(event))
        plain = event.modifiers() in (
            Qt.KeyboardModifier.NoModifier,
            Qt.KeyboardModifier.KeypadModifier,
        )
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy_selection()
        elif event.matches(QKeySequence.StandardKey.SelectAll):
            self.pointer.select_all()
        elif do is not None:
            do()
        elif plain and event.key() in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            self.stops.step(1 if event.key() == Qt.Key.Key_Right else -1)
            self.stop_reached.emit()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.stops.href:
            self.link_activated.emit(self.stops.href)
        else:
            super().keyPressEvent(event)

    @Slot()
    def copy_selection(self) -> None:
        """Wish for the selected text on the clipboard, or else the message."""
        self.selection_copy_requested.emit(False)

    @Slot()
    def copy_markdown(self) -> None:
        """The same, as Markdown."""
        self.selection_copy_requested.emit(True)

    def select(self, anchor: Place | None, head: Place | None) -> None:
        """Select from one place to another; None for nothing."""
        selection = self.body.selection
        if (selection.anchor, selection.head) != (anchor, head):
            selection.anchor, selection.head = anchor, head
            self.update()

    def deeds(self) -> dict[Deed | None, Callable[[], None]]:
        """What letters can do with it, while it has the focus."""
        return {
            Deed.COPY_MESSAGE: self.ask_copy,
            Deed.FORK_CHAT: self.ask_fork,
            Deed.PIN_MESSAGE: self.ask_pin,
        }

    def _connect_foot(self) -> None:
        self.foot.copy_requested.connect(self.ask_copy)
        self.foot.edit_requested.connect(self.ask_edit)
        self.foot.again_requested.connect(self.ask_again)
        self.foot.pin_requested.connect(self.ask_pin)
        self.foot.continue_requested.connect(self.ask_continue)
        self.foot.version_requested.connect(self.ask_version)

    def _show_foot(self) -> None:
        focused = QApplication.focusWidget()
        has_focus = focused is not None and (focused is self or self.isAncestorOf(focused))
        self.foot.setVisible(self.needs_foot() or self._hovered or has_focus)
