"""The files of the drafts: read, counted, cut and taken away, before they are sent.

Each chat has its own; while a sent message is changed, that message's files are shown in their
place. Knows nothing of widgets, nor of how files get into a prompt.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot

from app.core.attached_text import attached_text
from app.core.attachments import (
    AttachmentError,
    ReadFile,
    Refusal,
    estimated_tokens,
    read_file,
    shown_name,
)
from app.core.conversation import Attachment, Conversation, Message
from app.engine.protocol import CountTokens, Event, LoadedModel, PromptMessage, TokensCounted
from app.runtime.attachment_reader import AttachmentReader, ReadPath
from app.runtime.chat_shelf import ChatShelf
from app.runtime.context_gauge import ContextGauge
from app.runtime.draft_files import DraftFile, DraftFiles
from app.runtime.engine_thread import EngineThread
from app.runtime.model_loader import ModelLoader

MOST_FILES = 50
MOST_COUNTED_LETTERS = 500_000
"""What is longer fits into no model's memory, and counting it would keep the engine."""

_EDIT = -1


class Attaching(QObject):
    """Takes files to attach, one chat's or one message's at a time.

    Signals:
        files_changed(object): tuple of `DraftFile`: those of the draft that is shown.
        attachment_read(object): the `DraftFile`, its tokens estimated.
        attachment_failed(str name, str sentence): it is no longer among the files.
        cost_known(int file_id, int tokens): the model has counted it.
        draft_files_changed(int conversation_id, object): tuple of `Attachment`: what is to be kept
            with that chat's draft.
    """

    files_changed = Signal(object)
    attachment_read = Signal(object)
    attachment_failed = Signal(str, str)
    cost_known = Signal(int, int)
    draft_files_changed = Signal(int, object)

    def __init__(
        self,
        engine: EngineThread,
        shelf: ChatShelf,
        loader: ModelLoader,
        gauge: ContextGauge,
        read: ReadPath = read_file,
    ) -> None:
        super().__init__()
        self._engine = engine
        self._gauge = gauge
        self._reader = AttachmentReader(read)
        self._reader.file_read.connect(self._take_file)
        self._ids = itertools.count(1)
        self._drafts = DraftFiles()
        self._shown_id = 0
        self._is_editing = False
        self._can_count = False
        self._counts: dict[int, int] = {}  # job -> file
        shelf.conversation_opened.connect(self._show_chat)
        shelf.message_added.connect(self._follow_chat)
        loader.load_began.connect(self._pause)
        loader.model_changed.connect(self._set_model)
        engine.engine_died.connect(self._pause)

    # --- what is there -----------------------------------------------------------------------

    @property
    def files(self) -> tuple[DraftFile, ...]:
        """The files of the draft that is shown, or of the message that is changed."""
        return self._drafts.of(self._key)

    @property
    def tokens(self) -> int:
        """What all of them take."""
        return sum(file.tokens for file in self.files)

    @property
    def is_estimate(self) -> bool:
        """Whether some of them are not counted yet."""
        return any(file.is_estimate for file in self.files)

    def attachments(self, conversation_id: int) -> tuple[Attachment, ...]:
        """What has been read for that chat's draft."""
        return self._drafts.attachments(conversation_id)

    # --- wishes ------------------------------------------------------------------------------

    @Slot(object)
    def attach(self, paths: Iterable[Path]) -> None:
        """Read these files and put them with the draft."""
        known = list(self.files)
        for path in paths:
            name = shown_name(path)
            if len(known) >= MOST_FILES:
                sentence = f"A message takes up to {MOST_FILES} files. {name} was left out."
                self.attachment_failed.emit(name, sentence)
                break
            file = DraftFile(next(self._ids), name)
            known.append(file)
            self._reader.read(file.file_id, path)
        self._put(self._key, known)

    @Slot(int)
    def remove(self, file_id: int) -> None:
        """Take a file away; reading it ends."""
        key = self._drafts.chat_of(file_id)
        if key is not None:
            self._reader.give_up(file_id)
            self._put(key, [file for file in self._drafts.of(key) if file.file_id != file_id])

    @Slot(int, object)
    def change(self, file_id: int, attachment: Attachment) -> None:
        """Send `attachment`, which is a part of it, in that file's place."""
        file = self._drafts.find(file_id)
        if file is not None:
            tokens = estimated_tokens(attachment.text)
            self._replace(replace(file, attachment=attachment, tokens=tokens, is_estimate=True))
            self._count(file_id)

    @Slot(object)
    def begin_edit(self, attachments: Sequence[Attachment]) -> None:
        """A sent message is changed: its files are shown."""
        self._is_editing = True
        self._restore(_EDIT, attachments)

    @Slot()
    def end_edit(self) -> None:
        """Back to the draft's own files."""
        if self._is_editing:
            self._give_up(_EDIT)
            self._is_editing = False
            self._drafts.take(_EDIT)
            self._tell()

    @Slot()
    def clear(self) -> None:
        """The draft has been sent: its files are gone."""
        self._give_up(self._key)
        self._put(self._key, [])

    def restore(self, conversation_id: int, attachments: Sequence[Attachment]) -> None:
        """These were kept with that chat's draft; what has been attached meanwhile stays."""
        if not self._drafts.of(conversation_id):
            self._restore(conversation_id, attachments)

    def close(self) -> None:
        """End the thread; waits for it."""
        self._reader.close()

    # --- what the others tell ----------------------------------------------------------------

    @Slot(object)
    def _show_chat(self, conversation: Conversation) -> None:
        conversation_id = conversation.summary.conversation_id
        if conversation_id != self._shown_id:
            self._shown_id = conversation_id
            self.end_edit()
            self._tell()

    @Slot(object)
    def _follow_chat(self, message: Message) -> None:
        """The chat that is shown may have got its id with this message."""
        conversation_id = message.conversation_id
        if conversation_id != self._shown_id:
            files = self._drafts.take(self._shown_id)
            self._keep(self._shown_id)
            self._shown_id = conversation_id
            if self._drafts.put(conversation_id, files):
                self._keep(conversation_id)

    @Slot(object)
    def _set_model(self, model: LoadedModel | None) -> None:
        """From now on this model counts; None if nobody can."""
        self._can_count = model is not None
        self._drafts.doubt_costs()
        for file in self._drafts:
            self._count(file.file_id)
        self._tell()

    @Slot()
    def _pause(self) -> None:
        """Nobody can count until a model is there; what was counted stays."""
        self._can_count = False
        for job_id in self._counts:
            self._engine.forget(job_id)
        self._counts.clear()

    # --- pieces ------------------------------------------------------------------------------

    @property
    def _key(self) -> int:
        return _EDIT if self._is_editing else self._shown_id

    @Slot(int, object)
    def _take_file(self, file_id: int, result: object) -> None:
        file = self._drafts.find(file_id)
        if file is None:
            return
        if isinstance(result, AttachmentError):
            self.remove(file_id)
            if result.refusal is not Refusal.STOPPED:
                self.attachment_failed.emit(file.name, str(result))
        elif isinstance(result, ReadFile):
            self._take_text(file, result)

    def _take_text(self, file: DraftFile, result: ReadFile) -> None:
        attachment = result.attachment
        if self._is_there_already(file.file_id, attachment):
            self.remove(file.file_id)
            return
        file = replace(file, attachment=attachment, tokens=result.tokens, note=result.note)
        self._replace(file)
        self.attachment_read.emit(file)
        self._count(file.file_id)

    def _is_there_already(self, file_id: int, attachment: Attachment) -> bool:
        key = self._drafts.chat_of(file_id)
        files = self._drafts.of(key) if key is not None else ()
        return any(file.attachment == attachment for file in files)

    def _count(self, file_id: int) -> None:
        file = self._drafts.find(file_id)
        text = file.attachment.text if file is not None and file.attachment is not None else ""
        if self._can_count and 0 < len(text) <= MOST_COUNTED_LETTERS:
            job_id = self._engine.new_job_id()
            self._counts[job_id] = file_id
            message = PromptMessage("user", text)
            self._engine.send(CountTokens(job_id, (message,)), self._take_count)

    def _take_count(self, event: Event) -> None:
        file_id = self._counts.pop(getattr(event, "job_id", 0), 0)
        is_latest = file_id not in self._counts.values()  # it may have been cut meanwhile
        file = self._drafts.find(file_id)
        if isinstance(event, TokensCounted) and is_latest and file is not None:
            self._replace(replace(file, tokens=event.tokens, is_estimate=False))
            self.cost_known.emit(file_id, event.tokens)

    def _replace(self, changed: DraftFile) -> None:
        key = self._drafts.chat_of(changed.file_id)
        if key is not None:
            files, same = self._drafts.of(key), changed.file_id
            self._put(key, [changed if file.file_id == same else file for file in files])

    def _restore(self, key: int, attachments: Sequence[Attachment]) -> None:
        files = [
            DraftFile(next(self._ids), each.name, each, estimated_tokens(each.text))
            for each in attachments
        ]
        self._put(key, files)
        for file in files:
            self._count(file.file_id)

    def _give_up(self, key: int) -> None:
        for file in self._drafts.of(key):
            if file.is_reading:
                self._reader.give_up(file.file_id)

    def _put(self, key: int, files: Sequence[DraftFile]) -> None:
        if self._drafts.put(key, files):
            self._keep(key)
        if key == self._key:
            self._tell()

    def _keep(self, key: int) -> None:
        if key != _EDIT:
            self.draft_files_changed.emit(key, self.attachments(key))

    def _tell(self) -> None:
        text = _countable_text(self.files)
        self._gauge.set_attached(text, self.tokens, is_estimate=self.is_estimate)
        self.files_changed.emit(self.files)


def _countable_text(files: Iterable[DraftFile]) -> str:
    """The files as they stand in the prompt; empty if they are too long to be counted."""
    attachments = [file.attachment for file in files if file.attachment is not None]
    if sum(len(each.text) for each in attachments) > MOST_COUNTED_LETTERS:
        return ""  # without joining megabytes on the window's thread
    text = attached_text(attachments)
    return text if len(text) <= MOST_COUNTED_LETTERS else ""
