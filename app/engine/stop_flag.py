"""One job's wish to stop, which both Python and llama.cpp can see."""

from __future__ import annotations

import ctypes
import os
from typing import Any


class StopFlag:
    """Set once, from any thread; one for each job, never cleared.

    llama.cpp asks after each operation whether to go on. Asking Python would take its lock a
    thousand times for every token, so C's own `strlen` is handed over as the callback: it looks
    at this flag's memory, and the flag is set when the text there isn't empty.
    """

    def __init__(self) -> None:
        self._text = ctypes.create_string_buffer(2)

    @property
    def is_set(self) -> bool:
        """Whether the job shall end."""
        return self._text[0] != b"\0"

    def set(self) -> None:
        """Ask the job to end."""
        self._text[0] = b"x"

    def native_callback(self) -> tuple[Any, int]:
        """A `ggml_abort_callback` and its data; they are valid as long as the flag lives."""
        library = ctypes.CDLL("ucrtbase" if os.name == "nt" else None)
        return library.strlen, ctypes.addressof(self._text)
