"""A process of ours starts, leaves what it says in its log, and ends with its pipe."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from model_io.child import LOG_KEPT_BYTES, LOG_LIMIT_BYTES, Child, read_log_end, start_child

END_SECONDS = 20


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[], Child]]:
    """Start a speaking child; all write to one log."""
    children: list[Child] = []

    def start_speaking() -> Child:
        children.append(start_child("tests.model_io.speaking_child", tmp_path / "child.log"))
        return children[-1]

    yield start_speaking
    for child in children:
        child.connection.close()
        child.process.join(END_SECONDS)
        child.process.kill()
        child.process.join()


def say(child: Child, way: str, text: str) -> object:
    """Have the child say `text`; its answer."""
    child.connection.send((way, text))
    return child.connection.recv()


@pytest.mark.parametrize("way", ["print", "stderr", "native", "log"])
def test_whatever_is_said_is_in_the_log(start: Callable[[], Child], way: str) -> None:
    """By Python or by a library, to either output."""
    child = start()
    say(child, way, "naïve words\n")

    assert "naïve words" in read_log_end(child.log_path)


def test_its_log_is_its_owners_alone(start: Callable[[], Child]) -> None:
    """What is in it may be private."""
    child = start()
    say(child, "log", "x")

    assert child.log_path.stat().st_mode & 0o777 == 0o600


def test_the_next_child_goes_on_with_the_log(start: Callable[[], Child]) -> None:
    """What the last one said can still be read."""
    for words in ("first\n", "second\n"):
        say(start(), "log", words)

    assert read_log_end(start().log_path).split() == ["first", "second"]


def test_a_log_keeps_its_end(start: Callable[[], Child]) -> None:
    """However much is said."""
    child = start()
    for number in range(3):
        say(child, "log", "x" * (LOG_LIMIT_BYTES // 2) + f"\nline {number}\n")

    assert child.log_path.stat().st_size < LOG_LIMIT_BYTES
    assert read_log_end(child.log_path).endswith("line 2")


def test_a_long_log_is_cut_at_the_start(start: Callable[[], Child], tmp_path: Path) -> None:
    """Of a child that wrote past our own function."""
    (tmp_path / "child.log").write_bytes(b"x" * (LOG_LIMIT_BYTES + 10) + b"\nend\n")
    child = start()
    say(child, "log", "more")

    assert child.log_path.stat().st_size == LOG_KEPT_BYTES + len("more")
    assert read_log_end(child.log_path).endswith("x\nend\nmore")


def test_no_log_is_an_empty_end(tmp_path: Path) -> None:
    """There may have been no child yet."""
    assert read_log_end(tmp_path / "none.log") == ""


def test_no_debugger_is_attached(start: Callable[[], Child]) -> None:
    """ggml would start gdb on its own dying process."""
    child = start()
    child.connection.send(("environment", "GGML_NO_BACKTRACE"))

    assert child.connection.recv() == "1"


def test_it_ends_when_the_pipe_does(start: Callable[[], Child]) -> None:
    """Without being told to."""
    child = start()
    say(child, "log", "x")
    child.connection.close()
    child.process.join(END_SECONDS)

    assert child.process.exitcode == 0


def test_its_end_is_the_end_of_the_pipe(start: Callable[[], Child]) -> None:
    """And its error is in the log."""
    child = start()
    child.connection.send(("raise", "unheard of"))
    with pytest.raises(EOFError):
        child.connection.recv()

    assert "RuntimeError: unheard of" in read_log_end(child.log_path)
