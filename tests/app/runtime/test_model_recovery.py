"""A load that an engine dies of goes on in another one; a card that fails twice is left out."""

from __future__ import annotations

from app.core.settings import CONTEXT_TOKENS, USES_GPUS
from app.engine.protocol import EngineParameters, Load
from app.runtime import notices
from app.runtime.chat_session import ChatSession, NoticeAction, NoticeKind, SessionState
from model_io.plan import Plan
from tests import plans
from tests.app.runtime.house import House, Recorder
from tests.fakes import STEP

S = SessionState


def on_card(wanted: EngineParameters) -> Plan:
    """The card, unless it is left out; more experts in RAM with each plan that has failed."""
    if not wanted.uses_gpus or wanted.avoided_devices:
        return plans.cpu_plan()
    return plans.plan(11 + 2 * len(wanted.failed_plans))


def loads(house: House) -> list[EngineParameters]:
    """What each engine was asked to load, in order."""
    asked = [request for engine in house.engines.started for request in engine.asked(Load)]
    return [request.parameters for request in asked if isinstance(request, Load)]


def kill_a_reply(house: House, session: ChatSession, recorder: Recorder) -> None:
    """Ask, wait for the first word, and let the engine die."""
    count = len(recorder.of("reply_finished"))
    session.send("Hi")
    house.wait_for(session, S.REPLYING)
    house.engines.last.die()
    house.until(lambda: len(recorder.of("reply_finished")) > count)
    house.until(lambda: notices.ENGINE in [n.key for n in recorder.of("notice_raised")])


def test_a_plan_that_kills_is_stepped_down_from(house: House) -> None:
    """The user sees one notice and a model that works."""
    house.engines.make_plan, house.engines.deaths_while_loading = on_card, 2
    session, facts = house.open_ready()
    (notice,) = facts.of("notice_raised")

    assert [len(asked.failed_plans) for asked in loads(house)] == [0, 1, 2]
    assert (notice.kind, notice.key) == (NoticeKind.WARNING, notices.PLAN)
    assert f"{notice.title} {notice.text}" == f"{STEP}, step 2."
    assert notice.action is NoticeAction.DETAILS
    assert "step 1" in notice.details
    assert session.model is not None


def test_the_window_loads_all_the_while(house: House) -> None:
    """No state between the attempts, and no word of the engines that died."""
    house.engines.make_plan, house.engines.deaths_while_loading = on_card, 3
    _, facts = house.open_ready()

    assert facts.of("state_changed") == [S.LOADING, S.READY]
    assert [notice.key for notice in facts.of("notice_raised")] == [notices.PLAN]


def test_after_three_retries_the_processor_loads_it(house: House) -> None:
    """With a button that tries the card again."""
    house.engines.make_plan, house.engines.deaths_while_loading = on_card, 4
    session, facts = house.open_ready()
    (notice,) = facts.of("notice_raised")
    house.engines.deaths_while_loading = 0
    session.load_again()
    house.until(lambda: len(loads(house)) == 6 and session.state is S.READY)

    assert [asked.uses_gpus for asked in loads(house)] == [True] * 4 + [False, True]
    assert notice.title == "The graphics card could not load the model."
    assert notice.action is NoticeAction.LOAD_AGAIN
    assert notices.PLAN in facts.of("notice_cleared")


def test_another_model_that_dies_leaves_no_notice_of_the_engine(house: House) -> None:
    """One that was loaded before doesn't make the death news."""
    house.engines.make_plan = on_card
    session, facts = house.open_ready()
    house.engines.deaths_while_loading = 2  # the first engine lives: it is asked to load again
    house.engines.last.dies_loading = True
    session.load_model(str(house.demo))
    house.until(lambda: len(loads(house)) == 4 and session.state is S.READY)

    assert notices.ENGINE not in [notice.key for notice in facts.of("notice_raised")]


def test_a_cancelled_load_is_not_tried_again(house: House) -> None:
    """The user has ended the engine."""
    house.engines.make_plan, house.engines.holds_loads = on_card, True
    session, _ = house.open()
    session.start()
    house.wait_for(session, S.LOADING)
    house.until(lambda: bool(loads(house)))
    session.cancel_load()
    house.wait_for(session, S.NO_MODEL)

    assert len(loads(house)) == 1


def test_the_second_death_at_work_leaves_the_card_out(house: House) -> None:
    """The first one doesn't; the notice names it and offers it again."""
    house.engines.make_plan, house.engines.pieces_allowed = on_card, 1
    session, facts = house.open_ready()
    kill_a_reply(house, session, facts)
    kill_a_reply(house, session, facts)
    house.engines.pieces_allowed = None
    house.send(session, "And now?")
    notice = facts.of("notice_raised")[-1]

    assert [asked.avoided_devices for asked in loads(house)] == [(), (), ("CUDA0",)]
    assert notice.title == "The graphics card failed twice."
    assert notice.text.startswith("RTX 4090 is left out. The processor goes on alone")
    assert notice.action is NoticeAction.LOAD_AGAIN


def test_loading_again_trusts_the_card(house: House) -> None:
    """As the notice's button does."""
    house.engines.make_plan, house.engines.pieces_allowed = on_card, 1
    session, facts = house.open_ready()
    for _ in range(2):
        kill_a_reply(house, session, facts)
    house.engines.pieces_allowed = None
    house.send(session, "And now?")
    session.load_again()
    house.until(lambda: len(loads(house)) == 4 and session.state is S.READY)

    assert loads(house)[-1].avoided_devices == ()


def test_a_driver_that_hangs_costs_the_card(house: House) -> None:
    """Its engine is ended; the processor loads the model."""
    house.engines.make_plan, house.engines.hangs_while_loading = on_card, 1
    session, facts = house.open()
    session.start()
    house.until(lambda: len(house.engines.started) == 1 and session._loader.is_loading)
    session._loader._patience.timeout.emit()
    house.wait_for(session, S.READY)
    (notice,) = facts.of("notice_raised")

    assert house.engines.started[0].was_killed
    assert [asked.uses_gpus for asked in loads(house)] == [True, False]
    assert notice.title == "The graphics card could not load the model."


def test_engines_that_all_hang_are_a_sentence(house: House) -> None:
    """The window goes on without a model."""
    house.engines.hangs_while_loading = 9
    session, facts = house.open()
    session._loader._patience.setInterval(1)
    session.start()
    house.until(lambda: bool(facts.of("notice_raised")))
    (notice,) = facts.of("notice_raised")

    assert session.state is S.NO_MODEL
    assert notice.text.startswith("The engine did not answer")


def test_problems_of_the_hardware_are_told_once(house: House) -> None:
    """Not after each load of the same start."""
    house.engines.problems = ("libggml-vulkan.so is too old; build it again.", "Another one.")
    session, facts = house.open_ready()
    session.load_again()
    house.until(lambda: len(loads(house)) == 2 and session.state is S.READY)
    (notice,) = facts.of("notice_raised")

    assert (notice.kind, notice.key) == (NoticeKind.INFO, notices.HARDWARE)
    assert notice.text == "libggml-vulkan.so is too old; build it again."
    assert notice.details.endswith("Another one.")


def test_settings_take_effect_at_the_next_load(house: House) -> None:
    """And until then the window can tell."""
    session, _ = house.open_ready()
    before = session.is_outdated
    session._settings.set(CONTEXT_TOKENS, 8192)
    session._settings.set(USES_GPUS, False)
    changed = session.is_outdated
    session.load_again()
    house.until(lambda: len(loads(house)) == 2 and session.state is S.READY)
    asked = loads(house)[-1]

    assert (before, changed, session.is_outdated) == (False, True, False)
    assert (asked.context_tokens, asked.uses_gpus) == (8192, False)
    assert asked.records_path == str(house.folder.records)
