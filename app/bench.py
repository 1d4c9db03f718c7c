"""`octet bench`: how quickly this machine reads and writes with a model, and what it could give.

Knows nothing of the window, which shows the same in "Why this speed?".
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from app.core.graphics_cards import find_card_makers
from app.core.power_supply import is_on_battery
from app.core.settings import USES_GPUS
from app.engine.protocol import LoadedModel
from app.engine.speed_advice import Advice, Circumstances, advise
from app.engine.speed_report import SpeedReport, free_bytes, read_shape
from app.terminal import Terminal
from model_io.plan_words import gigabytes, speed_words


def bench(data_folder: Path | None, model: Path | None, *, as_json: bool) -> int:
    """Load the model by its plan, measure, and print what that says; returns the exit status.

    Raises OctetError.
    """
    with Terminal(data_folder, model) as terminal:
        for problem in terminal.loaded.model.problems:
            print(problem, file=sys.stderr)
        report, seconds = _measure(terminal), terminal.loaded.seconds
        advice = advise(report, _circumstances(terminal))
    if as_json:
        print(json.dumps({**report.figures(seconds), "advice": advice.text}))
    else:
        print("\n".join(_lines(report, seconds, advice)))
    return 0


def _measure(terminal: Terminal) -> SpeedReport:
    model = terminal.loaded.model
    measured = terminal.measure()
    if model.plan is None:
        raise AssertionError("a model with weights has a plan")
    return SpeedReport(model, model.plan, measured, read_shape(model.path))


def _circumstances(terminal: Terminal) -> Circumstances:
    wants_gpus = terminal.settings.get(USES_GPUS)
    return Circumstances(
        card_makers=find_card_makers(),
        setting_leaves_gpus_out=not wants_gpus,
        gpus_failed=wants_gpus and not terminal.uses_gpus,
        is_on_battery=is_on_battery(),
    )


def _lines(report: SpeedReport, load_seconds: float, advice: Advice) -> Iterator[str]:
    rows = list(_rows(report, load_seconds))
    width = max(len(name) for name, _ in rows) + 2
    for name, text in rows:
        yield f"{name:{width}}{text}"
    yield advice.text


def _rows(report: SpeedReport, load_seconds: float) -> Iterator[tuple[str, str]]:
    model, plan, measured = report.model, report.plan, report.measured
    yield "model", f"{model.name}, {model.quant}, loaded in {load_seconds:.1f} s"
    yield "device", _device(model)
    context = f"{plan.working.context_tokens:,} tokens, {plan.working.kv_type}"
    yield "context", context
    reading = f"{measured.prefill_tokens_per_second:,.1f} tokens a second"
    yield "reads", f"{reading}, measured over {measured.prompt_tokens} tokens"
    writing = f"{measured.decode_tokens_per_second:,.1f} tokens a second"
    yield "writes", f"{writing}, measured over {measured.decode_tokens} tokens"
    yield "expected", _expected(report)
    yield "best here", f"{report.best:,.1f} tokens a second"
    if report.bound is not None and report.share_of_bound is not None:
        bandwidth = (report.bandwidth or 0) / 1e9
        share = f"{100 * report.share_of_bound:.0f} % of it are reached"
        yield "memory", f"{bandwidth:,.0f} GB/s allow {report.bound:,.1f}; {share}"
    free = (f"{name} {gigabytes(size)}" for name, size in free_bytes(measured.machine).items())
    yield "free", ", ".join(free)
    yield "in swap", gigabytes(measured.swapped_bytes) if measured.swapped_bytes else "nothing"


def _device(model: LoadedModel) -> str:
    threads = "1 thread" if model.threads == 1 else f"{model.threads} threads"
    return f"{model.device}, {threads}"


def _expected(report: SpeedReport) -> str:
    words = speed_words(report.plan.tokens_per_second)
    return f"{words}, as measured before" if report.plan.is_measured else words
