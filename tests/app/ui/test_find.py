"""Finding in the open chat by keyboard: what is marked, what is counted, where one lands."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.core.conversation import Conversation
from app.ui.folded_text import fold
from app.ui.main_window import MainWindow
from app.ui.message_marks import hit_place
from app.ui.message_view import MessageView
from tests.app.ui.chats import chat, growing, long_chat, reply, user
from tests.fakes import ScriptedSession

CONTROL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
CODE = "```py\n" + "\n".join(f"x{n} = {n}" for n in range(300)) + "\n```"


@pytest.fixture
def show(window: MainWindow, session: ScriptedSession) -> Callable[[Conversation], MainWindow]:
    """Opens a chat in the window."""

    def open_chat(conversation: Conversation) -> MainWindow:
        session.conversation_opened.emit(conversation)
        return window

    return open_chat


def find(window: MainWindow, qtbot: QtBot, text: str) -> None:
    """Press Ctrl+F, type, and wait until the whole chat is searched."""
    QTest.keyClick(window, Qt.Key.Key_F, CONTROL)
    if text.isascii():
        QTest.keyClicks(window.page.find_bar.field, text)
    else:
        window.page.find_bar.field.insert(text)  # as an input method does
    qtbot.waitUntil(lambda: window.page.transcript.finder.is_complete)


def said(window: MainWindow) -> str:
    """What the bar says of the hits."""
    return window.page.find_bar.count.text()


def current_is_in_sight(window: MainWindow) -> bool:
    """Whether the current hit can be seen."""
    transcript = window.page.transcript
    current = transcript.finder.current
    assert current is not None
    view = transcript.view(transcript.row_of(current[0]))
    assert isinstance(view, MessageView)
    place = hit_place(view.body, current[1])
    assert place is not None
    top = place.translated(0, view.y()).toAlignedRect()
    return transcript.viewport().rect().contains(top)


def test_hits_are_counted_in_the_whole_chat(
    show: Callable[[Conversation], MainWindow], qtbot: QtBot
) -> None:
    """Messages that aren't widgets count too; F3 and Shift+F3 go round the end."""
    window = show(long_chat(60))
    find(window, qtbot, "RESAMPLE")
    assert said(window).endswith("of 120")
    first = window.page.transcript.finder.current
    QTest.keyClick(window, Qt.Key.Key_F3)
    QTest.keyClick(window, Qt.Key.Key_F3, SHIFT)
    assert window.page.transcript.finder.current == first


def test_every_jump_ends_in_sight(show: Callable[[Conversation], MainWindow], qtbot: QtBot) -> None:
    """Through a hundred messages of which few are widgets, forth and round."""
    window = show(long_chat(50))
    find(window, qtbot, "guide")
    seen = set()
    for _ in range(50):
        assert current_is_in_sight(window)
        seen.add(window.page.transcript.finder.current)
        QTest.keyClick(window.page.find_bar.field, Qt.Key.Key_Return)
    assert len(seen) == 50
    assert said(window).endswith("of 50")


def test_hits_in_code_tables_and_lists_are_marked(
    show: Callable[[Conversation], MainWindow], qtbot: QtBot
) -> None:
    """The number of marks is the number that is told."""
    text = f"- needle\n- b\n\n| needle | b |\n|---|---|\n| c | Needle |\n\n`needle`\n\n{CODE}"
    window = show(chat(user(1, "needle?"), reply(2, text)))
    find(window, qtbot, "needle")
    transcript = window.page.transcript
    views = [transcript.view(row) for row in transcript.rows_alive()]
    marks = [len(t.marks.spans) for v in views if isinstance(v, MessageView) for t in v.body.texts]
    assert sum(marks) == 5
    assert said(window).endswith("of 5")


def test_a_hit_far_down_in_code_comes_into_sight(
    show: Callable[[Conversation], MainWindow], qtbot: QtBot
) -> None:
    """Of a block that is higher than the window, and of a line that is wider."""
    code = CODE.replace("x222 = 222", "y" * 400 + " needle")
    window = show(chat(user(1), reply(2, code)))
    find(window, qtbot, "needle")
    assert said(window) == "1 of 1"
    assert current_is_in_sight(window)


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        ("cafe", "a CAFÉ there"),
        ("CAFÉ", "a cafe\u0301 there"),
        ("strasse", "die Straße"),
        ("漢字", "中漢字文"),
        ("two words", "two\nwords"),
        ("abc", "ab\u200bc"),
        ("b", "😀 b"),
        ("😀", "x 😀"),
    ],
)
def test_case_and_accents_make_no_difference(
    show: Callable[[Conversation], MainWindow], qtbot: QtBot, typed: str, text: str
) -> None:
    """As in the search over all chats; the mark stands on the letters that were found."""
    window = show(chat(user(1, text)))
    find(window, qtbot, typed)
    assert said(window) == "1 of 1"
    view = window.page.transcript.view(0)
    assert isinstance(view, MessageView)
    document = view.body.texts[0]
    assert len(document.marks.spans) == 1
    assert fold(document.text_between(*document.marks.spans[0])).text == fold(typed).text


def test_a_growing_reply_is_searched(
    show: Callable[[Conversation], MainWindow], session: ScriptedSession, qtbot: QtBot
) -> None:
    """The count follows the text."""
    window = show(chat(user(1), growing(2)))
    find(window, qtbot, "needle")
    assert said(window) == "No hits"
    session.reply_grew.emit(2, "A needle, and\n\nanother needle")
    window.page.transcript.flush()
    qtbot.waitUntil(lambda: said(window) == "1 of 2")


def test_escape_puts_the_bar_away_and_returns_the_focus(
    show: Callable[[Conversation], MainWindow], qtbot: QtBot
) -> None:
    """No mark is left, and one can write on."""
    window = show(chat(user(1), reply(2)))
    window.page.composer.draft.setFocus()
    find(window, qtbot, "daily")
    assert window.page.find_bar.field.hasFocus()
    QTest.keyClick(window.page.find_bar.field, Qt.Key.Key_Escape)
    assert window.page.find_bar.isHidden()
    assert window.page.composer.draft.hasFocus()
    view = window.page.transcript.view(1)
    assert isinstance(view, MessageView)
    assert not any(text.marks.spans for text in view.body.texts)


def test_another_chat_is_searched_for_the_same_words(
    show: Callable[[Conversation], MainWindow], qtbot: QtBot
) -> None:
    """The bar stays, and what it says is true of the new chat."""
    window = show(chat(user(1, "needle"), reply(2, "needle")))
    find(window, qtbot, "needle")
    assert said(window).endswith("of 2")
    show(chat(user(31, "needle needle needle"), chat_id=2))
    qtbot.waitUntil(lambda: said(window) == "1 of 3")


def test_the_search_of_all_chats_can_jump(
    show: Callable[[Conversation], MainWindow], qtbot: QtBot
) -> None:
    """To a message far away, in which the words are marked, and in no other."""
    window = show(long_chat(100))
    transcript = window.page.transcript
    transcript.show_message(52, "hourly guide")
    view = transcript.view(transcript.row_of(52))
    assert isinstance(view, MessageView)
    marked = [t.text_between(*s).lower() for t in view.body.texts for s in t.marks.spans]
    assert set(marked) == {"hourly", "guide"}
    assert current_is_in_sight(window)
    for row in transcript.rows_alive():
        other = transcript.view(row)
        if isinstance(other, MessageView) and other is not view:
            assert not any(text.marks.spans for text in other.body.texts)


def test_typing_reads_no_message_twice(
    show: Callable[[Conversation], MainWindow], qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a chat of a thousand messages each is parsed once, whatever is typed."""
    from app.ui import chat_search

    read = []
    texts = chat_search.message_texts

    def count(parser, message):  # noqa: ANN001, ANN202
        read.append(message.message_id)
        return texts(parser, message)

    monkeypatch.setattr(chat_search, "message_texts", count)
    window = show(long_chat(500))
    find(window, qtbot, "resample")
    assert sorted(read) == list(range(1, 1001))
    assert QApplication.focusWidget() is window.page.find_bar.field
