"""What asking a graphics driver can come to: jobs for the tests of the search."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from pathlib import Path

from model_io import ggml
from model_io.errors import NativeLibraryError
from model_io.progress import Progress, ProgressCallback, StopCallback


@dataclass(frozen=True)
class FailingDriverJob:
    """Ends as `how` says, or doesn't."""

    how: str
    subject: Path = Path("devices")

    def perform(self, on_progress: ProgressCallback, should_stop: StopCallback) -> object:
        """In the child; the report says that it has begun."""
        on_progress(Progress("convert", 0, 1))
        return getattr(self, self.how)()

    def hang(self) -> None:
        """Wait in native code for what never comes."""
        ctypes.CDLL(None).pause()

    def hang_with_the_lock(self) -> None:
        """The same, while no other Python thread can run."""
        ctypes.PyDLL(None).pause()

    def abort(self) -> None:
        """As ggml does when the driver returns an error that it doesn't expect."""
        abort = ggml.function("ggml_abort", None, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p)
        abort(b"ggml-cuda.cu", 109, b"CUDA error")

    def crash(self) -> None:
        """A segmentation fault."""
        ctypes.string_at(0)

    def lack(self) -> None:
        """The library is another one."""
        raise NativeLibraryError("llama_cpp", "lacks ggml_backend_dev_count", "install it again")
