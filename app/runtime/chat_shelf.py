"""Which chats there are, and the one that is shown.

Knows nothing of models or replies; what it shows comes from the store, or from whoever lets a
reply grow.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from PySide6.QtCore import QObject, QTimer, Signal

from app.core.conversation import Attachment, Conversation, ConversationSummary, Message, Summary
from app.core.conversation_store import ConversationStore
from app.core.message_rows import Draft
from app.core.titles import NEW_CHAT_TITLE
from app.runtime import notices
from app.runtime.store_thread import StoreThread
from app.runtime.waiting_messages import WrittenMessage

BIN_SECONDS = 30 * 24 * 3600.0
DRAFT_DELAY_MS = 1000

_NEW_CHAT = 0


class ShelfFacts(QObject):
    """What `ChatShelf` tells.

    Signals:
        conversations_changed(object): tuple of `ConversationSummary`, newest first, the shown
            chat among them even while it has no message.
        conversation_opened(object): the `Conversation` that is shown from now on.
        draft_opened(str): what had been left in its composer.
        files_opened(int conversation_id, object): tuple of `Attachment`, left there with it.
        title_changed(int conversation_id, str title)
        message_added(object): a `Message` at the end of the shown branch.
        reply_resumed(object): the shown branch's last `Message` grows again.
        notice_raised(object): as that of the session.
    """

    conversations_changed = Signal(object)
    conversation_opened = Signal(object)
    draft_opened = Signal(str)
    files_opened = Signal(int, object)
    title_changed = Signal(int, str)
    message_added = Signal(object)
    reply_resumed = Signal(object)
    notice_raised = Signal(object)


class ChatShelf(ShelfFacts):
    """The list of chats, the bin, the drafts, and the chat that is shown.

    Attributes:
        draft: what stands in the shown chat's composer.
        growing_reply: asked for the reply that grows, as it stands at that moment.
    """

    def __init__(self, store: StoreThread, draft_delay_ms: int = DRAFT_DELAY_MS) -> None:
        super().__init__()
        self.draft = ""
        self.growing_reply: Callable[[], Message | None] = lambda: None
        self._shown = _new_chat()
        self._wanted_id = _NEW_CHAT  # opened last; the store may not have answered yet
        self._store = store
        self._summaries: tuple[ConversationSummary, ...] = ()
        self._waiting: dict[int, WrittenMessage] = {}
        self._files: dict[int, tuple[Attachment, ...]] = {}
        self._bin: list[int] = []
        self._latest_reply: Message | None = None  # newer than what the store may still tell
        self._timer = QTimer(self, singleShot=True, interval=draft_delay_ms)
        self._timer.timeout.connect(self.save_draft)

    @property
    def shown(self) -> Conversation:
        """The chat that is shown, with a growing reply as it stands now."""
        return self._with_latest_reply(self._shown)

    @property
    def shown_id(self) -> int:
        """The shown chat's id; 0 while it has no message."""
        return self._shown.summary.conversation_id

    def start(self) -> None:
        """Show a new chat and the list, and remove what has been in the bin for long."""
        self._store.run(_empty_bin)
        self.refresh()
        self._show(_new_chat())

    def refresh(self) -> None:
        """Read the list anew."""
        self._store.run(ConversationStore.list_conversations, self._list_arrived)

    # --- wishes ------------------------------------------------------------------------------

    def open_new(self) -> None:
        """Show a chat without messages."""
        self.save_draft()
        self._wanted_id = _NEW_CHAT
        self._show(_new_chat())
        self._tell_list()

    def open(self, conversation_id: int) -> None:
        """Show that chat."""
        if conversation_id == _NEW_CHAT:
            self.open_new()
        else:
            self.save_draft()
            self._wanted_id = conversation_id
            self._load(conversation_id)

    def open_neighbour(self, step: int) -> None:
        """Show the chat `step` places below in the list; after the last comes the first."""
        ids = [summary.conversation_id for summary in self._with_new_chat()]
        start_id = self._wanted_id if self._wanted_id in ids else self.shown_id
        place = ids.index(start_id) if start_id in ids else -1
        if ids:
            self.open(ids[(place + step) % len(ids)])

    def show_version(self, message_id: int, step: int) -> None:
        """Show another version of a message, and what followed it."""
        shown_id = self.shown_id
        self._store.run(lambda store: store.show_version(shown_id, message_id, step))
        self._load(shown_id)

    def rename(self, conversation_id: int, title: str) -> None:
        """Give a chat a title; an empty one is no title."""
        title = " ".join(title.split())
        if title and conversation_id != _NEW_CHAT:
            self._store.run(lambda store: store.rename(conversation_id, title))
            self._retitle(conversation_id, title)
            self.refresh()

    def delete(self, conversation_id: int) -> None:
        """Move a chat to the bin; if it was shown, the next one is."""
        if conversation_id == _NEW_CHAT:
            return
        self._bin.append(conversation_id)
        self._store.run(lambda store: store.move_to_bin(conversation_id))
        if conversation_id == self.shown_id:
            self.open_new()
        self.refresh()
        self.notice_raised.emit(notices.moved_to_bin(time.time() + BIN_SECONDS))

    def undo_delete(self) -> None:
        """Bring back the chat that was deleted last, and show it."""
        if self._bin:
            conversation_id = self._bin.pop()
            self._store.run(lambda store: store.restore_from_bin(conversation_id))
            self.refresh()
            self.open(conversation_id)

    # --- drafts ------------------------------------------------------------------------------

    def set_draft(self, text: str) -> None:
        """What stands in the composer now; saved when nothing more has come for a moment."""
        if text != self.draft:
            self.draft = text
            self._timer.start()

    def keep_files(self, conversation_id: int, files: tuple[Attachment, ...]) -> None:
        """What is attached to that chat's draft now; saved with it."""
        self._files[conversation_id] = files
        if conversation_id == self.shown_id:
            self._timer.start()

    def set_waiting(self, written: WrittenMessage) -> None:
        """The messages that wait to be sent in the shown chat; saved at once."""
        self._waiting[self.shown_id] = written
        self._save(self.shown_id)

    def forget_waiting(self, conversation_id: int) -> None:
        """They are being sent: saving them takes them out of the draft."""
        self._waiting.pop(conversation_id, None)

    def save_draft(self) -> None:
        """Save the shown chat's draft now, if it has changed."""
        if self._timer.isActive():
            self._timer.stop()
            self._save(self.shown_id)

    def _save(self, conversation_id: int) -> None:
        waiting = self._waiting.get(conversation_id, WrittenMessage(""))
        files = self._files.get(conversation_id, ())
        draft = Draft(self.draft, waiting.text, files, waiting.attachments)
        self._store.run(lambda store: store.save_draft(conversation_id, draft))

    # --- a reply that grows ------------------------------------------------------------------

    def shows_growing(self, message_id: int) -> bool:
        """Whether the reply is in sight; one that grows has nothing below it."""
        branch = self._shown.branch
        return bool(branch) and branch[-1].message_id == message_id

    def begin_turn(self, conversation: Conversation, asked_id: int) -> None:
        """A turn was saved: the last message of the branch grows from now on.

        `asked_id` is the chat in which it was written; the new chat gets an id by it.
        """
        *before, reply = conversation.branch
        summary = conversation.summary
        self._latest_reply = reply
        if self.shown_id in (asked_id, summary.conversation_id):
            if self._wanted_id == self.shown_id:
                self._wanted_id = summary.conversation_id
            self._extend(conversation, tuple(before), reply)
            if self.draft:
                self._timer.start()  # saving the turn has cleared it
        self.title_changed.emit(summary.conversation_id, summary.title)
        self.refresh()

    def end_reply(self, reply: Message) -> None:
        """The reply stays as it is; it is being saved."""
        self._latest_reply = reply
        self._shown = self._with_latest_reply(self._shown)
        self.refresh()

    def note_summary(self, summary: Summary) -> None:
        """The shown chat has a new summary; it is being saved."""
        summaries = {**self._shown.summaries, summary.up_to_message_id: summary.text}
        self._shown = replace(self._shown, summaries=summaries)

    def _extend(
        self, conversation: Conversation, before: tuple[Message, ...], reply: Message
    ) -> None:
        old_ids = [message.message_id for message in self._shown.branch]
        new_ids = [message.message_id for message in before]
        self._shown = conversation
        if old_ids == [*new_ids, reply.message_id]:
            self.reply_resumed.emit(reply)
            return
        if old_ids == new_ids[:-1]:
            self.message_added.emit(before[-1])
        elif old_ids != new_ids:
            self.conversation_opened.emit(replace(conversation, branch=before))
        self.message_added.emit(reply)

    def _with_latest_reply(self, conversation: Conversation) -> Conversation:
        latest = self.growing_reply() or self._latest_reply
        if latest is None or latest.conversation_id != conversation.summary.conversation_id:
            return conversation
        branch = tuple(
            replace(latest, version=message.version, version_count=message.version_count)
            if message.message_id == latest.message_id
            else message
            for message in conversation.branch
        )
        return replace(conversation, branch=branch)

    # --- showing -----------------------------------------------------------------------------

    def _load(self, conversation_id: int) -> None:
        self._store.run(lambda store: store.load_conversation(conversation_id), self._loaded)

    def _loaded(self, conversation: Conversation | None) -> None:
        if conversation is None:  # removed by another window
            self.refresh()
            return
        is_other = conversation.summary.conversation_id != self.shown_id
        self._show(conversation, with_draft=is_other)
        if is_other:
            self._tell_list()

    def _show(self, conversation: Conversation, with_draft: bool = True) -> None:
        self._shown = self._with_latest_reply(conversation)
        self.conversation_opened.emit(self._shown)
        if with_draft:
            self.draft = ""
            shown_id = self.shown_id
            self._store.run(
                lambda store: store.load_draft(shown_id), partial(self._draft_arrived, shown_id)
            )

    def _draft_arrived(self, conversation_id: int, draft: Draft) -> None:
        """What still waits belongs to another run of the program: the user shall decide."""
        left, files = "", draft.attachments
        if conversation_id not in self._waiting:
            left, files = draft.waiting, (*draft.waiting_attachments, *files)
        text = "\n\n".join(part for part in (left, draft.text) if part)
        if files:
            self.files_opened.emit(conversation_id, files)
        if conversation_id == self.shown_id and not self.draft:
            self.draft = text
            self.draft_opened.emit(text)

    def _list_arrived(self, summaries: tuple[ConversationSummary, ...]) -> None:
        self._summaries = summaries
        self._tell_list()

    def _tell_list(self) -> None:
        self.conversations_changed.emit(self._with_new_chat())

    def _with_new_chat(self) -> tuple[ConversationSummary, ...]:
        new = (self._shown.summary,) if self.shown_id == _NEW_CHAT else ()
        return (*new, *self._summaries)

    def _retitle(self, conversation_id: int, title: str) -> None:
        if conversation_id == self.shown_id:
            self._shown = replace(self._shown, summary=replace(self._shown.summary, title=title))
        self.title_changed.emit(conversation_id, title)


def _new_chat() -> Conversation:
    return Conversation(ConversationSummary(_NEW_CHAT, NEW_CHAT_TITLE, time.time()))


def _empty_bin(store: ConversationStore) -> None:
    store.empty_bin(BIN_SECONDS)
