"""Reading long and unusual replies: what is finished stays, and every script has its side."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from PySide6.QtCore import QRectF
from PySide6.QtGui import QImage, QPainter
from pytestqt.qtbot import QtBot

from app.ui.block_pictures import HIGHEST, BlockPictures
from app.ui.block_views import BlockView, TextBlockView
from app.ui.code_block import CodeBlockView
from app.ui.markdown import Runs
from app.ui.message_view import MessageView
from app.ui.rich_text import PlacedText
from app.ui.table_block import TableBlockView
from app.ui.theme import Theme
from app.ui.transcript_view import TranscriptView
from tests.app.ui.chats import chat, growing, reply, user
from tests.benchmarks.bench_stream import markdown_tokens

HEBREW = "שלום עולם, מה שלומך?"


def show_reply(transcript: TranscriptView, text: str) -> MessageView:
    """A reply's widget."""
    transcript.show_branch(chat(user(1), reply(2, text)).branch)
    view = transcript.message_view(1)
    assert view is not None
    return view


def test_what_is_finished_is_never_made_or_laid_out_again(
    transcript: TranscriptView, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted while 3,000 tokens with headings, lists, tables and code arrive."""
    finished: set[BlockView] = set()
    filled: dict[PlacedText, int] = {}
    touched: list[BlockView] = []
    for kind in (TextBlockView, CodeBlockView, TableBlockView):

        def lay_out(view: BlockView, width: float, usual: object = kind.lay_out) -> None:
            touched.extend([view] if view in finished else [])
            usual(view, width)

        monkeypatch.setattr(kind, "lay_out", lay_out)
    usual_fill = PlacedText.set_runs

    def fill(text: PlacedText, runs: Runs) -> None:
        filled[text] = filled.get(text, 0) + 1
        usual_fill(text, runs)

    monkeypatch.setattr(PlacedText, "set_runs", fill)
    transcript.show_branch(chat(user(1), growing(2)).branch)
    view = transcript.message_view(1)
    assert view is not None
    settled_fills: dict[PlacedText, int] = {}
    for token in markdown_tokens(3000):
        transcript.grow(2, token)
        transcript.flush()
        for block in view.body.views[: view.body._settled]:
            if block not in finished and view.body._dirty > view.body.views.index(block):
                finished.add(block)
                settled_fills |= {text: filled.get(text, 0) for text in block.texts}
    assert len(finished) > 60
    assert touched == []
    assert {text: filled.get(text, 0) for text in settled_fills} == settled_fills


def test_a_finished_block_is_drawn_once(
    transcript: TranscriptView, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its picture serves however far the reply grows below it; colours of code add one."""
    drawn: list[BlockView] = []
    draw = BlockPictures._draw

    def count(pictures: BlockPictures, view: BlockView, ratio: float) -> object:
        drawn.append(view)
        return draw(pictures, view, ratio)

    monkeypatch.setattr(BlockPictures, "_draw", count)
    transcript.show_branch(chat(user(1), growing(2, "# Head\n\nText\n\n")).branch)
    for number in range(40):
        transcript.grow(2, f"word {number} ")
        transcript.flush()
        transcript.repaint()
    assert drawn
    assert len(drawn) == len(set(drawn))


@pytest.mark.parametrize(
    ("source", "leftwards"),
    [(HEBREW, True), (f"- {HEBREW}", True), ("abc שלום", False), ("**مرحبا** abc", True)],
)
def test_the_first_strong_letter_gives_the_side(
    transcript: TranscriptView, source: str, leftwards: bool
) -> None:
    """Hebrew and Arabic begin at the right, with their bullets; mixed text as it begins."""
    text = show_reply(transcript, source).body.texts[0]
    assert text.reads_leftwards == leftwards
    line = text.document.begin().layout().lineAt(0)
    gap = text.document.textWidth() - line.naturalTextRect().right()
    assert (gap < 2) == leftwards


def test_code_reads_rightwards_whatever_is_in_it(transcript: TranscriptView) -> None:
    """A Hebrew comment doesn't turn the block over."""
    text = show_reply(transcript, f"```\n{HEBREW}\n```").body.texts[0]
    assert not text.reads_leftwards


@pytest.mark.parametrize(
    "source",
    ["Verylongword" * 60, "漢字" * 200, "https://example.org/" + "path/" * 90, "a\u200bb" * 300],
)
def test_nothing_is_wider_than_the_column(transcript: TranscriptView, source: str) -> None:
    """Very long words break, and text without spaces too."""
    view = show_reply(transcript, source)
    text = view.body.texts[0]
    assert text.document.idealWidth() <= view.column.width
    assert text.document.begin().layout().lineCount() > 1


def test_a_very_high_block_is_painted_where_it_is_seen(
    transcript: TranscriptView, theme: Theme
) -> None:
    """10,000 lines of code have no picture: it would take half a gigabyte."""
    code = "\n".join(f"x{number} = {number}" for number in range(10_000))
    view = show_reply(transcript, f"```\n{code}\n```")
    block = view.body.views[0]
    assert block.height > HIGHEST
    transcript.repaint()
    pictures = view.kit.pictures
    assert block not in pictures._pictures
    assert _shows_letters(block, theme, [block.y + 40, block.y + block.height / 2])


def _shows_letters(block: BlockView, theme: Theme, tops: Sequence[float]) -> bool:
    """Whether there is ink at these heights, painted through a small window."""
    shown = []
    for top in tops:
        image = QImage(400, 60, QImage.Format.Format_RGB32)
        image.fill(theme.colour("sunken"))
        painter = QPainter(image)
        painter.translate(-block.x, -top)
        block.paint(painter, QRectF(block.x, top, 400, 60), {})
        painter.end()
        shown.append(len({image.pixel(x, y) for x in range(20, 200) for y in range(60)}) > 5)
    return all(shown)


def test_a_table_of_200_columns_scrolls_within_itself(transcript: TranscriptView) -> None:
    """The message stays as wide as the column."""
    head = "|" + "|".join(f"c{number}" for number in range(200)) + "|"
    view = show_reply(transcript, f"{head}\n|{'---|' * 200}\n{head}")
    (bar,) = view.body.controls()
    assert view.body.views[0].width <= view.column.width
    assert bar.maximum() > 5000
