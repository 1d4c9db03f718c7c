"""Texts of messages are sealed: they load nothing, and give back what was put in."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QUrl
from PySide6.QtGui import QImage, QPainter, QTextDocument

from app.ui.markdown import Run
from app.ui.rich_text import PlacedText, SealedDocument, TextStyle
from app.ui.theme import Theme, TypeRole

ADDRESSES = ["http://evil.example/x.png", "file:///etc/passwd", "qrc:/x", "data:image/png;base64,x"]


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_document_loads_nothing(address: str) -> None:
    """Neither network nor disk, whatever is asked for."""
    document = SealedDocument()
    for kind in (QTextDocument.ResourceType.ImageResource, QTextDocument.ResourceType.HtmlResource):
        assert document.resource(kind.value, QUrl(address)) is None


def test_an_image_is_its_alt_text_with_an_icon(theme: Theme) -> None:
    """The icon comes from the theme, and painting it asks for nothing."""
    text = PlacedText(theme, TextStyle(TypeRole.READING))
    text.set_runs((Run("a cat", is_image=True),))
    text.set_width(200)
    canvas = QImage(200, 40, QImage.Format.Format_RGB32)
    painter = QPainter(canvas)
    text.paint(painter, text.rect, None)
    painter.end()
    assert text.text_between(0, text.length).endswith("a cat")


def test_markup_in_runs_is_text(theme: Theme) -> None:
    """No run is read as HTML."""
    text = PlacedText(theme, TextStyle(TypeRole.READING))
    text.set_runs((Run("<b>x</b> &amp;"),))
    assert text.document.toPlainText() == "<b>x</b> &amp;"


def test_the_line_height_is_that_of_the_design(theme: Theme) -> None:
    """Two lines of 15 px text are 46.5 px high, give or take Qt's whole px in a line."""
    text = PlacedText(theme, TextStyle(TypeRole.READING))
    text.set_runs((Run("one\u2028two"),))
    assert text.set_width(300) == pytest.approx(46.5, abs=2)


def test_the_natural_width_ignores_the_present_one(theme: Theme) -> None:
    """It is that of the unbroken line, and the layout stays as it was."""
    text = PlacedText(theme, TextStyle(TypeRole.READING))
    text.set_runs((Run("some words in a line"),))
    natural = text.natural_width
    height = text.set_width(40)
    text._natural_width = None
    assert text.natural_width == natural
    assert text.height == height
