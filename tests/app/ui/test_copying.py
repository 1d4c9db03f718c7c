"""Selecting over several messages and copying, as text and as Markdown."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app.ui.block_cuts import BEGINNING, END, cut_blocks, plain_text_of
from app.ui.markdown import make_parser, parse_blocks
from app.ui.markdown_writer import write_markdown
from app.ui.message_view import MessageView
from app.ui.transcript_view import TranscriptView
from tests.app.ui.chats import REPLY, chat, long_chat, reply, user
from tests.app.ui.documents import examples, random_document
from tests.app.ui.test_commonmark import letters

PARSER = make_parser()
CONTROL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
NONE, LEFT = Qt.KeyboardModifier.NoModifier, Qt.MouseButton.LeftButton

TEXT = """# Head

Some **bold *both*** and `code`, [a link](https://example.org/a).

1. one
2. two
   - [x] done
   - open

> quoted
> twice

| a | b |
|---|--:|
| 1 | 2 |
| 3 | x\\|y |

```py
if x:
    y = "`"
```

***

End\\*s with ![a cat](cat.png)!
"""


def view_of(transcript: TranscriptView, row: int) -> MessageView:
    """A message's widget."""
    view = transcript.message_view(row)
    assert view is not None
    return view


def copied() -> str:
    """What is on the clipboard."""
    return QGuiApplication.clipboard().text()


def test_a_written_document_reads_the_same() -> None:
    """Every kind of block and style."""
    blocks = parse_blocks(PARSER, TEXT)
    assert parse_blocks(PARSER, write_markdown(blocks)) == blocks


@pytest.mark.parametrize("example", examples(), ids=lambda each: str(each.number))
def test_a_written_example_shows_the_same_letters(example: object) -> None:
    """With their styles, for all examples of the specification."""
    blocks = parse_blocks(PARSER, example.markdown)
    assert letters(parse_blocks(PARSER, write_markdown(blocks))) == letters(blocks)


def test_a_cut_has_exactly_the_letters_between() -> None:
    """From any place to any other; what is written of it reads as these letters."""
    source = (
        "- one 😀 two\n- **three** four\n\n```\nfive\nsix\n```\n\n| a | b |\n|--|--|\n| c | d |"
    )
    blocks = parse_blocks(PARSER, source)
    cut = cut_blocks(blocks, (0, 7), (2, 6))
    assert write_markdown(cut) == "- two\n- **three** four\n\n```\nfive\ns\n```"
    assert plain_text_of(cut) == "• two\n• three four\nfive\ns"
    table = cut_blocks(blocks, (5, 0), END)
    assert write_markdown(table) == "|  |  |\n|---|---|\n| c | d |"
    assert plain_text_of(table) == "c\td"
    assert cut_blocks(blocks, BEGINNING, END) == list(blocks)


def test_a_drag_goes_over_several_messages(transcript: TranscriptView) -> None:
    """From the middle of one to the middle of the third, and back again."""
    transcript.show_branch(
        chat(user(1, "First question"), reply(2, "An *answer*"), user(3, "Second")).branch
    )
    first, last = view_of(transcript, 0), view_of(transcript, 2)
    text, other = first.body.texts[0], last.body.texts[0]
    begin = QPoint(round(text.x + text.natural_width) - 1, round(text.y) + 8)
    target = QPoint(round(other.x + other.natural_width) + 40, round(other.y) + 8)
    QTest.mousePress(first, LEFT, NONE, begin - QPoint(round(text.natural_width), 0))
    viewport = transcript.viewport()
    QTest.mouseMove(first, first.mapFrom(viewport, last.mapTo(viewport, target)))
    QTest.keyClick(first, Qt.Key.Key_C, CONTROL)
    assert copied() == "First question\n\nAn answer\n\nSecond"
    first.copy_markdown()
    assert copied() == "First question\n\nAn *answer*\n\nSecond"
    QTest.mouseMove(first, begin)
    QTest.mouseRelease(first, LEFT, NONE, begin)
    QTest.keyClick(first, Qt.Key.Key_C, CONTROL)
    assert copied() == "First question"
    assert last.body.selection.is_empty


def test_shift_click_extends_to_another_message(transcript: TranscriptView) -> None:
    """Upwards, too."""
    transcript.show_branch(chat(user(1, "Above"), reply(2, "Below it")).branch)
    above, below = view_of(transcript, 0), view_of(transcript, 1)
    text, other = below.body.texts[0], above.body.texts[0]
    end = QPoint(round(text.x + text.natural_width) + 50, round(text.y) + 8)
    QTest.mouseClick(below, LEFT, NONE, end)
    QTest.mouseClick(above, LEFT, SHIFT, QPoint(round(other.x), round(other.y) + 8))
    QTest.keyClick(above, Qt.Key.Key_C, CONTROL)
    assert copied() == "Above\n\nBelow it"


def test_shift_and_arrows_select_whole_messages(transcript: TranscriptView) -> None:
    """As they were written; far away ones are no widgets and are copied all the same."""
    transcript.show_branch(long_chat(30).branch)
    transcript.step_message(1)
    for _ in range(40):
        QTest.keyClick(transcript, Qt.Key.Key_Up, SHIFT)
    focused = transcript.focused_message()
    assert focused is not None
    assert focused.message_id == 60 - 39
    view_of(transcript, transcript.row_of(focused.message_id)).copy_markdown()
    assert copied().count(REPLY.strip()) == 20
    assert copied().startswith("Question 10?\n\n# Daily means")
    QTest.keyClick(transcript, Qt.Key.Key_Down, SHIFT)
    view_of(transcript, transcript.row_of(22)).copy_markdown()
    assert copied().startswith("# Daily means")


def test_a_drag_beyond_the_edge_scrolls(transcript: TranscriptView, qtbot: QtBot) -> None:
    """The selection follows, and what has left the window stays selected."""
    transcript.show_branch(long_chat(30).branch)
    last = view_of(transcript, 59)
    text = last.body.texts[-1]
    begin = QPoint(round(text.x + text.natural_width) + 9, round(text.y) + 8)
    QTest.mousePress(last, LEFT, NONE, begin)
    above = last.mapFrom(transcript.viewport(), QPoint(100, -400))
    QTest.mouseMove(last, above)
    qtbot.waitUntil(lambda: transcript.message_view(45) is not None)
    QTest.mouseRelease(last, LEFT, NONE, above)
    QTest.keyClick(last, Qt.Key.Key_C, CONTROL)
    assert copied().count("hourly = t.resample") >= 6
    assert copied().endswith("See the guide.")


def test_random_documents_survive_copying() -> None:
    """Letters and their styles, but for what Markdown itself can't say."""
    same = 0
    for seed in range(200):
        blocks = parse_blocks(PARSER, random_document(seed))
        same += letters(parse_blocks(PARSER, write_markdown(blocks))) == letters(blocks)
    assert same >= 190
