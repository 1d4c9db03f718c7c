"""Where a text ends that is too long."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.core.conversation import Attachment
from app.core.cutting import CutPlaces, CutUnit, cut

PAGES = Attachment("a.pdf", "[Page 1]\none\n\n[Page 2, without text]\n\n[Page 3]\nthree", 900)
LINES = Attachment("a.txt", "first line\nsecond line\nthird", 27)


def test_pages_end_before_the_next_mark() -> None:
    """The whole text has three of them."""
    places = CutPlaces(PAGES, 30)
    assert places.count(CutUnit.PAGES) == 3
    kept = cut(PAGES, places.end_after(CutUnit.PAGES, 2))
    assert kept.text == "[Page 1]\none\n\n[Page 2, without text]"
    assert (kept.is_cut, kept.file_bytes) == (True, 900)


def test_lines_end_with_themselves() -> None:
    """The last one has no line end."""
    places = CutPlaces(LINES, 9)
    assert places.count(CutUnit.LINES) == 3
    assert cut(LINES, places.end_after(CutUnit.LINES, 2)).text == "first line\nsecond line"
    assert cut(LINES, places.end_after(CutUnit.LINES, 3)) is LINES


def test_tokens_end_at_a_word() -> None:
    """About as many as were asked for."""
    words = Attachment("a.txt", "word " * 100)
    kept = cut(words, CutPlaces(words, 100).end_after(CutUnit.TOKENS, 50))
    assert kept.text.endswith("word")
    assert 240 <= len(kept.text) <= 250


def test_only_pdfs_have_pages() -> None:
    """A text may speak of pages, too."""
    assert CutPlaces(PAGES, 30).has_pages
    assert not CutPlaces(Attachment("a.txt", PAGES.text), 30).has_pages


@given(
    text=st.text(st.sampled_from("ab \n"), min_size=1, max_size=400),
    unit=st.sampled_from([CutUnit.TOKENS, CutUnit.LINES]),
    tokens=st.integers(0, 500),
    all_tokens=st.integers(1, 400),
)
def test_what_fits_is_within_the_room(
    text: str, unit: CutUnit, tokens: int, all_tokens: int
) -> None:
    """By the share of the letters; and it is a beginning of the text."""
    attachment = Attachment("a.txt", text)
    places = CutPlaces(attachment, all_tokens)
    count = places.count_within(unit, tokens)
    kept = cut(attachment, places.end_after(unit, count))
    assert text.startswith(kept.text)
    assert len(kept.text) <= len(text) * tokens / all_tokens or kept is attachment
    assert 0 <= count <= places.count(unit)
