"""Chats stay safe while the disk refuses: in memory, then on the disk again."""

from __future__ import annotations

import errno
import random
import sqlite3
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from app.core import chats_file
from app.core.chats_file import ChatsFileError, Refusal
from app.core.conversation_keeper import (
    ChatsRestored,
    ConversationKeeper,
    News,
    SavingFailed,
    SavingResumed,
)
from app.core.conversation_store import ConversationStore


class Disk:
    """Opens stores on one file and lets them refuse."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.refusal: Refusal | None = None
        self.connection: sqlite3.Connection | None = None

    def open(self, path: Path) -> ConversationStore:
        if self.refusal is not None:
            raise ChatsFileError(self.refusal, path)
        store = ConversationStore.open(path)
        self.connection = store.connection
        return store

    def set_full(self, full: bool) -> None:
        assert self.connection is not None
        pages = self.connection.execute("PRAGMA page_count").fetchone()[0]
        limit = pages if full else 1_000_000
        self.connection.execute(f"PRAGMA max_page_count = {limit}")

    def titles(self) -> list[str]:
        store = ConversationStore.open_as_it_is(self.path)
        titles = [summary.title for summary in store.list_conversations()]
        store.close()
        return titles


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path / "chats.sqlite3")


@pytest.fixture
def news() -> list[News]:
    return []


@pytest.fixture
def keeper(disk: Disk, news: list[News]) -> Iterator[ConversationKeeper]:
    keeper = ConversationKeeper(disk.path, news.append, disk.open)
    keeper.open()
    yield keeper
    keeper.close()


def begin(keeper: ConversationKeeper, text: str, conversation_id: int = 0) -> int:
    return keeper.run(
        lambda store: store.begin_turn(conversation_id, None, text, "m").conversation_id
    )


def titles(keeper: ConversationKeeper) -> list[str]:
    return [summary.title for summary in keeper.run(ConversationStore.list_conversations)]


LONG = "long " * 50_000


def test_full_disk_goes_on_in_memory_and_is_saved_later(
    keeper: ConversationKeeper, disk: Disk, news: list[News]
) -> None:
    """One notice, all chats still shown, and everything on the disk when there is room."""
    begin(keeper, "Before")
    disk.set_full(True)
    conversation_id = begin(keeper, LONG)
    begin(keeper, f"Edited {LONG}", conversation_id)
    in_memory, on_disk = titles(keeper), disk.titles()
    keeper.retry()
    still_unsaved = keeper.has_unsaved
    disk.set_full(False)
    keeper.retry()

    assert (len(in_memory), on_disk, still_unsaved) == (2, ["Before"], True)
    assert disk.titles() == titles(keeper) == in_memory
    assert [type(item) for item in news] == [SavingFailed, SavingResumed]
    assert not keeper.has_unsaved


def test_ids_given_in_memory_are_kept_on_the_disk(keeper: ConversationKeeper, disk: Disk) -> None:
    """Another window that writes meanwhile never gets the same ones."""
    disk.set_full(True)
    mine = begin(keeper, LONG)
    other = ConversationStore.open(disk.path)
    others = other.begin_turn(0, None, "other", "m").conversation_id
    other.close()
    disk.set_full(False)
    keeper.retry()
    conversation = keeper.run(lambda store: store.load_conversation(mine))

    assert conversation is not None
    assert (conversation.branch[0].text, mine != others) == (LONG, True)
    assert "other" in disk.titles()


def test_file_that_cannot_be_opened_is_tried_again(
    keeper: ConversationKeeper, disk: Disk, news: list[News], tmp_path: Path
) -> None:
    """Without any file a chat works in memory, and is saved when the file can be opened."""
    disk.refusal = Refusal.READ_ONLY
    disk.path = tmp_path / "later.sqlite3"
    other = ConversationKeeper(disk.path, news.append, disk.open)
    other.open()
    begin(other, "In memory")
    other.retry()
    disk.refusal = None
    other.retry()
    other.close()

    assert disk.titles() == ["In memory"]
    assert [type(item) for item in news] == [SavingFailed, SavingResumed]


@pytest.mark.parametrize("is_clean", [True, False])
def test_chats_can_be_read_while_nothing_can_be_written(
    disk: Disk, news: list[News], is_clean: bool
) -> None:
    """All of them are shown, also what only SQLite's log holds after a crash."""
    store = ConversationStore.open(disk.path)
    store.begin_turn(0, None, "Before", "m")
    family = {path.name: path.read_bytes() for path in disk.path.parent.iterdir()}
    store.close()
    if not is_clean:
        for name, content in family.items():
            disk.path.with_name(name).write_bytes(content)
    disk.refusal = Refusal.DISK_FULL
    keeper = ConversationKeeper(disk.path, news.append, disk.open)
    keeper.open()
    before = titles(keeper)
    begin(keeper, "Now")
    disk.refusal = None
    keeper.close()

    assert before == ["Before"]
    assert disk.titles() == ["Now", "Before"]


def test_folder_in_place_of_the_file_is_a_sentence(tmp_path: Path, news: list[News]) -> None:
    """The chat goes on in memory."""
    path = tmp_path / "chats.sqlite3"
    path.mkdir()
    keeper = ConversationKeeper(path, news.append)
    keeper.open()
    begin(keeper, "In memory")
    shown = titles(keeper)
    keeper.close()

    assert shown == ["In memory"]
    (failed,) = news
    assert isinstance(failed, SavingFailed)
    assert "chats.sqlite3 can't be read or written" in str(failed.error)


@pytest.mark.parametrize(
    ("number", "refusal"),
    [
        (errno.ENOSPC, Refusal.DISK_FULL),
        (errno.EROFS, Refusal.READ_ONLY),
        (errno.EIO, Refusal.OTHER),
    ],
)
def test_reason_is_asked_of_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, refusal: Refusal
) -> None:
    """SQLite itself often says "disk I/O error" for a full or read-only disk."""

    def refuse(dir: Path) -> None:
        raise OSError(number, "refused")

    monkeypatch.setattr(chats_file.tempfile, "TemporaryFile", refuse)
    with pytest.raises(ChatsFileError) as caught, chats_file.explained(tmp_path / "chats"):
        raise sqlite3.OperationalError("disk I/O error")

    assert caught.value.refusal is refusal


def test_another_reason_is_told(disk: Disk, news: list[News]) -> None:
    """The notice changes with the reason, and is not repeated for the same one."""
    keeper = ConversationKeeper(disk.path, news.append, disk.open)
    disk.refusal = Refusal.LOCKED
    keeper.open()
    keeper.retry()
    disk.refusal = Refusal.DISK_FULL
    keeper.retry()
    keeper.close()

    reasons = [item.error.refusal for item in news if isinstance(item, SavingFailed)]
    assert reasons == [Refusal.LOCKED, Refusal.DISK_FULL]


def test_file_of_another_kind_is_put_aside(tmp_path: Path, news: list[News]) -> None:
    """Nothing can be read of it; it is kept under another name and a new file is begun."""
    path = tmp_path / "chats.sqlite3"
    path.write_bytes(b"no database" * 500)
    keeper = ConversationKeeper(path, news.append)
    keeper.open()
    begin(keeper, "New")
    keeper.close()
    (restored,) = news

    assert isinstance(restored, ChatsRestored)
    assert restored.restored_count == 0
    assert restored.kept_as.read_bytes() == b"no database" * 500
    assert Disk(path).titles() == ["New"]


def test_second_damaged_file_leaves_the_first(tmp_path: Path, news: list[News]) -> None:
    """Two within one second get two names."""
    path = tmp_path / "chats.sqlite3"
    for content in (b"no database" * 500, b"nor this" * 500):
        path.write_bytes(content)
        keeper = ConversationKeeper(path, news.append)
        keeper.open()
        keeper.close()

    kept = [item.kept_as.read_bytes()[:8] for item in news if isinstance(item, ChatsRestored)]
    assert kept == [b"no datab", b"nor this"]


def test_what_a_damaged_file_still_holds_is_restored(tmp_path: Path, news: list[News]) -> None:
    """A chat on an overwritten page is missing from the new file; the others are all there."""
    path = tmp_path / "chats.sqlite3"
    store = ConversationStore.open(path)
    text = "word " * 4000 + "mark{} " + "word " * 4000
    ids = [
        store.begin_turn(0, None, f"{n} {text.format(n)}", "m").conversation_id for n in range(6)
    ]
    store.close()
    overwrite_page(path, b"word mark3 word")
    keeper = ConversationKeeper(path, news.append)
    keeper.open()
    damaged = keeper.run(lambda store: store.load_conversation(ids[3]))
    found = titles(keeper)
    keeper.close()

    assert damaged is None
    assert [title[0] for title in found] == ["5", "4", "2", "1", "0"]
    assert [item.restored_count for item in news if isinstance(item, ChatsRestored)] == [5]


def overwrite_page(path: Path, text: bytes) -> None:
    data = bytearray(path.read_bytes())
    place = data.index(text) // 4096 * 4096
    data[place : place + 4096] = b"\xff" * 4096
    path.write_bytes(data)


def test_word_at_the_end_is_saved_by_closing(disk: Disk, news: list[News]) -> None:
    """Closing tries once more."""
    keeper = ConversationKeeper(disk.path, news.append, disk.open)
    keeper.open()
    disk.set_full(True)
    begin(keeper, LONG)
    disk.set_full(False)
    keeper.close()

    assert len(disk.titles()) == 1


def chats_to_damage(path: Path) -> bytes:
    """A file with six chats of four messages."""
    store = ConversationStore.open(path)
    for chat in range(6):
        reply = store.begin_turn(0, None, f"question {chat} {'lorem ' * 40}", "m")
        store.begin_turn(reply.conversation_id, reply.reply_id, f"more {chat}", "m")
    store.close()
    data = path.read_bytes()
    path.unlink()
    return data


def damaged(data: bytes, rng: random.Random) -> bytes:
    """Single bytes, a run of bytes, or the end is lost."""
    kind, place, mutable = rng.randrange(3), rng.randrange(len(data)), bytearray(data)
    if kind == 0:
        for _ in range(rng.choice((1, 3, 20))):
            mutable[rng.randrange(len(mutable))] = rng.randrange(256)
    elif kind == 1:
        mutable[place : place + 300] = rng.randbytes(300)
    return bytes(mutable[:place] if kind == 2 else mutable)


def test_words_are_taken_whatever_the_damage(tmp_path: Path) -> None:
    """Every damage ends with a list of chats, each readable or gone, and a place for new words."""
    data, rng = chats_to_damage(tmp_path / "whole.sqlite3"), random.Random(5)
    for number in range(60):
        path = tmp_path / f"{number}.sqlite3"
        path.write_bytes(damaged(data, rng))
        keeper = ConversationKeeper(path, lambda _: None)
        keeper.open()
        for summary in keeper.run(ConversationStore.list_conversations):
            keeper.run(partial(_load, summary.conversation_id))
        begin(keeper, "New words")
        assert "New words" in titles(keeper)
        keeper.close()


def _load(conversation_id: int, store: ConversationStore) -> None:
    store.load_conversation(conversation_id)
    store.load_draft(conversation_id)


def damage_text(path: Path, old: bytes, new: bytes) -> None:
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new))


def test_schema_that_is_no_text_is_damage(tmp_path: Path, news: list[News]) -> None:
    """SQLite's own message can't be decoded then; saving goes on in a new file all the same."""
    path = tmp_path / "chats.sqlite3"
    ConversationStore.open(path).close()
    damage_text(path, b"CREATE TABLE message (", b"CREATE \xa6ABLE message (")
    keeper = ConversationKeeper(path, news.append)
    keeper.open()
    begin(keeper, "New")
    keeper.close()

    assert [type(item) for item in news] == [ChatsRestored]
    assert Disk(path).titles() == ["New"]


def test_chat_with_a_bad_letter_is_shown(tmp_path: Path, news: list[News]) -> None:
    """The letter is replaced, and nothing is said of a disk that refuses."""
    path = tmp_path / "chats.sqlite3"
    store = ConversationStore.open(path)
    chat = store.begin_turn(0, None, "A curious word", "m").conversation_id
    store.close()
    damage_text(path, b"curious", b"cu\xffious")
    keeper = ConversationKeeper(path, news.append)
    keeper.open()
    conversation = keeper.run(lambda store: store.load_conversation(chat))
    keeper.close()

    assert conversation is not None
    assert conversation.branch[0].text == "A cu\ufffdious word"
    assert news == []


def test_unforeseen_error_at_the_start_ends_in_memory(tmp_path: Path, news: list[News]) -> None:
    """Whatever opening raises; the sentence names the file."""

    def fail(path: Path) -> ConversationStore:
        raise ValueError("unforeseen")

    keeper = ConversationKeeper(tmp_path / "chats.sqlite3", news.append, fail)
    keeper.open()
    begin(keeper, "In memory")
    (failed,) = news

    assert isinstance(failed, SavingFailed)
    assert "chats.sqlite3" in str(failed.error)
    assert titles(keeper) == ["In memory"]
    keeper.close()
