"""Joins the chat page and the files of the draft: attaching, showing, cutting, refusing.

Knows nothing of how files are read, nor of how a message is sent.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Qt, Slot
from PySide6.QtWidgets import QFileDialog, QWidget

from app.core.context_fit import reply_room_tokens
from app.core.conversation import Attachment
from app.runtime.chat_session import ChatSession
from app.runtime.draft_files import DraftFile
from app.runtime.facts import ContextUse, Notice, NoticeAction, NoticeKind
from app.ui.amounts import count_text, rough_count_text, tokens_text
from app.ui.announcer import Announcer
from app.ui.attachment_row import figure_of
from app.ui.attachment_window import AttachmentWindow
from app.ui.chat_page import ChatPage
from app.ui.cut_window import CutWindow
from app.ui.file_drop import FileDrop

TOO_LONG = "too long"


class AttachmentWishes(QObject):
    """Listens to the composer, the page and the transcript, and asks the session."""

    def __init__(self, session: ChatSession, page: ChatPage, window: QWidget) -> None:
        super().__init__(page)
        self._page = page
        self._window = window
        self._attaching = session.attaching
        self._use = ContextUse(0, 0, 0)
        self._announcer = Announcer(page)
        self.drop = FileDrop(page.theme, page)
        self._connect(session)

    def _connect(self, session: ChatSession) -> None:
        composer, attaching = self._page.composer, self._attaching
        attaching.files_changed.connect(self._show_files)
        attaching.attachment_failed.connect(self._tell_failure)
        attaching.attachment_read.connect(self._tell_read)
        session.context_changed.connect(self._take_context)
        self.drop.files_dropped.connect(self._attach)
        composer.foot.attach_button.clicked.connect(self.choose_files)
        composer.draft.files_pasted.connect(self._attach)
        composer.draft.picture_pasted.connect(self._tell_picture)
        composer.files.open_requested.connect(self._show_text)
        composer.files.remove_requested.connect(attaching.remove)
        composer.send_requested.connect(self._clear)
        composer.edit_left.connect(attaching.end_edit)
        composer.may_send = self._may_send
        self._page.notices.action_requested.connect(self._act)
        self._page.transcript.attachment_requested.connect(self._show_sent)

    @Slot()
    def choose_files(self) -> None:
        """Ask which files."""
        paths, _ = QFileDialog.getOpenFileNames(self._window, "Attach files", "", "All files (*)")
        if paths:
            self._attach([Path(path) for path in paths])

    @Slot(object)
    def _attach(self, paths: list[Path]) -> None:
        self._attaching.attach(paths)
        self._page.composer.draft.setFocus(Qt.FocusReason.OtherFocusReason)

    @Slot(str, object)
    def _clear(self, _text: str, attachments: tuple[Attachment, ...]) -> None:
        if attachments:
            self._attaching.clear()

    # --- facts -------------------------------------------------------------------------------

    @Slot(object)
    def _show_files(self, files: tuple[DraftFile, ...]) -> None:
        self._page.composer.show_files(files)

    @Slot(object)
    def _tell_read(self, file: DraftFile) -> None:
        self._announcer.say(f"{file.name} is attached, {figure_of(file)}.")

    @Slot(str, str)
    def _tell_failure(self, name: str, sentence: str) -> None:
        title = "A file was not attached."
        key = f"attachment {name}"
        self._page.notices.add(Notice(NoticeKind.WARNING, title, sentence, key=key))
        self._announcer.say(sentence, is_urgent=True)

    @Slot()
    def _tell_picture(self) -> None:
        title, text = "The picture was not pasted.", "Octet can’t read pictures."
        self._page.notices.add(Notice(NoticeKind.WARNING, title, text, key="picture"))
        self._announcer.say(f"{title} {text}", is_urgent=True)

    @Slot(object)
    def _take_context(self, use: ContextUse) -> None:
        self._use = use
        if not use.excess_tokens:
            self._page.notices.clear(TOO_LONG)

    # --- before it is sent -------------------------------------------------------------------

    def _may_send(self) -> bool:
        composer = self._page.composer
        if composer.files.is_reading:
            composer.say("A file is still being read")
            return False
        if not composer.files.files or not self._use.excess_tokens:
            return True
        self._refuse()
        return False

    def _refuse(self) -> None:
        excess, memory = self._use.excess_tokens, count_text(self._use.context_tokens)
        if self._use.is_estimate:
            about = rough_count_text(excess)
            title = (
                f"This message is about {about} tokens longer than the model’s memory of {memory}."
            )
        else:
            exact = tokens_text(excess)
            title = f"This message is {exact} longer than the model’s memory of {memory}."
        text = "Nothing was sent. Cut a file, shorten the message or choose a larger context."
        notice = Notice(NoticeKind.ERROR, title, text, NoticeAction.CUT_FILE, key=TOO_LONG)
        self._page.notices.add(notice)
        self._announcer.say(f"{title} {text}", is_urgent=True)

    @Slot(object)
    def _act(self, notice: Notice) -> None:
        if notice.action is NoticeAction.CUT_FILE:
            files = [file for file in self._page.composer.files.files if not file.is_reading]
            if files:
                self._cut(max(files, key=lambda file: file.tokens).file_id)

    # --- windows -----------------------------------------------------------------------------

    @Slot(int)
    def _show_text(self, file_id: int) -> None:
        file = self._find(file_id)
        if file is None or file.attachment is None:
            return
        window = AttachmentWindow(
            self._page.theme,
            file.attachment,
            self._window,
            figure=figure_of(file),
            note=file.note,
            can_cut=True,
        )
        window.cut_requested.connect(window.close)
        window.cut_requested.connect(partial(self._cut, file_id))
        window.open_beside()

    @Slot(object)
    def _show_sent(self, attachment: Attachment) -> None:
        AttachmentWindow(self._page.theme, attachment, self._window).open_beside()

    def _cut(self, file_id: int) -> None:
        file = self._find(file_id)
        if file is None or file.attachment is None:
            return
        room = self._room_for(file)
        window = CutWindow(self._page.theme, file, file.attachment, room, self._window)
        window.cut_requested.connect(partial(self._attaching.change, file_id))
        window.open_beside()

    def _room_for(self, file: DraftFile) -> int:
        """The tokens that are left for it beside the rest of the draft, and room for a reply."""
        use = self._use
        if not use.context_tokens:
            return file.tokens
        reply_tokens = reply_room_tokens(use.context_tokens)
        return use.context_tokens - reply_tokens - (use.draft_tokens - file.tokens)

    def _find(self, file_id: int) -> DraftFile | None:
        files = self._page.composer.files.files
        return next((file for file in files if file.file_id == file_id), None)
