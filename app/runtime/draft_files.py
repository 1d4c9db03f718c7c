"""The files of the drafts, as values: which belong to which chat. Knows nothing of reading them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from app.core.conversation import Attachment


@dataclass(frozen=True, slots=True)
class DraftFile:
    """A file that is to be sent with the draft.

    Attributes:
        file_id: unique in this run of the program.
        attachment: what the model will read; None while the file is being read.
        tokens: what it takes of the model's memory; `is_estimate` until a model has counted it.
        note: a sentence about what had to be guessed; mostly empty.
    """

    file_id: int
    name: str
    attachment: Attachment | None = None
    tokens: int = 0
    is_estimate: bool = True
    note: str = ""

    @property
    def is_reading(self) -> bool:
        """Whether its text isn't there yet."""
        return self.attachment is None


class DraftFiles:
    """The files of each chat's draft, by the chat's id."""

    def __init__(self) -> None:
        self._drafts: dict[int, tuple[DraftFile, ...]] = {}

    def __iter__(self) -> Iterator[DraftFile]:
        """All files of all drafts."""
        return iter([file for files in self._drafts.values() for file in files])

    def of(self, chat_id: int) -> tuple[DraftFile, ...]:
        """Those of one chat."""
        return self._drafts.get(chat_id, ())

    def attachments(self, chat_id: int) -> tuple[Attachment, ...]:
        """What has been read of them."""
        files = self.of(chat_id)
        return tuple(file.attachment for file in files if file.attachment is not None)

    def find(self, file_id: int) -> DraftFile | None:
        """The file with that id, wherever it is."""
        return next((file for file in self if file.file_id == file_id), None)

    def chat_of(self, file_id: int) -> int | None:
        """Whose file it is; None if it isn't there any more."""
        has_it = (
            chat_id
            for chat_id, files in self._drafts.items()
            if any(file.file_id == file_id for file in files)
        )
        return next(has_it, None)

    def put(self, chat_id: int, files: Iterable[DraftFile]) -> bool:
        """These are that chat's files now; returns whether other texts are to be kept."""
        before = self.attachments(chat_id)
        self._drafts[chat_id] = tuple(files)
        return self.attachments(chat_id) != before

    def take(self, chat_id: int) -> tuple[DraftFile, ...]:
        """Take out all files of a chat."""
        return self._drafts.pop(chat_id, ())

    def doubt_costs(self) -> None:
        """Another model may make more or fewer tokens of every text."""
        for chat_id, files in self._drafts.items():
            self._drafts[chat_id] = tuple(replace(file, is_estimate=True) for file in files)
