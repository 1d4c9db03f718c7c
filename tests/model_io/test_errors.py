"""Errors are sentences, and cross a pipe."""

from __future__ import annotations

import pickle

import pytest

from model_io import errors
from model_io.errors import ModelIOError, NoRoomError, OutputError

CLASSES = [kind for kind in vars(errors).values() if isinstance(kind, type)]


@pytest.mark.parametrize("kind", CASES := [c for c in CLASSES if issubclass(c, ModelIOError)])
def test_every_error_survives_pickling(kind: type[ModelIOError]) -> None:
    """The window's process gets what the child's raised."""
    error = pickle.loads(pickle.dumps(kind("/a/b", "is odd", "mend it")))
    assert type(error) is kind
    assert str(error) == "/a/b is odd; mend it."
    assert (error.path, error.problem, error.remedy) == ("/a/b", "is odd", "mend it")


def test_the_docstring_draws_the_whole_tree() -> None:
    """No class is missing from it."""
    assert all(kind.__name__ in (ModelIOError.__doc__ or "") for kind in CASES)


def test_a_sentence_is_one_printable_line() -> None:
    """Whatever a file is called."""
    sentence = str(OutputError("/a\n\udcff\x1b[2J", "is odd", "rename it"))
    assert sentence == "/a\\n\\udcff\\x1b[2J is odd; rename it."


def test_a_full_disk_is_an_output_error() -> None:
    """So callers can catch the wider class."""
    assert issubclass(NoRoomError, OutputError)


def test_a_sentence_quotes_no_more_than_people_read() -> None:
    """Whatever stands in a damaged file; what to do comes after it."""
    sentence = str(OutputError("/a", "holds " + "x" * 10_000, "mend it"))
    assert len(sentence) < 520
    assert sentence.endswith("x…; mend it.")
