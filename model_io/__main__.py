"""The command line of `model_io`, which works without the window: `python -m model_io`.

`octet model` has the same commands: it gives its own parser to `add_commands` and what was parsed
to `run`. Results go to stdout, progress and errors to stderr.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from model_io.errors import HubError, ModelIOError
from model_io.hub_name import HUB_PREFIX
from model_io.jobs import ConvertJob, ForecastJob, RepairJob, VerifyJob
from model_io.journal import journal_path
from model_io.machine_commands import add_devices, add_plan
from model_io.preparation import Job, Outcome, prepare
from model_io.progress import Cancelled, StopCallback
from model_io.quant_types import QUANTS
from model_io.terminal import FAILED, INTERRUPTED, ProgressBar, duration, end, interruptible
from model_io.terminal import print_answer as print_to_stdout

if TYPE_CHECKING:
    from model_io.convert import Conversion
    from model_io.forecast import Forecast
    from model_io.verify import Verification

Commands = argparse._SubParsersAction  # noqa: SLF001  argparse has no public name for it


def add_commands(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add all commands to a parser's subcommands; what they parse goes to `run`."""
    _add_convert(commands.add_parser("convert", help="make a GGUF file of a Mixtral"))
    _add_inspect(commands.add_parser("inspect", help="say what a file or folder is"))
    _add_verify(commands.add_parser("verify", help="read a whole GGUF file and judge it"))
    _add_repair(commands.add_parser("repair", help="mend a GGUF file from before April 2024"))
    _add_fetch(commands.add_parser("fetch", help="download a model's files"))
    add_devices(commands.add_parser("devices", help="say what this computer has"))
    add_plan(commands.add_parser("plan", help="say what fits, and how it is loaded"))


def _add_convert(convert: argparse.ArgumentParser) -> None:
    convert.add_argument(
        "source", metavar="SOURCE",
        help="a checkpoint's folder, a GGUF file, or hub:owner/name[@revision]",
    )  # fmt: skip
    convert.add_argument("--quant", required=True, type=str.upper, choices=sorted(QUANTS))
    _add_output(convert)
    convert.add_argument("--imatrix", type=Path, metavar="FILE", help="an importance matrix")
    convert.add_argument(
        "--dry-run", action="store_true", help="say what it will take, and do nothing"
    )
    convert.set_defaults(perform=_convert)


def _add_inspect(inspect: argparse.ArgumentParser) -> None:
    inspect.add_argument("path", type=Path, metavar="PATH", help="a GGUF file or a folder")
    _add_json(inspect)
    inspect.set_defaults(perform=_inspect)


def _add_verify(verify: argparse.ArgumentParser) -> None:
    verify.add_argument("path", type=Path, metavar="F", help="a GGUF file")
    _add_jobs(verify)
    _add_json(verify)
    verify.set_defaults(perform=_verify)


def _add_repair(repair: argparse.ArgumentParser) -> None:
    repair.add_argument("source", type=Path, metavar="OLD", help="a GGUF file with experts apart")
    _add_output(repair)
    repair.set_defaults(perform=_repair)


def _add_fetch(fetch: argparse.ArgumentParser) -> None:
    fetch.add_argument("source", metavar="SOURCE", help="hub:owner/name[@revision]")
    fetch.add_argument("files", nargs="*", metavar="FILE", help="without it: all of a checkpoint")
    fetch.add_argument("--to", required=True, type=Path, metavar="D", help="the folder to fill")
    _add_json(fetch)
    fetch.set_defaults(perform=_fetch)


def _add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", required=True, type=Path, metavar="F", help="the file to make")
    _add_jobs(parser)
    _add_json(parser)


def _add_jobs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--jobs", type=_positive, metavar="N", help="threads (all processors)")


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def _positive(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= 1024):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 to 1024")
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    """Do what was parsed; returns the exit status and prints one sentence if it failed."""
    try:
        with interruptible() as should_stop:
            answer, status = arguments.perform(arguments, should_stop)
    except ModelIOError as error:
        return end(FAILED, str(error))
    except (Cancelled, KeyboardInterrupt):
        return end(INTERRUPTED, _say_stopped(arguments))
    return print_to_stdout(answer) or status


def _say_stopped(arguments: argparse.Namespace) -> str:
    target = getattr(arguments, "out", None)
    folder = getattr(arguments, "to", None)
    if folder is not None or (target is not None and journal_path(target).exists()):
        return "Stopped. What is done is kept: the same command goes on from here."
    return "Stopped. Nothing was left behind."


def main(words: Sequence[str] | None = None) -> int:
    """Parse `words` (the process's own if None) and run the command."""
    parser = argparse.ArgumentParser(prog="python -m model_io", description="Model files.")
    parser.add_argument("--offline", action="store_true", help="never use the network")
    add_commands(parser.add_subparsers(required=True, metavar="COMMAND"))
    return run(parser.parse_args(words))


def _work(job: Job, should_stop: StopCallback) -> Outcome:
    """Do `job` in a process of its own, with a bar on stderr."""
    bar = ProgressBar()
    steps = prepare(job, should_stop)
    try:
        while True:
            bar(next(steps))
    except StopIteration as finished:
        return cast(Outcome, finished.value)
    finally:
        bar.close()
        steps.close()


Answer = tuple[str, int]
"""What goes to stdout, and the exit status."""


def _convert(arguments: argparse.Namespace, should_stop: StopCallback) -> Answer:
    _check_network(arguments)
    job = ConvertJob(
        arguments.source, arguments.quant, arguments.out, arguments.imatrix, arguments.jobs
    )
    if arguments.dry_run:
        expected = cast("Forecast", _work(ForecastJob(job), should_stop).result)
        return _answer(arguments, asdict(expected), lambda: _describe_forecast(expected)), 0
    return _say_made(arguments, _work(job, should_stop))


def _repair(arguments: argparse.Namespace, should_stop: StopCallback) -> Answer:
    job = RepairJob(arguments.source, arguments.out, arguments.jobs)
    return _say_made(arguments, _work(job, should_stop))


def _say_made(arguments: argparse.Namespace, outcome: Outcome) -> Answer:
    made = cast("Conversion", outcome.result)
    values = asdict(made) | {"peak_rss_bytes": outcome.peak_rss_bytes}
    sentence = f"{made.path}  {made.bytes:,} bytes in {duration(made.seconds)}"
    return _answer(arguments, values, lambda: f"{sentence}  sha256 {made.sha256}"), 0


def _verify(arguments: argparse.Namespace, should_stop: StopCallback) -> Answer:
    job = VerifyJob(arguments.path, arguments.jobs)
    found = cast("Verification", _work(job, should_stop).result)
    status = 0 if found.ok else FAILED
    lines = (*found.problems, found.summary)
    return _answer(arguments, asdict(found), lambda: "\n".join(lines)), status


def _inspect(arguments: argparse.Namespace, should_stop: StopCallback) -> Answer:
    from model_io.inspection import inspect  # numpy and the vocabulary's library come with it

    found = inspect(arguments.path)
    values = asdict(found)
    return _answer(arguments, values, lambda: "\n".join(_describe_inspection(values))), 0


def _fetch(arguments: argparse.Namespace, should_stop: StopCallback) -> Answer:
    from model_io.fetch import fetch

    _check_network(arguments)
    bar = ProgressBar()
    try:
        files = fetch(arguments.source, arguments.files, arguments.to, bar, should_stop)
    finally:
        bar.close()
    values = {"files": [asdict(file) for file in files]}
    lines = [f"{file.sha256}  {file.path}" for file in files]
    return _answer(arguments, values, lambda: "\n".join(lines)), 0


def _check_network(arguments: argparse.Namespace) -> None:
    if arguments.source.startswith(HUB_PREFIX) and getattr(arguments, "offline", False):
        remedy = "leave out --offline, or name a folder on this computer"
        raise HubError(arguments.source, "can't be reached with --offline", remedy)


def _answer(
    arguments: argparse.Namespace, values: dict[str, Any], describe: Callable[[], str]
) -> str:
    return json.dumps(values, default=str) if arguments.json else describe()


def _describe_inspection(values: dict[str, Any]) -> list[str]:
    lines = [*values.pop("problems")]
    becomes = values.pop("becomes")
    for key, value in values.items():
        lines.append(f"{key:13}{'unknown' if value is None else value}")
    for quant, size in becomes.items():
        lines.append(f"{'becomes':13}{quant:7} {size:,} bytes")
    return lines


def _describe_forecast(expected: Forecast) -> str:
    count, free = len(expected.files), expected.disk_free_bytes
    lines = [
        f"{expected.path} would be {expected.bytes:,} bytes of {expected.quant}.",
        f"source   {expected.source_bytes:,} bytes of weights in {_files(count)}",
        f"disk     {expected.disk_bytes:,} bytes more at the peak; {free:,} are free",
        f"memory   {expected.memory_bytes:,} bytes",
        f"time     about {duration(expected.seconds)}",
    ]
    if expected.link_seconds is not None:
        lines[-1] += f" (computing {duration(expected.kernel_seconds)}, "
        lines[-1] += f"fetching {duration(expected.link_seconds)})"
    lines += [f"  {file.path}  {file.bytes:,}" for file in expected.files]
    if not expected.fits:
        missing = expected.disk_bytes - free
        lines.append(f"The disk lacks {missing:,} bytes: free some or choose another place.")
    return "\n".join(lines)


def _files(count: int) -> str:
    return "one file" if count == 1 else f"{count} files"


if __name__ == "__main__":
    sys.exit(main())
