"""Small parts that know no window: amounts, heights, selections, columns, the mark."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtGui import QImage, QPainter

from app.ui.amounts import day_head, seconds_text, speed_text, tokens_text
from app.ui.mark import AT_REST, TICKS_PER_STEP, MarkClock, paint_mark
from app.ui.row_heights import RowHeights
from app.ui.selection import TO_THE_END, TextSelection
from app.ui.table_block import column_widths
from app.ui.theme import Theme

DAY = 86_400.0


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "1 s"), (4.4, "4 s"), (21, "20 s"), (88, "90 s"), (180, "3 minutes")],
)
def test_times_are_said_as_people_do(seconds: float, text: str) -> None:
    """Rounded the more, the longer they are."""
    assert seconds_text(seconds) == text


def test_counts_have_units() -> None:
    """One of something is one."""
    assert (tokens_text(1), tokens_text(4100)) == ("1 token", "4,100 tokens")
    assert (speed_text(22.44), speed_text(412.3)) == ("22.4 tokens/s", "412 tokens/s")


def test_chats_stand_under_their_day() -> None:
    """Today, Yesterday, the week, months, and years apart."""
    now = time.mktime((2024, 3, 20, 12, 0, 0, 0, 0, -1))
    heads = [day_head(now - days * DAY, now) for days in (0, 1, 5, 30, 400)]
    assert heads == ["Today", "Yesterday", "Last 7 days", "February", "February 2023"]


@given(st.lists(st.integers(1, 500), min_size=1), st.data())
def test_rows_are_found_where_they_are(heights: list[int], data: st.DataObject) -> None:
    """Every px belongs to the row that says so."""
    rows = RowHeights(heights)
    row = data.draw(st.integers(0, len(heights) - 1))
    rows.set(row, data.draw(st.integers(1, 500)))
    assert rows.total == rows.top(len(rows))
    y = data.draw(st.integers(0, rows.total - 1))
    found = rows.row_at(y)
    assert rows.top(found) <= y < rows.top(found + 1)


def test_a_selection_covers_the_texts_between_its_ends() -> None:
    """In reading order, whichever end came first."""
    selection = TextSelection((3, 2), (1, 4))
    assert selection.within(0, 3) == {1: (4, TO_THE_END), 2: (0, TO_THE_END)}
    assert selection.within(3, 2) == {0: (0, 2)}
    selection.clear()
    assert selection.within(0, 9) == {}


@given(
    st.lists(st.floats(1, 2000), min_size=1, max_size=8), st.floats(200, 900), st.floats(80, 150)
)
def test_columns_fill_the_table_or_scroll(wanted: list[float], width: float, least: float) -> None:
    """Never narrower than the message's column, never below the least unless that is enough."""
    widths = column_widths(wanted, width, 24, least)
    assert sum(widths) >= width - 1e-6 or sum(wanted) + 24 * len(wanted) > width
    for column, text in zip(widths, wanted, strict=True):
        assert column >= min(text + 24, least) - 1e-6


def test_the_mark_has_eight_dots_of_which_two_are_lit(theme: Theme) -> None:
    """At rest the first and the fourth."""
    canvas = QImage(240, 240, QImage.Format.Format_RGB32)
    canvas.fill(theme.colour("canvas"))
    painter = QPainter(canvas)
    paint_mark(painter, theme, 0, 0, 240)
    painter.end()
    assert AT_REST == (0, 3)
    assert canvas.pixelColor(120, 30) == theme.colour("accent")
    assert canvas.pixelColor(210, 120) == theme.colour("dot_dim")


def test_the_mark_turns_only_while_something_works(qapp: object) -> None:
    """Another pair about three times a second; still when motion is not wanted."""
    clock = MarkClock()
    clock.set_running(True)
    before = clock.lit
    for _ in range(TICKS_PER_STEP):
        clock._tick()
    assert clock.lit != before
    clock.still = True
    lit = clock.lit
    for _ in range(TICKS_PER_STEP):
        clock._tick()
    assert clock.lit == lit
    clock.set_running(False)
    assert clock.lit == AT_REST


def test_every_icon_that_is_named_exists(theme: Theme) -> None:
    """All SVGs can be drawn in a colour."""
    folder = Path(__file__).parents[3] / "resources" / "icons"
    for path in folder.glob("*.svg"):
        pixmap = theme.icons.pixmap(path.stem, theme.colours.text, 18, 2.0)
        assert (pixmap.width(), pixmap.devicePixelRatio()) == (36, 2.0)
