"""Says what a conversion will take before it begins: sizes, disk, memory, and time.

Sizes are exact; the time comes from a second's measurement of this machine's kernels and, of the
way to the hub. Writes nothing but the small files of a model on the hub.
"""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from model_io.conversion_plan import ConversionPlan
from model_io.convert import outstanding_bytes, plan_source, processors
from model_io.disk import check_folder
from model_io.kernel_speed import measure_kernels
from model_io.progress import StopCallback, never_stop
from model_io.quant_types import TensorType
from model_io.sources import open_source

_FIXED_BYTES = 120_000_000
"""What Python, numpy and the libraries take (measured)."""

_THREAD_BYTES = 10_000_000
"""A thread's buffers for one chunk: raw, ordered, as floats, quantized."""

_OVERHEAD = 1.05
"""Wall time over kernel time on the same threads (benchmark bench_convert)."""

_IMPORTANCE_SLOWDOWN = 1.8


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file that is read."""

    path: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a conversion to `path` takes. Sizes are bytes, times seconds.

    `disk_bytes` is what it will still take at the peak; `kernel_seconds` is computing alone, and
    `link_seconds` fetching alone, None where nothing is fetched.
    """

    path: Path
    quant: str
    bytes: int
    source: str
    source_bytes: int
    files: tuple[SourceFile, ...]
    disk_bytes: int
    disk_free_bytes: int
    memory_bytes: int
    seconds: float
    kernel_seconds: float
    link_seconds: float | None
    fits: bool


def forecast(
    source: str | Path,
    quant: str,
    target: Path,
    *,
    imatrix: Path | None = None,
    jobs: int | None = None,
    should_stop: StopCallback = never_stop,
) -> Forecast:
    """What `convert` with the same arguments will take, of which it does nothing.

    Raises what it would raise before its first byte, but for a disk that is too full.
    """
    check_folder(target)
    threads = jobs or processors()
    with open_source(source, target, should_stop, measures=True) as opened:
        plan = plan_source(opened.checkpoint, quant, target, imatrix)
        files = _files(plan)
        disk = outstanding_bytes(target, plan, opened.beside_bytes)
        kernel_seconds = _kernel_seconds(plan, threads)
        speed = opened.link_bytes_per_second
        link_seconds = None if speed is None else sum(f.bytes for f in files) / speed
        free = shutil.disk_usage(target.absolute().parent).free
        return Forecast(
            path=target,
            quant=quant,
            bytes=plan.file_bytes,
            source=opened.name,
            source_bytes=plan.source_bytes,
            files=files,
            disk_bytes=disk,
            disk_free_bytes=free,
            memory_bytes=_memory_bytes(plan, threads),
            seconds=max(_OVERHEAD * kernel_seconds, link_seconds or 0.0),
            kernel_seconds=kernel_seconds,
            link_seconds=link_seconds,
            fits=disk <= free,
        )


def _files(plan: ConversionPlan) -> tuple[SourceFile, ...]:
    sizes: Counter[str] = Counter()
    for matrix in plan.assembly.matrices:
        sizes[matrix.path.name] += matrix.source_bytes
    return tuple(SourceFile(name, size) for name, size in sorted(sizes.items()))


def _kernel_seconds(plan: ConversionPlan, threads: int) -> float:
    elements: Counter[TensorType] = Counter()
    slowdown = 1.0
    for matrix in plan.assembly.matrices:
        if matrix.type is not matrix.source_type and matrix.type.block_elements > 1:
            elements[matrix.type] += matrix.rows * matrix.columns
            if matrix.importance is not None:
                slowdown = _IMPORTANCE_SLOWDOWN
    if not elements:
        return 0.0
    speeds = measure_kernels(elements.keys(), threads)
    return slowdown * sum(count / speeds[kind] for kind, count in elements.items())


def _memory_bytes(plan: ConversionPlan, threads: int) -> int:
    scattered = [m.source_bytes for m in plan.assembly.matrices if m.is_transposed]
    return _FIXED_BYTES + threads * _THREAD_BYTES + 2 * max(scattered, default=0)
