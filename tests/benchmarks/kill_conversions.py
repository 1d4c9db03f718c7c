"""Two hundred conversions killed at random moments, half of them from a hub on this machine.

    python -m tests.benchmarks.kill_conversions --count 200 --seed 0

Each trial starts `python -m model_io convert`, kills the command, its worker or both by SIGKILL,
runs the same command to its end, and compares the result with that of a run that nobody disturbed
(`tests.model_io.kills`). Prints a line for each trial, then one JSON object; `moments` counts how
often the kill came before the journal, while it existed, and after the result.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tests.hub_server import FakeHub
from tests.model_io.checkpoints import SHAPES, make_checkpoint
from tests.model_io.kills import Report, Source, files_of, run_trials

_TOY = SHAPES["Toy-Mixtral-8x3M-Instruct-v0.1"]


def tell(report: Report) -> None:
    """One line for a trial."""
    print(report, file=sys.stderr, flush=True)


def run_all(seeds: Sequence[int], kinds: Sequence[str], folder: Path) -> list[Report]:
    """The trials on the sources of `kinds`, by turns."""
    toy = make_checkpoint(_TOY, folder)
    with FakeHub(files_of(toy), name=f"toys/{toy.name}") as hub:
        sources = {
            "folder": Source("folder", str(toy)),
            "hub": Source("hub", f"hub:{hub.name}", {"HF_ENDPOINT": hub.endpoint}),
        }
        return run_trials(seeds, [sources[kind] for kind in kinds], folder, tell)


def summarize(reports: Sequence[Report]) -> dict[str, object]:
    """What the trials say together."""
    return {
        "trials": len(reports),
        "identical": sum(not report.broken for report in reports),
        "sources": dict(Counter(report.source for report in reports)),
        "victims": dict(Counter(report.victim for report in reports)),
        "moments": dict(Counter(report.moment for report in reports)),
        "went_on": sum(report.kept for report in reports),
        "broken": [str(report) for report in reports if report.broken],
    }


def main() -> None:
    """Do what the command line asks for; the exit status is 1 if a result differed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0, help="that of the first trial")
    parser.add_argument(
        "--sources", nargs="+", choices=["folder", "hub"], default=["folder", "hub"]
    )
    arguments = parser.parse_args()
    seeds = range(arguments.seed, arguments.seed + arguments.count)
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        found = summarize(run_all(seeds, arguments.sources, Path(folder)))
    print(json.dumps(found | {"seconds": round(time.monotonic() - started, 1)}))
    sys.exit(1 if found["broken"] else 0)


if __name__ == "__main__":
    main()
