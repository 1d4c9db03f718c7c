"""The facts that the window can listen to, each a signal.

Knows nothing of when they are told; `app.runtime.chat_session` does.
"""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal


class SessionFacts(QObject):
    """What a session tells, all of it on the window's thread.

    Signals:
        state_changed(object): `SessionState`.
        model_changed(object): `LoadedModel`, or None when there is none any more.
        model_unloaded(): its memory is free; the next message loads it again.
        models_changed(object): tuple of `ModelChoice`.
        loading_progressed(object): `LoadingProgress`.
        conversations_changed(object): tuple of `ConversationSummary`, newest first; id 0 is the
            shown chat while it has no message.
        conversation_opened(object): the `Conversation` shown from now on, or its other branch.
        draft_opened(str): what had been left in that chat's composer.
        title_changed(int conversation_id, str title)
        message_added(object): a `Message` at the branch's end: the user's, then the empty reply.
        reply_resumed(object): the branch's last `Message` grows again.
        reading_progressed(object): `ReadingProgress`.
        reply_grew(int message_id, str text): appended text, many times a second.
        reply_finished(object): the `Message` as it stays.
        speed_changed(float): tokens a second, about twice a second.
        context_changed(object): `ContextUse`.
        memory_line_moved(int): how many oldest messages of the branch the model no longer sees.
        queued_changed(str): what waits to be sent in the shown chat; "" for nothing.
        notice_raised(object): `Notice`; it replaces the one with the same key.
        notice_cleared(str key)
    """

    state_changed = Signal(object)
    model_changed = Signal(object)
    model_unloaded = Signal()
    models_changed = Signal(object)
    loading_progressed = Signal(object)
    conversations_changed = Signal(object)
    conversation_opened = Signal(object)
    draft_opened = Signal(str)
    title_changed = Signal(int, str)
    message_added = Signal(object)
    reply_resumed = Signal(object)
    reading_progressed = Signal(object)
    reply_grew = Signal(int, str)
    reply_finished = Signal(object)
    speed_changed = Signal(float)
    context_changed = Signal(object)
    memory_line_moved = Signal(int)
    queued_changed = Signal(str)
    notice_raised = Signal(object)
    notice_cleared = Signal(str)
