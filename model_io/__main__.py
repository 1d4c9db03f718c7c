"""The command line of `model_io`, which works without the window: `python -m model_io`.

`octet model` has the same commands: it gives its own parser to `add_commands` and what was parsed
to `run`. Results go to stdout, progress and errors to stderr.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path

from model_io.errors import ModelIOError
from model_io.progress import Cancelled, Progress, StopCallback
from model_io.quant_types import QUANTS

FAILED, INTERRUPTED = 1, 130

Commands = argparse._SubParsersAction  # noqa: SLF001  argparse has no public name for it


def add_commands(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add `convert` and `inspect` to a parser's subcommands; what they parse goes to `run`."""
    convert = commands.add_parser("convert", help="make a GGUF file of a Mixtral checkpoint")
    convert.add_argument("source", type=_folder, metavar="SOURCE", help="the checkpoint's folder")
    convert.add_argument("--quant", required=True, type=str.upper, choices=sorted(QUANTS))
    convert.add_argument("--out", required=True, type=Path, metavar="F", help="the file to make")
    convert.add_argument("--jobs", type=_positive, metavar="N", help="threads (all processors)")
    convert.add_argument("--json", action="store_true", help="print the result as JSON")
    convert.set_defaults(perform=_convert)
    inspect = commands.add_parser("inspect", help="say what a file or folder is")
    inspect.add_argument("path", type=Path, metavar="PATH", help="a GGUF file or a folder")
    inspect.add_argument("--json", action="store_true", help="print the result as JSON")
    inspect.set_defaults(perform=_inspect)


def run(arguments: argparse.Namespace) -> int:
    """Do what was parsed; returns the exit status and prints one sentence if it failed."""
    try:
        with _interruptible() as should_stop:
            answer = arguments.perform(arguments, should_stop)
    except ModelIOError as error:
        return _end(FAILED, str(error))
    except (Cancelled, KeyboardInterrupt):
        return _end(INTERRUPTED, "Stopped. Nothing was left behind.")
    return _print_answer(answer)


def _print_answer(answer: str) -> int:
    try:
        print(answer, flush=True)
    except OSError as error:
        # Python would complain once more when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):  # whoever read it has gone, and knows
            return FAILED
        return _end(FAILED, f"The result can't be printed: {error.strerror or error}.")
    return 0


def _end(status: int, sentence: str) -> int:
    with suppress(OSError):  # nobody reads it
        print(sentence, file=sys.stderr, flush=True)
    return status


def main(words: Sequence[str] | None = None) -> int:
    """Parse `words` (the process's own if None) and run the command."""
    parser = argparse.ArgumentParser(prog="python -m model_io", description="Model files.")
    add_commands(parser.add_subparsers(required=True, metavar="COMMAND"))
    return run(parser.parse_args(words))


@contextmanager
def _interruptible() -> Iterator[StopCallback]:
    """Turn Ctrl-C and a request to end into a question that the job asks between its pieces.

    So a second Ctrl-C can't disturb the removal of what was begun. Before the job has asked for
    the first time it has begun nothing, and is interrupted at once.
    """
    wish = _WishToStop()
    if threading.current_thread() is not threading.main_thread():
        yield wish.is_there
        return
    signals = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, wish.take) for number in signals]
    try:
        yield wish.is_there
    finally:
        for number, handler in zip(signals, before, strict=True):
            signal.signal(number, handler)


class _WishToStop:
    """No lock: a second signal may arrive in the middle of the first one's handler."""

    def __init__(self) -> None:
        self._is_there = False
        self._is_asked_for = False

    def take(self, *_: object) -> None:
        """A signal has come."""
        self._is_there = True
        if not self._is_asked_for:
            raise KeyboardInterrupt

    def is_there(self) -> bool:
        """What the job asks."""
        self._is_asked_for = True
        return self._is_there


def _convert(arguments: argparse.Namespace, should_stop: StopCallback) -> str:
    from model_io.convert import convert  # loads the native library, which nothing else here needs

    made = convert(
        arguments.source,
        arguments.quant,
        arguments.out,
        jobs=arguments.jobs,
        on_progress=_ProgressLine(),
        should_stop=should_stop,
    )
    if arguments.json:
        answer = asdict(made) | {"path": str(made.path), "peak_rss_bytes": peak_rss_bytes()}
        return json.dumps(answer)
    return f"{made.path}  {made.bytes:,} bytes in {made.seconds:.1f} s  sha256 {made.sha256}"


def _inspect(arguments: argparse.Namespace, should_stop: StopCallback) -> str:
    from model_io.inspection import inspect

    answer = asdict(inspect(arguments.path))
    if arguments.json:
        return json.dumps(answer)
    lines = [*answer.pop("problems")]
    for key, value in answer.items():
        lines.append(f"{key:13}{'unknown' if value is None else value}")
    return "\n".join(lines)


def _positive(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number above 0")
    return int(text)


def _folder(text: str) -> Path:
    if text.startswith("hub:"):
        raise argparse.ArgumentTypeError(
            "this version downloads nothing; name the folder that the model was downloaded to"
        )
    return Path(text)


class _ProgressLine:
    """Progress on stderr: a line that changes on a terminal, one every 10 % elsewhere."""

    def __init__(self) -> None:
        self._shown = -1
        self._live = sys.stderr.isatty()

    def __call__(self, progress: Progress) -> None:
        percent = 100 * progress.done_bytes // max(1, progress.total_bytes)
        step = percent if self._live else percent // 10
        if step == self._shown:
            return
        self._shown = step
        done, total = progress.done_bytes / 1e9, progress.total_bytes / 1e9
        start, end = ("\r", "\n" if percent == 100 else "") if self._live else ("", "\n")
        text = f"{start}{progress.stage} {percent:3} %  {done:.1f} of {total:.1f} GB"
        with suppress(OSError):  # the work matters more than who watches it
            print(text, end=end, file=sys.stderr, flush=True)


def peak_rss_bytes() -> int:
    """The most memory that this process ever had, shared libraries included."""
    status = Path("/proc/self/status")
    if status.is_file():
        # Linux counts the parent's memory into ru_maxrss of a spawned process, but not here.
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(lines["VmHWM"].split()[0]) * 1024
    if os.name == "nt":
        import psutil

        peak: int = psutil.Process().memory_info().peak_wset
        return peak
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    sys.exit(main())
