"""A Mixtral checkpoint becomes a GGUF file, in one pass.

For bf16 weights the file is byte for byte the one that llama.cpp makes: BF16 is what its convert
script writes, every other kind what llama-quantize then makes of that; for weights in F16 or F32
it is what the two make with `--outtype auto`. Joins the source, the plan and the assembly, which
don't know one another.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from model_io.assembly import assemble
from model_io.checkpoint import Checkpoint
from model_io.conversion_plan import ConversionPlan, plan_conversion
from model_io.disk import allocated_bytes, check_folder, check_target
from model_io.errors import OutputError
from model_io.imatrix import read_imatrix
from model_io.journal import Task, part_path
from model_io.progress import (
    Cancelled,
    ProgressCallback,
    StopCallback,
    ignore_progress,
    never_stop,
)
from model_io.quant_types import QUANTS
from model_io.sources import open_source

_SOURCE_SUFFIXES = {
    ".safetensors",
    ".bin",
    ".pt",
    ".pth",
    ".json",
    ".model",
    ".jinja",
    ".txt",
    ".md",
}
"""What the files of a downloaded model end in; a GGUF made before may lie beside them."""

NATIVE_VERSION = "llama-cpp-python 0.3.36"
"""Whose kernels compute: what another version has half made isn't gone on with."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """What was made; `sha256` is of the whole file."""

    path: Path
    bytes: int
    sha256: str
    seconds: float


def convert(
    source: str | Path,
    quant: str,
    target: Path,
    *,
    imatrix: Path | None = None,
    jobs: int | None = None,
    on_progress: ProgressCallback = ignore_progress,
    should_stop: StopCallback = never_stop,
) -> Conversion:
    """Convert `source`, a path or `hub:owner/name`, to `target` as `quant`, a key of QUANTS.

    `imatrix` is llama.cpp's importance matrix; `jobs` threads compute (all processors when None).
    Nothing is seen at `target` before the file is complete; what an earlier run of the same
    conversion had done is not done again. Raises a SourceError, a GGUFError, a HubError,
    an OutputError, or Cancelled.
    """
    started = time.monotonic()
    check_folder(target)
    with open_source(source, target, should_stop) as opened:
        plan = plan_source(opened.checkpoint, quant, target, imatrix)
        task = Task(opened.name, quant, plan.fingerprint, plan.file_bytes, NATIVE_VERSION)
        check_target(target, outstanding_bytes(target, plan, opened.beside_bytes))
        if should_stop():
            raise Cancelled
        digest = assemble(
            target, plan.assembly, task, opened.supply,
            jobs=jobs or processors(), on_progress=on_progress, should_stop=should_stop,
        )  # fmt: skip
    return Conversion(target, plan.file_bytes, digest, time.monotonic() - started)


def plan_source(
    checkpoint: Checkpoint, quant: str, target: Path, imatrix: Path | None
) -> ConversionPlan:
    """The plan for `target`, which may not be one of the checkpoint's own files."""
    check_apart(target, checkpoint, imatrix)
    importance = None if imatrix is None else read_imatrix(imatrix)
    return plan_conversion(checkpoint, QUANTS[quant], importance)


def outstanding_bytes(target: Path, plan: ConversionPlan, beside_bytes: int = 0) -> int:
    """What will still be taken up on the disk at the peak; an earlier run may have begun."""
    return max(0, plan.file_bytes - allocated_bytes(part_path(target))) + beside_bytes


def check_apart(target: Path, checkpoint: Checkpoint, imatrix: Path | None = None) -> None:
    """The result must not take the place of what it is made of, under whatever name."""
    for path in (*_list_sources(checkpoint), *filter(None, [imatrix])):
        with suppress(OSError):  # one of the two is not there
            if target.samefile(path):
                problem = "is one of the files to be converted"
                raise OutputError(target, problem, "choose another name for --out")


def _list_sources(checkpoint: Checkpoint) -> Iterator[Path]:
    yield from checkpoint.files
    if checkpoint.path.is_dir():
        with suppress(OSError):  # a folder that may be entered but not listed
            for path in checkpoint.path.iterdir():
                if path.suffix.lower() in _SOURCE_SUFFIXES or path.name == "LICENSE":
                    yield path


def processors() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
