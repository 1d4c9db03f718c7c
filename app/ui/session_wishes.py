"""Hands the panels' wishes on to the session.

Knows nothing of how the session fulfils them; what comes of them is told as facts.
"""

from __future__ import annotations

from PySide6.QtCore import QObject, QUrl, Signal, Slot
from PySide6.QtGui import QDesktopServices

from app.core.conversation import Attachment, Role
from app.core.errors import DataFolderError
from app.core.presets import Presets
from app.core.settings import PRESET_ROWS, Settings
from app.runtime.chat_session import ChatSession
from app.runtime.facts import Notice, NoticeAction
from app.ui.chat_page import ChatPage
from app.ui.session_binding import SessionBinding
from app.ui.sidebar import Sidebar


class SessionWishes(QObject):
    """Listens to the chat page and the sidebar, and asks the session.

    Signals:
        details_requested(object): the notice whose technical lines are to be shown.
        settings_changed: another style is in force.
        saving_failed(str): a sentence; the setting holds until the program ends.
    """

    details_requested = Signal(object)
    settings_changed = Signal()
    saving_failed = Signal(str)

    def __init__(
        self,
        session: ChatSession,
        settings: Settings,
        page: ChatPage,
        sidebar: Sidebar,
        facts: SessionBinding,
    ) -> None:
        super().__init__(page)
        self._session = session
        self._settings = settings
        self._page = page
        self._sidebar = sidebar
        self._facts = facts
        self._connect_wishes()

    def _connect_wishes(self) -> None:
        session, page, sidebar = self._session, self._page, self._sidebar
        composer, transcript = page.composer, page.transcript
        composer.send_requested.connect(session.send)
        composer.stop_requested.connect(session.stop)
        composer.edit_finished.connect(self._finish_edit)
        composer.draft_changed.connect(session.measure_draft)
        composer.style_chosen.connect(self._choose_style)
        composer.last_message_requested.connect(self._edit_last)
        transcript.edit_requested.connect(self._edit)
        transcript.again_requested.connect(session.answer_again)
        transcript.continue_requested.connect(session.continue_reply)
        transcript.pin_requested.connect(session.memory.pin)
        transcript.fork_requested.connect(session.forks.fork)
        transcript.version_requested.connect(session.show_version)
        for cards in (page.notices, transcript):
            name = "notice_action_requested" if cards is transcript else "action_requested"
            getattr(cards, name).connect(self._act)
            name = "notice_details_requested" if cards is transcript else "details_requested"
            getattr(cards, name).connect(self.details_requested)
        page.empty.question_asked.connect(session.send)
        page.empty.demo_requested.connect(self._load_demo)
        page.toast.undo_requested.connect(session.undo_delete)
        page.header.cancel_requested.connect(session.cancel_load)
        page.header.rename_requested.connect(self._rename_open)
        page.header.delete_requested.connect(self._delete_open)
        sidebar.list.open_requested.connect(session.open_conversation)
        sidebar.list.rename_requested.connect(session.rename_conversation)
        sidebar.list.delete_requested.connect(session.delete_conversation)

    @Slot(str)
    def _choose_style(self, name: str) -> None:
        """For this chat, if it has values of its own, else for all."""
        presets, chat = Presets(self._settings), self._session.chat_settings
        try:
            if any(chat.shown.is_own(row) for row in PRESET_ROWS):
                chat.set_options(chat.shown.with_values(presets.options_of(name)))
            else:
                presets.choose(name)
        except DataFolderError as error:
            self.saving_failed.emit(str(error))
        self.settings_changed.emit()

    @Slot()
    def _edit_last(self) -> None:
        for message in reversed(self._page.transcript.messages):
            if message.role is Role.USER:
                self._edit(message.message_id)
                return

    @Slot(int)
    def _edit(self, message_id: int) -> None:
        for message in self._page.transcript.messages:
            if message.message_id == message_id:
                self._page.composer.edit_message(message_id, message.text)
                self._session.attaching.begin_edit(message.attachments)

    @Slot(int, str, object)
    def _finish_edit(
        self, message_id: int, text: str, files: tuple[Attachment, ...] | None
    ) -> None:
        """A message of the user's is answered anew; a reply only gets another version."""
        messages = self._page.transcript.messages
        if any(m.message_id == message_id and m.role is Role.ASSISTANT for m in messages):
            self._session.replies.edit(message_id, text)
        else:
            self._session.edit_message(message_id, text, files)

    @Slot(object)
    def _act(self, notice: Notice) -> None:
        if notice.action is NoticeAction.TRY_AGAIN:
            self._session.try_again()
        elif notice.action is NoticeAction.LOAD_AGAIN:
            self._session.load_again()
        elif notice.action is NoticeAction.DETAILS:
            self.details_requested.emit(notice)
        elif notice.action is NoticeAction.SHOW_FOLDER:
            QDesktopServices.openUrl(QUrl.fromLocalFile(notice.details))
        elif notice.action is NoticeAction.UNDO_DELETE:
            self._session.undo_delete()
        elif notice.action is NoticeAction.DROP_OLDEST:
            self._session.memory.drop_oldest()
        elif notice.action is NoticeAction.SUMMARISE_OLDEST:
            self._session.memory.summarise_oldest()
        elif notice.action is NoticeAction.LARGER_CONTEXT:
            self._sidebar.settings_requested.emit()

    @Slot()
    def _load_demo(self) -> None:
        demo = self._facts.demo
        if demo is not None:
            self._session.load_model(demo.path)

    @Slot(str)
    def _rename_open(self, title: str) -> None:
        summary = self._session.conversation.summary
        self._session.rename_conversation(summary.conversation_id, title)

    @Slot()
    def _delete_open(self) -> None:
        self._session.delete_conversation(self._session.conversation.summary.conversation_id)
