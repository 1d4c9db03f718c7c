"""Plans for random machines: none over budget, none crashes, and the time that each takes.

    python -m tests.benchmarks.plan_machines [--count 10000] [--seed 0]

Draws devices of every kind and size, some full, some unbelievable, with every preference, and holds
each plan against what is free, and against the plan for the same machine with more memory. Prints
one JSON object; the times are in milliseconds, the aim is under 50 for each.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import time

from model_io.machine import Device, DeviceKind, Machine, Memory
from model_io.plan import Preference, Wish
from model_io.planner import make_plan
from tests.model_io.machines import enlarge
from tests.model_io.random_models import real_shape
from tests.model_io.test_planner import assert_not_worse, assert_whole, assert_within_budget

SHAPES = tuple(real_shape(quant) for quant in ("Q4_K_M", "Q6_K", "Q8_0"))
KINDS = (DeviceKind.CUDA, DeviceKind.VULKAN, DeviceKind.HIP, DeviceKind.METAL)


def random_machine(draw: random.Random) -> Machine:
    """Up to four devices and any RAM; sizes are spread evenly over their orders of magnitude."""
    devices = []
    for number in range(draw.choice((0, 1, 1, 1, 2, 2, 3, 4))):
        kind = draw.choice(KINDS)
        total_bytes = int(2 ** draw.uniform(27, 37))
        bandwidth = draw.choice((None, 10 ** draw.uniform(10, 12.5)))
        devices.append(
            Device(
                f"GPU{number}", "GPU", kind, total_bytes, int(total_bytes * draw.random()),
                kind is DeviceKind.METAL, bandwidth, draw.choice((None, None, None, 2**27)),
            )
        )  # fmt: skip
    total_bytes = int(2 ** draw.uniform(30, 38))
    bandwidth = draw.choice((None, 10 ** draw.uniform(9.8, 11.7)))
    ram = Memory(total_bytes, int(total_bytes * draw.random()), bandwidth=bandwidth)
    return Machine(ram, tuple(devices), physical_cores=draw.randint(1, 64))


def check(machine: Machine, preference: Preference, draw: random.Random) -> tuple[float, bool]:
    """The milliseconds that the plan took, and whether it fits. Raises AssertionError."""
    started = time.process_time()
    plan = make_plan(SHAPES, machine, Wish(preference))
    milliseconds = (time.process_time() - started) * 1000
    if plan.fits:
        assert_within_budget(plan, machine)
        assert_whole(plan, next(shape for shape in SHAPES if shape.quant == plan.quant))
    place, more_bytes = draw.randrange(len(machine.devices) + 1), int(2 ** draw.uniform(20, 36))
    assert_not_worse(machine, enlarge(machine, place, more_bytes), preference)
    return milliseconds, plan.fits


def main() -> None:
    """Draw, plan, check, and print what came out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    draw = random.Random(given.seed)
    times, fitting = [], 0
    for number in range(given.count):
        preference = list(Preference)[number % len(Preference)]
        milliseconds, fits = check(random_machine(draw), preference, draw)
        times.append(milliseconds)
        fitting += fits
    print(
        json.dumps(
            {
                "machines": given.count,
                "fitting": fitting,
                "median_ms": round(statistics.median(times), 1),
                "p99_ms": round(statistics.quantiles(times, n=100)[98], 1),
                "largest_ms": round(max(times), 1),
                "over_50_ms": sum(milliseconds > 50 for milliseconds in times),
            }
        )
    )


if __name__ == "__main__":
    main()
