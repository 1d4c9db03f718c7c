"""What can be wished of one message, by its buttons, its letters and its menu.

Knows nothing of how messages look, nor of who fulfils a wish.
"""

from __future__ import annotations

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QWidget

from app.core.conversation import Message


class MessageWishes(QWidget):
    """A widget that speaks for one message.

    Signals:
        copy_requested, edit_requested, again_requested, continue_requested, fork_requested,
        pin_requested(int): the message's id.
        version_requested(int, int): the message's id, and -1 or +1.
    """

    copy_requested = Signal(int)
    edit_requested = Signal(int)
    again_requested = Signal(int)
    continue_requested = Signal(int)
    fork_requested = Signal(int)
    pin_requested = Signal(int)
    version_requested = Signal(int, int)

    def __init__(self, message: Message) -> None:
        super().__init__()
        self.message = message

    @property
    def message_id(self) -> int:
        """The message's id."""
        return self.message.message_id

    @Slot()
    def ask_copy(self) -> None:
        """Wish for the message's text on the clipboard."""
        self.copy_requested.emit(self.message_id)

    @Slot()
    def ask_edit(self) -> None:
        """Wish to change the message."""
        self.edit_requested.emit(self.message_id)

    @Slot()
    def ask_again(self) -> None:
        """Wish for another answer."""
        self.again_requested.emit(self.message_id)

    @Slot()
    def ask_fork(self) -> None:
        """Wish for a chat of its own of all up to here."""
        self.fork_requested.emit(self.message_id)

    @Slot()
    def ask_pin(self) -> None:
        """Wish for it to stay in the model's memory, or to leave it again."""
        self.pin_requested.emit(self.message_id)

    @Slot()
    def ask_continue(self) -> None:
        """Wish for more of a reply that was stopped."""
        self.continue_requested.emit(self.message_id)

    @Slot(int)
    def ask_version(self, step: int) -> None:
        """Wish for a sibling."""
        self.version_requested.emit(self.message_id, step)
