"""All 93 GB of Mixtral 8x7B through a local hub into one file, which lie nowhere else.

    python -m tests.benchmarks.bench_whole FACTS --folder /tmp/whole
    python -m tests.benchmarks.bench_whole FACTS --folder /tmp/whole --kills 2

FACTS is a folder with the real repository's index, config and sizes. A hub on loopback, in a
process of its own, makes the 19 shards' bytes as they are asked for. Measured are the wall time
against the bare kernels for as many weights of each type on the same threads (a sample of them
before and one after, a minute each), with the hub's own processor time taken off, since it
wouldn't be there; the disk at its peak; anonymous memory; and what each part costs in
core-seconds. With `--kills` the conversion is killed so often on its way and goes on. The sha256
is compared with that of the run before in FOLDER, killed or not. `--shards N` takes
only the first layers. About half an hour on two cores, and 40 GB of disk.

Prints one JSON object. Linux only.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from model_io.conversion_plan import plan_conversion
from model_io.hub_source import open_hub
from model_io.kernel_speed import measure_kernels
from model_io.progress import never_stop
from model_io.quant_types import QUANTS, TensorType
from tests.benchmarks.whole_model import NAME, Shard, make_files
from tests.hub_server import FakeHub

_SAMPLE_SECONDS = 60.0
_WATCH_SECONDS = 0.2


def serve(connection: Connection, facts: Path, shards: int | None) -> None:
    """Run the hub until the pipe ends; answers each message with its processor time so far."""
    files = make_files(facts, shards)
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # all hashes are known before the start
        list(pool.map(lambda file: file.sha256 if isinstance(file, Shard) else "", files.values()))
    with FakeHub(files, name=NAME) as hub:
        connection.send(hub.endpoint)
        try:
            while True:
                connection.recv()
                connection.send(time.process_time())
        except EOFError:
            return


@dataclass
class Watch:
    """The peaks of a process and a folder, looked at five times a second."""

    folder: Path
    process_id: int
    disk_bytes: int = 0
    anonymous_bytes: int = 0
    ended: threading.Event = field(default_factory=threading.Event)

    def look(self) -> None:
        """Until `ended`."""
        while not self.ended.wait(_WATCH_SECONDS):
            self.disk_bytes = max(self.disk_bytes, _allocated(self.folder))
            self.anonymous_bytes = max(self.anonymous_bytes, _anonymous(self.process_id))


def _allocated(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_blocks * 512
        except FileNotFoundError:
            continue
    return total


def _anonymous(process_id: int) -> int:
    try:
        status = Path(f"/proc/{process_id}/status").read_text()
        lines = dict(line.split(":", 1) for line in status.splitlines())
        return int(lines["RssAnon"].split()[0]) * 1024
    except (OSError, KeyError):
        return 0


def count_elements(folder: Path, quant: str) -> tuple[Mapping[TensorType, int], int]:
    """How many weights become which type, and the size of the result."""
    with open_hub(f"hub:{NAME}", folder / "plan.gguf", never_stop) as opened:
        plan = plan_conversion(opened.checkpoint, QUANTS[quant])
    elements: Counter[TensorType] = Counter()
    for matrix in plan.assembly.matrices:
        if matrix.type.block_elements > 1:
            elements[matrix.type] += matrix.rows * matrix.columns
    return elements, plan.file_bytes


def kernel_seconds(elements: Mapping[TensorType, int], jobs: int) -> float:
    """The wall time of the bare kernels for so many weights, from a minute's sample."""
    speeds = measure_kernels(elements.keys(), jobs, _SAMPLE_SECONDS)
    return sum(count / speeds[kind] for kind, count in elements.items())


def run_once(target: Path, quant: str, jobs: int) -> tuple[dict[str, Any], Watch]:
    """One uninterrupted conversion, watched."""
    words = [f"hub:{NAME}", "--quant", quant, "--out", target, "--jobs", str(jobs)]
    command = [sys.executable, "-m", "tests.benchmarks.timed_conversion", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        watch = Watch(target.parent, process.pid)
        watcher = threading.Thread(target=watch.look)
        watcher.start()
        answer, _ = process.communicate()
        watch.ended.set()
        watcher.join()
    if process.returncode:
        sys.exit("The conversion failed.")
    made: dict[str, Any] = json.loads(answer)
    return made, watch


def run_killed(target: Path, quant: str, jobs: int, kills: int) -> tuple[dict[str, Any], Watch]:
    """The command line, killed `kills` times with all its processes, then run to its end."""
    words = ["convert", f"hub:{NAME}", "--quant", quant, "--out", target, "--jobs", str(jobs)]
    command = [sys.executable, "-m", "model_io", *words, "--json"]
    watch = Watch(target.parent, 0)
    watcher = threading.Thread(target=watch.look)
    watcher.start()
    for number in range(kills):
        with subprocess.Popen(
            command, stderr=subprocess.PIPE, text=True, start_new_session=True
        ) as process:
            wanted = f"convert {100 * (number + 1) // (kills + 1) // 10 * 10:3} %"
            assert process.stderr is not None
            for line in process.stderr:
                print(line, end="", file=sys.stderr)
                if line[:13] >= wanted:
                    break
            os.killpg(process.pid, signal.SIGKILL)
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    watch.ended.set()
    watcher.join()
    return json.loads(done.stdout), watch


def measure(given: argparse.Namespace, ask_hub: Connection) -> dict[str, Any]:
    """One run of the asked kind."""
    folder: Path = given.folder / "out"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    elements, file_bytes = count_elements(folder, given.quant)
    target, reference = folder / "mixtral.gguf", given.folder / "whole.sha256"
    before = kernel_seconds(elements, given.jobs) if not given.kills else 0.0
    ask_hub.send("now")
    hub_before, started = ask_hub.recv(), time.monotonic()
    if given.kills:
        made, watch = run_killed(target, given.quant, given.jobs, given.kills)
    else:
        made, watch = run_once(target, given.quant, given.jobs)
    wall = time.monotonic() - started
    ask_hub.send("now")
    hub_seconds = ask_hub.recv() - hub_before
    answer = {
        "quant": given.quant, "jobs": given.jobs, "kills": given.kills, "result": made,
        "expected_bytes": file_bytes, "wall_seconds": round(wall, 1),
        "hub_core_seconds": round(hub_seconds, 1), "peak_disk_bytes": watch.disk_bytes,
        "left": sorted(path.name for path in folder.iterdir()),
    }  # fmt: skip
    if not reference.exists():
        reference.write_text(made["sha256"])
    answer["same_file"] = made["sha256"] == reference.read_text().strip()
    if given.kills:
        return answer
    kernels = (before + kernel_seconds(elements, given.jobs)) / 2
    own = wall - hub_seconds / given.jobs
    return answer | {
        "kernel_seconds": round(kernels, 1), "kernel_seconds_before": round(before, 1),
        "wall_without_hub_seconds": round(own, 1), "ratio": round(own / kernels, 3),
        "ratio_with_hub": round(wall / kernels, 3),
        "peak_anonymous_bytes": watch.anonymous_bytes,
    }  # fmt: skip


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("facts", type=Path, help="index, config and sizes of the real model")
    parser.add_argument("--folder", type=Path, required=True, help="where the result may lie")
    parser.add_argument("--quant", default="Q4_K_M", choices=["Q4_K_M", "Q6_K", "Q8_0"])
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--kills", type=int, default=0, metavar="N")
    parser.add_argument("--shards", type=int, metavar="N")
    given = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    hub = context.Process(target=serve, args=(theirs, given.facts, given.shards), daemon=True)
    hub.start()
    theirs.close()
    os.environ["HF_ENDPOINT"] = ours.recv()
    print(json.dumps(measure(given, ours), indent=1))
    ours.close()
    hub.join()


if __name__ == "__main__":
    main()
