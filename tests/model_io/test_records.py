"""What a machine has shown is kept from run to run, and a damaged file costs nothing."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from model_io.machine import Device, DeviceKind, Machine, Memory
from model_io.memory import Placement, Share, Working
from model_io.model_shape import MIXTRAL, shape_of_config
from model_io.plan import DevicePlan, Plan, Preference, Wish
from model_io.quant_types import QUANTS
from model_io.records import MOST_ENTRIES, Records

GB = 2**30
SHAPE = shape_of_config(MIXTRAL, QUANTS["Q4_K_M"])
OTHER_SHAPE = shape_of_config(MIXTRAL, QUANTS["Q6_K"])
CARDS = tuple(
    Device(f"CUDA{i}", "RTX 3090", DeviceKind.CUDA, 24 * GB, free * GB)
    for i, free in enumerate((1, 20))
)
MACHINE = Machine(Memory(64 * GB, 60 * GB), CARDS, "A processor", 8)
WORKING = Working(8192, 512, "q8_0")
PLACEMENT = Placement((32,), frozenset(range(7)))
PLAN = Plan(
    quant="Q4_K_M",
    working=WORKING,
    placement=PLACEMENT,
    devices=(DevicePlan("CUDA1", "RTX 3090", DeviceKind.CUDA, 32, Share(1, 1, 1), 20 * GB),),
    ram=Share(1, 1, 1),
    ram_free_bytes=60 * GB,
    uses_mmap=True,
    repacks=False,
    tokens_per_second=(10.0, 20.0),
    is_measured=False,
    fits=True,
    missing_bytes=0,
    reasons=("So it is.",),
)


@pytest.fixture
def records(tmp_path: Path) -> Records:
    """Records that are still empty."""
    return Records(tmp_path / "records.json")


def test_a_plan_is_remembered(records: Records, tmp_path: Path) -> None:
    """With a number of layers for each device, and for another run of the program, too."""
    records.remember_plan(SHAPE, MACHINE, PLAN)
    expected = (replace(PLACEMENT, device_layers=(0, 32)), WORKING)

    assert Records(tmp_path / "records.json").recall_plan(SHAPE, MACHINE) == expected


@pytest.mark.parametrize(
    ("shape", "machine", "wish"),
    [
        (OTHER_SHAPE, MACHINE, None),
        (SHAPE, replace(MACHINE, devices=CARDS[:1]), None),
        (SHAPE, replace(MACHINE, devices=CARDS[::-1]), None),
        (SHAPE, replace(MACHINE, ram=Memory(32 * GB, 30 * GB)), None),
        (SHAPE, replace(MACHINE, processor="Another"), None),
        (SHAPE, MACHINE, Wish(context_tokens=4096)),
        (SHAPE, MACHINE, Wish(preference=Preference.SPEED)),
    ],
)
def test_a_plan_is_for_one_model_machine_and_wish(
    records: Records, shape: object, machine: Machine, wish: Wish | None
) -> None:
    """Anything else is planned anew."""
    records.remember_plan(SHAPE, MACHINE, PLAN)

    assert records.recall_plan(shape, machine, wish) is None  # type: ignore[arg-type]


def test_more_free_memory_makes_a_plan_forgotten(records: Records) -> None:
    """A larger one is worth a try again; a little more or less is nothing."""
    records.remember_plan(SHAPE, MACHINE, PLAN)

    def with_free(free_bytes: int) -> Machine:
        return replace(MACHINE, devices=(CARDS[0], replace(CARDS[1], free_bytes=free_bytes)))

    assert records.recall_plan(SHAPE, with_free(20 * GB + GB // 2)) is not None
    assert records.recall_plan(SHAPE, with_free(18 * GB)) is not None
    assert records.recall_plan(SHAPE, with_free(22 * GB)) is None


def test_a_plan_can_be_forgotten(records: Records) -> None:
    """And nothing else is."""
    records.remember_plan(SHAPE, MACHINE, PLAN)
    records.remember_plan(OTHER_SHAPE, MACHINE, PLAN)
    records.forget_plan(SHAPE, MACHINE)

    assert records.recall_plan(SHAPE, MACHINE) is None
    assert records.recall_plan(OTHER_SHAPE, MACHINE) is not None


def test_a_speed_is_remembered(records: Records) -> None:
    """The last one counts; the context's size doesn't, nor how much memory is free."""
    records.remember_speed(SHAPE, MACHINE, PLAN, 100.0, 10.0)
    records.remember_speed(SHAPE, MACHINE, PLAN, 200.0, 20.0)
    busy = replace(MACHINE, ram=replace(MACHINE.ram, free_bytes=1))
    speed = records.recall_speed(SHAPE, busy, PLACEMENT, replace(WORKING, context_tokens=512))

    assert speed is not None
    assert (speed.prefill_tokens_per_second, speed.decode_tokens_per_second) == (200.0, 20.0)
    assert speed.measured_at > 1e9


def test_the_best_speed_stays(records: Records) -> None:
    """What this machine has shown once is what it is compared with."""
    for decode in (10.0, 20.0, 15.0):
        records.remember_speed(SHAPE, MACHINE, PLAN, 100.0, decode)
    speed = records.recall_speed(SHAPE, MACHINE, PLACEMENT, WORKING)

    assert speed is not None
    assert (speed.decode_tokens_per_second, speed.best_tokens_per_second) == (15.0, 20.0)


def test_repacking_is_tried_once_for_a_type(records: Records) -> None:
    """And remembered for all models of it."""
    assert records.recall_repacking(SHAPE, MACHINE) is None
    records.remember_repacking(SHAPE, MACHINE, pays=True)
    assert records.recall_repacking(SHAPE, MACHINE) is True
    records.remember_repacking(SHAPE, MACHINE, pays=False)
    assert records.recall_repacking(SHAPE, MACHINE) is False


def test_a_speed_is_for_one_placement(records: Records) -> None:
    """And for one way of working."""
    records.remember_speed(SHAPE, MACHINE, PLAN, 100.0, 10.0)
    elsewhere = replace(PLACEMENT, ram_experts=frozenset())

    assert records.recall_speed(SHAPE, MACHINE, elsewhere, WORKING) is None
    assert records.recall_speed(SHAPE, MACHINE, PLACEMENT, Working(8192, 256, "q8_0")) is None


@pytest.mark.parametrize("figure", [0.0, -1.0, float("nan"), float("inf")])
def test_an_impossible_speed_is_not_kept(records: Records, figure: float) -> None:
    """A plan would be made with it."""
    records.remember_speed(SHAPE, MACHINE, PLAN, 100.0, figure)
    records.remember_bandwidth(MACHINE, figure)

    assert records.recall_speed(SHAPE, MACHINE, PLACEMENT, WORKING) is None
    assert records.recall_bandwidth(MACHINE) is None


def test_the_bandwidth_is_the_computers(records: Records) -> None:
    """Whatever cards are in it."""
    records.remember_bandwidth(MACHINE, 40e9)

    assert records.recall_bandwidth(replace(MACHINE, devices=())) == 40e9
    assert records.recall_bandwidth(replace(MACHINE, physical_cores=4)) is None


def test_the_oldest_go(records: Records, tmp_path: Path) -> None:
    """The file doesn't grow for ever."""
    for cores in range(MOST_ENTRIES + 2):
        records.remember_bandwidth(replace(MACHINE, physical_cores=cores), 40e9)

    assert len(json.loads((tmp_path / "records.json").read_text())["entries"]) == MOST_ENTRIES
    assert records.recall_bandwidth(replace(MACHINE, physical_cores=1)) is None
    assert records.recall_bandwidth(replace(MACHINE, physical_cores=2)) == 40e9


def test_only_the_owner_reads_them(records: Records, tmp_path: Path) -> None:
    """They say what computer it is; and no half-written file stays beside."""
    records.remember_bandwidth(MACHINE, 40e9)
    (path,) = tmp_path.iterdir()

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "cut off": lambda content: content[:-20],
    "no object": lambda content: b"[]",
    "deep": lambda content: b"[" * 100_000,
    "no version": lambda content: content.replace(b"version", b"vision"),
    "other entries": lambda content: b'{"version": 1, "entries": [1, null, {"key": 2}, []]}',
    "a text for a number": lambda content: content.replace(b"8192", b'"many"'),
    "too many layers": lambda content: content.replace(b"32", b"999999"),
    "fewer devices": lambda content: content.replace(b"    0,\n    32\n", b"    32\n"),
    "unknown cache": lambda content: content.replace(b"q8_0", b"q1_0"),
    "no bytes of text": lambda content: b"\xff\xfe" + content,
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_file_is_as_good_as_none(
    records: Records, tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    """Nothing is raised, and what is kept next is kept."""
    path = tmp_path / "records.json"
    records.remember_plan(SHAPE, MACHINE, PLAN)
    path.write_bytes(damage(path.read_bytes()))

    assert records.recall_plan(SHAPE, MACHINE) is None
    records.remember_plan(SHAPE, MACHINE, PLAN)
    assert records.recall_plan(SHAPE, MACHINE) is not None


def test_a_newer_octets_file_is_left_alone(records: Records, tmp_path: Path) -> None:
    """It knows more than this one would write."""
    path = tmp_path / "records.json"
    path.write_text('{"version": 2, "entries": {"a": "b"}}')
    records.remember_bandwidth(MACHINE, 40e9)

    assert path.read_text() == '{"version": 2, "entries": {"a": "b"}}'


def test_a_folder_that_cannot_be_written_costs_the_memory_alone(tmp_path: Path) -> None:
    """Whoever loads a model must not fail of it."""
    nowhere = Records(tmp_path / "none" / "records.json")
    nowhere.remember_bandwidth(MACHINE, 40e9)

    assert nowhere.recall_bandwidth(MACHINE) is None
