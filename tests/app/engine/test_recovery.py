"""What the next engine is asked when one has died, and what a person is told of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.engine.protocol import EngineParameters, Loaded, PlanChosen
from app.engine.recovery import MOST_RETRIES, Recovery
from model_io.plan import Plan
from tests import plans

WANTED = EngineParameters("mixtral.gguf")
GPU, CPU = plans.plan(), plans.cpu_plan()
SECOND_CARD = replace(plans.CARD, name="CUDA1", description="NVIDIA GeForce RTX 3060")


def die_loading(recovery: Recovery, plan: Plan | None) -> EngineParameters | None:
    """An engine has chosen that plan, and died of it."""
    if plan is not None:
        recovery.hear(PlanChosen(1, plan, plan.reasons))
    return recovery.next_attempt()


def load(recovery: Recovery, plan: Plan, wanted: EngineParameters = WANTED) -> EngineParameters:
    """Another load, which ends well; with what it was asked."""
    asked = recovery.begin(wanted)
    recovery.hear(Loaded(1, plans.loaded(plan), 1.0))
    return asked


def die_working(recovery: Recovery, plan: Plan) -> None:
    """Load by that plan, and die of the work."""
    load(recovery, plan)
    recovery.lose_at_work()


def test_a_first_load_asks_what_the_user_wants() -> None:
    """Nothing is known against any device."""
    assert Recovery().begin(WANTED) == WANTED


def test_a_plan_that_kills_is_handed_on() -> None:
    """The next engine starts below it; the last one comes last."""
    recovery = Recovery()
    recovery.begin(WANTED)
    smaller = plans.plan(13)
    first, second = die_loading(recovery, GPU), die_loading(recovery, smaller)

    assert first == replace(WANTED, failed_plans=(GPU,))
    assert second == replace(WANTED, failed_plans=(GPU, smaller))


def test_after_three_retries_the_processor_is_asked_alone() -> None:
    """And when that dies too, nothing is left."""
    recovery = Recovery()
    recovery.begin(WANTED)
    for _ in range(MOST_RETRIES):
        die_loading(recovery, GPU)

    assert die_loading(recovery, GPU) == replace(WANTED, uses_gpus=False)
    assert die_loading(recovery, CPU) is None


def test_a_death_before_any_plan_is_the_drivers() -> None:
    """The engine asks them first: the next one is to leave them alone."""
    recovery = Recovery()
    recovery.begin(WANTED)

    assert die_loading(recovery, None) == replace(WANTED, uses_gpus=False)
    assert die_loading(recovery, None) is None


def test_without_devices_in_the_plans_nothing_is_gained_by_leaving_them_out() -> None:
    """Smaller plans for the processor, and then the end."""
    recovery = Recovery()
    recovery.begin(WANTED)
    attempts = [die_loading(recovery, CPU) for _ in range(MOST_RETRIES + 1)]

    assert [each is None for each in attempts] == [False, False, False, True]


def test_gpus_that_the_user_leaves_out_are_not_suspected() -> None:
    """There is nothing to fall back to."""
    recovery = Recovery()
    recovery.begin(replace(WANTED, uses_gpus=False))

    assert die_loading(recovery, None) is None


def test_a_vocabulary_is_not_tried_again() -> None:
    """No plan is to blame."""
    recovery = Recovery()
    recovery.begin(replace(WANTED, vocabulary_only=True))

    assert die_loading(recovery, None) is None


def test_what_could_not_be_loaded_there_is_not_tried_there_again() -> None:
    """Until the user wants it, or wants another model."""
    recovery = Recovery()
    recovery.begin(WANTED)
    die_loading(recovery, None)
    same, other = recovery.begin(WANTED), recovery.begin(replace(WANTED, model_path="small.gguf"))

    assert (same.uses_gpus, other.uses_gpus) == (False, True)


def test_a_hopeless_load_leaves_no_suspicion() -> None:
    """What lacked memory may have it the next time, graphics card included."""
    recovery = Recovery()
    recovery.begin(WANTED)
    die_loading(recovery, None)
    die_loading(recovery, CPU)

    assert recovery.begin(WANTED) == WANTED


def test_the_first_death_at_work_avoids_nothing() -> None:
    """Once may be anything."""
    recovery = Recovery()
    die_working(recovery, GPU)

    assert recovery.begin(WANTED).avoided_devices == ()


def test_the_second_death_at_work_leaves_the_devices_out() -> None:
    """All of that plan, by ggml's names."""
    recovery = Recovery()
    both = plans.plan(devices=(plans.CARD, SECOND_CARD))
    for _ in range(2):
        die_working(recovery, both)

    assert recovery.begin(WANTED).avoided_devices == ("CUDA0", "CUDA1")


def test_deaths_of_the_processor_are_no_devices_fault() -> None:
    """However many there are."""
    recovery = Recovery()
    for _ in range(5):
        die_working(recovery, CPU)

    assert recovery.begin(WANTED) == WANTED


def test_one_death_is_counted_once() -> None:
    """The reply and the engine's end both tell of it."""
    recovery = Recovery()
    die_working(recovery, GPU)
    recovery.lose_at_work()

    assert recovery.begin(WANTED).avoided_devices == ()


def test_the_user_can_trust_a_device_again() -> None:
    """Another two deaths are needed then."""
    recovery = Recovery()
    for _ in range(2):
        die_working(recovery, GPU)
    recovery.trust_devices()

    assert recovery.begin(WANTED) == WANTED
    die_working(recovery, GPU)
    assert recovery.begin(WANTED).avoided_devices == ()


def test_a_load_as_planned_tells_nothing() -> None:
    """No news is good news."""
    recovery = Recovery()
    load(recovery, GPU)

    assert recovery.setback(plans.loaded(GPU)) is None


def test_a_step_down_is_told_in_two_sentences() -> None:
    """What happened, and what it means; one step needs no details."""
    step = (
        "The model did not fit as planned. 13 layers' experts are in RAM now instead of 11; "
        "expect about 14–27 tokens a second."
    )
    setback = Recovery().setback(plans.loaded(GPU, steps=(step,)))

    assert setback is not None
    assert str(setback) == step
    assert (setback.details, setback.offers_again) == ("", False)


def test_of_several_steps_the_last_is_told() -> None:
    """The others are the details."""
    steps = ("The model did not fit. One.", "The model did not fit. Two.")
    setback = Recovery().setback(plans.loaded(GPU, steps=steps))

    assert setback is not None
    assert setback.what_it_means == "Two."
    assert setback.details == "\n".join(steps)


def test_a_step_of_one_sentence_has_a_second_all_the_same() -> None:
    """A notice says what it means."""
    setback = Recovery().setback(plans.loaded(CPU, steps=("RTX 4090 can't be used any more.",)))

    assert setback is not None
    assert setback.what_happened == "RTX 4090 can't be used any more."
    assert setback.what_it_means.startswith("The processor goes on alone")


def test_a_device_left_out_is_told_once_with_a_way_back() -> None:
    """By its name, and who goes on."""
    recovery = Recovery()
    for _ in range(2):
        die_working(recovery, GPU)
    load(recovery, CPU)
    told, again = recovery.setback(plans.loaded(CPU)), recovery.setback(plans.loaded(CPU))

    assert told is not None
    assert told.what_it_means == (
        "RTX 4090 is left out. The processor goes on alone; expect about 4–7 tokens a second."
    )
    assert told.offers_again
    assert again is None


@pytest.mark.parametrize("plan", [None, GPU])
def test_the_processors_help_is_told(plan: Plan | None) -> None:
    """Whether the drivers or the plans were at fault."""
    recovery = Recovery()
    recovery.begin(WANTED)
    while (asked := die_loading(recovery, plan)) is not None and asked.uses_gpus:
        pass
    setback = recovery.setback(plans.loaded(CPU))

    assert setback is not None
    assert setback.what_happened == "The graphics card could not load the model."
    assert setback.offers_again
