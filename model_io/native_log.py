"""Keeps what the native library says: every line into the child's log, the last ones at hand.

Knows nothing of who asks for them. Import it in child processes only: it loads the library.
"""

from __future__ import annotations

import ctypes
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from model_io import child, ggml

_DEBUG, _CONTINUED = 1, 5  # ggml.h: enum ggml_log_level
_LogCallback = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)
_AbortCallback = ctypes.CFUNCTYPE(None, ctypes.c_char_p)
_MOST_RECORDED_LINES = 10_000


class NativeLog:
    """Receives llama.cpp's and ggml's messages; a context manager.

    Inside another one it stands in for it, for a while.
    """

    def __init__(self, kept_lines: int = 30) -> None:
        self._lines: deque[str] = deque(maxlen=kept_lines)
        self._is_skipping = False
        self._recorded: list[str] | None = None
        self._outer: tuple[Any, Any] = (None, None)
        # Kept here: a callback that Python frees while C holds it crashes the process.
        self._callbacks = (_LogCallback(self._write), _AbortCallback(self._write_last_words))

    @property
    def last_lines(self) -> str:
        """The latest messages, oldest first."""
        return "\n".join(self._lines)

    @contextmanager
    def record(self) -> Iterator[list[str]]:
        """Collect the lines of a period in the list that this gives; periods don't overlap."""
        self._recorded = recorded = list[str]()
        try:
            yield recorded
        finally:
            self._recorded = None

    def __enter__(self) -> NativeLog:
        log, abort = (ctypes.cast(callback, ctypes.c_void_p) for callback in self._callbacks)
        self._outer = _install(log, abort)
        return self

    def __exit__(self, *_: object) -> None:
        # While the process ends the library may speak when Python can't listen any more; no
        # abort callback means that this is the outermost.
        _install(*(self._outer if self._outer[1] else (None, None)))

    def _write(self, level: int, text: bytes, _: object) -> None:
        if level != _CONTINUED:
            self._is_skipping = level == _DEBUG
        if self._is_skipping:
            return
        self._keep(text)

    def _write_last_words(self, text: bytes) -> None:
        self._keep(text.rstrip(b"\n") + b"\n")

    def _keep(self, data: bytes) -> None:
        text = data.decode("utf-8", "replace")
        child.write_log(text)
        lines = [line for line in text.splitlines() if line.strip(" .")]
        self._lines.extend(lines)
        if self._recorded is not None and len(self._recorded) < _MOST_RECORDED_LINES:
            self._recorded += lines


def _install(log: Any, abort: Any) -> tuple[Any, Any]:  # noqa: ANN401  addresses of C functions
    """Set both callbacks; returns those that were set before."""
    address, pointer = ctypes.c_void_p, ctypes.POINTER(ctypes.c_void_p)
    before, data = ctypes.c_void_p(), ctypes.c_void_p()
    ggml.function("llama_log_get", None, pointer, pointer)(ctypes.byref(before), ctypes.byref(data))
    ggml.function("llama_log_set", None, address, address)(log, None)
    abort_before = ggml.function("ggml_set_abort_callback", address, address)(abort)
    return before, abort_before
