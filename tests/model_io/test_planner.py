"""Plans for the computers that people have, asserted by what must hold of every plan."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model_io.budget import budget_of
from model_io.machine import Device, DeviceKind, Machine, Memory
from model_io.memory import Placement, Working, measure, repacked_bytes
from model_io.model_shape import ModelShape
from model_io.plan import Plan, Preference, Wish
from model_io.plan_search import BEARABLE, CLASS_LIMITS, Search
from model_io.planner import make_plan, place
from model_io.records import Records
from model_io.speed import HIGH, LOW
from tests.model_io.machines import GB, card, enlarge, listed_machines, mac, pc, usual_machines
from tests.model_io.random_models import real_shape

SHAPES = tuple(real_shape(quant) for quant in ("Q4_K_M", "Q6_K", "Q8_0"))
MACHINES = usual_machines() | listed_machines()
EVERY_MACHINE = pytest.mark.parametrize("name", MACHINES)


def speed_class(plan: Plan) -> int:
    """Of the middle of the expected range."""
    low, high = plan.tokens_per_second
    return sum((low * high / LOW / HIGH) ** 0.5 >= limit for limit in CLASS_LIMITS)


def assert_within_budget(plan: Plan, machine: Machine) -> None:
    """No device, and not the RAM with what unified devices take of it, beyond free minus margin."""
    assert plan.fits
    places = {device.name: index for index, device in enumerate(machine.devices)}
    budget, shared = budget_of(machine), 0
    for device in plan.devices:
        index = places[device.name]
        assert 0 < device.total_bytes <= budget.devices[index] <= device.free_bytes
        shared += device.total_bytes if machine.devices[index].is_unified else 0
    assert plan.ram_bytes + shared <= budget.ram < machine.ram.free_bytes


def assert_whole(plan: Plan, shape: ModelShape) -> None:
    """The shares are those of the placement, and all weights are somewhere."""
    footprint = measure(shape, plan.placement, plan.working)
    assert tuple(device.share for device in plan.devices) == footprint.devices
    assert plan.ram == footprint.ram
    assert tuple(device.layers for device in plan.devices) == plan.placement.device_layers
    on_devices = sum(device.share.weights_bytes for device in plan.devices)
    assert on_devices + plan.ram.weights_bytes == shape.weights_bytes


@EVERY_MACHINE
def test_no_plan_is_over_budget(name: str) -> None:
    """On any device, or in RAM; where nothing fits it says how much is missing."""
    machine = MACHINES[name]
    for preference in Preference:
        plan = make_plan(SHAPES, machine, Wish(preference))
        if plan.fits:
            assert_within_budget(plan, machine)
            assert_whole(plan, next(s for s in SHAPES if s.quant == plan.quant))
        else:
            assert plan.quant == "Q4_K_M"
            assert "are missing" in plan.reason


@EVERY_MACHINE
def test_no_better_quantization_is_passed_over(name: str) -> None:
    """A larger one that fits is in a lower speed class, as far as bearable."""
    machine = MACHINES[name]
    plan = make_plan(SHAPES, machine)
    if not plan.fits:
        return
    chosen = next(i for i, shape in enumerate(SHAPES) if shape.quant == plan.quant)
    for larger in SHAPES[chosen + 1 :]:
        other = make_plan((larger,), machine)
        if other.fits:
            assert min(speed_class(other), BEARABLE) < min(speed_class(plan), BEARABLE)


@EVERY_MACHINE
def test_context_reaches_8k_where_that_is_possible(name: str) -> None:
    """In the same type and speed class."""
    machine = MACHINES[name]
    plan = make_plan(SHAPES, machine)
    if plan.fits and plan.working.context_tokens < 8192:
        shape = next(s for s in SHAPES if s.quant == plan.quant)
        longer = make_plan((shape,), machine, Wish(context_tokens=8192))
        assert not longer.fits or speed_class(longer) < min(speed_class(plan), BEARABLE)


@EVERY_MACHINE
def test_the_range_of_speed_spans_a_factor_of_two_at_most(name: str) -> None:
    """And has a lower end above nothing."""
    low, high = make_plan(SHAPES, MACHINES[name]).tokens_per_second
    assert 0 < low <= high <= 2 * low


@pytest.mark.parametrize("size", [32])
def test_a_32_gb_mac_has_no_room(size: int) -> None:
    """Neither its GPU's limit nor its free memory holds 26.5 GB of weights."""
    plan = make_plan(SHAPES, mac("Apple M1 Max", size))
    assert not plan.fits
    assert plan.missing_bytes > 0


def test_experts_stay_in_ram_and_attention_does_not() -> None:
    """A 12 GB card has all layers' attention, and the experts of as many as fit."""
    plan = make_plan(SHAPES, pc(32, card("NVIDIA GeForce RTX 4070", 12)))
    in_ram = plan.placement.ram_experts
    assert plan.placement.gpu_layers == 32
    assert in_ram == frozenset(range(len(in_ram)))
    fewer = replace(plan.placement, ram_experts=frozenset(range(len(in_ram) - 1)))
    shape = next(s for s in SHAPES if s.quant == plan.quant)
    machine = pc(32, card("NVIDIA GeForce RTX 4070", 12))
    assert not place(shape, machine, fewer, plan.working, [0]).fits


def test_two_cards_share_the_layers_in_order() -> None:
    """Together they hold all of Q8_0's attention; the experts in RAM are of the first layers."""
    machine = usual_machines()["2 × RTX 3090 24 GB, 64 GB RAM"]
    plan = make_plan(SHAPES, machine)
    assert len(plan.devices) == 2
    assert plan.placement.gpu_layers == 32
    first = plan.placement.device_layers[0]
    assert plan.placement.ram_experts <= set(range(first))


def test_a_mac_divides_no_layer() -> None:
    """Whole layers at the end are on the GPU: the mapped range has to be one piece."""
    plan = make_plan(SHAPES, mac("Apple M4 Pro", 48))
    assert plan.fits
    assert not plan.placement.ram_experts
    assert not plan.placement.offloads_prompts or plan.placement.gpu_layers == 32


def test_unified_memory_comes_out_of_the_ram() -> None:
    """A GPU that claims 30 GB of the same memory adds nothing."""
    gpu = Device("Metal", "M", DeviceKind.METAL, 30 * GB, 30 * GB, is_unified=True)
    assert not make_plan(SHAPES, Machine(Memory(32 * GB, 24 * GB), (gpu,))).fits


def test_a_slow_card_is_left_out() -> None:
    """One that reads its memory more slowly than the processor reads the RAM."""
    slow = card("GPU", 4, bandwidth=10e9)
    ram = Memory(64 * GB, 60 * GB, bandwidth=200e9)
    plan = make_plan(SHAPES, Machine(ram, (slow,), physical_cores=32))
    assert plan.devices == ()


def test_experts_too_large_for_a_driver_stay_in_ram() -> None:
    """However much memory the device has free."""
    device = replace(card("GPU", 80, bandwidth=400e9), largest_tensor_bytes=128 * 2**20)
    plan = make_plan(SHAPES, pc(64, device))
    if plan.devices:
        assert len(plan.placement.ram_experts) == plan.placement.gpu_layers
        assert not plan.placement.offloads_prompts


def test_a_context_above_what_the_model_was_made_for() -> None:
    """It gets all of that, and the sentence says so."""
    plan = make_plan(SHAPES, pc(64), Wish(context_tokens=50_000))
    assert plan.working.context_tokens == 32_768
    assert any("50,000 are too many" in reason for reason in plan.reasons)


def test_a_wish_binds() -> None:
    """Context and cache are what was asked for, and GPUs are left out on request."""
    wish = Wish(context_tokens=5000, kv_type="q8_0", uses_gpus=False)
    plan = make_plan(SHAPES, usual_machines()["RTX 4090 24 GB, 64 GB RAM"], wish)
    assert (plan.working.context_tokens, plan.working.kv_type) == (5000, "q8_0")
    assert plan.devices == ()


@EVERY_MACHINE
def test_preferences_give_what_they_say(name: str) -> None:
    """The best quality, the quickest, and the longest context of all plans."""
    plans = {each: make_plan(SHAPES, MACHINES[name], Wish(each)) for each in Preference}
    if not all(plan.fits for plan in plans.values()):
        return
    sizes = [shape.quant for shape in SHAPES]
    quality = max(sizes.index(plan.quant) for plan in plans.values())
    assert sizes.index(plans[Preference.QUALITY].quant) == quality
    context = max(plan.working.context_tokens for plan in plans.values())
    assert plans[Preference.CONTEXT].working.context_tokens == context


def test_the_next_better_and_the_next_smaller_are_named() -> None:
    """With what they would need, or how quick they would be."""
    plan = make_plan(SHAPES, usual_machines()["RTX 4080 16 GB, 32 GB RAM"])
    assert plan.quant == "Q6_K"
    better, smaller, whole = plan.alternatives
    assert better.quant == "Q8_0"
    assert better.missing_bytes > 0
    assert better.sentence.endswith("more memory.")
    assert smaller.quant == "Q4_K_M"
    assert smaller.tokens_per_second is not None
    assert "graphics memory" in whole.sentence


def test_what_a_better_one_needs_is_enough() -> None:
    """With so much more RAM it fits, and with a little less it doesn't."""
    machine = usual_machines()["RTX 4060 8 GB, 32 GB RAM"]
    alternative = make_plan(SHAPES, machine).alternatives[0]
    assert alternative.missing_bytes > 0
    shape = next(s for s in SHAPES if s.quant == alternative.quant)
    wish = Wish(context_tokens=alternative.context_tokens, kv_type="f16", microbatch_tokens=512)
    for extra, fits in ((0, True), (-32 * 2**20, False)):
        free_bytes = machine.ram.free_bytes + alternative.missing_bytes + extra
        more = replace(machine, ram=replace(machine.ram, free_bytes=free_bytes))
        assert make_plan((shape,), more, wish).fits is fits


def test_a_measured_speed_replaces_the_estimate(tmp_path: Path) -> None:
    """Of the same model on the same machine, placed the same."""
    machine = pc(64)
    records = Records(tmp_path / "records.json")
    plan = make_plan(SHAPES, machine, records=records)
    shape = next(s for s in SHAPES if s.quant == plan.quant)
    records.remember_speed(shape, machine, plan, 30.0, 3.25)
    again = make_plan(SHAPES, machine, records=records)
    assert again.is_measured
    assert again.tokens_per_second == (3.25, 3.25)


def random_device(
    kind: DeviceKind, total_mb: int, free: float, bandwidth: float | None, limit: int | None
) -> Device:
    """Of any size, as full as one likes."""
    total_bytes = total_mb * 2**20
    unified = kind is DeviceKind.METAL
    return Device(
        "GPU", "GPU", kind, total_bytes, int(total_bytes * free),
        is_unified=unified, bandwidth=bandwidth, largest_tensor_bytes=limit,
    )  # fmt: skip


DEVICES = st.builds(
    random_device,
    st.sampled_from([DeviceKind.CUDA, DeviceKind.VULKAN, DeviceKind.HIP, DeviceKind.METAL]),
    st.integers(1, 100_000),
    st.floats(0, 1),
    st.one_of(st.none(), st.floats(1e9, 5e12)),
    st.one_of(st.none(), st.none(), st.just(128 * 2**20)),
)


@st.composite
def machines(draw: st.DrawFn) -> Machine:
    """Any computer at all."""
    found = draw(st.lists(DEVICES, max_size=4))
    devices = tuple(replace(device, name=f"GPU{i}") for i, device in enumerate(found))
    total_bytes = draw(st.integers(1, 200_000)) * 2**20
    free_bytes = int(total_bytes * draw(st.floats(0, 1)))
    bandwidth = draw(st.one_of(st.none(), st.floats(5e9, 8e11)))
    memory = Memory(total_bytes, free_bytes, bandwidth=bandwidth)
    return Machine(memory, devices, physical_cores=draw(st.integers(1, 64)))


WISHES = st.builds(
    Wish,
    st.sampled_from(Preference),
    st.one_of(st.none(), st.integers(1, 60_000)),
    st.one_of(st.none(), st.sampled_from(["f16", "q8_0", "q4_0"])),
)
UNHURRIED = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@UNHURRIED
@given(machines(), WISHES)
def test_random_machines(machine: Machine, wish: Wish) -> None:
    """No plan over budget, and none crashes (ten thousand: tests.benchmarks.plan_machines)."""
    plan = make_plan(SHAPES, machine, wish)
    assert plan.reason
    if plan.fits:
        assert_within_budget(plan, machine)
        assert_whole(plan, next(s for s in SHAPES if s.quant == plan.quant))
    else:
        assert plan.missing_bytes > 0


@UNHURRIED
@given(machines(), st.sampled_from(Preference), st.integers(0, 40_000), st.integers(0, 3))
def test_more_memory_is_never_worse(
    machine: Machine, preference: Preference, more_mb: int, place_of_more: int
) -> None:
    """More free memory anywhere never gives a plan of a lower rank."""
    assert_not_worse(machine, enlarge(machine, place_of_more, more_mb * 2**20), preference)


def assert_not_worse(machine: Machine, larger: Machine, preference: Preference) -> None:
    """The larger machine's plan is of no lower rank; one percent of speed is no difference."""
    before, after = (Search(each, Wish(preference)).best(SHAPES) for each in (machine, larger))
    if before is not None:
        assert after is not None
        is_close = after.seconds < 1.01 * before.seconds
        level = replace(after, seconds=min(after.seconds, before.seconds)) if is_close else after
        assert level.rank(preference) >= before.rank(preference)


def test_an_unused_device_is_not_in_the_plan() -> None:
    """What gets no layer is left out, so that llama.cpp doesn't touch it."""
    machine = pc(64, card("NVIDIA A", 2, used_gb=1.95), card("NVIDIA B", 80))
    shape = SHAPES[0]
    plan = place(shape, machine, Placement((0, 32)), Working(8192, 512), [0, 1])
    assert [device.name for device in plan.devices] == ["GPU1"]
    assert plan.placement.device_layers == (32,)


def test_weights_are_repacked_where_that_was_measured_to_pay(tmp_path: Path) -> None:
    """They take their memory twice then; without room for that they stay as they are."""
    records = Records(tmp_path / "records.json")
    roomy, tight = pc(128), pc(32)
    for machine in (roomy, tight):
        plain = make_plan(SHAPES[:1], machine, records=records)
        assert not plain.repacks
        records.remember_repacking(SHAPES[0], machine, pays=True)
        plan = make_plan(SHAPES[:1], machine, records=records)
        assert plan.repacks is (machine is roomy)
        if plan.repacks:
            copied = repacked_bytes(SHAPES[0], plan.placement)
            assert plan.ram_bytes == plain.ram_bytes + copied
            assert any("repacked as well" in reason for reason in plan.reasons)


def test_a_trial_that_does_not_pay_changes_nothing(tmp_path: Path) -> None:
    """The weights stay as they lie in the file."""
    records = Records(tmp_path / "records.json")
    records.remember_repacking(SHAPES[0], pc(128), pays=False)
    assert not make_plan(SHAPES[:1], pc(128), records=records).repacks
