"""The engine dies, the disk is full, the program ends: no word is lost and the window goes on."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

from app.core.conversation import MessageState
from app.core.conversation_store import ConversationStore
from app.engine.protocol import Generate, Load
from app.runtime.chat_session import ChatSession, NoticeAction, NoticeKind, SessionState
from tests.app.runtime.house import House

S = SessionState
M = MessageState
REPLY = "Hello there."


def texts(session: ChatSession) -> list[str]:
    return [message.text for message in session.conversation.branch]


# --- the engine ------------------------------------------------------------------------------


def test_death_keeps_what_had_arrived(house: House) -> None:
    """CUT_OFF, one notice with the log's last lines, and it is the user's turn."""
    house.engines.pieces_allowed = 1
    session, facts = house.open_ready()
    house.send_until_growing(session, "Hi")
    house.engines.last.die()
    house.until(lambda: bool(facts.of("notice_raised")))
    (notice,) = facts.of("notice_raised")
    reply = session.conversation.branch[-1]

    assert (reply.text, reply.state, reply.token_ids) == ("Hello", M.CUT_OFF, (1001,))
    assert facts.of("reply_finished") == [reply]
    assert session.state is S.READY
    assert (notice.kind, notice.title) == (NoticeKind.WARNING, "The engine stopped.")
    assert (notice.action, notice.details) == (NoticeAction.DETAILS, "last log lines")


def test_next_message_starts_a_new_engine_with_the_same_model(house: House) -> None:
    """It loads first; a reply clears the notice."""
    house.engines.pieces_allowed = 1
    session, facts = house.open_ready()
    house.send_until_growing(session, "Hi")
    house.engines.last.die()
    house.until(lambda: bool(facts.of("notice_raised")))
    house.engines.pieces_allowed = None
    house.send(session, "Again")

    assert texts(session) == ["Hi", "Hello", "Again", REPLY]
    assert len(house.engines.started) == 2
    kinds = [type(request) for request in house.engines.last.requests]
    assert kinds.index(Load) < kinds.index(Generate)
    assert facts.of("notice_raised")[-1].key in facts.of("notice_cleared")


def test_death_in_the_users_turn_is_told_too(house: House) -> None:
    """Nothing was under way; the next message finds a new engine."""
    session, facts = house.open_ready()
    house.send(session, "Hi")
    house.engines.last.die()
    house.until(lambda: bool(facts.of("notice_raised")))
    notice = facts.of("notice_raised")[-1]
    house.send(session, "Again")

    assert "about" in notice.text
    assert texts(session) == ["Hi", REPLY, "Again", REPLY]


def test_cut_off_reply_goes_on_in_a_new_engine(house: House) -> None:
    """Continue loads the model again, too."""
    house.engines.pieces_allowed = 1
    session, facts = house.open_ready()
    house.send_until_growing(session, "Hi")
    house.engines.last.die()
    house.until(lambda: bool(facts.of("notice_raised")))
    house.engines.pieces_allowed = None
    session.continue_reply(session.conversation.branch[-1].message_id)
    house.until(lambda: len(facts.of("reply_finished")) == 2)

    assert texts(session) == ["Hi", "Hello" + REPLY]


def test_death_while_the_question_is_saved_is_no_loss(house: House) -> None:
    """The next engine answers it without being asked again."""
    session, facts = house.open_ready()
    may_write = threading.Event()
    session._store.run_apart(may_write.wait)
    session.send("Hi")
    house.engines.last.die()
    house.until(lambda: bool(facts.of("notice_raised")))
    may_write.set()
    house.until(lambda: texts(session) == ["Hi", REPLY])

    assert len(house.engines.started) == 2
    assert [reply.state for reply in facts.of("reply_finished")] == [M.CUT_OFF, M.COMPLETE]


def test_death_while_loading_is_told_once(house: House) -> None:
    """As a model that could not be loaded, when nothing else is left to try."""
    house.engines.deaths_while_loading = 9
    session, facts = house.open()
    session.start()
    house.until(lambda: bool(facts.of("notice_raised")))

    (notice,) = facts.of("notice_raised")
    assert session.state is S.NO_MODEL
    assert (notice.action, notice.details) == (NoticeAction.LOAD_AGAIN, "last log lines")


def test_engine_that_cannot_be_started_is_a_notice(house: House) -> None:
    """Trying again starts it."""
    house.engines.refusal = OSError("no more processes")
    session, facts = house.open()
    session.start()
    house.until(lambda: bool(facts.of("notice_raised")))
    (notice,) = facts.of("notice_raised")
    house.engines.refusal = None
    session.try_again()
    house.wait_for(session, S.READY)

    assert (notice.text, notice.details) == (
        "The engine could not be started.",
        "no more processes",
    )


def test_failed_reply_can_be_tried_again(house: House) -> None:
    """The notice has the engine's sentence; what had arrived stays as a version."""
    house.engines.pieces_allowed = 1
    session, facts = house.open_ready()
    house.send_until_growing(session, "Hi")
    house.engines.last.fail(Generate, "The graphics card reported an error.")
    house.until(lambda: bool(facts.of("notice_raised")))
    (notice,) = facts.of("notice_raised")
    failed = session.conversation.branch[-1]
    house.engines.last.allow(5)
    session.try_again()
    house.until(lambda: len(facts.of("reply_finished")) == 2)
    reply = session.conversation.branch[-1]

    assert notice.text == "The graphics card reported an error. What had arrived is kept."
    assert (failed.text, failed.state) == ("Hello", M.CUT_OFF)
    assert (reply.text, reply.version) == (REPLY, 2)
    assert notice.key in facts.of("notice_cleared")


def test_message_that_waits_survives_the_engine(house: House) -> None:
    """It is the next message: the engine comes back for it."""
    house.engines.pieces_allowed = 1
    session, facts = house.open_ready()
    house.send_until_growing(session, "Hi")
    session.send("Next")
    house.engines.pieces_allowed = None
    house.engines.last.die()
    house.until(lambda: len(facts.of("reply_finished")) == 2)

    assert texts(session) == ["Hi", "Hello", "Next", REPLY]


# --- the disk --------------------------------------------------------------------------------


class Disk:
    """Lets the file of the chats refuse to be written."""

    def __init__(self, house: House) -> None:
        self.connections: list[sqlite3.Connection] = []
        house.open_store = self.open

    def open(self, path: Path) -> ConversationStore:
        store = ConversationStore.open(path)
        self.connections.append(store.connection)
        return store

    def set_read_only(self, session: ChatSession, is_read_only: bool) -> None:
        pragma = f"PRAGMA query_only = {int(is_read_only)}"
        session._store.run_apart(lambda: self.connections[-1].execute(pragma) and None)


def test_growing_reply_is_on_the_disk_before_it_ends(house: House) -> None:
    """Twice a second in the program, more often here."""
    house.engines.pieces_allowed = 2
    session, _ = house.open_ready()
    house.send_until_growing(session, "Hi")
    store = house.saved()
    chat = session.conversation.summary.conversation_id

    def saved_text() -> str:
        conversation = store.load_conversation(chat)
        return conversation.branch[-1].text if conversation else ""

    house.until(lambda: saved_text() == "Hello there")
    store.close()


def test_refusing_disk_lets_the_chat_go_on_in_memory(house: House) -> None:
    """A notice stays until the disk takes it; then everything is saved by itself."""
    disk = Disk(house)
    session, facts = house.open_ready()
    house.send(session, "Hi")
    disk.set_read_only(session, True)
    house.send(session, "Refused")
    notice, unsaved = facts.of("notice_raised")[-1], session.has_unsaved_chats
    disk.set_read_only(session, False)
    house.until(lambda: notice.key in facts.of("notice_cleared"))
    house.send(session, "Taken")
    chat = session.conversation.summary.conversation_id
    session.close()
    store = house.saved()
    conversation = store.load_conversation(chat)
    store.close()

    assert notice.title == "This chat can't be saved: the data folder is read-only."
    assert (notice.kind, notice.action) == (NoticeKind.ERROR, NoticeAction.SHOW_FOLDER)
    assert unsaved
    assert conversation is not None
    saved = [message.text for message in conversation.branch]
    assert saved == ["Hi", REPLY, "Refused", REPLY, "Taken", REPLY]


def test_damaged_chats_are_told(house: House) -> None:
    """Octet goes on with a new file and says where the old one is."""
    house.folder.chats.write_bytes(b"no database" * 500)
    session, facts = house.open_ready()
    house.send(session, "Hi")

    (notice,) = facts.of("notice_raised")
    assert notice.title == "The saved chats were damaged."
    assert "chats.damaged-" in notice.text


def test_damaged_settings_are_told(house: House) -> None:
    """The defaults are in force."""
    house.folder.settings.write_text("{")
    _, facts = house.open_ready()

    (notice,) = facts.of("notice_raised")
    assert notice.title == "The settings are back to their defaults."


# --- the end of the program ------------------------------------------------------------------


def test_closing_saves_every_word_that_has_arrived(house: House) -> None:
    """Also what lies unread between the threads; the reply was cut off."""
    house.flush_ms = 1_000_000
    house.engines.pieces_allowed = 1
    session, _ = house.open_ready()
    house.send_until_growing(session, "Hi")
    engine = house.engines.last
    engine.allow(1)
    engine.until_waiting()
    session.close()
    store = house.saved()
    conversation = store.load_conversation(store.list_conversations()[0].conversation_id)
    store.close()

    assert conversation is not None
    reply = conversation.branch[-1]
    assert (reply.text, reply.state, reply.token_ids) == ("Hello there", M.CUT_OFF, (1001, 1002))


def test_closing_twice_is_closing_once(house: House) -> None:
    """The window and its program may both do it."""
    session, _ = house.open_ready()
    session.close()
    session.close()


def test_closing_before_starting_is_possible(house: House) -> None:
    """Nothing is there to be ended."""
    session, _ = house.open()
    session.close()
