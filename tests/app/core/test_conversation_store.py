"""Conversations on disk: trees, branches, titles, bin, drafts, search index, durability."""

from __future__ import annotations

import itertools
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.chats_file import MIGRATIONS, ChatsFileError, Refusal
from app.core.conversation import (
    Attachment,
    Conversation,
    Message,
    MessageState,
    ReplyFigures,
    Role,
)
from app.core.conversation_store import ConversationStore
from app.core.message_rows import Draft, clean_text, pack_token_ids, unpack_token_ids

FIGURES = ReplyFigures(12, 4, 3, 0.5, 0.25, 2**32 - 1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "chats.sqlite3"


@pytest.fixture
def store(path: Path) -> Iterator[ConversationStore]:
    ticks = itertools.count(1000.0)
    store = ConversationStore.open(path, clock=lambda: next(ticks))
    yield store
    store.close()


def load(store: ConversationStore, conversation_id: int) -> Conversation:
    conversation = store.load_conversation(conversation_id)
    assert conversation is not None
    return conversation


def add_turn(
    store: ConversationStore, question: str, answer: str, conversation_id: int = 0
) -> Conversation:
    """A question at the end of the branch, and its finished answer."""
    parent = None
    if conversation_id:
        parent = load(store, conversation_id).branch[-1].message_id
    conversation_id = begin(store, conversation_id, parent, question, "Octet demo")
    finish(store, load(store, conversation_id).branch[-1], answer)
    return load(store, conversation_id)


def begin(
    store: ConversationStore, conversation_id: int, parent_id: int | None, text: str, model: str
) -> int:
    """A turn whose reply grows; the conversation's id."""
    return store.begin_turn(conversation_id, parent_id, text, model).conversation_id


def finish(store: ConversationStore, reply: Message, text: str) -> None:
    store.write_reply(replace(reply, text=text, state=MessageState.COMPLETE))


def texts(conversation: Conversation) -> list[str]:
    return [message.text for message in conversation.branch]


def hits(store: ConversationStore, word: str) -> list[int]:
    rows = store.connection.execute(
        "SELECT rowid FROM message_search WHERE message_search MATCH ? ORDER BY rowid", (word,)
    )
    return [row[0] for row in rows]


def test_first_message_makes_the_conversation(store: ConversationStore) -> None:
    """The user's message and the growing reply are in the branch, each with its place."""
    conversation_id = begin(store, 0, None, "Hello", "Octet demo")
    question, reply = load(store, conversation_id).branch

    assert (question.role, question.text, question.state) == (
        Role.USER,
        "Hello",
        MessageState.COMPLETE,
    )
    assert (reply.role, reply.text, reply.parent_id) == (Role.ASSISTANT, "", question.message_id)
    assert reply.model_name == "Octet demo"


def test_everything_is_there_after_reopening(store: ConversationStore, path: Path) -> None:
    """Text, ids, hash, figures and state survive closing and opening the file."""
    conversation_id = begin(store, 0, None, "Grüße 🙂\x00", "m")
    reply = replace(
        load(store, conversation_id).branch[-1],
        text="Guten Tag",
        state=MessageState.STOPPED,
        token_ids=(1, 28705, 31999),
        vocabulary_hash="abc",
        figures=FIGURES,
    )
    store.write_reply(reply)
    store.close()
    again = ConversationStore.open(path)

    assert load(again, conversation_id).branch[-1] == reply
    assert texts(load(again, conversation_id)) == ["Grüße 🙂\x00", "Guten Tag"]
    again.close()


def test_another_process_sees_a_message_at_once(store: ConversationStore, path: Path) -> None:
    """What a writing method saved is committed when it returns."""
    conversation_id = begin(store, 0, None, "Hello", "m")
    other = ConversationStore.open_as_it_is(path)

    assert texts(load(other, conversation_id)) == ["Hello", ""]
    other.close()


def test_file_is_private_and_durable(store: ConversationStore, path: Path) -> None:
    """Mode 0600 for the file and what SQLite keeps beside it; WAL, FULL, foreign keys."""
    store.begin_turn(0, None, "Hello", "m")
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    pragmas = [
        store.connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous", "foreign_keys", "user_version")
    ]

    assert set(modes.values()) == {0o600}
    assert pragmas == ["wal", 2, 1, len(MIGRATIONS)]


def test_edit_adds_a_version_and_keeps_the_old_branch(store: ConversationStore) -> None:
    """A sibling of a user's message starts a branch of its own; the old one can be shown again."""
    first = add_turn(store, "One?", "1.")
    conversation_id = first.summary.conversation_id
    add_turn(store, "Two?", "2.", conversation_id)
    store.begin_turn(conversation_id, None, "Uno?", "m")
    edited = load(store, conversation_id)
    store.show_version(conversation_id, edited.branch[0].message_id, -1)
    shown = load(store, conversation_id)

    assert texts(edited) == ["Uno?", ""]
    assert (edited.branch[0].version, edited.branch[0].version_count) == (2, 2)
    assert texts(shown) == ["One?", "1.", "Two?", "2."]


def test_another_answer_is_a_version_of_the_reply(store: ConversationStore) -> None:
    """`begin_reply` adds a sibling that is shown; stepping past either end stays there."""
    conversation = add_turn(store, "One?", "1.")
    conversation_id = conversation.summary.conversation_id
    store.begin_reply(conversation_id, conversation.branch[0].message_id, "m")
    reply = load(store, conversation_id).branch[-1]
    store.show_version(conversation_id, reply.message_id, 5)
    last = load(store, conversation_id).branch[-1]
    store.show_version(conversation_id, reply.message_id, -5)

    assert (reply.version, reply.version_count) == (2, 2)
    assert last == reply
    assert load(store, conversation_id).branch[-1].text == "1."


def test_branch_of_a_reply_is_there_whatever_is_shown(store: ConversationStore) -> None:
    """A reply goes on in its own branch while the user looks at another."""
    first = add_turn(store, "One?", "1.")
    chat = first.summary.conversation_id
    begun = store.begin_turn(chat, None, "Uno?", "m")
    store.show_version(chat, load(store, chat).branch[0].message_id, -1)
    branch = store.load_branch(chat, begun.reply_id)

    assert texts(load(store, chat)) == ["One?", "1."]
    assert branch is not None
    assert texts(branch) == ["Uno?", ""]
    assert branch.branch[0].version == 2


def test_version_of_a_message_that_is_gone_changes_nothing(store: ConversationStore) -> None:
    """Another window may have removed it."""
    conversation = add_turn(store, "One?", "1.")
    store.show_version(conversation.summary.conversation_id, 999, 1)

    assert load(store, conversation.summary.conversation_id).branch == conversation.branch


def test_growing_reply_is_read_as_cut_off(store: ConversationStore, path: Path) -> None:
    """After a crash what had been flushed is there, and the reply says that it was cut off."""
    conversation_id = begin(store, 0, None, "Hello", "m")
    reply = load(store, conversation_id).branch[-1]
    store.write_reply(replace(reply, text="Half a", state=MessageState.GROWING))
    store.connection.close()  # as a crash: nobody ends the reply
    again = ConversationStore.open(path)
    reply = load(again, conversation_id).branch[-1]

    assert (reply.text, reply.state) == ("Half a", MessageState.CUT_OFF)
    assert hits(again, "half") == [reply.message_id]
    again.close()


def test_second_process_does_not_cut_a_growing_reply(store: ConversationStore, path: Path) -> None:
    """A reply that really grows says so again with its next flush."""
    conversation_id = begin(store, 0, None, "Hello", "m")
    reply = load(store, conversation_id).branch[-1]
    ConversationStore.open(path).close()
    store.write_reply(replace(reply, text="All of it", state=MessageState.COMPLETE))

    assert load(store, conversation_id).branch[-1].state is MessageState.COMPLETE


def test_list_is_newest_first_and_leaves_out_the_bin(store: ConversationStore) -> None:
    """The bin keeps a conversation, and it can be taken out again."""
    ids = [add_turn(store, name, "ok").summary.conversation_id for name in ("a", "b", "c")]
    store.move_to_bin(ids[1])
    without = [summary.conversation_id for summary in store.list_conversations()]
    store.restore_from_bin(ids[1])
    add_turn(store, "more", "ok", ids[0])

    assert without == [ids[2], ids[0]]
    assert [s.conversation_id for s in store.list_conversations()] == [ids[0], ids[2], ids[1]]


def test_empty_bin_removes_only_what_is_old_and_in_it(store: ConversationStore) -> None:
    """Conversations outside the bin stay whatever their age; the index forgets the others."""
    kept = add_turn(store, "kept", "ok").summary.conversation_id
    gone = add_turn(store, "gone", "ok").summary.conversation_id
    store.move_to_bin(gone)
    store.empty_bin(older_than_seconds=10_000)
    still_there = store.load_conversation(gone)
    store.empty_bin(older_than_seconds=0)

    assert still_there is not None
    assert store.load_conversation(gone) is None
    assert store.load_conversation(kept) is not None
    assert (hits(store, "gone"), len(hits(store, "kept"))) == ([], 1)


def test_title_follows_the_first_message_until_renamed(store: ConversationStore) -> None:
    """An edit of the first message changes the title, unless the user gave one."""
    conversation_id = begin(store, 0, None, "Why is the sky dark?", "m")
    first = load(store, conversation_id).summary.title
    store.begin_turn(conversation_id, None, "Why is the sea blue?", "m")
    second = load(store, conversation_id).summary.title
    store.rename(conversation_id, "Colours")
    store.begin_turn(conversation_id, None, "Why is grass green?", "m")

    assert (first, second) == ("Why is the sky dark?", "Why is the sea blue?")
    assert load(store, conversation_id).summary.title == "Colours"


def test_draft_is_kept_for_each_chat(store: ConversationStore) -> None:
    """Also for the chat without a message."""
    conversation_id = begin(store, 0, None, "Hello", "m")
    store.save_draft(conversation_id, Draft("next", "waits"))
    store.save_draft(0, Draft("other"))
    drafts = [store.load_draft(chat) for chat in (0, conversation_id)]
    store.save_draft(0, Draft())

    assert drafts == [Draft("other"), Draft("next", "waits")]
    assert store.load_draft(0) == Draft()


def test_sent_text_leaves_the_draft(store: ConversationStore) -> None:
    """In the same transaction, so that no crash can show it twice."""
    store.save_draft(0, Draft(" Hello\n"))
    first = begin(store, 0, None, "Hello", "m")
    store.save_draft(0, Draft("typed on", "Hello"))
    second = begin(store, 0, None, "Hello", "m")

    assert [store.load_draft(chat) for chat in (0, first)] == [Draft(), Draft()]
    assert store.load_draft(second) == Draft("typed on")


def test_index_finds_ended_messages_only(store: ConversationStore) -> None:
    """A growing reply is indexed once it has ended, and only with its last text."""
    conversation_id = begin(store, 0, None, "Été à Évian", "m")
    question, reply = load(store, conversation_id).branch
    store.write_reply(replace(reply, text="wrong words", state=MessageState.GROWING))
    while_growing = hits(store, "wrong")
    finish(store, reply, "wrong words")
    finish(store, reply, "right words")

    assert while_growing == []
    assert (hits(store, "wrong"), hits(store, "right")) == ([], [reply.message_id])
    assert hits(store, "ete") == [question.message_id]
    store.connection.execute(
        "INSERT INTO message_search (message_search) VALUES ('integrity-check')"
    )


def test_failed_write_leaves_no_trace(store: ConversationStore) -> None:
    """A turn is saved whole or not at all: here the reply's model has no name."""
    with pytest.raises(sqlite3.IntegrityError):
        store.begin_turn(0, None, "Hello", None)  # type: ignore[arg-type]

    assert store.list_conversations() == ()


def test_words_for_a_chat_that_is_gone_make_a_new_one(store: ConversationStore) -> None:
    """Another window may have emptied the bin; another answer to nothing is nothing."""
    gone = add_turn(store, "gone", "ok")
    store.move_to_bin(gone.summary.conversation_id)
    store.empty_bin(older_than_seconds=0)
    last = gone.branch[-1].message_id
    chat = gone.summary.conversation_id
    conversation_id = begin(store, chat, last, "Hello", "m")
    nothing = store.begin_reply(chat, gone.branch[0].message_id, "m")

    assert store.load_branch(chat, nothing.reply_id) is None
    assert texts(load(store, conversation_id)) == ["Hello", ""]
    assert [s.conversation_id for s in store.list_conversations()] == [conversation_id]


def test_full_disk_is_a_sentence(store: ConversationStore) -> None:
    """SQLITE_FULL becomes ChatsFileError, and the store works again when there is room."""
    pages = store.connection.execute("PRAGMA page_count").fetchone()[0]
    store.connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(ChatsFileError, match="the disk is full") as caught:
        store.begin_turn(0, None, "x" * 100_000, "m")
    store.connection.execute("PRAGMA max_page_count = 100000")

    assert caught.value.refusal is Refusal.DISK_FULL
    assert begin(store, 0, None, "x", "m") > 0


def test_read_only_file_is_a_sentence(store: ConversationStore) -> None:
    """SQLITE_READONLY becomes ChatsFileError."""
    store.connection.execute("PRAGMA query_only = ON")

    with pytest.raises(ChatsFileError, match="read-only"):
        store.begin_turn(0, None, "x", "m")


def test_locked_file_is_a_sentence(store: ConversationStore, path: Path) -> None:
    """A writer that holds the file for too long is named as the reason."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    store.connection.execute("PRAGMA busy_timeout = 1")
    with pytest.raises(ChatsFileError, match="another program") as caught:
        store.save_draft(0, Draft("x"))
    other.close()

    assert caught.value.refusal is Refusal.LOCKED


def test_file_of_another_kind_is_a_sentence(path: Path) -> None:
    """The file is named and left as it is."""
    content = b"This is no database. " * 100
    path.write_bytes(content)
    with pytest.raises(ChatsFileError, match="is kept as it is") as caught:
        ConversationStore.open(path)

    assert caught.value.refusal is Refusal.DAMAGED
    assert path.read_bytes() == content


def test_file_of_a_newer_octet_is_left_alone(store: ConversationStore, path: Path) -> None:
    """A database with more migrations than are known is refused with a sentence."""
    store.connection.execute("PRAGMA user_version = 99")

    with pytest.raises(ChatsFileError, match="newer Octet"):
        ConversationStore.open(path)


def test_two_stores_begin_turns_in_turn(store: ConversationStore, path: Path) -> None:
    """Two windows on one folder never get the same id."""
    other = ConversationStore.open(path)
    ids = [
        begin(writer, 0, None, f"{number}", "m") for number, writer in enumerate((store, other) * 5)
    ]
    other.close()

    assert len(set(ids)) == 10
    assert len(store.list_conversations()) == 10


@given(st.lists(st.integers(0, 2**32 - 1)))
def test_token_ids_come_back(token_ids: list[int]) -> None:
    """Packing loses nothing; ids of a small vocabulary take two bytes each and one in all."""
    packed = pack_token_ids(token_ids)

    assert unpack_token_ids(packed) == tuple(token_ids)
    if token_ids and max(token_ids) < 32_000:
        assert len(packed) == 2 * len(token_ids) + 1


def test_unknown_packing_is_refused() -> None:
    """Bytes that were not packed here are not taken for ids."""
    with pytest.raises(ValueError, match="3 bytes"):
        unpack_token_ids(b"\x03abc")


def test_halves_of_surrogate_pairs_are_mended() -> None:
    """A database takes no lone surrogates; a pair in two halves is one character."""
    assert clean_text("a\ud83d\ude42b\ud83dc") == "a🙂b\ufffdc"


class TestWhatGoesWithAChat:
    """Files of messages and drafts, a chat's own settings, summaries."""

    FILES = (Attachment("notes.txt", "Öl, 東京\n", 12), Attachment("b.md", "`", 0, is_cut=True))

    def test_files_stay_with_their_message(self, store: ConversationStore, path: Path) -> None:
        """Also for who opens the file anew."""
        begun = store.begin_turn(0, None, "Read these", "demo", self.FILES)
        store.close()
        again = ConversationStore.open(path)
        user, reply = load(again, begun.conversation_id).branch
        again.close()

        assert (user.attachments, reply.attachments) == (self.FILES, ())

    def test_a_draft_keeps_its_files_until_it_is_sent(self, store: ConversationStore) -> None:
        """Those of another draft stay."""
        draft = Draft("Read these", "", self.FILES)
        store.save_draft(0, draft)
        assert store.load_draft(0) == draft
        begun = store.begin_turn(0, None, "Read these", "demo", self.FILES)
        assert store.load_draft(begun.conversation_id) == Draft()

        other = Draft("Later", "Waits", self.FILES, self.FILES[:1])
        store.save_draft(0, other)
        begun = store.begin_turn(0, None, "Waits", "demo")
        assert store.load_draft(begun.conversation_id) == Draft("Later", "", self.FILES)

    def test_options_are_the_chats_own(self, store: ConversationStore) -> None:
        """And none are none."""
        first, second = add_turn(store, "One", "1"), add_turn(store, "Two", "2")
        chat_id = first.summary.conversation_id
        options = {"temperature": 0.1, "stop_strings": ["User:"], "of a newer Octet": None}
        store.save_options(chat_id, options)
        assert load(store, chat_id).options == options
        assert load(store, second.summary.conversation_id).options == {}
        store.save_options(chat_id, {})
        assert load(store, chat_id).options == {}

    def test_options_that_cannot_be_read_hide_no_chat(self, store: ConversationStore) -> None:
        """The general settings hold then."""
        chat = add_turn(store, "One", "1")
        store.connection.execute("UPDATE conversation SET options = '{half'")
        assert load(store, chat.summary.conversation_id).options == {}

    def test_a_summary_belongs_to_its_message(self, store: ConversationStore) -> None:
        """An empty one is one, too: all up to there is left out."""
        chat = add_turn(store, "One", "1")
        chat_id, (user, reply) = chat.summary.conversation_id, chat.branch
        store.save_summary(chat_id, reply.message_id, "They greeted.")
        store.save_summary(chat_id, user.message_id, "")
        store.save_summary(chat_id + 1, user.message_id, "of another chat")
        summaries = {user.message_id: "", reply.message_id: "They greeted."}
        assert load(store, chat_id).summaries == summaries

    def test_files_that_are_none_are_damage(self, store: ConversationStore) -> None:
        """Said as such, and no defect of the program."""
        chat = add_turn(store, "One", "1")
        store.connection.execute("UPDATE message SET attachments = '[3]'")
        with pytest.raises(ChatsFileError) as caught:
            load(store, chat.summary.conversation_id)
        assert caught.value.refusal is Refusal.DAMAGED


def test_a_file_of_the_first_octet_is_migrated(path: Path) -> None:
    """With every word, and without files, options and summaries."""
    with closing(sqlite3.connect(path)) as first:
        first.executescript(MIGRATIONS[0])
        first.executescript(
            "PRAGMA user_version = 1;"
            "INSERT INTO conversation (title, created_at, changed_at, selected_root_id)"
            " VALUES ('Old', 1, 2, 1);"
            "INSERT INTO message (conversation_id, role, text, state, created_at)"
            " VALUES (1, 'user', 'Hello', 'complete', 1);"
            "INSERT INTO draft VALUES (1, 'written', 'waiting');"
        )
    store = ConversationStore.open(path)
    chat, draft = load(store, 1), store.load_draft(1)
    store.close()

    assert [(m.text, m.attachments) for m in chat.branch] == [("Hello", ())]
    assert (chat.summary.title, chat.options, chat.summaries) == ("Old", {}, {})
    assert draft == Draft("written", "waiting")
