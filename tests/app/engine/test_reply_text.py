"""A reply's ids become whole characters, whatever their bytes are and wherever they are cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.engine.reply_text import EVENT_INTERVAL_SECONDS, ReplyText


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


BYTES = st.binary(max_size=30) | st.text(max_size=12).map(lambda text: text.encode())


@given(data=BYTES, cuts=st.lists(st.integers(1, 4), max_size=30))
def test_every_cut_gives_the_same_text(data: bytes, cuts: list[int]) -> None:
    """Taken after each piece, the whole is what decoding at once would give."""
    reply = ReplyText()
    parts, taken_ids = [], []
    for number, piece in enumerate(cut(data, cuts)):
        reply.add(number, piece)
        text, ids = reply.take()
        parts.append(text)
        taken_ids += ids
    reply.end()
    text, ids = reply.take()

    assert "".join(parts) + text == data.decode("utf-8", "replace")
    assert [*taken_ids, *ids] == list(range(len(cut(data, cuts))))


@given(data=st.binary(max_size=30))
def test_never_more_than_three_bytes_wait(data: bytes) -> None:
    """With one byte to an id, as in the vocabulary's byte tokens, ids lag by three at the most."""
    reply = ReplyText()
    arrived = 0
    for number, byte in enumerate(data):
        reply.add(number, bytes([byte]))
        arrived += len(reply.take()[1])
        assert number + 1 - arrived <= 3


@given(text=st.text(max_size=8), extra=st.integers(0, 3))
def test_text_and_ids_belong_together(text: str, extra: int) -> None:
    """The ids that were taken decode to the text that was taken."""
    data = text.encode() + "🦜".encode()[:extra]
    reply = ReplyText()
    for number, byte in enumerate(data):
        reply.add(number, bytes([byte]))

    assert reply.take() == (text, tuple(range(len(text.encode()))))
    assert reply.give_up_partial() == extra


def test_a_broken_byte_shows_at_once() -> None:
    """It doesn't wait for what comes after it."""
    reply = ReplyText()
    reply.add(7, b"\xff")

    assert reply.take() == ("\N{REPLACEMENT CHARACTER}", (7,))


def test_a_broken_off_character_shows_with_the_next_piece() -> None:
    """Its ids go with it."""
    reply = ReplyText()
    reply.add(7, b"\xe2")
    assert reply.take() == ("", ())
    reply.add(8, b"a")

    assert reply.take() == ("\N{REPLACEMENT CHARACTER}a", (7, 8))


@pytest.mark.parametrize(
    ("first", "shown"), [(b" Hello", "Hello"), (b" ", ""), (b"  a", " a"), (b"a ", "a ")]
)
def test_one_space_at_the_beginning_is_left_out(first: bytes, shown: str) -> None:
    """SentencePiece begins a text with one."""
    reply = ReplyText(strips_space=True)
    reply.add(1, first)

    assert reply.take() == (shown, (1,))


def test_only_the_first_space_is_left_out() -> None:
    """Also when it was an id of its own."""
    reply = ReplyText(strips_space=True)
    for token, piece in enumerate((b"", b" ", b" Hello")):
        reply.add(token, piece)

    assert reply.take() == (" Hello", (0, 1, 2))


def test_the_first_piece_goes_at_once_and_later_ones_are_gathered() -> None:
    """At most forty events a second."""
    clock = Clock()
    reply = ReplyText(clock=clock)
    reply.add(1, b"a")
    assert reply.is_due
    reply.take()
    reply.add(2, b"b")
    assert not reply.is_due
    clock.now += EVENT_INTERVAL_SECONDS

    assert reply.is_due


def test_half_a_character_is_not_due() -> None:
    """There is nothing to show yet."""
    reply = ReplyText()
    reply.add(1, b"\xf0\x9f")

    assert not reply.is_due


def cut(data: bytes, cuts: list[int]) -> list[bytes]:
    """`data` in pieces of the given lengths, the rest as the last."""
    pieces, start = [], 0
    for length in cuts:
        pieces.append(data[start : start + length])
        start += length
    return [*pieces, data[start:]]
