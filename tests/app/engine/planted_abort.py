"""An engine in which llama.cpp's assertion fails after the first words of a reply."""

from __future__ import annotations

import ctypes
from multiprocessing.connection import Connection

import pytest

from app.engine import process
from app.engine.protocol import Finished, Generate, TextGenerated
from app.engine.session import EmitEvent, Session
from app.engine.stop_flag import StopFlag
from model_io import ggml


def serve(connection: Connection) -> None:
    """As `app.engine.process`, until something is to be generated."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Session, "generate", speak_and_abort)
        process.serve(connection)


def speak_and_abort(
    session: Session, request: Generate, emit: EmitEvent, stop: StopFlag
) -> Finished:
    """Say two words, wait until they are asked to stop, then fail as ggml does."""
    emit(TextGenerated(request.job_id, "Two words", (1, 2), 2))
    while not stop.is_set:
        pass
    abort = ggml.function("ggml_abort", None, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p)
    abort(b"planted.cpp", 7, b"GGML_ASSERT(planted) failed")
    raise AssertionError("ggml_abort doesn't return")
