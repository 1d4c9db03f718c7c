"""Text as models write it when they go astray: carriage returns, marks without end."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from app.ui.growing_markdown import GrowingMarkdown
from app.ui.markdown import make_parser

PIECES = st.sampled_from(
    [*"ab *_`~#>-+1.)|:[]\\!\t\r\n\x00\x85é😀", "```", "~~~", "\n\n", "- ", "1. ", "\r\n", "    "]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES, max_size=60))
def test_no_text_breaks_the_growing_reply(pieces: list[str]) -> None:
    """Whatever comes, in whatever pieces, is shown, and nothing is raised."""
    growing = GrowingMarkdown(make_parser())
    for piece in pieces:
        growing.append(piece)

    assert growing.finish().open == ()
