"""Prints the plans for the computers that people have, as a table in Markdown.

    python -m tests.benchmarks.plan_table > tests/benchmarks/PLANS.md

What is assumed of each computer stands in tests/model_io/machines.py. A test compares the table in
the documentation with this.
"""

from __future__ import annotations

from collections.abc import Mapping

from model_io.machine import Machine
from model_io.plan import Plan
from model_io.plan_words import gigabytes, speed_words
from model_io.planner import make_plan
from tests.model_io.machines import listed_machines, usual_machines
from tests.model_io.random_models import real_shape

SHAPES = tuple(real_shape(quant) for quant in ("Q4_K_M", "Q6_K", "Q8_0"))
HEAD = "| computer | version | context | layers on the GPU | experts in RAM | speed |"

INTRODUCTION = """# What fits where

What `octet model plan` says for computers that people have, with nothing but the desktop running
(4 GB of RAM and 0.7 GB of the first card on a PC, 5 GB on a Mac, 3 GB on a Jetson). “Context”
counts tokens, “experts in RAM” layers whose experts the processor computes while the card does
the rest. Speeds are expected ranges, computed from the memories' bandwidths and not measured. Made
by `python -m tests.benchmarks.plan_table`.
"""

MACS = """
## Why not a Mac with 32 GB

Mixtral's smallest version, Q4_K_M, is 26.5 GB of weights. macOS lets the GPU use about two thirds
of 32 GB (measured by others on an M1 Pro: 22.9 GB), so six or more of the 32 layers would have to
be computed by the processor; and macOS itself and a few windows take about 5 GB, so that weights,
context and room for computing don't fit into what is left, by about 1 GB. Whoever closes
everything else may get it to load; Octet then plans for what is free at that moment. Lists that
call these Macs sufficient compare the file's size with the memory's.
"""


def table(machines: Mapping[str, Machine]) -> str:
    """One row for each."""
    rows = [HEAD, "|---|---|---|---|---|---|"]
    rows += [_row(name, make_plan(SHAPES, machine)) for name, machine in machines.items()]
    return "\n".join(rows)


def _row(name: str, plan: Plan) -> str:
    if not plan.fits:
        missing = gigabytes(plan.missing_bytes)
        return f"| {name} | none: {missing} are missing | | | | |"
    layers = " + ".join(str(count) for count in plan.placement.device_layers) or "none"
    experts = len(plan.placement.ram_experts) or "none"
    context = f"{plan.working.context_tokens:,}"
    speed = speed_words(plan.tokens_per_second)
    return f"| {name} | {plan.quant} | {context} | {layers} | {experts} | {speed} |"


def page() -> str:
    """The whole page."""
    listed = "\n## Cards with about 32 GB, and Macs\n"
    parts = (INTRODUCTION, table(usual_machines()), listed, table(listed_machines()), MACS.rstrip())
    return "\n".join(parts)


def main() -> None:
    """Print it."""
    print(page())


if __name__ == "__main__":
    main()
