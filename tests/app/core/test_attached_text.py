"""Attached files stand before the words, and can't pass for them."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from app.core.attached_text import attached_text, text_with_attachments
from app.core.conversation import Attachment


def test_a_file_stands_in_a_fence_with_its_name() -> None:
    """Then the blank line, then what the user wrote."""
    files = (Attachment("a.py", "print()\n"), Attachment("b.txt", "hi", is_cut=True))

    assert text_with_attachments("Look", files) == (
        "File a.py:\n```\nprint()\n```\n\nFile b.txt (only the beginning):\n```\nhi\n```\n\nLook"
    )


def test_without_files_it_is_the_text() -> None:
    """To the letter."""
    assert text_with_attachments(" Look\n", ()) == " Look\n"


def test_a_name_is_one_line() -> None:
    """Whatever a file system allows."""
    assert attached_text((Attachment("a\n```\nb", ""),)).startswith("File a ``` b:\n```\n```\n")
    assert attached_text((Attachment("\n", "x"),)).startswith("File unnamed:\n")


@given(text=st.text(alphabet="`ab\n ", max_size=40))
def test_no_text_ends_its_own_fence(text: str) -> None:
    """The fence is a line of its own that occurs nowhere inside."""
    lines = attached_text((Attachment("f", text),)).split("\n")
    fence = lines[1]
    inside = lines[2 : len(lines) - 3]

    assert re.fullmatch("`{3,}", fence)
    assert lines[-3:] == [fence, "", ""]
    assert all(fence not in line for line in inside)
    assert "\n".join(inside).startswith(text.removesuffix("\n"))
