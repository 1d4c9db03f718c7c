"""Files of drafts: read off the window's thread, counted by the model, sent with the message."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from app.core.attachments import AttachmentError, ReadFile, Refusal, estimated_tokens
from app.core.conversation import Attachment
from app.runtime.attaching import MOST_FILES
from app.runtime.chat_session import ChatSession, SessionState
from app.runtime.draft_files import DraftFile
from tests.app.runtime.house import House

WORDS = "two words"


def note(folder: Path, name: str = "note.txt", text: str = WORDS) -> Path:
    """A file to attach."""
    path = folder / name
    path.write_text(text)
    return path


def attach(house: House, session: ChatSession, *paths: Path) -> tuple[DraftFile, ...]:
    """Attach files and wait until a model has counted them."""
    session.attaching.attach(paths)
    house.until(lambda: not any(f.is_reading or f.is_estimate for f in session.attaching.files))
    return session.attaching.files


def failures(session: ChatSession) -> list[str]:
    """The sentences that are told from now on."""
    told: list[str] = []
    session.attaching.attachment_failed.connect(lambda _, sentence: told.append(sentence))
    return told


class Wishes(QObject):
    """A window's signals."""

    asked = Signal(str)
    sent = Signal(str, object)
    changed = Signal(int, str, object)


def test_a_file_is_read_counted_and_sent(house: House, tmp_path: Path) -> None:
    """Its text is the message's, and the draft has no files afterwards."""
    session, facts = house.open_ready()
    read: list[DraftFile] = []
    session.attaching.attachment_read.connect(read.append)
    (file,) = attach(house, session, note(tmp_path))

    assert [each.is_estimate for each in read] == [True]
    assert (file.name, file.tokens) == ("note.txt", 2)
    # Heading and fences are words, too.
    house.until(lambda: facts.of("context_changed")[-1].draft_tokens == 6)
    use = facts.of("context_changed")[-1]
    assert (use.excess_tokens, use.is_estimate) == (0, False)

    session.send("Read this", session.attaching.attachments(0))
    session.attaching.clear()
    house.until(lambda: len(session.conversation.branch) == 2)
    house.wait_for(session, SessionState.READY)
    sent = session.conversation.branch[0]
    assert [(each.name, each.text) for each in sent.attachments] == [("note.txt", WORDS)]
    assert facts.of("context_changed")[-1].draft_tokens == 0


def test_a_drafts_files_outlive_the_program(house: House, tmp_path: Path) -> None:
    """They are kept with its text."""
    session, _ = house.open_ready()
    attach(house, session, note(tmp_path))
    session.measure_draft("Read this")
    session.close()
    again, facts = house.open()
    again.start()
    house.until(lambda: bool(again.attaching.files))

    (kept,) = again.attaching.attachments(0)
    assert (kept.name, kept.text) == ("note.txt", WORDS)
    assert facts.of("draft_opened")[-1] == "Read this"


def test_the_windows_signals_carry_the_files(house: House) -> None:
    """With files and without them."""
    session, _ = house.open_ready()
    wishes = Wishes()
    wishes.asked.connect(session.send)
    wishes.sent.connect(session.send)
    wishes.changed.connect(session.edit_message)
    wishes.asked.emit("Alone")
    house.until(lambda: len(session.conversation.branch) == 2)
    house.wait_for(session, SessionState.READY)
    wishes.sent.emit("With", (Attachment("a.txt", "a"),))
    house.until(lambda: len(session.conversation.branch) == 4)
    house.wait_for(session, SessionState.READY)
    branch = session.conversation.branch
    assert [len(message.attachments) for message in branch] == [0, 0, 1, 0]
    wishes.changed.emit(branch[2].message_id, "Without", ())
    house.until(lambda: session.conversation.branch[2].text == "Without")
    house.wait_for(session, SessionState.READY)
    assert session.conversation.branch[2].attachments == ()


def test_a_message_may_be_files_alone(house: House) -> None:
    """Their names stand for it while it waits."""
    house.engines.holds_loads = True
    session, facts = house.open()
    session.start()
    house.until(lambda: len(facts.of("loading_progressed")) > 1)
    session.send("", (Attachment("a.txt", "a"), Attachment("b.txt", "b")))
    assert facts.of("queued_changed")[-1] == "a.txt, b.txt"
    session.send("Read them", (Attachment("c.txt", "c"),))
    house.engines.last.finish_load()
    house.until(lambda: len(session.conversation.branch) == 2)
    sent = session.conversation.branch[0]
    assert (sent.text, [each.name for each in sent.attachments]) == (
        "Read them",
        ["a.txt", "b.txt", "c.txt"],
    )


def test_a_changed_message_keeps_its_files(house: House) -> None:
    """Unless others are named."""
    session, _ = house.open_ready()
    session.send("One", (Attachment("a.txt", "a"),))
    house.until(lambda: len(session.conversation.branch) == 2)
    house.wait_for(session, SessionState.READY)
    session.edit_message(session.conversation.branch[0].message_id, "Two")
    house.until(lambda: session.conversation.branch[0].text == "Two")
    house.wait_for(session, SessionState.READY)
    assert [each.name for each in session.conversation.branch[0].attachments] == ["a.txt"]


def test_while_no_model_is_there_costs_are_estimated(house: House, tmp_path: Path) -> None:
    """And counted when it has come."""
    house.engines.holds_loads = True
    session, facts = house.open()
    session.start()
    house.until(lambda: len(facts.of("loading_progressed")) > 1)
    session.attaching.attach([note(tmp_path)])
    house.until(lambda: bool(session.attaching.attachments(0)))
    (file,) = session.attaching.files
    assert (file.tokens, file.is_estimate) == (estimated_tokens(WORDS), True)
    house.engines.last.finish_load()
    house.until(lambda: not session.attaching.is_estimate)
    assert session.attaching.tokens == 2


def test_what_cant_be_read_is_told_and_gone(house: House, tmp_path: Path) -> None:
    """The others stay."""
    session, _ = house.open_ready()
    told = failures(session)
    session.attaching.attach([tmp_path / "gone.txt", note(tmp_path), tmp_path])
    house.until(lambda: len(told) == 2)
    assert told[0] == "gone.txt is not there any more. Nothing was attached."
    assert "folder" in told[1]
    assert [file.name for file in session.attaching.files] == ["note.txt"]


def test_a_defect_of_reading_is_told_too(house: House, tmp_path: Path) -> None:
    """No file stays half read for ever."""
    session, _ = house.open_ready()
    told = failures(session)

    def fail(path: Path, should_stop: Callable[[], bool]) -> ReadFile:
        raise ZeroDivisionError("by nothing")

    session.attaching._reader._read = fail
    session.attaching.attach([note(tmp_path)])
    house.until(lambda: bool(told))
    assert "by nothing" in told[0]
    assert session.attaching.files == ()


def test_a_file_taken_away_ends_its_reading(house: House, tmp_path: Path) -> None:
    """What waits behind it is read at once, and nothing is told of it."""
    session, _ = house.open_ready()
    told = failures(session)
    begun = threading.Event()

    def read(path: Path, should_stop: Callable[[], bool]) -> ReadFile:
        if path.name == "endless.pdf":
            begun.set()
            while not should_stop():
                pass
            raise AttachmentError(Refusal.STOPPED, "taken away")
        return ReadFile(Attachment(path.name, WORDS))

    session.attaching._reader._read = read
    session.attaching.attach([tmp_path / "endless.pdf", tmp_path / "b.txt"])
    endless = session.attaching.files[0]
    assert begun.wait(10)
    session.attaching.remove(endless.file_id)
    house.until(lambda: bool(session.attaching.attachments(0)))
    assert [file.name for file in session.attaching.files] == ["b.txt"]
    assert told == []


def test_the_end_of_the_program_ends_reading(house: House, tmp_path: Path) -> None:
    """However long it would take."""
    session, _ = house.open_ready()
    begun = threading.Event()

    def read(path: Path, should_stop: Callable[[], bool]) -> ReadFile:
        begun.set()
        while not should_stop():
            pass
        raise AttachmentError(Refusal.STOPPED, "closed")

    session.attaching._reader._read = read
    session.attaching.attach([tmp_path / "endless.pdf"])
    assert begun.wait(10)
    session.close()
    assert not any(thread.name == "attachments" for thread in threading.enumerate())


def test_the_same_file_is_there_once(house: House, tmp_path: Path) -> None:
    """Dropped twice by mistake, it would cost twice."""
    session, _ = house.open_ready()
    attach(house, session, note(tmp_path))
    files = attach(house, session, note(tmp_path))
    assert len(files) == 1


def test_so_many_files_and_no_more(house: House, tmp_path: Path) -> None:
    """A folder dropped by mistake is not read file by file."""
    session, _ = house.open_ready()
    told = failures(session)
    session.attaching._reader._read = lambda path, _: ReadFile(Attachment(path.name, path.name))
    session.attaching.attach([tmp_path / f"{at}.txt" for at in range(MOST_FILES + 5)])
    assert len(session.attaching.files) == MOST_FILES
    assert told == [f"A message takes up to {MOST_FILES} files. {MOST_FILES}.txt was left out."]


def test_each_chat_has_its_own_files(house: House, tmp_path: Path) -> None:
    """They are there again when the chat is; and follow the new chat to its id."""
    session, _ = house.open_ready()
    house.send(session, "One")
    first = session.conversation.summary.conversation_id
    attach(house, session, note(tmp_path, "first.txt"))
    session.new_conversation()
    assert session.attaching.files == ()
    session.send("Two")
    attach(house, session, note(tmp_path, "second.txt"))
    house.until(lambda: len(session.conversation.branch) == 2)
    house.wait_for(session, SessionState.READY)
    second = session.conversation.summary.conversation_id
    assert [file.name for file in session.attaching.files] == ["second.txt"]
    assert session.attaching.attachments(0) == ()
    session.open_conversation(first)
    house.until(lambda: session.conversation.summary.conversation_id == first)
    assert [file.name for file in session.attaching.files] == ["first.txt"]
    assert [each.name for each in session.attaching.attachments(second)] == ["second.txt"]


def test_a_changed_messages_files_stand_in_place_of_the_drafts(
    house: House, tmp_path: Path
) -> None:
    """And the draft's are back afterwards."""
    session, _ = house.open_ready()
    attach(house, session, note(tmp_path))
    session.attaching.begin_edit((Attachment("old.txt", "three old words"),))
    house.until(lambda: not session.attaching.is_estimate)
    assert [(file.name, file.tokens) for file in session.attaching.files] == [("old.txt", 3)]
    attach(house, session, note(tmp_path, "more.txt", "more"))
    assert [file.name for file in session.attaching.files] == ["old.txt", "more.txt"]
    session.attaching.end_edit()
    assert [file.name for file in session.attaching.files] == ["note.txt"]


def test_a_cut_file_is_counted_anew(house: House, tmp_path: Path) -> None:
    """And kept as cut."""
    session, _ = house.open_ready()
    (file,) = attach(house, session, note(tmp_path))
    session.attaching.change(file.file_id, Attachment("note.txt", "two", 9, is_cut=True))
    assert session.attaching.is_estimate
    house.until(lambda: not session.attaching.is_estimate)
    (file,) = session.attaching.files
    assert (file.tokens, file.attachment) == (1, Attachment("note.txt", "two", 9, is_cut=True))


def test_what_is_to_be_kept_is_told(house: House, tmp_path: Path) -> None:
    """With the chat's id; a file that is still being read isn't there yet."""
    session, _ = house.open_ready()
    kept: list[tuple[int, list[str]]] = []
    session.attaching.draft_files_changed.connect(
        lambda chat_id, files: kept.append((chat_id, [file.name for file in files]))
    )
    (file,) = attach(house, session, note(tmp_path))
    session.attaching.remove(file.file_id)
    assert kept == [(0, ["note.txt"]), (0, [])]
    session.attaching.restore(0, (Attachment("kept.txt", "k"),))
    assert [file.name for file in session.attaching.files] == ["kept.txt"]
    session.attaching.restore(0, (Attachment("late.txt", "l"),))
    assert [file.name for file in session.attaching.files] == ["kept.txt"]
