"""A memory's bar is a picture to look at and a table to be told of."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from PySide6.QtCore import QModelIndex, QPointF, Qt
from PySide6.QtGui import QAccessible, QColor, QImage
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app.core.memory_parts import MemoryPart, MemoryUse, PartKind, divide_memory
from app.ui.memory_bar import TOKENS, MemoryBar, part_text, total_text
from app.ui.theme import Theme
from tests import plans

GIB = plans.GIB


def uses() -> tuple[MemoryUse, ...]:
    """The card and the RAM, with Mixtral in them."""
    plan = plans.plan()
    return divide_memory(plans.shape(), plan, plans.machine_with(plan), is_loaded=True)


@pytest.fixture
def show(qtbot: QtBot, theme: Theme) -> Iterator[Callable[[MemoryUse, int], MemoryBar]]:
    """Shows a bar in a width of so many px."""

    def show(use: MemoryUse, width: int = 700) -> MemoryBar:
        bar = MemoryBar(theme)
        qtbot.addWidget(bar)
        bar.show_use(use)
        bar.resize(width, bar.heightForWidth(width))
        bar.show()
        return bar

    yield show
    theme.set_text_size(100)


def colours_along(bar: MemoryBar) -> list[str]:
    """The parts' colours from left to right in the middle of the bar, each once in a row."""
    image = bar.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    y = bar._head_height() + bar._theme.px(15)
    found: list[str] = []
    names = {bar._theme.colour(token).name(): token for token in TOKENS.values()}
    for x in range(image.width()):
        name = names.get(QColor(image.pixel(x, y)).name(), "")
        if name and (not found or found[-1] != name):
            found.append(name)
    return found


def test_parts_stand_in_order(show: Callable[..., MemoryBar]) -> None:
    """Each in its colour, as far as it isn't hatched."""
    card, _ = uses()
    seen = [name for name in colours_along(show(card)) if name not in ("m_other", "m_free")]

    assert seen == ["m_dense", "m_expert", "m_context", "m_work"]


def test_lengths_are_true(show: Callable[..., MemoryBar]) -> None:
    """Within the gaps."""
    use = MemoryUse(
        "RAM", True, 4 * GIB,
        (MemoryPart(PartKind.EXPERTS, 3 * GIB), MemoryPart(PartKind.FREE, GIB)),
    )  # fmt: skip
    bar = show(use, 400)
    image = bar.grab().toImage()
    y = bar._head_height() + bar._theme.px(15)
    expert = bar._theme.colour("m_expert").name()
    length = sum(QColor(image.pixel(x, y)).name() == expert for x in range(image.width()))

    assert abs(length - 300) <= 3


def test_a_small_part_is_still_a_line(show: Callable[..., MemoryBar]) -> None:
    """A thousandth of the memory."""
    parts = (
        MemoryPart(PartKind.EXPERTS, GIB),
        MemoryPart(PartKind.WORK, GIB // 100),
        MemoryPart(PartKind.FREE, 9 * GIB - GIB // 100),
    )

    assert "m_work" in colours_along(show(MemoryUse("RAM", True, 10 * GIB, parts)))


def test_it_is_a_table_to_screen_readers(show: Callable[..., MemoryBar]) -> None:
    """A row for each part: what, and how many GB."""
    card, _ = uses()
    bar = show(card)
    interface = QAccessible.queryAccessibleInterface(bar)
    model = bar.model()
    rows = [
        tuple(str(model.index(row, column).data()) for column in range(model.columnCount()))
        for row in range(model.rowCount())
    ]

    assert interface.role() is QAccessible.Role.Table
    assert interface.text(QAccessible.Text.Name) == (
        "NVIDIA GeForce RTX 4090: 21.5 of 24.0 GB in use"
    )
    assert rows[2] == ("Experts, 21 layers", "16.6")
    assert [row[0] for row in rows] == [part_text(part) for part in card.parts]


def test_cells_have_places_in_the_legend(show: Callable[..., MemoryBar]) -> None:
    """Where somebody who points finds them, too."""
    bar = show(uses()[0])
    places = [bar.visualRect(bar.model().index(row, 0)) for row in range(bar.model().rowCount())]

    assert all(bar.rect().contains(place) for place in places)
    assert not places[0].intersects(places[1])
    assert bar.visualRect(QModelIndex()).isEmpty()


def test_arrows_walk_through_the_parts(show: Callable[..., MemoryBar], qtbot: QtBot) -> None:
    """From the first one on."""
    bar = show(uses()[0])
    qtbot.waitUntil(bar.isActiveWindow)
    bar.setFocus(Qt.FocusReason.TabFocusReason)
    before = bar.currentIndex().row()
    QTest.keyClick(bar, Qt.Key.Key_Down)

    assert (before, bar.currentIndex().row()) == (0, 1)


@pytest.mark.parametrize("percent", [80, 100, 150, 200])
@pytest.mark.parametrize("width", [300, 420, 700, 1000])
def test_the_legend_wraps(
    show: Callable[..., MemoryBar], theme: Theme, width: int, percent: int
) -> None:
    """No entry leaves the bar's width, none covers another."""
    theme.set_text_size(percent)
    bar = show(uses()[0], width)
    entries, height = bar._lay_out_legend(width)
    rects = [entry.rect for entry in entries]

    assert all(rect.left() == 0 or rect.right() <= width for rect in rects)
    assert all(not one.intersects(other) for one in rects for other in rects if one is not other)
    assert all(rect.contains(QPointF(rect.left() + 1, rect.top() + 1)) for rect in rects)
    assert bar.heightForWidth(width) == bar._legend_top() + height


def test_what_is_said_of_a_memory() -> None:
    """In use, of what was free, or too small."""
    parts = (MemoryPart(PartKind.EXPERTS, 2 * GIB), MemoryPart(PartKind.FREE, GIB))

    assert total_text(MemoryUse("A", False, 3 * GIB, parts)) == "2.0 of 3.0 GB in use"
    assert total_text(MemoryUse("A", False, 3 * GIB, parts, is_whole=False)) == (
        "2.0 of 3.0 GB that were free"
    )
    assert total_text(MemoryUse("A", True, 3 * GIB, parts, missing_bytes=GIB)) == (
        "1.0 GB too small"
    )
    assert part_text(MemoryPart(PartKind.EXPERTS, 1, layers=1)) == "Experts, 1 layer"
