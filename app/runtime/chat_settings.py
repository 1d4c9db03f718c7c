"""The settings as they hold in each chat: the shown one's, and that of one that is answered.

Knows nothing of how they are kept; whoever keeps them listens to `options_kept`.
"""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QObject, Signal, Slot

from app.core.chat_options import ChatOptions
from app.core.conversation import Conversation
from app.core.settings import Settings
from app.runtime.chat_shelf import ChatShelf

_NEW_CHAT = 0


class ChatSettings(QObject):
    """Each chat's own values over the general ones.

    Signals:
        options_changed(): the shown chat has other values of its own, or the general ones are
            others; not told when another chat is shown.
        options_kept(int conversation_id, object): a mapping that is to be kept with that chat.
    """

    options_changed = Signal()
    options_kept = Signal(int, object)

    def __init__(self, settings: Settings, shelf: ChatShelf) -> None:
        super().__init__()
        self._settings = settings
        self._shelf = shelf
        # Newer than what the store may still tell; the new chat's are kept with its first message.
        self._latest: dict[int, Mapping[str, object]] = {}
        shelf.conversation_opened.connect(self._take_opened)

    @property
    def shown(self) -> ChatOptions:
        """Those of the shown chat."""
        return self._view(self._shelf.shown)

    def of(self, conversation: Conversation, asked_id: int) -> ChatOptions:
        """Those of a chat in which a turn was saved.

        `asked_id` is the chat in which it was written; the new chat gets an id by it.
        """
        conversation_id = conversation.summary.conversation_id
        if asked_id == _NEW_CHAT != conversation_id and self._latest.get(_NEW_CHAT):
            self._keep(conversation_id, self._latest.pop(_NEW_CHAT))
        return self._view(conversation)

    @Slot(object)
    def set_options(self, options: Mapping[str, object]) -> None:
        """Let the shown chat have these values of its own, and no others."""
        if dict(options) == self.shown.options:
            return
        shown_id = self._shelf.shown_id
        if shown_id == _NEW_CHAT:
            self._latest[_NEW_CHAT] = dict(options)
        else:
            self._keep(shown_id, dict(options))
        self.options_changed.emit()

    @Slot()
    def note_settings(self) -> None:
        """The general settings are others now."""
        self.options_changed.emit()

    def _keep(self, conversation_id: int, options: Mapping[str, object]) -> None:
        self._latest[conversation_id] = options
        self.options_kept.emit(conversation_id, options)

    def _view(self, conversation: Conversation) -> ChatOptions:
        conversation_id = conversation.summary.conversation_id
        options = self._latest.get(conversation_id, conversation.options)
        return ChatOptions(self._settings, options)

    def _take_opened(self, conversation: Conversation) -> None:
        if conversation.summary.conversation_id == _NEW_CHAT:
            self._latest.pop(_NEW_CHAT, None)
