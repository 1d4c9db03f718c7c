"""Where a model's layers are is said in a few words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from model_io.device_words import describe_place, short_name
from model_io.memory import Placement
from tests.app.engine.plans import CPU_PLAN, plan_on

ELEVEN = frozenset(range(11))


@pytest.mark.parametrize(
    ("placement", "said"),
    [
        (Placement((32,)), "Card A"),
        (Placement((32,), ELEVEN), "Card A with 11 layers' experts in RAM"),
        (Placement((32,), frozenset({0})), "Card A with one layer's experts in RAM"),
        (Placement((32,), frozenset(range(32))), "Card A with all experts in RAM"),
        (Placement((20,)), "Card A for 20 of 32 layers"),
        (
            Placement((20,), frozenset({12, 13})),
            "Card A for 20 of 32 layers, 2 layers' experts in RAM",
        ),
    ],
)
def test_layers_are_said_to_be_where_they_are(placement: Placement, said: str) -> None:
    """On one card, in part or in whole."""
    assert describe_place(plan_on(["A"], placement), 32) == said


def test_several_cards_are_named() -> None:
    """Equal ones once, with their number."""
    plan = plan_on(["A", "B", "C"], Placement((10, 11, 11)))
    equal = replace(plan, devices=tuple(replace(d, description="X") for d in plan.devices))

    assert describe_place(plan, 32) == "Card A, Card B and Card C"
    assert describe_place(equal, 32) == "3 × X"


def test_without_a_device_it_is_the_cpu() -> None:
    """Whatever could have been used."""
    assert describe_place(CPU_PLAN, 32) == "CPU"


@pytest.mark.parametrize(
    ("description", "name"),
    [
        ("NVIDIA GeForce RTX 4090", "RTX 4090"),
        ("NVIDIA H100 80GB HBM3", "H100 80GB HBM3"),
        ("AMD Radeon RX 7900 XTX (RADV NAVI31)", "Radeon RX 7900 XTX"),
        ("Intel(R) Arc(tm) A770 Graphics (DG2)", "Arc A770 Graphics"),
        ("llvmpipe (LLVM 15.0.6, 256 bits)", "llvmpipe"),
        ("Apple M2 Max", "Apple M2 Max"),
        ("(R)", "(R)"),
    ],
)
def test_a_name_is_what_people_say(description: str, name: str) -> None:
    """Without its maker's trimmings."""
    assert short_name(description) == name
