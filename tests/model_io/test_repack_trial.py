"""Whether repacked weights are quicker is measured, not believed."""

from __future__ import annotations

import pytest

from model_io.repack_trial import RepackTrial, try_repacking
from tests.model_io.random_models import real_shape
from tests.vulkan import in_child


def test_both_ways_are_measured() -> None:
    """With a layer of the real width and type."""
    trial = in_child(try_repacking, real_shape("Q4_K_M"), 1)
    assert trial is not None
    assert min(*trial.prompt, *trial.reply) > 0
    assert trial.prompt[0] != trial.prompt[1]


def test_a_type_of_another_program_is_not_tried() -> None:
    """There is nothing to write such a layer with."""
    shape = real_shape("Q4_K_M", layers=1)
    object.__setattr__(shape, "quant", "IQ3_XXS")
    assert try_repacking(shape, 1) is None


@pytest.mark.parametrize(
    ("prompt", "reply", "pays"),
    [
        ((100.0, 172.0), (10.0, 10.0), True),
        ((100.0, 172.0), (10.0, 9.0), False),
        ((100.0, 110.0), (10.0, 12.0), False),
        ((400.0, 172.0), (10.0, 12.0), False),
    ],
)
def test_it_pays_only_with_a_clear_gain(
    prompt: tuple[float, float], reply: tuple[float, float], pays: bool
) -> None:
    """It costs the weights' memory a second time."""
    assert RepackTrial(prompt, reply).pays is pays
