"""What the window talks to: it takes wishes and tells facts.

`ChatSession` joins the parts: whose turn it is (`TurnTaking`, the state machine), the chats, the
model, the reply under way and the gauge. Knows nothing of widgets, and decides nothing itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from PySide6.QtCore import Slot

from app.core.conversation import Attachment, Conversation
from app.core.paths import DataFolder
from app.core.settings import Settings
from app.engine.protocol import LoadedModel
from app.runtime import notices
from app.runtime.answering import Answering
from app.runtime.attaching import Attaching
from app.runtime.chat_forks import ChatForks
from app.runtime.chat_memory import ChatMemory
from app.runtime.chat_settings import ChatSettings
from app.runtime.chat_shelf import ChatShelf
from app.runtime.context_gauge import ContextGauge
from app.runtime.engine_news import EngineNews
from app.runtime.engine_thread import EngineThread
from app.runtime.facts import (
    ContextUse,
    LoadingProgress,
    ModelChoice,
    Notice,
    NoticeAction,
    NoticeKind,
    ReadingProgress,
    SessionState,
)
from app.runtime.idle_unloader import IdleUnloader
from app.runtime.model_loader import ModelLoader
from app.runtime.reply_editing import ReplyEditing
from app.runtime.session_facts import SessionFacts
from app.runtime.speed_meter import SpeedMeter
from app.runtime.store_news import StoreNews
from app.runtime.store_thread import StoreThread
from app.runtime.text_continuing import TextContinuing
from app.runtime.turn_taking import TurnTaking

__all__ = [
    "ChatSession",
    "ContextUse",
    "LoadingProgress",
    "ModelChoice",
    "Notice",
    "NoticeAction",
    "NoticeKind",
    "ReadingProgress",
    "SessionState",
]


Files = tuple[Attachment, ...]


class ChatSession(SessionFacts):
    """The chats, the model, and the reply that grows. Lives on the window's thread.

    Its slots, and those of its public parts (`speed`, `memory`, `attaching` …), are the window's
    wishes: each returns at once, and its effect is told as facts.
    """

    def __init__(
        self,
        folder: DataFolder,
        resources_folder: Path,
        settings: Settings,
        store: StoreThread,
        engine: EngineThread,
        *,
        offline: bool = False,
    ) -> None:
        super().__init__()
        self.offline = offline
        self._settings = settings
        self._store = store
        self._engine = engine
        self._shelf = ChatShelf(store)
        self.chat_settings = ChatSettings(settings, self._shelf)
        self._loader = ModelLoader(folder, resources_folder, settings, store, engine)
        self._gauge = ContextGauge(engine)
        self._answering = Answering(store, engine)
        self._turns = TurnTaking(
            self.chat_settings, store, self._shelf, self._loader, self._answering
        )
        self._store_news = StoreNews(store, folder.root)
        self._engine_news = EngineNews(engine, self._loader, self._gauge, self._answering)
        self.speed = SpeedMeter(settings, store, engine, self._loader, self._gauge)
        self.unloader = IdleUnloader(settings, self._loader, self._turns, self.speed)
        self.attaching = Attaching(engine, self._shelf, self._loader, self._gauge)
        self.memory = ChatMemory(
            self.chat_settings,
            store,
            self._shelf,
            self._loader,
            self._gauge,
            self._answering,
            self._turns,
        )
        self.replies = ReplyEditing(store, self._shelf)
        self.forks = ChatForks(store, self._shelf)
        self.texts = TextContinuing(self._shelf, self._turns)
        self._is_closing = False
        self._pass_facts_on()
        self._join_parts()

    def _pass_facts_on(self) -> None:
        for part, names in (
            (self._turns, "state_changed reply_grew reply_finished queued_changed"),
            (self._loader, "model_changed models_changed loading_progressed model_unloaded"),
            (self._shelf, "conversations_changed conversation_opened draft_opened"),
            (self._shelf, "title_changed message_added reply_resumed notice_raised"),
            (self._answering, "reading_progressed speed_changed"),
            (self._gauge, "context_changed"),
            (self._turns, "notice_raised notice_cleared"),
            (self._loader, "notice_raised notice_cleared"),
            (self.memory, "notice_raised memory_line_moved"),
            (self._store_news, "notice_raised notice_cleared"),
            (self._engine_news, "notice_raised"),
        ):
            for name in names.split():
                getattr(part, name).connect(getattr(self, name))

    def _join_parts(self) -> None:
        self._loader.load_began.connect(self._gauge.pause)
        self._loader.model_changed.connect(self._gauge.set_model)
        self._loader.model_unloaded.connect(self._gauge.pause)
        self._answering.ended.connect(self.speed.note_reply)
        self._turns.state_changed.connect(self.speed.note_state)
        self.speed.is_free = lambda: self.state is SessionState.READY and self._loader.is_loaded
        self._store.news_arrived.connect(self._shelf.refresh)
        self._shelf.files_opened.connect(self.attaching.restore)
        self.attaching.draft_files_changed.connect(self._shelf.keep_files)
        self.chat_settings.options_kept.connect(self._keep_options)

    # --- facts that can be asked -------------------------------------------------------------

    @property
    def state(self) -> SessionState:
        """What the session is doing."""
        return self._turns.state

    @property
    def model(self) -> LoadedModel | None:
        """The model that answers; after the engine's death it is loaded again when needed."""
        return self._loader.model

    @property
    def conversation(self) -> Conversation:
        """The chat that is shown, with a growing reply as it stands now."""
        return self._shelf.shown

    @property
    def draft(self) -> str:
        """What stands in the shown chat's composer."""
        return self._shelf.draft

    @property
    def is_demo(self) -> bool:
        """Whether it is the demo that answers."""
        return self._loader.is_demo

    @property
    def is_loaded(self) -> bool:
        """Whether the model is in memory; without it, the next message loads it first."""
        return self._loader.is_loaded

    @property
    def is_outdated(self) -> bool:
        """Whether the settings want the loaded model loaded otherwise than it was."""
        return self._loader.is_outdated

    @property
    def replying_conversation_id(self) -> int:
        """The chat in which a reply grows, shown or not; 0 for none."""
        return self._answering.conversation_id

    @property
    def has_unsaved_chats(self) -> bool:
        """Whether something exists only in memory, since the disk refuses."""
        return self._store.has_unsaved

    # --- wishes ------------------------------------------------------------------------------

    @Slot()
    def start(self, model_path: str = "") -> None:
        """Show the chats and load `model_path`, else the last time's model, else the demo."""
        if self._settings.problem:
            self.notice_raised.emit(notices.settings_damaged(self._settings.problem))
        self._store.start()
        self._shelf.start()
        self._loader.start(model_path)

    @Slot()
    def close(self) -> None:
        """The end of the program: cuts off a growing reply, saves everything, and waits for it."""
        if not self._is_closing:
            self._is_closing = True
            self._turns.end()
            self.attaching.close()
            self._engine.close()
            self._shelf.save_draft()
            self._store.close()

    @Slot(str)
    @Slot(str, object)
    def send(self, text: str, files: Files = ()) -> None:
        """Put the user's message at the end of the shown branch and let the model answer."""
        self._turns.send(text, files)

    @Slot()
    def stop(self) -> None:
        """End the reply; what has arrived is kept."""
        self._turns.stop()

    @Slot(int)
    def answer_again(self, message_id: int) -> None:
        """Let the model answer once more; the reply `message_id` stays as another version."""
        self._turns.answer_again(message_id)

    @Slot(int, str, object)
    def edit_message(self, message_id: int, text: str, files: Files | None = None) -> None:
        """Put another version beside the user's message, with its files unless others are given."""
        self._turns.edit_message(message_id, text, files)

    @Slot(int)
    def continue_reply(self, message_id: int) -> None:
        """Let a stopped or cut off reply at the end of the branch go on."""
        self._turns.continue_reply(message_id)

    @Slot()
    def try_again(self) -> None:
        """Do once more what failed: load the model, or answer."""
        self._turns.try_again()

    @Slot()
    def load_again(self) -> None:
        """Load the model anew, by the settings in force; a reply under way is stopped."""
        if path := self._loader.trust_devices():
            self._turns.load_model(path)

    @Slot(int, int)
    def show_version(self, message_id: int, step: int) -> None:
        """Show the version of a message `step` places further, and what followed it."""
        self._shelf.show_version(message_id, step)

    @Slot(str)
    def load_model(self, path: str) -> None:
        """Load another model; a reply under way is stopped."""
        self._turns.load_model(path)

    @Slot()
    def cancel_load(self) -> None:
        """Give up the load that is under way."""
        self._loader.cancel()

    @Slot(str)
    def measure_draft(self, text: str) -> None:
        """What stands in the composer now: it is counted, and kept with its chat."""
        self._shelf.set_draft(text)
        self._gauge.set_draft(text)
        self.unloader.note_activity()

    @Slot()
    def new_conversation(self) -> None:
        """Show a chat without messages."""
        self._shelf.open_new()

    @Slot(int)
    def open_conversation(self, conversation_id: int) -> None:
        """Show that chat; a reply that grows in another one goes on."""
        self._shelf.open(conversation_id)

    @Slot(int)
    def open_neighbour(self, step: int) -> None:
        """Show the chat `step` places below in the list; after the last comes the first."""
        self._shelf.open_neighbour(step)

    @Slot(int, str)
    def rename_conversation(self, conversation_id: int, title: str) -> None:
        """Give a chat a title of the user's own."""
        self._shelf.rename(conversation_id, title)

    @Slot(int)
    def delete_conversation(self, conversation_id: int) -> None:
        """Move a chat to the bin; a reply in it is stopped, what waits there is not sent."""
        if conversation_id and conversation_id == self.replying_conversation_id:
            self._turns.stop()
        self._shelf.delete(conversation_id)
        if conversation_id:  # afterwards, since leaving the chat saves what waits in it
            self._turns.give_up_waiting(conversation_id)

    @Slot()
    def undo_delete(self) -> None:
        """Bring back the chat that was deleted last."""
        self.notice_cleared.emit(notices.BIN)
        self._shelf.undo_delete()

    # --- what the parts tell each other ------------------------------------------------------

    def _keep_options(self, conversation_id: int, options: Mapping[str, object]) -> None:
        self._store.run(lambda store: store.save_options(conversation_id, options))
