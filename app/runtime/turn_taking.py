"""Whose turn it is: the one state machine of the program.

    NO_MODEL <-> LOADING -> READY -> READING -> REPLYING -> READY
                                        |          |
                                        +-> STOPPING -----> READY

A wish that can't be fulfilled yet waits: messages in their chat's queue, a model, and of anything
else the last one. No wish that waits holds words that aren't on the disk. Knows nothing of how
replies are made, models loaded or chats kept; its parts do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from PySide6.QtCore import QObject, Signal

from app.core.conversation import Attachment, Conversation, Message, MessageState, Role
from app.engine.protocol import Failed, Finished, MemoryFull
from app.runtime import notices
from app.runtime.answering import Answering
from app.runtime.chat_settings import ChatSettings
from app.runtime.chat_shelf import ChatShelf
from app.runtime.facts import SessionState
from app.runtime.model_loader import ModelLoader
from app.runtime.prompting import Manner, asked_of
from app.runtime.store_thread import StoreThread
from app.runtime.turn_saving import TurnSaver
from app.runtime.waiting_messages import WaitingMessages, WrittenMessage

Files = tuple[Attachment, ...]

_AS_SET = Manner()
_CAN_GO_ON = (MessageState.STOPPED, MessageState.CUT_OFF)


class TurnFacts(QObject):
    """What `TurnTaking` tells.

    Signals:
        state_changed(object): `SessionState`.
        reply_grew(int message_id, str text): as that of the session.
        reply_finished(object): as that of the session.
        memory_filled(object, object, int): the `Message` that was to be the reply, `MemoryFull`,
            and the last message that would have to leave the model's memory.
        queued_changed(str): what waits in the shown chat.
        notice_raised(object), notice_cleared(str)
    """

    state_changed = Signal(object)
    reply_grew = Signal(int, str)
    reply_finished = Signal(object)
    memory_filled = Signal(object, object, int)
    queued_changed = Signal(str)
    notice_raised = Signal(object)
    notice_cleared = Signal(str)


class TurnTaking(TurnFacts):
    """Takes the wishes that need the model, one after the other."""

    def __init__(
        self,
        settings: ChatSettings,
        store: StoreThread,
        shelf: ChatShelf,
        loader: ModelLoader,
        answering: Answering,
    ) -> None:
        super().__init__()
        self.state = SessionState.NO_MODEL
        self._settings = settings
        self._store = store
        self._saver = TurnSaver(store)
        self._shelf = shelf
        self._loader = loader
        self._answering = answering
        self._waiting = WaitingMessages()
        self._next: Callable[[], None] | None = None
        self._next_model_path = ""
        self._edits_being_saved = 0
        self._stop_is_wanted = False
        self._failed_reply_id = 0
        self._manner = _AS_SET  # of the reply that is being saved, and then made
        self._is_ending = False
        loader.load_began.connect(partial(self._set_state, SessionState.LOADING))
        loader.load_ended.connect(self._end_loading)
        answering.text_arrived.connect(self._grow_reply)
        answering.ended.connect(self._end_reply)
        shelf.conversation_opened.connect(self._show_queue)
        shelf.growing_reply = lambda: answering.reply

    # --- wishes ------------------------------------------------------------------------------

    def send(self, text: str, files: Files = ()) -> None:
        """Put the user's message at the end of the shown branch and let the model answer."""
        text = text.strip()
        if not text and not files:
            return
        waiting = self._waiting.add(self._shelf.shown_id, text, files)
        if not self._is_ready:
            self._shelf.set_waiting(waiting)
        self._go_on()
        self._show_queue()
        if self._waiting and self.state is SessionState.NO_MODEL:
            self.notice_raised.emit(notices.no_model())

    def stop(self) -> None:
        """End the reply; what has arrived is kept."""
        if self.state in (SessionState.READING, SessionState.REPLYING):
            self._stop_is_wanted = True  # the turn may not have been saved yet
            self._set_state(SessionState.STOPPING)
            self._answering.stop()

    def answer_again(self, message_id: int) -> None:
        """Let the model answer the message before the reply `message_id` once more."""
        reply = _find(self._shelf.shown.branch, message_id, Role.ASSISTANT)
        if reply is not None and reply.parent_id is not None:
            self._do_next(partial(self._answer_again, reply))

    def edit_message(self, message_id: int, text: str, files: Files | None = None) -> None:
        """Put another version beside the user's message, with its files unless others are given."""
        message, text = _find(self._shelf.shown.branch, message_id, Role.USER), text.strip()
        if message is None or not (text or files):
            return
        written = WrittenMessage(text, message.attachments if files is None else files)
        is_first = self._is_ready and not self._edits_being_saved
        then = self._begin_reply if is_first else self._end_saving_edit
        owner_id, parent_id = message.conversation_id, message.parent_id
        self._saver.add(owner_id, parent_id, written, self._loader.model_name, then)
        if is_first:
            self._set_state(SessionState.READING)
        else:  # saved all the same: words never wait for a model or a reply
            self._edits_being_saved += 1
            self.stop()

    def continue_reply(self, message_id: int) -> None:
        """Let a stopped reply at the end of the branch go on."""
        reply = _find(self._shelf.shown.branch, message_id, Role.ASSISTANT)
        is_last = reply is not None and self._shelf.shown.branch[-1] == reply
        if reply is not None and is_last and reply.state in _CAN_GO_ON:
            self.resume(reply)

    def resume(self, reply: Message, manner: Manner = _AS_SET) -> None:
        """Let the reply at the end of the branch go on, or begin at last."""
        self._do_next(partial(self._resume, reply, manner))

    def answer_text(self, owner_id: int, parent_id: int | None, text: str, how: Manner) -> None:
        """Put `text`, to the letter, below `parent_id` and let the model go on from there."""
        self._do_next(partial(self._answer_text, owner_id, parent_id, text, how))

    def try_again(self) -> None:
        """Do once more what failed: load the model, or answer."""
        if self.state is SessionState.NO_MODEL:
            self._loader.reload()
        elif self._failed_reply_id:
            self.answer_again(self._failed_reply_id)

    def load_model(self, path: str) -> None:
        """Load another model, after the reply under way, which is stopped."""
        if self.state.is_working:
            self._next_model_path = path
            self.stop()
        else:
            self._loader.load(path)

    def give_up_waiting(self, conversation_id: int) -> None:
        """What waits in that chat isn't sent; it stays on the disk and comes back as a draft."""
        self._waiting.remove(conversation_id)
        self._shelf.forget_waiting(conversation_id)

    def end(self) -> None:
        """The program ends: nothing more is begun."""
        self._is_ending = True

    # --- one after the other -----------------------------------------------------------------

    def _do_next(self, wish: Callable[[], None]) -> None:
        self._next = wish
        self.stop()
        self._go_on()

    def _go_on(self) -> None:
        """Do what waits, if it is the user's turn; bring the model back if it is missing."""
        if self.state.is_working or self._loader.is_loading or self._is_ending:
            return
        if self._next_model_path:
            path, self._next_model_path = self._next_model_path, ""
            self._loader.load(path)
            return
        if self._edits_being_saved or not (self._next or self._waiting):
            return
        if not self._loader.is_loaded:
            self._loader.reload()
        elif self._next is not None:
            wish, self._next = self._next, None
            wish()
        else:
            self._send_first_waiting()

    def _send_first_waiting(self) -> None:
        owner_id, written = self._waiting.take_first()
        self._shelf.forget_waiting(owner_id)
        self._show_queue()
        self._set_state(SessionState.READING)
        self._saver.append(owner_id, written, self._loader.model_name, self._begin_reply)

    def _end_saving_edit(self, asked_id: int, conversation: Conversation | None) -> None:
        self._edits_being_saved -= 1
        self._begin_later(asked_id, conversation)
        self._go_on()

    def _answer_again(self, reply: Message) -> None:
        self._set_state(SessionState.READING)
        self._saver.answer_again(reply, self._loader.model_name, self._begin_reply)

    def _answer_text(self, owner_id: int, parent_id: int | None, text: str, how: Manner) -> None:
        self._set_state(SessionState.READING)
        self._manner = how
        written = WrittenMessage(text)
        self._saver.add(owner_id, parent_id, written, self._loader.model_name, self._begin_reply)

    def _resume(self, reply: Message, manner: Manner) -> None:
        self._set_state(SessionState.READING)
        self._manner = manner
        self._saver.resume(reply, self._loader.model_name, self._begin_reply)

    def _begin_reply(self, asked_id: int, conversation: Conversation | None) -> None:
        """The user's words are on the disk: now the engine may be asked."""
        model = self._loader.model
        if conversation is None or model is None:
            self._take_turn_back()
        elif not self._loader.is_loaded:  # the engine has died meanwhile
            manner = self._manner
            self._take_turn_back()
            self._begin_later(asked_id, conversation, manner)
        else:
            self.notice_cleared.emit(notices.REPLY)
            self._failed_reply_id = 0
            self._shelf.begin_turn(conversation, asked_id)
            settings = self._settings.of(conversation, asked_id)
            asked = asked_of(conversation, settings, model, self._manner)
            self._answering.begin(conversation.branch[-1], asked, model)
            if self._stop_is_wanted:
                self._answering.stop()

    def _begin_later(
        self, asked_id: int, conversation: Conversation | None, manner: Manner = _AS_SET
    ) -> None:
        """The user's words are on the disk, and nobody is there to answer yet."""
        if conversation is not None:
            reply = replace(conversation.branch[-1], state=MessageState.CUT_OFF)
            self._store.run(lambda store: store.write_reply(reply))
            self._shelf.begin_turn(conversation, asked_id)
            self._shelf.end_reply(reply)
            self.reply_finished.emit(reply)
            self.resume(reply, manner)

    # --- what the parts tell -----------------------------------------------------------------

    def _end_loading(self) -> None:
        if self._loader.is_loaded:
            self._take_turn_back()
        else:
            self._next = None
            self._set_state(SessionState.NO_MODEL)

    def _grow_reply(self, message_id: int, text: str) -> None:
        if self.state is SessionState.READING:
            self._set_state(SessionState.REPLYING)
        if self._shelf.shows_growing(message_id):
            self.reply_grew.emit(message_id, text)

    def _end_reply(self, message: Message, event: Finished | Failed | MemoryFull) -> None:
        self._shelf.end_reply(message)
        if self._shelf.shows_growing(message.message_id):
            self.reply_finished.emit(message)
        if isinstance(event, Finished):
            self.notice_cleared.emit(notices.ENGINE)
        else:
            self._failed_reply_id = message.message_id
            if isinstance(event, MemoryFull):
                self.memory_filled.emit(message, event, self._answering.last_message_of(event))
            elif event.fatal:
                self._loader.lose_at_work()
            else:
                self.notice_raised.emit(notices.reply_failed(event.sentence, event.details))
        self._take_turn_back()

    def _take_turn_back(self) -> None:
        self._stop_is_wanted, self._manner = False, _AS_SET
        self._set_state(SessionState.READY)
        self._go_on()

    # --- pieces ------------------------------------------------------------------------------

    @property
    def _is_ready(self) -> bool:
        return self.state is SessionState.READY and self._loader.is_loaded

    def _set_state(self, state: SessionState) -> None:
        if state is not self.state:
            self.state = state
            self.state_changed.emit(state)

    def _show_queue(self) -> None:
        self.queued_changed.emit(self._waiting.title(self._shelf.shown_id))


def _find(branch: Sequence[Message], message_id: int, role: Role) -> Message | None:
    return next((m for m in branch if m.message_id == message_id and m.role is role), None)
