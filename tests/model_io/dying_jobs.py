"""Jobs that end badly, for the tests of the process that does them."""

from __future__ import annotations

import ctypes
import os
import signal
import threading
from dataclasses import dataclass
from pathlib import Path

from model_io import ggml
from model_io.errors import OutputError
from model_io.progress import Cancelled, Progress, ProgressCallback, StopCallback


@dataclass(frozen=True)
class DyingJob:
    """Reports once, then ends as `how` says."""

    how: str
    subject: Path = Path("out.gguf")

    def perform(self, on_progress: ProgressCallback, should_stop: StopCallback) -> object:
        """In the child."""
        on_progress(Progress("convert", 1, 2))
        getattr(self, self.how)(should_stop)
        return "done"

    def be_killed(self, _: StopCallback) -> None:
        """As the kernel does it when memory runs out."""
        os.kill(os.getpid(), signal.SIGKILL)

    def abort(self, _: StopCallback) -> None:
        """A failed assertion in the native library."""
        abort = ggml.function("ggml_abort", None, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p)
        abort(b"ggml.c", 1, b"GGML_ASSERT(false) failed")

    def crash(self, _: StopCallback) -> None:
        """A segmentation fault."""
        ctypes.string_at(0)

    def fail(self, _: StopCallback) -> None:
        """An error with a sentence."""
        raise OutputError("out.gguf", "is odd", "mend it")

    def break_down(self, _: StopCallback) -> None:
        """A defect of ours."""
        raise ZeroDivisionError("planted")

    def obey(self, should_stop: StopCallback) -> None:
        """Work until it is asked to stop."""
        pause = threading.Event()
        while not should_stop():
            pause.wait(0.01)
        raise Cancelled

    def be_deaf(self, _: StopCallback) -> None:
        """Hang, whatever is wished."""
        threading.Event().wait()

    def succeed(self, _: StopCallback) -> None:
        """Nothing goes wrong."""
