"""Conversion against its kernels: wall and processor time, memory, and bytes written.

    python -m tests.benchmarks.make_slice /tmp/slice
    python -m tests.benchmarks.bench_convert /tmp/slice --quant Q4_K_M --jobs 2 --pairs 3

Each pair runs the bare kernels (ggml_quantize_chunk for exactly the same chunks, floats ready in
memory, the same number of threads, nothing read or written) and then `python -m model_io convert`
as a process of its own. The ratio of the wall times is what the rest of the conversion costs:
starting Python, reading, widening, permuting, checking, writing, hashing and syncing. On a machine
that others use, too, the ratio of the processor times is the steadier one.

Prints one JSON object. Linux only: memory and bytes come from /proc.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import numpy as np
import numpy.typing as npt

from model_io import ggml
from model_io.checkpoint import read_mixtral
from model_io.conversion_plan import plan_conversion
from model_io.quant_types import QUANTS, TensorType
from model_io.quantize import Chunk, cut

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Run:
    """One measurement; memory and bytes are of conversions only."""

    wall_seconds: float
    cpu_seconds: float
    peak_anonymous_bytes: int = 0
    written_bytes: int = 0
    result_bytes: int = 0


def kernel_chunks(source: Path, quant: str) -> list[Chunk]:
    """The chunks of the conversion for which a kernel runs."""
    plan = plan_conversion(read_mixtral(source), QUANTS[quant])
    chunks = [chunk for matrix in plan.assembly.matrices for chunk in cut(matrix)]
    return [chunk for chunk in chunks if chunk.matrix.type.block_elements > 1]


def read_floats(chunk: Chunk) -> Floats:
    """A chunk's own weights; the slice's are bf16."""
    with chunk.matrix.path.open("rb") as file:
        file.seek(chunk.source_offset)
        words = np.frombuffer(file.read(chunk.source_bytes), np.uint16)
    return (words.astype(np.uint32) << 16).view(np.float32)


def run_kernels(chunks: Sequence[Chunk], jobs: int) -> Run:
    """Quantize every chunk from floats of its own kind, on `jobs` threads."""
    floats: dict[tuple[TensorType, int], Floats] = {}
    for chunk in chunks:
        key = (chunk.matrix.type, chunk.elements)
        if key not in floats:
            floats[key] = read_floats(chunk)
    waiting, lock, spent = iter(chunks), threading.Lock(), []

    def work() -> None:
        started = time.thread_time()
        packed = np.empty(max(c.matrix.type.row_bytes(c.elements) for c in chunks), np.uint8)
        while True:
            with lock:
                chunk = next(waiting, None)
            if chunk is None:
                break
            source = floats[chunk.matrix.type, chunk.elements].ctypes.data
            matrix = chunk.matrix
            ggml.quantize_rows(
                matrix.type.id, source, packed.ctypes.data, chunk.rows, matrix.columns
            )
        spent.append(time.thread_time() - started)

    threads = [threading.Thread(target=work) for _ in range(jobs)]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Run(time.monotonic() - started, sum(spent))


@dataclass
class Watch:
    """The peaks of a process and its children, which do the work; looked at 20 times a second."""

    process_id: int
    anonymous_bytes: int = 0
    written: dict[int, int] = field(default_factory=dict)

    @property
    def written_bytes(self) -> int:
        """What they gave to write(); Linux counts a child's to its parent when it has ended."""
        return max(self.written.values(), default=0)

    def look(self) -> None:
        """Now."""
        anonymous = 0
        for process in self._family(self.process_id):
            with suppress(OSError, StopIteration):  # it has ended meanwhile
                status = Path(f"/proc/{process}/status").read_text().splitlines()
                io = Path(f"/proc/{process}/io").read_text().splitlines()
                line = next(line for line in status if line.startswith("RssAnon"))
                anonymous += int(line.split()[1]) * 1024
                wrote = next(line for line in io if line.startswith("wchar"))
                self.written[process] = int(wrote.split()[1])
        self.anonymous_bytes = max(self.anonymous_bytes, anonymous)

    def _family(self, process: int) -> Iterator[int]:
        yield process
        with suppress(OSError):
            for task in Path(f"/proc/{process}/task").iterdir():
                for child in (task / "children").read_text().split():
                    yield from self._family(int(child))


def run_conversion(source: Path, quant: str, jobs: int, folder: Path) -> Run:
    """Convert in a process of its own, and watch it."""
    target = folder / "out.gguf"
    words = ["convert", source, "--quant", quant, "--out", target, "--jobs", str(jobs)]
    before, started = os.times(), time.monotonic()
    with subprocess.Popen(
        [sys.executable, "-m", "model_io", *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        watch = Watch(process.pid)
        while process.poll() is None:
            watch.look()
            time.sleep(0.05)
    wall, after = time.monotonic() - started, os.times()
    cpu = after.children_user + after.children_system
    cpu -= before.children_user + before.children_system
    left = {path.name for path in folder.iterdir()}
    if process.returncode or left != {"out.gguf", "out.gguf.sha256"}:
        sys.exit("The conversion failed or left more than its result.")
    size = target.stat().st_size
    return Run(wall, cpu, watch.anonymous_bytes, watch.written_bytes, size)


def measure(source: Path, quant: str, jobs: int, pairs: int, folder: Path) -> dict[str, object]:
    """Kernels and conversion by turns."""
    chunks = kernel_chunks(source, quant)
    kernels: list[Run] = []
    conversions: list[Run] = []
    for _ in range(pairs):
        kernels.append(run_kernels(chunks, jobs))
        conversions.append(run_conversion(source, quant, jobs, folder))
    couples = list(zip(kernels, conversions, strict=True))
    last = conversions[-1]
    return {
        "quant": quant,
        "jobs": jobs,
        "kernel_wall_seconds": [round(run.wall_seconds, 1) for run in kernels],
        "convert_wall_seconds": [round(run.wall_seconds, 1) for run in conversions],
        "kernel_cpu_seconds": [round(run.cpu_seconds, 1) for run in kernels],
        "convert_cpu_seconds": [round(run.cpu_seconds, 1) for run in conversions],
        "wall_ratio": round(median(c.wall_seconds / k.wall_seconds for k, c in couples), 3),
        "cpu_ratio": round(median(c.cpu_seconds / k.cpu_seconds for k, c in couples), 3),
        "peak_anonymous_bytes": max(run.peak_anonymous_bytes for run in conversions),
        "result_bytes": last.result_bytes,
        "written_besides_result_bytes": max(0, last.written_bytes - last.result_bytes),
    }


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path, help="a bf16 checkpoint, as make_slice writes it")
    parser.add_argument("--quant", default="Q4_K_M", choices=["Q4_K_M", "Q6_K", "Q8_0"])
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--pairs", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.source.absolute().parent) as folder:
        print(json.dumps(measure(**vars(arguments), folder=Path(folder))))


if __name__ == "__main__":
    main()
