"""The native library's words are kept, its chatter isn't, and nothing is heard afterwards."""

from __future__ import annotations

import pytest
from llama_cpp import llama_cpp as native

from model_io import child, ggml
from model_io.native_log import NativeLog

DEBUG, INFO, ERROR, CONTINUED = 1, 2, 4, 5


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What would go into the child's log."""
    lines: list[str] = []
    monkeypatch.setattr(child, "write_log", lines.append)
    return lines


def speak(level: int, text: bytes) -> None:
    """As the library does, through the callback that is installed."""
    callback = native.llama_log_callback()
    data = native.ctypes.c_void_p()
    native.llama_log_get(native.ctypes.byref(callback), native.ctypes.byref(data))
    callback(level, text, None)


def test_words_are_written_and_kept(written: list[str]) -> None:
    """In order, the last ones at hand."""
    with NativeLog(kept_lines=2) as log:
        for number in range(3):
            speak(INFO, b"line %d\n" % number)

    assert "".join(written) == "line 0\nline 1\nline 2\n"
    assert log.last_lines == "line 1\nline 2"


def test_chatter_is_passed_over_with_its_continuation(written: list[str]) -> None:
    """Debugging lines, and what belongs to them."""
    with NativeLog() as log:
        speak(DEBUG, b"control token: 1")
        speak(CONTINUED, b" more\n")
        speak(ERROR, b"no memory\n")
        speak(CONTINUED, b"....\n")

    assert written == ["no memory\n", "....\n"]
    assert log.last_lines == "no memory"


def test_a_period_is_recorded_whole(written: list[str]) -> None:
    """More lines than are kept otherwise, and none from before or after."""
    with NativeLog(kept_lines=2) as log:
        speak(INFO, b"before\n")
        with log.record() as lines:
            for number in range(5):
                speak(INFO, b"line %d\n" % number)
        speak(INFO, b"after\n")

    assert lines == [f"line {number}" for number in range(5)]


def test_bytes_that_are_no_text_do_no_harm(written: list[str]) -> None:
    """A file's metadata may hold anything."""
    with NativeLog():
        speak(INFO, b"name = \xff\n")

    assert written == ["name = \N{REPLACEMENT CHARACTER}\n"]


def test_real_words_arrive(written: list[str]) -> None:
    """llama.cpp tells of a file that it can't open."""
    with NativeLog() as log:
        native.llama_model_load_from_file(b"/nowhere.gguf", native.llama_model_default_params())

    assert "/nowhere.gguf" in log.last_lines


def test_afterwards_nobody_is_called(written: list[str]) -> None:
    """Python may be gone by then."""
    with NativeLog():
        pass
    set_abort = ggml.function(
        "ggml_set_abort_callback", native.ctypes.c_void_p, native.ctypes.c_void_p
    )

    assert set_abort(None) is None
    assert written == []
