"""Where one writes: the draft, the style of the replies, the draft's tokens, send and stop.

Knows nothing of the session; says what is wished by signals.
"""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QMouseEvent, QResizeEvent
from PySide6.QtWidgets import QSizePolicy

from app.runtime.draft_files import DraftFile
from app.ui.amounts import rough_count_text, speed_text, tokens_text
from app.ui.attachment_row import AttachmentRow
from app.ui.composer_box import ComposerBox
from app.ui.composer_foot import ComposerFoot
from app.ui.draft_edit import DraftEdit
from app.ui.editing_line import EditingLine
from app.ui.mark import MarkClock
from app.ui.theme import Theme


class Composer(ComposerBox):
    """The box at the window's foot.

    Signals:
        send_requested(str, object): a message and the tuple of its `Attachment`s; the composer is
            empty afterwards.
        edit_finished(int, str, object): the message that was changed, its new text and files.
        edit_left, stop_requested, last_message_requested: wishes of the keys.
        draft_changed(str): what is to be kept if this chat is left now; told at each letter.
        style_chosen(str): a preset of the replies.
    """

    send_requested = Signal(str, object)
    edit_finished = Signal(int, str, object)
    edit_left = Signal()
    stop_requested = Signal()
    left = Signal()
    last_message_requested = Signal()
    draft_changed = Signal(str)
    style_chosen = Signal(str)

    def __init__(self, theme: Theme, clock: MarkClock) -> None:
        super().__init__(theme)
        self.may_send: Callable[[], bool] = lambda: True
        self._edited_id: int | None = None
        self._edited_text = self._put_aside = ""
        self._is_silent = False
        self.draft = DraftEdit(theme)
        self._editing = EditingLine(theme)
        self._editing.hide()
        self.files = AttachmentRow(theme)
        self.foot = ComposerFoot(theme, clock)
        self.figure, self.send_button = self.foot.figure, self.foot.send_button
        for part in (self._editing, self.files, self.draft, self.foot):
            part.setParent(self)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._connect()
        self.set_style("Balanced")
        self.show_reply(False)

    # --- what is shown -----------------------------------------------------------------------

    def set_placeholder(self, text: str) -> None:
        """What stands there while nothing is written."""
        self.draft.setPlaceholderText(text)

    def set_send_key(self, sends_with_enter: bool) -> None:
        """Enter sends, or Ctrl+Enter."""
        self.draft.sends_with_enter = sends_with_enter

    def set_most_lines(self, lines: int) -> None:
        """How many lines the draft may take before it scrolls."""
        if lines != self.draft.most_lines:
            self.draft.most_lines = lines
            self._lay_out()

    def set_style(self, name: str, names: tuple[str, ...] = ()) -> None:
        """The style in force, "" for own values, and all there are."""
        self.foot.style_button.set_styles(names)
        self.foot.style_button.show_style(name)
        self._lay_out()

    def show_reply(self, is_under_way: bool) -> None:
        """The round button stops, or sends."""
        self.send_button.set_stops(is_under_way)
        self.figure.show_mark(is_under_way)
        self.figure.say("")
        self._take_text()

    def show_speed(self, tokens_per_second: float) -> None:
        """How fast the reply grows."""
        if self.send_button.stops:
            self.say(speed_text(tokens_per_second, 0))

    def show_draft_tokens(self, tokens: int, warning: str = "", *, is_about: bool = False) -> None:
        """What the draft takes; the warning says what it pushes out of the memory."""
        if not self.send_button.stops:
            words = f"about {rough_count_text(tokens)} tokens" if is_about else tokens_text(tokens)
            text = words if tokens and self._has_content() else ""
            self.say(f"{text}: {warning}" if warning else text, "warn" if warning else "text2")

    def show_draft(self, text: str) -> None:
        """Another chat's draft."""
        self._leave_editing()
        if text != self.text():
            self._put_text(text)

    def show_files(self, files: tuple[DraftFile, ...]) -> None:
        """The files that go with what is written."""
        self.files.show_files(files)
        self._take_text()

    def edit_message(self, message_id: int, text: str) -> None:
        """Change a message that was sent; what was being written is put aside."""
        if self._edited_id is None:
            self._put_aside = self.text()
        self._edited_id = message_id
        self._edited_text = text
        self._put_text(text)
        self._lay_out()
        self.draft.setFocus(Qt.FocusReason.OtherFocusReason)

    def text(self) -> str:
        """What is written."""
        return self.draft.toPlainText()

    @property
    def is_editing(self) -> bool:
        """Whether a message that was sent is being changed."""
        return self._edited_id is not None

    # --- geometry ----------------------------------------------------------------------------

    def sizeHint(self) -> QSize:
        """As high as the draft's lines."""
        theme = self.theme
        height = self._editing_height() + self._files_height() + self.draft.height_wanted()
        return QSize(
            40 * theme.em, theme.gap(12) + height + theme.gap(5) + theme.px(34) + theme.gap(8)
        )

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Place the parts."""
        super().resizeEvent(event)
        self._lay_out()

    def is_written_in(self) -> bool:
        """Whether the draft has the focus."""
        return self.draft.hasFocus()

    def mousePressEvent(self, _event: QMouseEvent) -> None:
        """Anywhere in the box is the draft."""
        self.draft.setFocus(Qt.FocusReason.MouseFocusReason)

    def _editing_height(self) -> int:
        return self.theme.px(28) + self.theme.gap(4) if self.is_editing else 0

    def _files_height(self) -> int:
        wanted = self.files.height_wanted(self.width() - 2 * self.theme.gap(14))
        return wanted + self.theme.gap(10) if wanted else 0

    @Slot()
    def _lay_out(self) -> None:
        theme, width = self.theme, self.width()
        side, bottom = theme.gap(17), self.height() - theme.gap(8)
        self._editing.setVisible(self.is_editing)
        row = self._editing.sizeHint().height()
        self._editing.setGeometry(side, theme.gap(9), width - side - theme.gap(10), row)
        top = theme.gap(12) + self._editing_height()
        files, margin = self._files_height(), theme.gap(14)
        self.files.setVisible(bool(files))
        self.files.setGeometry(margin, top, width - 2 * margin, max(0, files - theme.gap(10)))
        top += files
        self.draft.setGeometry(side, top, width - 2 * side, self.draft.height_wanted())
        left, height = side - theme.gap(9), self.foot.sizeHint().height()
        self.foot.setGeometry(left, bottom - height, width - theme.gap(8) - left, height)
        self.foot.lay_out()
        self.updateGeometry()
        self.update()

    # --- what is done ------------------------------------------------------------------------

    def _connect(self) -> None:
        self.theme.changed.connect(self._lay_out)
        self.files.emptied.connect(self.draft.setFocus)
        self.foot.style_button.style_chosen.connect(self.style_chosen)
        self._editing.left.connect(self.leave_editing)
        self.send_button.clicked.connect(self._take_button)
        self.draft.send_requested.connect(self._send)
        self.draft.left.connect(self._take_escape)
        self.draft.last_message_requested.connect(self.last_message_requested)
        self.draft.height_changed.connect(self._lay_out)
        self.draft.textChanged.connect(self._take_text)
        self.draft.textChanged.connect(self._tell_draft)
        self.draft.focus_changed.connect(self.update)

    def say(self, text: str, colour: str = "text2") -> None:
        """A figure, or a few words, beside the round button."""
        self.figure.say(text, colour)
        self._lay_out()

    @Slot()
    def _take_text(self) -> None:
        self.send_button.setEnabled(self._has_content() or self.send_button.stops)
        if not self.send_button.isEnabled():
            self.figure.say("")
        self._lay_out()

    def _has_content(self) -> bool:
        return bool(self.text().strip() or self.files.files)

    @Slot()
    def _tell_draft(self) -> None:
        if not self._is_silent:
            self.draft_changed.emit(self._words_to_keep())

    def _words_to_keep(self) -> str:
        """The draft; with an edit that has begun, both, since either may be lost else."""
        if not self.is_editing:
            return self.text()
        edit = self.text() if self.text() != self._edited_text else ""
        return "\n\n".join(text for text in (self._put_aside, edit) if text)

    def _put_text(self, text: str) -> None:
        """Show a text that is no news to whoever keeps drafts."""
        self._is_silent = True
        self.draft.set_text(text)
        self._is_silent = False

    @Slot()
    def _take_button(self) -> None:
        if self.send_button.stops:
            self.stop_requested.emit()
        else:
            self._send()

    @Slot()
    def _send(self) -> None:
        if not self._has_content() or not self.may_send():
            return
        edited, text, files = self._edited_id, self.text().strip(), self.files.attachments()
        if edited is not None:
            self.leave_editing()
            self.edit_finished.emit(edited, text, files)
            return
        self._put_text("")
        self.send_requested.emit(text, files)

    @Slot()
    def _take_escape(self) -> None:
        if self.is_editing:
            self.leave_editing()
        else:
            self.left.emit()

    @Slot()
    def leave_editing(self) -> None:
        """Back to what was being written before."""
        if self._edited_id is not None:
            text = self._put_aside
            self._leave_editing()
            self.draft.set_text(text)

    def _leave_editing(self) -> None:
        was_editing = self.is_editing
        self._edited_id = None
        self._edited_text = self._put_aside = ""
        self._lay_out()
        if was_editing:
            self.edit_left.emit()
