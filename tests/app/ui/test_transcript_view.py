"""What is shown of a chat: few widgets, nothing that jumps, everything within reach."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.core.conversation import MessageState
from app.runtime.facts import Notice, NoticeAction, NoticeKind, ReadingProgress
from app.ui.message_view import MessageView
from app.ui.reply_view import ReplyView
from app.ui.theme import Theme
from app.ui.transcript_view import TranscriptView
from tests.app.ui.chats import REPLY, chat, growing, long_chat, reply, user


@pytest.fixture
def transcript(transcript: TranscriptView) -> TranscriptView:
    """A transcript of 900 by 600 px."""
    transcript.resize(900, 600)
    return transcript


def message_view(transcript: TranscriptView, row: int) -> MessageView:
    """A row's widget."""
    view = transcript.view(row)
    assert isinstance(view, MessageView)
    return view


def test_only_rows_in_sight_are_widgets(transcript: TranscriptView) -> None:
    """Of a thousand messages a handful."""
    transcript.show_branch(long_chat(500).branch)
    assert len(transcript.rows_alive()) < 12
    assert transcript.rows_alive()[-1] == 999


def test_scrolling_up_keeps_what_is_read_in_place(transcript: TranscriptView) -> None:
    """Rows that are measured for the first time move the scroll bar, not the text."""
    transcript.show_branch(long_chat(100).branch)
    bar = transcript.verticalScrollBar()
    for _ in range(60):
        row = next(r for r in transcript.rows_alive() if message_view(transcript, r).y() > 0)
        before = message_view(transcript, row).y()
        value = bar.value()
        bar.setValue(value - 40)
        after = message_view(transcript, row).y()
        assert after - before == 40


def test_growth_never_moves_finished_text(transcript: TranscriptView) -> None:
    """A settled block stays where it is while the reply grows and the reader is further up."""
    transcript.show_branch(chat(user(1), growing(2)).branch)
    transcript.grow(2, REPLY)
    transcript.flush()
    view = message_view(transcript, 1)
    settled = [(block.x, block.y, block.width, block.height) for block in view.body.views[:4]]
    for piece in (REPLY[:100], "\n\nmore\n", "- a\n- b\n", "```py\nx\n```\n"):
        transcript.grow(2, piece)
        transcript.flush()
    assert settled == [(b.x, b.y, b.width, b.height) for b in view.body.views[:4]]


def test_the_end_is_followed_only_by_readers_at_the_end(transcript: TranscriptView) -> None:
    """Who has scrolled up stays there; who comes back follows again."""
    transcript.show_branch((*long_chat(5).branch, user(11), growing(12)))
    bar = transcript.verticalScrollBar()
    bar.setValue(bar.maximum() - 200)
    value = bar.value()
    transcript.grow(12, REPLY)
    transcript.flush()
    assert (bar.value(), transcript.follows) == (value, False)
    transcript.scroll_to_end()
    transcript.grow(12, REPLY)
    transcript.flush()
    assert bar.value() == bar.maximum()


def test_text_waits_for_the_tick(transcript: TranscriptView) -> None:
    """Pieces are gathered; the view changes when the clock ticks."""
    transcript.show_branch(chat(user(1), growing(2)).branch)
    for _ in range(50):
        transcript.grow(2, "word ")
    assert message_view(transcript, 1).message.text == ""
    transcript.flush()
    assert message_view(transcript, 1).message.text == "word " * 50


def test_a_finished_reply_is_that_which_was_stored(transcript: TranscriptView) -> None:
    """Text that hadn't been painted yet isn't lost, and its foot appears."""
    transcript.show_branch(chat(user(1), growing(2)).branch)
    transcript.grow(2, "Half of")
    transcript.finish_reply(reply(2, "Half of it all."))
    view = message_view(transcript, 1)
    assert view.body.texts[0].document.toPlainText() == "Half of it all."
    assert view.foot.isVisible()


@pytest.mark.parametrize(
    ("state", "words"), [(MessageState.STOPPED, "Stopped"), (MessageState.CUT_OFF, "Cut off")]
)
def test_an_early_end_can_be_continued(
    transcript: TranscriptView, qtbot: QtBot, state: MessageState, words: str
) -> None:
    """It says after how many tokens, and offers to go on or to begin anew."""
    transcript.show_branch(chat(user(1), reply(2, "Half", state=state)).branch)
    names = {w.accessibleName() or w.text(): w for w in message_view(transcript, 1).foot._items}
    assert f"{words} after 300 tokens" in names
    with qtbot.waitSignal(transcript.continue_requested) as blocker:
        names["Continue"].click()
    assert blocker.args == [2]
    with qtbot.waitSignal(transcript.again_requested):
        names["Answer again"].click()


def test_reading_is_told_in_the_replys_place(transcript: TranscriptView, qtbot: QtBot) -> None:
    """Words at once, figures and a bar after a second, gone with the first letter."""
    transcript.show_branch(chat(user(1), growing(2)).branch)
    view = transcript.view(1)
    assert isinstance(view, ReplyView)
    line = view._reading
    assert line is not None
    assert line.text() == "Reading your message"
    line._patience.stop()
    transcript.show_reading(ReadingProgress(1000, 4100, 0, 20.0))
    assert line.text() == "Reading 4,100 tokens, about 20 s left"
    transcript.grow(2, "First")
    transcript.flush()
    assert view._reading is None


def test_a_notice_stands_under_what_had_arrived(transcript: TranscriptView, qtbot: QtBot) -> None:
    """Its button says what is wished, and it goes when it is cleared."""
    transcript.show_branch(chat(user(1), reply(2, "Half")).branch)
    notice = Notice(NoticeKind.ERROR, "It failed.", "Kept.", NoticeAction.TRY_AGAIN, "log", "reply")
    transcript.show_notice(notice)
    view = transcript.view(1)
    assert isinstance(view, ReplyView)
    assert view._notice is not None
    with qtbot.waitSignal(transcript.notice_action_requested) as blocker:
        view._notice.controls()[0].click()
    assert blocker.args == [notice]
    transcript.show_notice(None)
    assert view._notice is None


def test_the_memory_line_stands_above_what_is_remembered(transcript: TranscriptView) -> None:
    """Two messages above it, the others beneath."""
    transcript.show_branch(long_chat(2).branch)
    transcript.move_memory_line(2)
    transcript.verticalScrollBar().setValue(0)
    line = transcript.view(2)
    assert line is not None
    assert "2 earlier messages stay" in line.accessibleName()
    transcript.move_memory_line(0)
    assert len(transcript.messages) == len(transcript.rows)


def test_letters_act_on_the_focused_message(transcript: TranscriptView, qtbot: QtBot) -> None:
    """C and R on a reply, C and E on the user's own."""
    transcript.show_branch(chat(user(1), reply(2)).branch)
    transcript.step_message(1)
    for key, wish in ((Qt.Key.Key_C, "copy_requested"), (Qt.Key.Key_R, "again_requested")):
        with qtbot.waitSignal(getattr(transcript, wish)) as blocker:
            QTest.keyClick(message_view(transcript, 1), key)
        assert blocker.args == [2]
    QTest.keyClick(message_view(transcript, 1), Qt.Key.Key_Up)
    with qtbot.waitSignal(transcript.edit_requested) as blocker:
        QTest.keyClick(message_view(transcript, 0), Qt.Key.Key_E)
    assert blocker.args == [1]


def test_arrows_reach_the_buttons_of_a_message(transcript: TranscriptView, qtbot: QtBot) -> None:
    """Right goes through them, Left comes back."""
    transcript.show_branch(chat(user(1), reply(2, "Short")).branch)
    transcript.step_message(1)
    view = message_view(transcript, 1)
    qtbot.waitUntil(view.hasFocus)
    QTest.keyClick(view, Qt.Key.Key_Right)
    copy = view.controls()[0]
    assert copy.hasFocus()
    with qtbot.waitSignal(transcript.copy_requested):
        QTest.keyClick(copy, Qt.Key.Key_Return)
    QTest.keyClick(copy, Qt.Key.Key_Left)
    assert view.hasFocus()


def test_a_drag_selects_across_blocks(transcript: TranscriptView) -> None:
    """From a heading into code, copied as plain text."""
    transcript.show_branch(chat(user(1), reply(2, "# Head\n\ntext\n\n```\ncode\n```")).branch)
    view = message_view(transcript, 1)
    first, last = view.body.texts[0], view.body.texts[-1]
    begin = QPoint(round(first.x) + 1, round(first.y) + 5)
    end = QPoint(round(last.x) + 400, round(last.y) + 5)
    QTest.mousePress(view, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, begin)
    QTest.mouseMove(view, end)
    QTest.mouseRelease(view, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, end)
    QTest.keyClick(view, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text() == "Head\ntext\ncode"


def test_a_click_on_a_link_only_asks(transcript: TranscriptView, qtbot: QtBot) -> None:
    """The address goes out as a wish."""
    transcript.show_branch(chat(user(1), reply(2, "[guide](https://example.org)")).branch)
    view = message_view(transcript, 1)
    text = view.body.texts[0]
    spot = QPoint(round(text.x) + 8, round(text.y) + 8)
    with qtbot.waitSignal(transcript.link_activated) as blocker:
        QTest.mouseClick(view, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, spot)
    assert blocker.args == ["https://example.org"]


def test_arrows_reach_the_links_of_a_message(transcript: TranscriptView, qtbot: QtBot) -> None:
    """In reading order with the buttons; Enter asks, and the link is underlined and ringed."""
    text = "[one](https://a.example) and\n\n```\ncode\n```\n\n[two *three*](https://b.example)"
    transcript.show_branch(chat(user(1), reply(2, text)).branch)
    transcript.step_message(1)
    view = message_view(transcript, 1)
    qtbot.waitUntil(view.hasFocus)
    for address, steps in (("https://a.example", 1), ("https://b.example", 3)):
        for _ in range(steps):
            QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Right)
        assert view.hasFocus()
        assert all(text.document.begin().layout().lineCount() for text in view.body.texts)
        with qtbot.waitSignal(transcript.link_activated) as blocker:
            QTest.keyClick(view, Qt.Key.Key_Return)
        assert blocker.args == [address]
    QTest.keyClick(view, Qt.Key.Key_Left)
    assert not view.stops.href
    assert not view.hasFocus()


def test_users_text_is_shown_as_written(transcript: TranscriptView) -> None:
    """Markdown is for the model."""
    transcript.show_branch(chat(user(1, "# no *head*\n<b>x</b>")).branch)
    shown = message_view(transcript, 0).body.texts[0].document.toPlainText()
    assert shown == "# no *head*\n<b>x</b>"


def test_a_theme_change_keeps_the_place(transcript: TranscriptView, theme: Theme) -> None:
    """Everything is laid out anew, and the end stays in sight."""
    transcript.show_branch(long_chat(20).branch)
    theme.set_text_size(150)
    bar = transcript.verticalScrollBar()
    assert bar.value() == bar.maximum()
    assert transcript.rows_alive()[-1] == 39


def test_another_version_appears_where_the_old_one_was(transcript: TranscriptView) -> None:
    """Who compares versions in the middle of a chat is not thrown to its end."""
    branch = long_chat(20).branch
    transcript.show_branch(branch)
    transcript.scroll_to_row(10)
    top = message_view(transcript, 10).y()
    other = user(900, "Another question?", version=2, version_count=2)
    transcript.show_branch((*branch[:10], other, reply(901, REPLY * 3)))
    transcript.show_branch(branch)
    assert message_view(transcript, 10).y() == top


def test_new_lines_below_are_counted(transcript: TranscriptView, qtbot: QtBot) -> None:
    """While the reader is further up."""
    transcript.show_branch((*long_chat(5).branch, user(11), growing(12)))
    transcript.verticalScrollBar().setValue(0)
    transcript.grow(12, "one\n\ntwo\n\nthree\n\n")
    with qtbot.waitSignal(transcript.lines_arrived_below) as blocker:
        transcript.flush()
    assert blocker.args[0] >= 3


def test_wide_code_scrolls_and_can_be_wrapped(transcript: TranscriptView) -> None:
    """The message stays as wide as the column; wrapped, nothing scrolls."""
    transcript.show_branch(chat(user(1), reply(2, "```\n" + "x " * 300 + "\n```")).branch)
    view = message_view(transcript, 1)
    wrap, _, bar = view.body.controls()
    height = view.height()
    assert bar.maximum() > 0
    wrap.click()
    transcript.lay_out_all()
    assert bar.maximum() == 0
    assert transcript._heights[1] > height


def test_f_forks_the_chat(transcript: TranscriptView) -> None:
    """From a message of either side."""
    transcript.show_branch(chat(user(1), reply(2)).branch)
    wished: list[int] = []
    transcript.fork_requested.connect(wished.append)
    for row in (0, 1):
        message_view(transcript, row).focus_by_keyboard()
        QTest.keyClick(message_view(transcript, row), Qt.Key.Key_F)
    assert wished == [1, 2]


def test_p_pins_a_message(transcript: TranscriptView) -> None:
    """One that is pinned shows it, and its button lets it go."""
    transcript.show_branch(chat(user(1, is_pinned=True), reply(2), user(3), reply(4)).branch)
    wished: list[int] = []
    transcript.pin_requested.connect(wished.append)
    plain, pinned = message_view(transcript, 1), message_view(transcript, 0)
    plain.focus_by_keyboard()
    QTest.keyClick(plain, Qt.Key.Key_P)
    (pin,) = [each for each in pinned.controls() if "memory" in each.accessibleName()]
    assert pinned.foot.isVisible()
    QTest.mouseClick(pin, Qt.MouseButton.LeftButton)

    assert wished == [2, 1]
    assert pinned.accessibleName() == "You, pinned"
