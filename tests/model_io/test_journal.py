"""What a cut-off conversion leaves behind is trusted only as far as it can be."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from model_io import file_lock
from model_io.errors import BusyError, JournalError
from model_io.journal import Journal, Task, Unit, journal_path, open_journal

TASK = Task("hub:a/b@1", "Q4_K_M", "f" * 64, 1000, "llama.cpp 1")
STATES = {"one": "1 1", "two": "2 2"}
Q, EXPERT = Unit("blk.0.attn_q.weight", None), Unit("blk.0.ffn_up_exps.weight", 3)


@contextmanager
def opened(folder: Path, task: Task = TASK, states: dict[str, str] = STATES) -> Iterator[Journal]:
    """The journal of folder/out.gguf."""
    with open_journal(folder / "out.gguf", task, states) as journal:
        yield journal


def leave(folder: Path) -> None:
    """A journal with two units done."""
    with opened(folder) as journal:
        journal.add([(Q, "one"), (EXPERT, "two")])


def test_what_is_noted_is_known_again(tmp_path: Path) -> None:
    """Tensor and expert."""
    leave(tmp_path)
    with opened(tmp_path) as journal:
        assert journal.done == {Q, EXPERT}
        assert journal.digest is None


def test_a_new_journal_knows_nothing(tmp_path: Path) -> None:
    """And says so."""
    with opened(tmp_path) as journal:
        assert (journal.done, journal.has_entries) == (frozenset(), False)


def test_a_line_that_was_cut_off_does_not_count(tmp_path: Path) -> None:
    """The crash came while it was written; what is added later stands on a line of its own."""
    leave(tmp_path)
    path = journal_path(tmp_path / "out.gguf")
    path.write_bytes(path.read_bytes()[:-5])
    with opened(tmp_path) as journal:
        assert journal.done == {Q}
        journal.add([(EXPERT, "two")])
    with opened(tmp_path) as journal:
        assert journal.done == {Q, EXPERT}


@pytest.mark.parametrize("line", [b"\x00\x00", b"[1]", b'{"a": 1}', b'["x", "y", "one", "1 1"]'])
def test_nothing_behind_a_strange_line_counts(line: bytes, tmp_path: Path) -> None:
    """A disk that lost a block may leave anything."""
    leave(tmp_path)
    path = journal_path(tmp_path / "out.gguf")
    first, second, third = path.read_bytes().splitlines()
    path.write_bytes(b"\n".join([first, second, line, third, b""]))
    with opened(tmp_path) as journal:
        assert journal.done == {Q}


@pytest.mark.parametrize("content", [b"", b'["octet", 1, "{'])
def test_a_journal_that_never_began_is_begun(content: bytes, tmp_path: Path) -> None:
    """The very first write was cut off."""
    journal_path(tmp_path / "out.gguf").write_bytes(content)
    with opened(tmp_path) as journal:
        assert not journal.has_entries
    leave(tmp_path)
    with opened(tmp_path) as journal:
        assert journal.done == {Q, EXPERT}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kind": "Q6_K"}, "is half made as Q4_K_M, not as Q6_K; remove out.gguf.part and"),
        ({"layout": "0" * 64}, "is half made from another source (hub:a/b@1); remove"),
        ({"file_bytes": 7}, "is half made from another source"),
        ({"native": "llama.cpp 2"}, "was begun with another version of llama.cpp"),
    ],
)
def test_a_journal_of_something_else_is_refused(
    change: dict[str, str], words: str, tmp_path: Path
) -> None:
    """Not trusted, and not thrown away either."""
    leave(tmp_path)
    before = journal_path(tmp_path / "out.gguf").read_bytes()
    with pytest.raises(JournalError) as caught, opened(tmp_path, replace(TASK, **change)):
        pass
    assert words in str(caught.value)
    assert journal_path(tmp_path / "out.gguf").read_bytes() == before


def test_the_same_source_under_another_name_goes_on(tmp_path: Path) -> None:
    """A folder may be moved, and be named by another path."""
    leave(tmp_path)
    with opened(tmp_path, replace(TASK, source="/elsewhere")) as journal:
        assert journal.done == {Q, EXPERT}


@pytest.mark.parametrize("content", [b"hello\n", b"[]\n", b'["octet", 1, "no"]\n'])
def test_a_file_that_is_no_journal_is_refused(content: bytes, tmp_path: Path) -> None:
    """Whoever made it may want it."""
    journal_path(tmp_path / "out.gguf").write_bytes(content)
    words = "has beside it a journal that can't be read"
    with pytest.raises(JournalError, match=words), opened(tmp_path):
        pass
    assert journal_path(tmp_path / "out.gguf").read_bytes() == content


def test_another_version_s_journal_is_refused(tmp_path: Path) -> None:
    """Its rules may have been others."""
    leave(tmp_path)
    path = journal_path(tmp_path / "out.gguf")
    first, *rest = path.read_bytes().splitlines()
    path.write_bytes(b"\n".join([json.dumps(["octet", 2, json.loads(first)[2]]).encode(), *rest]))
    words = "was begun by another version of Octet"
    with pytest.raises(JournalError, match=words), opened(tmp_path):
        pass


def test_what_came_of_a_changed_file_does_not_count(tmp_path: Path) -> None:
    """One file was downloaded again: what came of the others is kept."""
    leave(tmp_path)
    changed = STATES | {"two": "2 3"}
    with opened(tmp_path, states=changed) as journal:
        assert journal.done == {Q}
        journal.add([(EXPERT, "two")])
    with opened(tmp_path, states=changed) as journal:
        assert journal.done == {Q, EXPERT}


def test_a_changed_file_makes_a_finished_one_unfinished(tmp_path: Path) -> None:
    """Even if only its name was missing."""
    with opened(tmp_path) as journal:
        journal.add([(Q, "one"), (EXPERT, "two")])
        journal.finish("d" * 64)
    with opened(tmp_path) as journal:
        assert journal.digest == "d" * 64
    with opened(tmp_path, states=STATES | {"two": "2 3"}) as journal:
        assert journal.digest is None


def test_other_files_altogether_are_another_source(tmp_path: Path) -> None:
    """Of the same shape and under the same names: a sister of the model."""
    leave(tmp_path)
    others = {"one": "9 9", "two": "9 9"}
    words = "is half made from other files than"
    with pytest.raises(JournalError, match=words), opened(tmp_path, states=others):
        pass


def test_two_can_not_make_the_same_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second one says so; when the first has ended it may."""
    monkeypatch.setattr(file_lock, "_PATIENCE_SECONDS", 0.0)
    with opened(tmp_path):
        words = r"out\.gguf is being made by another process; wait"
        with pytest.raises(BusyError, match=words), opened(tmp_path):
            pass
    with opened(tmp_path):
        pass


def test_a_forgotten_journal_is_gone(tmp_path: Path) -> None:
    """The file is finished."""
    with opened(tmp_path) as journal:
        journal.forget()
    assert not list(tmp_path.iterdir())


def test_to_begin_anew_keeps_the_task(tmp_path: Path) -> None:
    """The data are gone, so nothing is done."""
    leave(tmp_path)
    with opened(tmp_path) as journal:
        journal.begin_anew()
        assert journal.done == frozenset()
        journal.add([(Q, "one")])
    with opened(tmp_path) as journal:
        assert journal.done == {Q}
