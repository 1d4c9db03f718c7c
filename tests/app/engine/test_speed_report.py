"""What a measurement is held against: bandwidths, the bytes that a token reads, the best so far."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from app.engine.speed_report import (
    SpeedReport,
    active_bytes,
    free_bytes,
    read_shape,
)
from model_io.plan import Plan
from model_io.speed import active_bytes as all_active_bytes
from tests import plans


def report_of(plan: Plan, **more: object) -> SpeedReport:
    """A measurement of a plan, as it is reported."""
    measured = plans.measured(plan, **more)
    return SpeedReport(plans.loaded(plan), plan, measured, plans.shape(plan.quant))


@pytest.mark.parametrize("plan", [plans.plan(), plans.plan(0), plans.plan(32), plans.cpu_plan()])
def test_active_bytes_are_shared_out(plan: Plan) -> None:
    """Nothing is lost, and nothing counted twice, wherever the layers are."""
    active = active_bytes(plans.shape(), plan.placement)

    assert active.total == all_active_bytes(plans.shape())


def test_experts_in_ram_are_read_there() -> None:
    """Two of eight for each layer, and nothing else."""
    shape = plans.shape()
    active = active_bytes(shape, plans.plan(11).placement)

    assert active.ram == sum(shape.active_expert_bytes[:11])


def test_the_processors_bound_is_its_memorys() -> None:
    """Bandwidth over active bytes."""
    report = report_of(plans.cpu_plan(), decode=6.0)

    assert report.bandwidth == pytest.approx(80e9)
    assert report.bound == pytest.approx(80e9 / 7_760_000_000)
    assert report.share_of_bound == pytest.approx(6.0 / (80e9 / 7_760_000_000))


def test_two_memories_take_their_times_one_after_the_other() -> None:
    """Between the slower's bound and the quicker's."""
    report = report_of(plans.plan())

    assert report.active is not None
    assert report.bound is not None
    seconds = report.active.devices[0] / 1008e9 + report.active.ram / 80e9
    assert report.bound == pytest.approx(1 / seconds)


def test_an_unknown_bandwidth_bounds_nothing() -> None:
    """None, not a guess."""
    card = replace(plans.CARD, bandwidth=None)
    machine = replace(plans.MACHINE, devices=(card,))
    report = report_of(plans.plan(), machine=machine)

    assert (report.bound, report.share_of_bound, report.bandwidth) == (None, None, None)


def test_a_lost_file_leaves_the_processors_bound() -> None:
    """Only a card's share needs the tensors' table."""
    on_card = replace(report_of(plans.plan()), shape=None)
    in_ram = replace(report_of(plans.cpu_plan()), shape=None)

    assert on_card.bound is None
    assert in_ram.bound is not None


def test_figures_are_plain_values() -> None:
    """One JSON object with the keys that scripts rely on."""
    figures = json.loads(json.dumps(report_of(plans.plan()).figures(3.5)))

    assert figures["decode_tokens_per_second"] == 22.4
    assert figures["load_seconds"] == 3.5
    assert figures["cpu_expert_layers"] == list(range(11))
    assert (figures["gpu_layers"], figures["quant"]) == (32, "Q4_K_M")
    assert figures["expected_tokens_per_second"] == [18.0, 27.0]
    assert set(figures["free_bytes"]) == {"RAM", "CUDA0"}


def test_free_memory_has_names() -> None:
    """The RAM's first."""
    assert list(free_bytes(plans.MACHINE)) == ["RAM", "CUDA0"]


def test_the_best_is_the_machines_own() -> None:
    """Of all that was measured with this plan."""
    measured = plans.measured(plans.plan(), decode=21.0, best_tokens_per_second=24.0)
    assert SpeedReport(plans.loaded(plans.plan()), plans.plan(), measured, None).best == 24.0


def test_a_shape_is_read_if_the_file_is_there(toy_model: Path, tmp_path: Path) -> None:
    """Nothing is raised otherwise."""
    shape = read_shape(str(toy_model))

    assert shape is not None
    assert shape.layers == 2
    assert read_shape(str(tmp_path / "gone.gguf")) is None
