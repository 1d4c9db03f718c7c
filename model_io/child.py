"""Starts the processes of ours, and prepares each from inside before its own work begins.

A child is a module with a function `serve(connection)`; everything that it prints, and what the
native library says before it aborts, ends up in a log file that the parent can read afterwards.
Knows nothing of what the children do, nor of what crosses the pipes.
"""

from __future__ import annotations

import contextlib
import faulthandler
import importlib
import multiprocessing
import os
import signal
import sys
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

LOG_LIMIT_BYTES = 1024 * 1024
"""A log longer than this is cut down to its end."""

LOG_KEPT_BYTES = 128 * 1024
"""How much of a log's end stays when it is cut down."""

_STDIN, _STDOUT, _STDERR = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Child:
    """A running process of ours: its handle, the parent's end of the pipe, its log."""

    process: BaseProcess
    connection: Connection
    log_path: Path


def start_child(module_name: str, log_path: Path) -> Child:
    """Start a process that runs `module_name.serve(connection)`; OSError if none can be started.

    The folder of `log_path` has to exist. Closing the connection asks the child to end.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(
        target=enter, args=(module_name, theirs, str(log_path)), name=module_name, daemon=True
    )
    try:
        process.start()
    except BaseException:
        ours.close()
        raise
    finally:
        # With our copy open, the death of the child would never look like the end of the pipe.
        theirs.close()
    return Child(process, ours, log_path)


def enter(module_name: str, connection: Connection, log_path: str) -> None:
    """Prepare this process, then hand over to `module_name.serve`; runs in the child."""
    # ggml attaches gdb to its own dying process unless told not to (ggml.c, ggml_print_backtrace).
    os.environ["GGML_NO_BACKTRACE"] = "1"
    _send_output_to(Path(log_path))
    # Of the failing thread alone: with all of them the library's last words would be far above.
    faulthandler.enable(all_threads=False)
    # Ctrl+C in a terminal reaches the whole group, and so does its end; the parent decides what
    # that means, and its own end is the end of the pipe.
    for name in ("SIGINT", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    _forbid_core_dumps()
    _offer_to_oom_killer()
    importlib.import_module(module_name).serve(connection)


def write_log(text: str) -> None:
    """Append `text` to this child's log at once, unbuffered, and keep the log short."""
    os.write(_STDERR, text.encode("utf-8", "replace"))
    if os.fstat(_STDERR).st_size > LOG_LIMIT_BYTES:
        _keep_end(_STDERR)


def read_log_end(log_path: Path, line_count: int = 40) -> str:
    """The last lines of a child's log; empty if there is none."""
    try:
        with log_path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 16 * 1024))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-line_count:])


def _send_output_to(log_path: Path) -> None:
    log = os.open(log_path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    if os.fstat(log).st_size > LOG_LIMIT_BYTES:
        _keep_end(log)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, _STDIN)
    os.dup2(log, _STDOUT)
    os.dup2(log, _STDERR)
    os.close(log)
    os.close(nothing)
    # A windowed program on Windows starts without these two.
    sys.stdout = open(_STDOUT, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(_STDERR, "w", encoding="utf-8", closefd=False, buffering=1)  # noqa: SIM115


def _keep_end(log: int) -> None:
    os.lseek(log, -LOG_KEPT_BYTES, os.SEEK_END)
    end = os.read(log, LOG_KEPT_BYTES)
    os.ftruncate(log, 0)
    os.write(log, end)


def _forbid_core_dumps() -> None:
    if sys.platform != "win32":
        import resource

        # A core dump would copy all of the model's memory to the disk.
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _offer_to_oom_killer() -> None:
    if sys.platform == "linux":
        # When memory runs out the engine shall go, not the window with the words in it.
        with contextlib.suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text("1000")
