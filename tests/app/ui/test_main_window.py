"""The window and the session: facts are shown, wishes arrive, everything by keyboard."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.core.conversation import ConversationSummary, MessageState, Role
from app.core.settings import SIDEBAR_SHOWN, TEXT_SIZE_PERCENT, WINDOW_GEOMETRY, Settings
from app.runtime import notices
from app.runtime.facts import (
    ContextUse,
    LoadingProgress,
    ModelChoice,
    Notice,
    NoticeAction,
    NoticeKind,
    SessionState,
)
from app.ui.buttons import Button
from app.ui.main_window import MainWindow
from app.ui.model_menu import ModelMenu
from app.ui.notice_card import NoticeCard
from tests.app.ui.chats import REPLY, chat, growing, reply, user
from tests.fakes import ScriptedSession, loaded_model

CTRL, SHIFT, ALT = (
    Qt.KeyboardModifier.ControlModifier,
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.AltModifier,
)
NONE = Qt.KeyboardModifier.NoModifier
SUMMARIES = tuple(ConversationSummary(number, f"Chat {number}", 0.0) for number in (3, 2, 1))


def press(key: Qt.Key, modifiers: Qt.KeyboardModifier = NONE) -> None:
    """A key for whatever has the focus."""
    QTest.keyClick(QApplication.focusWidget(), key, modifiers)


def test_a_message_is_written_sent_and_answered(
    window: MainWindow, session: ScriptedSession
) -> None:
    """By keyboard alone, from the first letter to the finished reply."""
    QTest.keyClicks(QApplication.focusWidget(), "Hello")
    press(Qt.Key.Key_Return)
    assert session.wishes[-1] == ("send", "Hello")
    session.add(user(1).role, "Hello")
    answer = session.add(reply(2).role, "", MessageState.GROWING)
    session.become(SessionState.REPLYING)
    session.reply_grew.emit(2, "Good day.")
    session.finish(replace(answer, text="Good day.", state=MessageState.COMPLETE))
    assert [message.text for message in window.page.transcript.messages] == ["Hello", "Good day."]
    assert window.page.transcript.isVisible()


@pytest.mark.parametrize("state", [SessionState.READING, SessionState.REPLYING])
def test_escape_stops(window: MainWindow, session: ScriptedSession, state: SessionState) -> None:
    """From the composer, and from a message."""
    session.open(chat(user(1), growing(2)))
    session.become(state)
    press(Qt.Key.Key_Escape)
    press(Qt.Key.Key_Up, ALT)
    press(Qt.Key.Key_Escape)
    assert session.wishes.count(("stop",)) == 2


@pytest.mark.parametrize(
    ("key", "modifiers", "wish"),
    [
        (Qt.Key.Key_N, CTRL, ("new_conversation",)),
        (Qt.Key.Key_R, CTRL, ("answer_again", 2)),
        (Qt.Key.Key_Tab, CTRL, ("open_neighbour", 1)),
        (Qt.Key.Key_Backtab, CTRL | SHIFT, ("open_neighbour", -1)),
        (Qt.Key.Key_Z, CTRL, ("undo_delete",)),
        (Qt.Key.Key_Left, ALT, ("show_version", 2, -1)),
        (Qt.Key.Key_Right, ALT, ("show_version", 2, 1)),
    ],
)
def test_keys_wish(
    window: MainWindow,
    session: ScriptedSession,
    key: Qt.Key,
    modifiers: Qt.KeyboardModifier,
    wish: tuple[object, ...],
) -> None:
    """From the composer, where one usually is."""
    session.open(chat(user(1), reply(2, version=2, version_count=3)))
    press(key, modifiers)
    assert session.wishes[-1] == wish


def test_versions_end_where_they_end(window: MainWindow, session: ScriptedSession) -> None:
    """No wish for a version that isn't there."""
    session.open(chat(user(1), reply(2, version=2, version_count=2)))
    press(Qt.Key.Key_Right, ALT)
    assert ("show_version", 2, 1) not in session.wishes


def test_up_changes_the_last_own_message(window: MainWindow, session: ScriptedSession) -> None:
    """Its new text becomes a version of its own."""
    session.open(chat(user(1, "first"), reply(2), user(3, "second"), reply(4)))
    press(Qt.Key.Key_Up)
    assert window.page.composer.text() == "second"
    QTest.keyClicks(QApplication.focusWidget(), "!")
    press(Qt.Key.Key_Return)
    assert session.wishes[-1] == ("edit_message", 3, "second!")


def test_f6_goes_through_the_window(window: MainWindow, session: ScriptedSession) -> None:
    """Sidebar, header, transcript, composer, and back with Shift."""
    session.conversations_changed.emit(SUMMARIES)
    session.open(chat(user(1), reply(2)))
    seen = []
    for _ in range(4):
        press(Qt.Key.Key_F6)
        seen.append(QApplication.focusWidget())
    assert seen[0] is window.sidebar.list
    assert seen[1] is window.page.header.chip
    assert window.page.transcript.isAncestorOf(seen[2])
    assert seen[3] is window.page.composer.draft
    press(Qt.Key.Key_F6, SHIFT)
    assert window.page.transcript.isAncestorOf(QApplication.focusWidget())


def test_chats_are_opened_renamed_and_deleted_by_keyboard(
    window: MainWindow, session: ScriptedSession, qtbot: QtBot
) -> None:
    """Enter, F2 and Delete in the list."""
    session.conversations_changed.emit(SUMMARIES)
    session.open(chat(user(1), chat_id=3))
    press(Qt.Key.Key_F6)
    press(Qt.Key.Key_Down)
    press(Qt.Key.Key_Return)
    assert session.wishes[-1] == ("open_conversation", 2)
    press(Qt.Key.Key_F6)
    press(Qt.Key.Key_Delete)
    assert session.wishes[-1][0] == "delete_conversation"
    press(Qt.Key.Key_F2)
    QTest.keyClicks(QApplication.focusWidget(), "Other")
    press(Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: session.wishes[-1][0] == "rename_conversation")


def test_text_size_keys_scale_everything_and_are_kept(
    window: MainWindow, settings: Settings
) -> None:
    """Within 80 and 200 %, and back to 100."""
    height = window.page.header.sizeHint().height()
    press(Qt.Key.Key_Plus, CTRL)
    assert settings.get(TEXT_SIZE_PERCENT) == 110
    assert window.page.header.sizeHint().height() > height
    for _ in range(15):
        press(Qt.Key.Key_Plus, CTRL)
    assert window.theme.text_size_percent == 200
    press(Qt.Key.Key_0, CTRL)
    assert window.theme.text_size_percent == 100


def test_ctrl_b_folds_the_sidebar_for_good(window: MainWindow, settings: Settings) -> None:
    """Its buttons are in the header then."""
    press(Qt.Key.Key_B, CTRL)
    assert not window.sidebar.isVisible()
    assert window.page.header.new.isVisible()
    assert settings.get(SIDEBAR_SHOWN) is False
    press(Qt.Key.Key_B, CTRL)
    assert window.sidebar.isVisible()


def test_in_a_small_window_the_sidebar_slides_over(
    make_window: Callable[..., MainWindow], session: ScriptedSession
) -> None:
    """Escape puts it away, and the setting stays as it was."""
    window = make_window(session, 700, 600)
    assert window.is_folded
    press(Qt.Key.Key_B, CTRL)
    assert window.sidebar.isVisible()
    assert window.pages.width() == 700
    press(Qt.Key.Key_Escape)
    assert not window.sidebar_in_sight
    assert window.settings.get(SIDEBAR_SHOWN) is True


def test_the_last_code_is_copied(window: MainWindow, session: ScriptedSession) -> None:
    """Ctrl+Shift+C, and a toast says so."""
    session.open(chat(user(1), reply(2, REPLY)))
    press(Qt.Key.Key_C, CTRL | SHIFT)
    assert QGuiApplication.clipboard().text() == 'hourly = t.resample("1h").mean()'
    assert window.page.toast.text() == "Code copied"


def test_the_demo_always_says_so(
    make_window: Callable[..., MainWindow],
) -> None:
    """The chip in any case; the banner until it is put away."""
    session = ScriptedSession(is_demo=True)
    window = make_window(session)
    session.load(loaded_model("/resources/octet-demo-Q8_0.gguf"))
    assert window.page.banner.isVisible()
    assert window.page.header.chip.accessibleName().startswith("Model: Octet demo")
    window.page.banner._close.click()
    assert not window.page.banner.isVisible()
    session.load(loaded_model("/resources/octet-demo-Q8_0.gguf"))
    assert not window.page.banner.isVisible()


def test_a_question_card_asks(make_window: Callable[..., MainWindow]) -> None:
    """By Enter, too."""
    session = ScriptedSession(is_demo=True)
    window = make_window(session)
    session.load(loaded_model("/demo.gguf"))
    card = window.page.empty._cards[1]
    card.setFocus()
    press(Qt.Key.Key_Return)
    assert session.wishes[-1] == ("send", "How do I get the real Mixtral?")


def test_loading_shows_how_far_and_can_be_given_up(
    window: MainWindow, session: ScriptedSession
) -> None:
    """Percent, time left, Cancel; one can write already."""
    session.become(SessionState.LOADING)
    session.loading_progressed.emit(LoadingProgress("Mixtral 8x7B", 62, 100, 4.0))
    header = window.page.header
    assert header.chip.accessibleName() == "Model: Mixtral 8x7B, 62 %, 4 s left"
    header.cancel.click()
    assert session.wishes[-1] == ("cancel_load",)
    session.load(loaded_model("/m.gguf"))
    assert not header.cancel.isVisible()


def test_without_a_model_there_are_two_ways_on(
    window: MainWindow, session: ScriptedSession
) -> None:
    """Get Mixtral, or the demo."""
    session.model = None
    session.become(SessionState.NO_MODEL)
    session.models_changed.emit((ModelChoice("/demo.gguf", "Demo", "19 MB", True),))
    window.page.empty._demo.click()
    assert session.wishes[-1] == ("load_model", "/demo.gguf")
    window.page.empty._get.click()
    assert window.pages.currentWidget() is window.get_mixtral
    press(Qt.Key.Key_Escape)
    assert window.pages.currentWidget() is window.page


def test_the_chip_lists_the_models_there_are(window: MainWindow, session: ScriptedSession) -> None:
    """As they were told last."""
    session.models_changed.emit((ModelChoice("/big.gguf", "Big one", "Q6_K, 38.4 GB", False),))
    window.show_models()
    (menu,) = window.page.header.chip.findChildren(ModelMenu)
    shown = [action.text() for action in menu.actions()]
    menu.close()
    assert any("Big one" in text for text in shown)


def test_the_gauge_counts_the_draft(window: MainWindow, session: ScriptedSession) -> None:
    """And the composer warns when it pushes messages out."""
    window.page.composer.draft.set_text("Hello")
    session.context_changed.emit(ContextUse(3412, 16384, 18))
    assert window.page.header.gauge.text() == "3,412 of 16,384"
    assert window.page.composer.figure.text() == "18 tokens"
    session.context_changed.emit(ContextUse(12_300, 16_384, 18, pushed_out_messages=2))
    assert window.page.composer.figure.text() == "18 tokens: the 2 oldest messages make room"
    session.context_changed.emit(ContextUse(12_300, 16_384, 18, pushed_out_messages=1))
    assert window.page.composer.figure.text() == "18 tokens: the oldest message makes room"
    session.context_changed.emit(ContextUse(0, 16_384, 18_000, excess_tokens=1700))
    assert "too long for the model’s memory" in window.page.composer.figure.text()


def test_notices_wait_for_each_other(window: MainWindow, session: ScriptedSession) -> None:
    """The most urgent first; a key replaces and clears."""
    warning = Notice(NoticeKind.WARNING, "Engine.", "x", NoticeAction.DETAILS, "log", "engine")
    error = Notice(NoticeKind.ERROR, "Disk.", "y", NoticeAction.SHOW_FOLDER, "/tmp", "saving")
    session.notice_raised.emit(warning)
    session.notice_raised.emit(error)
    session.notice_raised.emit(error)
    bar = window.page.notices
    assert [notice.key for notice in bar.notices] == ["saving", "engine"]
    session.notice_cleared.emit("saving")
    assert bar.notice is warning
    bar._close.click()
    assert not bar.isVisible()


def test_a_failed_reply_can_be_tried_again(window: MainWindow, session: ScriptedSession) -> None:
    """Its notice stands in the transcript, not in the bar."""
    session.open(chat(user(1), reply(2, "Half", state=MessageState.CUT_OFF)))
    notice = Notice(NoticeKind.ERROR, "Failed.", "x", NoticeAction.TRY_AGAIN, "log", "reply")
    session.notice_raised.emit(notice)
    assert not window.page.notices.isVisible()
    view = window.page.transcript.view(1)
    view._notice.controls()[0].click()
    assert session.wishes[-1] == ("try_again",)


def test_a_deleted_chat_can_be_brought_back(window: MainWindow, session: ScriptedSession) -> None:
    """From the toast."""
    notice = Notice(NoticeKind.INFO, "Chat moved.", "x", NoticeAction.UNDO_DELETE, "", "bin")
    session.notice_raised.emit(notice)
    window.page.toast._undo.click()
    assert session.wishes[-1] == ("undo_delete",)


def test_a_waiting_message_is_shown(window: MainWindow, session: ScriptedSession) -> None:
    """In one line, until it is sent."""
    session.queued_changed.emit("And\nthen?")
    assert window.page.queued.text() == "Waits for its turn: And then?"
    session.queued_changed.emit("")
    assert not window.page.queued.isVisible()


def test_the_end_keeps_draft_and_place(
    window: MainWindow, session: ScriptedSession, settings: Settings, qtbot: QtBot
) -> None:
    """What was being written is told before the window says that it closes."""
    QTest.keyClicks(QApplication.focusWidget(), "half a thou")
    with qtbot.waitSignal(window.close_requested):
        window.close()
    assert session.wishes[-1] == ("measure_draft", "half a thou")
    assert settings.get(WINDOW_GEOMETRY)


def test_a_full_memory_offers_its_ways_on(window: MainWindow, session: ScriptedSession) -> None:
    """In the reply's place, each with a button of its own."""
    session.add(Role.USER, "Hi")
    session.add(Role.ASSISTANT, "", MessageState.CUT_OFF)
    session.notice_raised.emit(notices.memory_full(2, can_summarise=True))
    cards = [c for c in window.findChildren(NoticeCard) if c.notice and c.notice.more_actions]
    (card,) = cards
    buttons = {b.text(): b for b in card.controls() if isinstance(b, Button)}
    assert list(buttons) == ["Drop the oldest", "Summarise", "Larger context"]
    buttons["Summarise"].click()
    buttons["Drop the oldest"].click()

    assert session.wishes[-2:] == [("memory.summarise_oldest",), ("memory.drop_oldest",)]


def test_a_reply_is_edited_in_the_composer(window: MainWindow, session: ScriptedSession) -> None:
    """E begins it; sending gives it another version and asks nobody."""
    session.open(chat(user(1), reply(2)))
    view = window.page.transcript.view(1)
    assert view is not None
    view.setFocus()
    QTest.keyClick(view, Qt.Key.Key_E)
    window.page.composer.draft.set_text("Better.")
    QTest.keyClick(window.page.composer.draft, Qt.Key.Key_Return)

    assert ("replies.edit", 2, "Better.") in session.wishes
    assert not [wish for wish in session.wishes if wish[0] == "edit_message"]
