"""A person with a keyboard uses the real window with the real engine."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu

from app.core.conversation import MessageState
from app.runtime.chat_session import SessionState
from tests.end_to_end.conftest import StartProgram

CTRL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier
ALT = Qt.KeyboardModifier.AltModifier


def test_demo_answers_a_typed_question(start_program: StartProgram) -> None:
    """Type, Enter, reply: the demo says what Octet is, and the window says that it is the demo."""
    program = start_program()
    reply = program.ask("What is Octet?")

    assert program.session.is_demo
    assert "Mixtral 8x7B" in reply
    assert program.replies[-1].state is MessageState.COMPLETE


def test_escape_stops_and_keeps(start_program: StartProgram, toy_model: Path) -> None:
    """Esc in a reply that would never end: what had arrived is what is kept."""
    program = start_program(toy_model)
    message_id = program.ask_until_growing("Go on for ever")
    program.press(Qt.Key.Key_Escape)
    program.until(lambda: bool(program.replies))

    assert program.replies[0].state is MessageState.STOPPED
    assert program.replies[0].text == program.heard[message_id]
    assert program.session.state is SessionState.READY


def test_second_chat_and_restart(start_program: StartProgram) -> None:
    """Two chats made with keys alone are both there after a restart, word for word."""
    program = start_program()
    first = program.ask("What is Octet?")
    program.press(Qt.Key.Key_N, CTRL)
    second = program.ask("Wo liegen meine Chats?")
    program.close()
    again = start_program()
    titles = []
    for _ in range(2):
        texts = [message.text for message in again.session.conversation.branch]
        titles.append(again.session.conversation.summary.title)
        if texts and texts[0] == "What is Octet?":
            assert texts == ["What is Octet?", first]
        elif texts:
            assert texts == ["Wo liegen meine Chats?", second]
        shown = again.session.conversation.summary.conversation_id
        again.press(Qt.Key.Key_Tab, CTRL)
        again.until(lambda shown=shown: again.session.conversation.summary.conversation_id != shown)

    assert len(set(titles)) == 2


def test_answer_again_makes_a_version(start_program: StartProgram) -> None:
    """Ctrl+R answers once more; Alt+Left goes back to the first answer."""
    program = start_program()
    first = program.ask("What is Octet?")
    program.press(Qt.Key.Key_R, CTRL)
    program.until(lambda: len(program.replies) == 2)
    versions = program.session.conversation.branch[-1].version_count
    program.press(Qt.Key.Key_Left, ALT)
    program.until(lambda: program.session.conversation.branch[-1].version == 1)

    assert versions == 2
    assert program.session.conversation.branch[-1].text == first


def test_up_edits_the_last_message(start_program: StartProgram) -> None:
    """Up in the empty composer, other words, Enter: another version of the question, answered."""
    program = start_program()
    program.ask("What is Octet?")
    program.press(Qt.Key.Key_Up)
    program.press(Qt.Key.Key_A, CTRL)
    program.ask("Where are my chats kept?")
    question = program.session.conversation.branch[0]

    assert (question.text, question.version_count) == ("Where are my chats kept?", 2)


def test_second_turn_reads_only_what_is_new(start_program: StartProgram) -> None:
    """The first turn is in the cache: the ids that the model made are the ids of the prompt."""
    program = start_program()
    program.ask("What is Octet?")
    program.ask("Where are my chats kept?")
    first, second = (reply.figures for reply in program.replies)

    assert first is not None
    assert second is not None
    assert second.reused_tokens >= first.prompt_tokens + first.completion_tokens - 1


@pytest.mark.qt_log_ignore("^This plugin does not support")  # offscreen raises no windows
def test_why_this_speed_measures_the_demo(start_program: StartProgram) -> None:
    """From the list of models to the figure, by keyboard; the chat goes on afterwards."""
    program = start_program()
    program.press(Qt.Key.Key_M, CTRL | SHIFT)
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    while menu.activeAction() is None or "Why this speed?" not in menu.activeAction().text():
        QTest.keyClick(menu, Qt.Key.Key_Down)
    QTest.keyClick(menu, Qt.Key.Key_Return)
    speed = program.window.windows.speed
    assert speed is not None
    program.until(lambda: bool(speed._bars))
    while not speed._measure.hasFocus():
        program.press(Qt.Key.Key_Tab)
    program.press(Qt.Key.Key_Return)
    program.until(lambda: speed._measure.text() == "Measure again")
    headline, figures = speed._headline.text(), speed._figures.texts()
    program.press(Qt.Key.Key_Escape)
    program.until(lambda: program.window.page.composer.draft.hasFocus())

    assert "tokens/s" in headline
    assert "the best here was" in figures["Writes"]
    assert program.ask("What is Octet?")
