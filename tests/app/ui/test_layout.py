"""Nothing overlaps and nothing is cut off, in small windows and with large text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import combinations

import pytest
from PySide6.QtCore import QRect, Qt
from PySide6.QtWidgets import QWidget

from app.core.conversation import MessageState
from app.runtime.facts import ContextUse, LoadingProgress, Notice, NoticeAction, NoticeKind
from app.ui.main_window import MainWindow
from tests.app.ui.chats import REPLY, chat, reply, user
from tests.fakes import ScriptedSession, loaded_model

SIZES = [(480, 400), (700, 820), (1180, 780), (1600, 1000)]
_DIRECT = Qt.FindChildOption.FindDirectChildrenOnly
PERCENTS = [80, 100, 150, 200]


def in_sight(widget: QWidget) -> list[QWidget]:
    """The direct parts of a widget that are shown."""
    parts = widget.findChildren(QWidget, options=_DIRECT)
    return [part for part in parts if part.isVisible() and part.width() and part.height()]


def overlaps(widget: QWidget) -> list[str]:
    """Parts of a widget that lie over each other, or beyond its edge."""
    parts = in_sight(widget)
    found = [
        f"{one} over {other}"
        for one, other in combinations(parts, 2)
        if one.geometry().intersects(other.geometry())
    ]
    edge = QRect(0, 0, widget.width(), widget.height())
    return found + [f"{part} beyond {edge}" for part in parts if not edge.contains(part.geometry())]


@pytest.fixture
def open_at(
    make_window: Callable[..., MainWindow], session: ScriptedSession
) -> Callable[[tuple[int, int], int], MainWindow]:
    """A window with a chat, at a size and a text size."""

    def open_window(size: tuple[int, int], percent: int) -> MainWindow:
        window = make_window(session, *size)
        window.theme.set_text_size(percent)
        model = replace(loaded_model("/m.gguf"), name="Mixtral 8x7B Instruct", quant="Q4_K_M")
        session.load(model)
        session.open(chat(user(1), reply(2, REPLY, state=MessageState.STOPPED, version_count=3)))
        session.context_changed.emit(ContextUse(15890, 16384, 1204))
        window.page.composer.draft.set_text("And then?")
        return window

    return open_window


@pytest.mark.parametrize("percent", PERCENTS)
@pytest.mark.parametrize("size", SIZES)
def test_panels_hold(
    open_at: Callable[..., MainWindow], size: tuple[int, int], percent: int
) -> None:
    """Header, composer, the reply's foot, and the sidebar where there is room for it."""
    window = open_at(size, percent)
    page = window.page
    assert overlaps(page.header) == []
    assert overlaps(page.composer) == []
    assert overlaps(page.transcript.view(1).foot) == []
    if window.sidebar.isVisible() and size[1] >= 700:
        assert overlaps(window.sidebar) == []


@pytest.mark.parametrize("percent", PERCENTS)
@pytest.mark.parametrize("size", SIZES)
def test_notices_and_loading_hold(
    open_at: Callable[..., MainWindow],
    session: ScriptedSession,
    size: tuple[int, int],
    percent: int,
) -> None:
    """A long notice, and the chip with its progress and Cancel."""
    window = open_at(size, percent)
    text = "The next message starts it again and reads the chat anew, about 20 s."
    notice = Notice(NoticeKind.WARNING, "The engine stopped.", text, NoticeAction.DETAILS, "log")
    session.notice_raised.emit(notice)
    session.become(type(session.state).LOADING)
    session.loading_progressed.emit(LoadingProgress("Mixtral 8x7B Instruct", 62, 100, 4.0))
    assert overlaps(window.page.notices) == []
    assert overlaps(window.page.header) == []


@pytest.mark.parametrize("percent", PERCENTS)
@pytest.mark.parametrize("size", SIZES)
def test_blocks_stay_in_the_column(
    open_at: Callable[..., MainWindow], size: tuple[int, int], percent: int
) -> None:
    """The window never scrolls sideways: code and tables do."""
    window = open_at(size, percent)
    view = window.page.transcript.view(1)
    column = view.column
    for block in view.body.views:
        assert block.x >= column.x
        assert block.x + block.width <= column.x + column.width + 0.5
        assert block.height > 0


@pytest.mark.parametrize("percent", PERCENTS)
def test_the_composer_leaves_the_transcript_room(
    open_at: Callable[..., MainWindow], percent: int
) -> None:
    """Thirty lines of draft in the smallest window still leave some of the chat in sight."""
    window = open_at((480, 400), percent)
    window.page.composer.draft.set_text("line\n" * 30)
    assert window.page.transcript.height() >= 40
