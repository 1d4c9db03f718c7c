"""The row beneath a message: what can be done with it, its versions, and what it cost.

Knows nothing of texts or of the transcript; says what is wished by signals.
"""

from __future__ import annotations

from PySide6.QtCore import QRect, Qt, Signal, SignalInstance, Slot
from PySide6.QtWidgets import QWidget

from app.core.conversation import Message, MessageState, Role
from app.ui.amounts import precise_seconds_text, speed_text, tokens_text
from app.ui.buttons import Button, IconButton
from app.ui.labels import Label
from app.ui.theme import Theme, TypeRole

_ENDINGS = {MessageState.STOPPED: "Stopped", MessageState.CUT_OFF: "Cut off"}


class MessageFoot(QWidget):
    """The controls of one message.

    Signals:
        copy_requested, edit_requested, again_requested, continue_requested, pin_requested: for this
            message.
        version_requested(int): the sibling -1 or +1.
    """

    copy_requested = Signal()
    edit_requested = Signal()
    again_requested = Signal()
    continue_requested = Signal()
    pin_requested = Signal()
    version_requested = Signal(int)

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self._items: list[QWidget] = []
        self._spaced: list[QWidget] = []
        self._figures: QWidget | None = None
        self._is_user = False
        self.height_wanted = 0

    def show_message(self, message: Message, *, is_last: bool) -> None:
        """The controls that fit this message; `is_last` at the end of the branch."""
        self._clear()
        self._is_user = message.role is Role.USER
        if self._is_user:
            self._add_icon("edit", "Edit the message", "E").clicked.connect(self.edit_requested)
            self._add_icon("copy", "Copy the message", "C").clicked.connect(self.copy_requested)
        else:
            self._add_reply_controls(message, is_last=is_last)
        if message.is_pinned:
            name = "Stays in the model’s memory. Let it leave"
            self._add_icon("pin", name, "P").clicked.connect(self.pin_requested)
        if message.version_count > 1:
            self._add_versions(message)
        self._add_figures(message)

    def controls(self) -> list[QWidget]:
        """The buttons from left to right."""
        return [item for item in self._items if item.focusPolicy() != Qt.FocusPolicy.NoFocus]

    def lay_out(self, width: int, row_height: int) -> int:
        """Place the controls in rows of `width` px; returns the height."""
        gap = self._theme.gap(2)
        x, y = 0, 0
        rows: list[list[tuple[QWidget, QRect]]] = [[]]
        for item in self._items:
            size = item.sizeHint()
            item_width = min(size.width(), width)
            if x and x + item_width > width:
                x, y = 0, y + row_height + gap
                rows.append([])
            height = min(size.height(), row_height)
            top = y + (row_height - height) // 2
            rows[-1].append((item, QRect(x, top, item_width, height)))
            x += item_width + (self._theme.gap(8) if item in self._spaced else gap)
        self._put(rows, width)
        self._put_figures(rows, x, y, width, row_height)
        self.height_wanted = y + row_height
        return self.height_wanted

    def _put(self, rows: list[list[tuple[QWidget, QRect]]], width: int) -> None:
        for row in rows:
            used = row[-1][1].right() + 1 if row else 0
            shift = width - used if self._is_user else 0
            for item, rect in row:
                item.setGeometry(rect.translated(shift, 0))

    def _put_figures(
        self, rows: list[list[tuple[QWidget, QRect]]], x: int, y: int, width: int, height: int
    ) -> None:
        if self._figures is None:
            return
        wanted = self._figures.sizeHint().width()
        self._figures.setVisible(x + wanted <= width)
        self._figures.setGeometry(width - wanted, y, wanted, height)

    def _add_reply_controls(self, message: Message, *, is_last: bool) -> None:
        ending = _ENDINGS.get(message.state)
        if ending is not None:
            self._add_ending(message, ending)
        can_continue = ending is not None and is_last
        if can_continue:
            self._add_button("Continue", "continue", self.continue_requested)
            self._add_button("Answer again", "again", self.again_requested)
        self._add_icon("copy", "Copy the reply", "C").clicked.connect(self.copy_requested)
        if not can_continue:
            self._add_icon("again", "Answer again", "R").clicked.connect(self.again_requested)
        self._add_icon("edit", "Edit the reply", "E").clicked.connect(self.edit_requested)

    def _add_ending(self, message: Message, ending: str) -> None:
        counted = message.figures.completion_tokens if message.figures else 0
        count = max(counted, len(message.token_ids))
        text = (
            f"{ending} after {tokens_text(count)}" if count else f"{ending} before the first word"
        )
        label = Label(self._theme, text, TypeRole.SMALL, "text2", icon="pause")
        self._add(label, is_spaced=True)

    def _add_versions(self, message: Message) -> None:
        kind = "message" if self._is_user else "reply"
        self._spaced += self._items[-1:]
        left = self._add_icon("left", f"Previous version of the {kind}", "Alt+Left")
        left.setEnabled(message.version > 1)
        left.clicked.connect(self._ask_previous)
        text = f"{message.version}/{message.version_count}"
        label = Label(self._theme, text, TypeRole.SMALL, "text2")
        label.setAccessibleName(f"Version {message.version} of {message.version_count}")
        self._add(label)
        right = self._add_icon("right", f"Next version of the {kind}", "Alt+Right")
        right.setEnabled(message.version < message.version_count)
        right.clicked.connect(self._ask_next)

    def _add_figures(self, message: Message) -> None:
        figures = message.figures
        if figures is None or not figures.tokens_per_second:
            if message.is_edited:
                self._add(Label(self._theme, "Edited by you", TypeRole.SMALL, "text3"))
            return
        label = Label(self._theme, speed_text(figures.tokens_per_second), TypeRole.SMALL, "text3")
        label.setToolTip(
            f"{tokens_text(figures.completion_tokens)} in "
            f"{precise_seconds_text(figures.decode_seconds)}\n"
            f"First token after {precise_seconds_text(figures.prefill_seconds)}\n"
            f"Prompt: {tokens_text(figures.prompt_tokens)}, "
            f"{figures.reused_tokens:,} of them known already\n"
            f"Seed {figures.seed}"
        )
        label.setParent(self)
        label.show()
        self._figures = label

    def _add_icon(self, icon: str, name: str, keys: str) -> IconButton:
        button = IconButton(self._theme, icon, name, keys, size=28)
        button.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self._add(button)
        return button

    def _add_button(self, text: str, icon: str, wish: SignalInstance) -> None:
        button = Button(self._theme, text, icon=icon, small=True)
        button.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        button.clicked.connect(wish)
        self._add(button, is_spaced=True)

    def _add(self, item: QWidget, *, is_spaced: bool = False) -> None:
        if is_spaced:
            self._spaced.append(item)
        item.setParent(self)
        item.show()
        self._items.append(item)

    def _clear(self) -> None:
        for item in (*self._items, *((self._figures,) if self._figures else ())):
            item.hide()
            item.deleteLater()
        self._items.clear()
        self._spaced.clear()
        self._figures = None

    @Slot()
    def _ask_previous(self) -> None:
        self.version_requested.emit(-1)

    @Slot()
    def _ask_next(self) -> None:
        self.version_requested.emit(1)
