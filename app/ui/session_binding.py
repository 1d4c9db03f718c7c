"""Shows the session's facts in the panels.

Keeps no state of its own beside what can't be asked of the session. Knows nothing of wishes, nor
of how panels look.
"""

from __future__ import annotations

from PySide6.QtCore import QObject, Slot

from app.core.conversation import Conversation, Message
from app.core.model_library import size_text
from app.core.presets import Presets
from app.core.settings import SEND_KEY, Settings
from app.engine.protocol import LoadedModel
from app.runtime import notices as notice_keys
from app.runtime.chat_session import ChatSession
from app.runtime.facts import (
    ContextUse,
    LoadingProgress,
    ModelChoice,
    Notice,
    NoticeAction,
    SessionState,
)
from app.ui.amounts import tokens_text
from app.ui.announcer import Announcer
from app.ui.chat_page import ChatPage
from app.ui.mark import MarkClock
from app.ui.sidebar import Sidebar


class SessionBinding(QObject):
    """Listens to the session, and tells the chat page and the sidebar."""

    def __init__(
        self,
        session: ChatSession,
        settings: Settings,
        page: ChatPage,
        sidebar: Sidebar,
        clock: MarkClock,
    ) -> None:
        super().__init__(page)
        self._session = session
        self._settings = settings
        self._page = page
        self._sidebar = sidebar
        self._clock = clock
        self._announcer = Announcer(page)
        self._models: tuple[ModelChoice, ...] = ()
        self._banner_closed = False
        self._connect_facts()
        self.show_settings()
        self._take_model(session.model)
        self._take_conversation(session.conversation)
        self._take_state(session.state)

    @property
    def models(self) -> tuple[ModelChoice, ...]:
        """The models on this computer."""
        return self._models

    @property
    def demo(self) -> ModelChoice | None:
        """The demo among them."""
        return next((each for each in self._models if each.is_demo), None)

    @Slot()
    def show_settings(self) -> None:
        """Style and send key as they are in force."""
        presets = Presets(self._settings)
        names = tuple(preset.name for preset in presets.all)
        in_force = presets.name_in_force(self._session.chat_settings.shown)
        self._page.composer.set_style(in_force, names)
        self._page.composer.set_send_key(self._settings.get(SEND_KEY) == "enter")

    # --- facts -------------------------------------------------------------------------------

    def _connect_facts(self) -> None:
        session, page, transcript = self._session, self._page, self._page.transcript
        session.state_changed.connect(self._take_state)
        session.model_changed.connect(self._take_model)
        session.models_changed.connect(self._take_models)
        session.model_unloaded.connect(self._show_model)
        session.chat_settings.options_changed.connect(self.show_settings)
        session.loading_progressed.connect(self._take_loading)
        session.conversations_changed.connect(self._sidebar.list.show_conversations)
        session.conversation_opened.connect(self._take_conversation)
        session.draft_opened.connect(page.composer.show_draft)
        session.title_changed.connect(self._take_title)
        session.message_added.connect(self._take_message)
        session.reply_resumed.connect(transcript.resume_reply)
        session.reading_progressed.connect(transcript.show_reading)
        session.reply_grew.connect(self._take_text)
        session.reply_finished.connect(self._take_reply)
        session.speed_changed.connect(page.composer.show_speed)
        session.context_changed.connect(self._take_context)
        session.memory_line_moved.connect(transcript.move_memory_line)
        session.queued_changed.connect(page.queued.show_text)
        session.notice_raised.connect(self._take_notice)
        session.notice_cleared.connect(self._clear_notice)
        page.banner.closed.connect(self.close_banner)

    @Slot(object)
    def _take_state(self, state: SessionState) -> None:
        page, is_working = self._page, state.is_working
        if is_working != page.composer.send_button.stops:
            page.composer.show_reply(is_working)
        self._clock.set_running(is_working)
        page.header.show_loading(state is SessionState.LOADING)
        self._sidebar.list.set_replying(self._session.replying_conversation_id or -1)
        if state is not SessionState.LOADING:
            self._show_model()
        self._show_empty()
        page.composer.set_placeholder(self._placeholder(state))

    @Slot()
    def close_banner(self) -> None:
        """The line about the demo is gone until the next start."""
        self._banner_closed = True
        self._page.banner.hide()

    @Slot(object)
    def _take_model(self, _model: LoadedModel | None) -> None:
        self._show_model()
        self._show_empty()
        self._page.banner.setVisible(self._session.is_demo and not self._banner_closed)
        self._page.composer.set_placeholder(self._placeholder(self._session.state))

    @Slot(object)
    def _take_models(self, models: tuple[ModelChoice, ...]) -> None:
        self._models = models
        self._show_model()
        self._show_empty()

    @Slot(object)
    def _take_loading(self, progress: LoadingProgress) -> None:
        demo = self.demo
        is_demo = demo is not None and demo.name == progress.name
        self._page.header.chip.show_loading(progress, is_demo=is_demo)
        self._page.header.lay_out()

    @Slot(object)
    def _take_conversation(self, conversation: Conversation) -> None:
        page = self._page
        self.show_settings()
        page.transcript.show_branch(conversation.branch)
        self._show_title(conversation.summary.title)
        page.show_messages(bool(conversation.branch))
        self._sidebar.list.set_open(conversation.summary.conversation_id)

    @Slot(int, str)
    def _take_title(self, conversation_id: int, title: str) -> None:
        if conversation_id == self._session.conversation.summary.conversation_id:
            self._show_title(title)
            self._sidebar.list.set_open(conversation_id)

    @Slot(object)
    def _take_message(self, message: Message) -> None:
        self._page.transcript.add_message(message)
        self._page.show_messages(True)
        self._sidebar.list.set_open(message.conversation_id)
        self._page.header.set_can_change(True)

    @Slot(int, str)
    def _take_text(self, message_id: int, text: str) -> None:
        self._page.transcript.grow(message_id, text)
        self._announcer.add_text(text)

    @Slot(object)
    def _take_reply(self, message: Message) -> None:
        self._page.transcript.finish_reply(message)
        self._announcer.end_text()

    @Slot(object)
    def _take_context(self, use: ContextUse) -> None:
        self._page.header.show_use(use if self._session.model is not None else None)
        count = use.pushed_out_messages
        warning = f"the {count:,} oldest messages make room" if count > 1 else ""
        if count == 1:
            warning = "the oldest message makes room"
        if use.excess_tokens:
            warning = "too long for the model’s memory"
        self._page.composer.show_draft_tokens(use.draft_tokens, warning, is_about=use.is_estimate)

    @Slot(object)
    def _take_notice(self, notice: Notice) -> None:
        page = self._page
        self._announcer.say(f"{notice.title} {notice.text}", is_urgent=True)
        if notice.key == notice_keys.REPLY and page.transcript.messages:
            page.transcript.show_notice(notice)
        elif notice.action is NoticeAction.UNDO_DELETE:
            page.toast.say(notice.title.rstrip("."), "trash", can_undo=True)
            page.place_toast()
        else:
            page.notices.add(notice)

    @Slot(str)
    def _clear_notice(self, key: str) -> None:
        if key == notice_keys.REPLY:
            self._page.transcript.show_notice(None)
        elif key == notice_keys.BIN:
            self._page.toast.hide()
        self._page.notices.clear(key)

    # --- parts -------------------------------------------------------------------------------

    def _show_model(self) -> None:
        model, header = self._session.model, self._page.header
        if self._session.state is SessionState.LOADING:
            return
        detail = model.quant if model is not None else ""
        if model is not None and self._session.is_demo:
            detail = size_text(model.file_bytes)
        header.chip.show_model(
            model,
            detail,
            is_demo=self._session.is_demo,
            is_loaded=self._session.is_loaded,
        )
        if model is None:
            header.show_use(None)
        header.lay_out()

    def _show_empty(self) -> None:
        empty, model = self._page.empty, self._session.model
        if self._session.state is SessionState.NO_MODEL:
            empty.show_no_model(has_demo=self.demo is not None)
        elif model is None:
            empty.show_model("You can write already. It is sent when the model is ready.")
        elif self._session.is_demo:
            empty.show_demo()
        else:
            empty.show_model(f"{model.name}, {tokens_text(model.context_tokens)} of memory")

    def _show_title(self, title: str) -> None:
        summary = self._session.conversation.summary
        self._page.header.show_title(title, can_change=bool(summary.conversation_id))

    def _placeholder(self, state: SessionState) -> str:
        model = self._session.model
        if state.is_working:
            return "Write the next message while this one is answered"
        if state is SessionState.LOADING:
            return "Write a message"
        if model is None:
            return "Write a message"
        if self._session.is_demo:
            return "Message the demo"
        return "Message Mixtral" if model.name.startswith("Mixtral") else f"Message {model.name}"
