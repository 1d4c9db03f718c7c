"""Writing, sending, stopping and changing what was sent, by keyboard."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QMimeData, Qt, QUrl
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app.ui.composer import Composer
from app.ui.mark import MarkClock
from app.ui.theme import Theme, TypeRole


@pytest.fixture
def composer(qtbot: QtBot, theme: Theme) -> Composer:
    """A composer of 700 px."""
    clock = MarkClock()
    composer = Composer(theme, clock)
    clock.setParent(composer)
    qtbot.addWidget(composer)
    composer.resize(700, 200)
    composer.show()
    composer.draft.setFocus()
    qtbot.waitUntil(composer.draft.hasFocus)
    return composer


def press(composer: Composer, key: Qt.Key, *modifiers: Qt.KeyboardModifier) -> None:
    """A key in the draft."""
    held = Qt.KeyboardModifier.NoModifier
    for modifier in modifiers:
        held |= modifier
    QTest.keyClick(composer.draft, key, held)


def test_enter_sends_and_empties(composer: Composer, qtbot: QtBot) -> None:
    """White space around the text is left out."""
    QTest.keyClicks(composer.draft, "  Hello ")
    with qtbot.waitSignal(composer.send_requested) as blocker:
        press(composer, Qt.Key.Key_Return)
    assert blocker.args == ["Hello", ()]
    assert composer.text() == ""


def test_shift_enter_breaks_the_line(composer: Composer, qtbot: QtBot) -> None:
    """Two lines, nothing sent, and the box has grown by one line."""
    before = composer.sizeHint().height()
    QTest.keyClicks(composer.draft, "one")
    with qtbot.assertNotEmitted(composer.send_requested):
        press(composer, Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    QTest.keyClicks(composer.draft, "two")
    assert composer.text() == "one\ntwo"
    line = composer.theme.line_height(TypeRole.READING)
    assert composer.sizeHint().height() - before == pytest.approx(line, abs=2)


def test_the_keys_can_be_swapped(composer: Composer, qtbot: QtBot) -> None:
    """With Ctrl+Enter as the send key, Enter breaks the line."""
    composer.set_send_key(False)
    QTest.keyClicks(composer.draft, "one")
    press(composer, Qt.Key.Key_Return)
    assert composer.text() == "one\n"
    with qtbot.waitSignal(composer.send_requested):
        press(composer, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)


def test_nothing_is_not_sent(composer: Composer, qtbot: QtBot) -> None:
    """Neither by key nor by button."""
    QTest.keyClicks(composer.draft, "   ")
    with qtbot.assertNotEmitted(composer.send_requested):
        press(composer, Qt.Key.Key_Return)
    assert not composer.send_button.isEnabled()


def test_it_grows_to_ten_lines_and_scrolls_then(composer: Composer) -> None:
    """Thirty lines are as high as ten."""
    composer.draft.set_text("\n".join("x" * 3 for _ in range(10)))
    ten = composer.draft.height_wanted()
    composer.draft.set_text("\n".join("x" * 3 for _ in range(30)))
    assert composer.draft.height_wanted() == pytest.approx(ten, abs=10)


def test_up_in_an_empty_composer_asks_for_the_last_message(
    composer: Composer, qtbot: QtBot
) -> None:
    """With text in it, Up moves the cursor."""
    with qtbot.waitSignal(composer.last_message_requested):
        press(composer, Qt.Key.Key_Up)
    QTest.keyClicks(composer.draft, "x")
    with qtbot.assertNotEmitted(composer.last_message_requested):
        press(composer, Qt.Key.Key_Up)


def test_a_changed_message_is_sent_as_its_new_version(composer: Composer, qtbot: QtBot) -> None:
    """What was being written comes back afterwards."""
    composer.draft.set_text("a draft")
    composer.edit_message(7, "old")
    assert composer.text() == "old"
    QTest.keyClicks(composer.draft, " and new")
    with qtbot.waitSignal(composer.edit_finished) as blocker:
        press(composer, Qt.Key.Key_Return)
    assert blocker.args == [7, "old and new", ()]
    assert composer.text() == "a draft"


def test_escape_leaves_a_message_as_it_is(composer: Composer, qtbot: QtBot) -> None:
    """The first Escape ends the change, the second is the window's."""
    composer.edit_message(7, "old")
    press(composer, Qt.Key.Key_Escape)
    assert (composer.is_editing, composer.text()) == (False, "")
    with qtbot.waitSignal(composer.left):
        press(composer, Qt.Key.Key_Escape)


def test_the_round_button_stops_a_reply(composer: Composer, qtbot: QtBot) -> None:
    """One can write on meanwhile, and Enter hands the text over to wait."""
    composer.show_reply(True)
    QTest.keyClicks(composer.draft, "next")
    with qtbot.waitSignal(composer.stop_requested):
        composer.send_button.click()
    with qtbot.waitSignal(composer.send_requested):
        press(composer, Qt.Key.Key_Return)


def test_figures_stand_beside_the_button(composer: Composer) -> None:
    """The draft's tokens, a warning, and the speed while a reply grows."""
    composer.draft.set_text("Hello")
    composer.show_draft_tokens(1)
    assert composer.figure.text() == "1 token"
    composer.show_draft_tokens(1204, "the oldest messages make room")
    assert composer.figure.text() == "1,204 tokens: the oldest messages make room"
    composer.show_reply(True)
    composer.show_speed(22.4)
    assert composer.figure.text() == "22 tokens/s"


def test_only_text_can_be_pasted(composer: Composer) -> None:
    """No pictures, no styles."""
    mime = QMimeData()
    mime.setHtml("<b>bold</b><img src='file:///etc/passwd'>")
    mime.setText("bold")
    mime.setUrls([QUrl("file:///etc/passwd")])
    composer.draft.insertFromMimeData(mime)
    assert composer.text() == "bold"
    assert "passwd" not in composer.draft.toHtml()


def test_a_draft_is_told_at_each_letter(composer: Composer) -> None:
    """So that no key is too quick for it: whoever keeps drafts never waits for one."""
    told: list[str] = []
    composer.draft_changed.connect(told.append)
    QTest.keyClicks(composer.draft, "word")
    assert told == ["w", "wo", "wor", "word"]


def test_an_edit_that_has_begun_is_kept_with_the_draft(composer: Composer) -> None:
    """Both are words of the user's; an edit without changes is none."""
    told: list[str] = []
    QTest.keyClicks(composer.draft, "draft")
    composer.edit_message(7, "old")
    composer.draft_changed.connect(told.append)
    QTest.keyClicks(composer.draft, "!")
    composer.leave_editing()
    assert (told[0].startswith("draft\n\n"), "!" in told[0], told[-1]) == (True, True, "draft")


def test_what_is_shown_or_sent_is_no_news(composer: Composer) -> None:
    """Another chat's draft is kept already, and a message that is sent isn't one any more."""
    told: list[str] = []
    composer.draft_changed.connect(told.append)
    composer.show_draft("kept")
    composer.draft.send_requested.emit()
    assert told == []


def test_another_chats_draft_takes_the_place(composer: Composer) -> None:
    """Also while a message of the other chat was being changed."""
    composer.edit_message(7, "old")
    composer.show_draft("draft of the second chat")
    assert (composer.is_editing, composer.text()) == (False, "draft of the second chat")
