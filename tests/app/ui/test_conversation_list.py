"""The sidebar's list: heads by day, a filter over titles, a menu on each chat."""

from __future__ import annotations

import time

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QMenu
from pytestqt.qtbot import QtBot

from app.core.conversation import ConversationSummary
from app.ui.conversation_list import ConversationList
from app.ui.conversation_model import RowData
from app.ui.mark import MarkClock
from app.ui.theme import Theme

NOW = time.time()
CHATS = (
    ConversationSummary(0, "New chat", NOW),
    ConversationSummary(3, "Daily means", NOW),
    ConversationSummary(2, "Letter to the landlord", NOW - 86_400),
    ConversationSummary(1, "Means and ends", NOW - 86_400 * 400),
)


@pytest.fixture
def chats(qtbot: QtBot, theme: Theme) -> ConversationList:
    """Four chats on three days; the second is open."""
    clock = MarkClock()
    view = ConversationList(theme, clock)
    clock.setParent(view)
    qtbot.addWidget(view)
    view.resize(240, 500)
    view.show()
    view.show_conversations(CHATS)
    view.set_open(3)
    return view


def titles(view: ConversationList) -> list[str]:
    """All rows from above."""
    model = view.model()
    return [model.index(row, 0).data() for row in range(model.rowCount())]


def test_days_are_heads(chats: ConversationList) -> None:
    """And heads can't be chosen."""
    assert titles(chats)[:5] == ["Today", "New chat", "Daily means", "Yesterday", CHATS[2].title]
    assert not chats.model().index(0, 0).flags() & Qt.ItemFlag.ItemIsSelectable


def test_the_filter_looks_for_all_words(chats: ConversationList) -> None:
    """In any order, large or small; heads without chats go."""
    chats.set_filter("MEANS")
    assert "Letter to the landlord" not in titles(chats)
    assert "Means and ends" in titles(chats)
    chats.set_filter("ends means")
    assert titles(chats)[1:] == ["Means and ends"]
    chats.set_filter("")
    assert len(titles(chats)) == 7


def test_a_click_opens_and_the_dots_open_a_menu(chats: ConversationList, qtbot: QtBot) -> None:
    """One doesn't do the other."""
    index = chats.model().index(4, 0)
    rect = chats.visualRect(index)
    with qtbot.waitSignal(chats.open_requested) as blocker:
        QTest.mouseClick(chats.viewport(), Qt.MouseButton.LeftButton, pos=rect.center())
    assert blocker.args == [2]
    dots = chats._delegate.menu_rect(rect).center()
    with qtbot.assertNotEmitted(chats.open_requested):
        QTest.mouseClick(chats.viewport(), Qt.MouseButton.LeftButton, pos=dots)
    (menu,) = chats.findChildren(QMenu)
    assert [action.text() for action in menu.actions() if action.text()] == [
        "Rename",
        "Move to the bin",
    ]
    with qtbot.waitSignal(chats.delete_requested) as blocker:
        menu.actions()[-1].trigger()
    assert blocker.args == [2]
    menu.close()


def test_the_chat_that_is_not_written_yet_has_no_menu(chats: ConversationList) -> None:
    """There is nothing to rename or to delete."""
    index = chats.model().index(1, 0)
    assert not chats._delegate.has_menu(index)
    assert not index.flags() & Qt.ItemFlag.ItemIsEditable


def test_a_reply_under_way_is_told(chats: ConversationList) -> None:
    """By the turning mark, and by name."""
    chats.set_replying(2)
    index = chats.model().index(4, 0)
    assert index.data(RowData.IS_REPLYING)
    assert index.data(Qt.ItemDataRole.AccessibleTextRole).endswith("a reply is under way")


def test_an_empty_title_changes_nothing(chats: ConversationList, qtbot: QtBot) -> None:
    """Nor does the same one."""
    model = chats.model()
    with qtbot.assertNotEmitted(chats.rename_requested):
        model.setData(model.index(2, 0), "  ")
        model.setData(model.index(2, 0), "Daily means")
    with qtbot.waitSignal(chats.rename_requested) as blocker:
        model.setData(model.index(2, 0), " Other ")
    assert blocker.args == [3, "Other"]
