"""Code gets the tokens' colours, in slices, without waiting and without guessing."""

from __future__ import annotations

import pytest
from pygments.token import Token
from pytestqt.qtbot import QtBot

from app.ui.code_colours import CodeColours
from app.ui.highlight import Highlighter, colour_token, language_name
from app.ui.rich_text import PlacedText, TextStyle
from app.ui.theme import Theme, TypeRole

CODE = 'def f(x):\n    """Two\n    lines."""\n    return x + 1  # one\n'


def test_stretches_cover_what_they_say() -> None:
    """A keyword, a name, a string, a number, a comment."""
    found = {
        CODE[s.start : s.start + s.length]: s.token for s in Highlighter().stretches(CODE, "py")
    }
    assert found["def"] == found["return"] == "code_keyword"
    assert found["f"] == "code_name"
    assert found["1"] == "code_number"
    assert found["# one"] == "code_comment"
    assert any(token == "code_string" for token in found.values())


def test_unknown_languages_stay_plain() -> None:
    """Nothing is guessed."""
    assert list(Highlighter().stretches(CODE, "no-such-language")) == []


def test_what_was_read_is_remembered() -> None:
    """Coming back to a reply costs nothing."""
    highlighter = Highlighter()
    assert highlighter.known(CODE, "py") is None
    stretches = tuple(highlighter.stretches(CODE, "py"))
    assert highlighter.known(CODE, "py") == stretches


@pytest.mark.parametrize(
    ("kind", "token"),
    [
        (Token.Text, ""),
        (Token.Keyword.Constant, "code_number"),
        (Token.Literal.String.Double, "code_string"),
        (Token.Name.Builtin, "code_builtin"),
        (Token.Error, "code_error"),
    ],
)
def test_token_types_have_colours(kind: object, token: str) -> None:
    """The more special type wins."""
    assert colour_token(kind) == token


@pytest.mark.parametrize(
    ("language", "name"), [("py", "Python"), ("rust", "Rust"), ("", "Text"), ("c++", "C++")]
)
def test_languages_have_names(language: str, name: str) -> None:
    """As the head of a block says them."""
    assert language_name(language) == name


def colours_of(text: PlacedText) -> list[tuple[int, int, str]]:
    """Line, place and colour of each coloured stretch of a document."""
    found = []
    block = text.document.begin()
    while block.isValid():
        for piece in block.layout().formats():
            colour = piece.format.foreground().color().name().upper()
            found.append((block.blockNumber(), piece.start, colour))
        block = block.next()
    return found


def test_a_document_is_coloured_in_the_background(theme: Theme, qtbot: QtBot) -> None:
    """Strings over several lines, too; the second time at once."""
    colours = CodeColours(theme)
    first, second = (PlacedText(theme, TextStyle(TypeRole.CODE, wraps=False)) for _ in range(2))
    for text in (first, second):
        text.set_plain(CODE)
    colours.colour(first, CODE, "python")
    assert colours_of(first) == []
    qtbot.waitUntil(lambda: colours.is_idle)
    assert (0, 0, theme.colours.code_keyword) in colours_of(first)
    assert {
        line for line, _, colour in colours_of(first) if colour == theme.colours.code_string
    } == {
        1,
        2,
    }
    colours.colour(second, CODE, "python")
    assert colours_of(second) == colours_of(first)


def test_a_block_that_is_gone_is_not_coloured(theme: Theme) -> None:
    """Its job is dropped."""
    colours = CodeColours(theme)
    text = PlacedText(theme, TextStyle(TypeRole.CODE, wraps=False))
    text.set_plain(CODE)
    colours.colour(text, CODE, "python")
    colours.forget(text)
    assert colours.is_idle
