""" "Why this speed?" shows what is known, says what isn't, and measures when asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.core.memory_parts import divide_memory
from app.engine.speed_advice import Advice
from app.engine.speed_report import SpeedReport
from app.runtime.facts import ModelChoice, SessionState, SpeedFacts
from app.ui.main_window import MainWindow
from app.ui.model_menu import ModelMenu
from app.ui.speed_window import SpeedWindow
from app.ui.speed_words import facts_of, headline_of, short_speed
from model_io.plan import Plan
from tests import plans
from tests.app.ui.test_accessibility import nameless
from tests.fakes import ScriptedSession


def known(plan: Plan, **more: object) -> SpeedFacts:
    """What is known of a loaded plan before anything is measured."""
    uses = divide_memory(plans.shape(), plan, plans.machine_with(plan), is_loaded=True)
    facts = SpeedFacts(plans.loaded(plan), 32, uses, can_measure=True)
    return replace(facts, **more)  # type: ignore[arg-type]


def measured(plan: Plan, **more: object) -> SpeedFacts:
    """And after it."""
    report = SpeedReport(
        plans.loaded(plan), plan, plans.measured(plan, best_tokens_per_second=23.0), plans.shape()
    )
    advice = Advice("The card has room. Load the model again.", offers_load=True)
    return known(plan, report=report, advice=advice, **more)


@pytest.fixture
def speed(window: MainWindow, session: ScriptedSession) -> Iterator[SpeedWindow]:
    """Opened from the window, with a plan that nobody has measured."""
    session.speed.tell(known(plans.plan()))
    window.windows.show_speed()
    assert window.windows.speed is not None
    yield window.windows.speed
    window.theme.set_text_size(100)


def test_what_is_expected_is_no_measurement() -> None:
    """A range, with "about", and that nothing is measured yet."""
    headline, source = headline_of(known(plans.plan()))

    assert headline == "About 18 to 27 tokens/s, faster than you read"
    assert source == "An estimate for Mixtral 8x7B Instruct, Q4_K_M. Nothing is measured yet."
    assert dict(facts_of(known(plans.plan())))["Measured"] == "Not yet"


def test_a_measurement_is_said_beside_what_could_be() -> None:
    """The best here, and the share of what the memory allows."""
    facts = measured(plans.plan(), last_reply_speed=21.7)
    lines = dict(facts_of(facts))

    assert headline_of(facts)[0] == "22.4 tokens/s, faster than you read"
    assert lines["Writes"] == "22.4 tokens/s; the best here was 23.0 tokens/s"
    assert lines["Memory allows"] == "28.6 tokens/s; 78 % of it are reached"
    assert lines["Last reply"] == "21.7 tokens/s"
    assert lines["Computes on"] == "RTX 4090 with 11 layers' experts in RAM"
    assert lines["Layers"] == "All 32 on NVIDIA GeForce RTX 4090"
    assert lines["Experts"] == "21 layers' on the graphics card, 11 layers' in RAM"


def test_an_earlier_measurement_is_no_estimate() -> None:
    """The plan has it from this machine's records."""
    plan = plans.plan(tokens_per_second=(24.0, 24.0), is_measured=True)
    headline, source = headline_of(known(plan))

    assert headline.startswith("24.0 tokens/s")
    assert source.startswith("Measured earlier")
    assert short_speed(known(plan)) == "24 tokens/s"


def test_the_processor_alone_is_said_so() -> None:
    """With its threads, and all layers in RAM."""
    lines = dict(facts_of(known(plans.cpu_plan())))

    assert lines["Computes on"] == "The processor, 12 threads"
    assert (lines["Layers"], lines["Experts"]) == ("All 32 in RAM", "All in RAM")


def test_swap_is_told_with_whose_it_is() -> None:
    """The engine's part is only known once it was measured."""
    facts = measured(plans.plan(), swap_used_bytes=3 * plans.GIB)
    assert facts.report is not None
    swapped = replace(facts.report.measured, swapped_bytes=plans.GIB)
    told = replace(facts, report=replace(facts.report, measured=swapped))

    assert dict(facts_of(told))["In swap"] == "1.0 GB of the engine, 3.0 GB in all"
    assert dict(facts_of(known(plans.plan())))["In swap"] == "Nothing"


def test_opening_looks_anew(speed: SpeedWindow, session: ScriptedSession) -> None:
    """Free memory may have changed."""
    assert ("speed.look",) in session.wishes
    assert len(speed._bars) == 2
    assert not speed._advice.isVisible()


def test_another_model_is_looked_at_at_once(speed: SpeedWindow, session: ScriptedSession) -> None:
    """While the window is open; the same one isn't."""
    looks = session.wishes.count(("speed.look",))
    session.speed.tell(replace(known(plans.plan()), can_measure=False))
    session.speed.tell(replace(session.speed.facts, can_measure=True))

    assert session.wishes.count(("speed.look",)) == looks + 1


def test_measuring_has_a_stop(speed: SpeedWindow, session: ScriptedSession) -> None:
    """Where the button was, and with the focus that it had."""
    speed._measure.setFocus()
    QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Return)
    session.speed.tell(known(plans.plan(), is_measuring=True, can_measure=False))
    assert speed._status.text() == "Measuring, 0 s"
    assert speed._clock.is_running
    assert speed._stop.hasFocus()
    QTest.keyClick(speed._stop, Qt.Key.Key_Return)
    wishes = [wish for wish in session.wishes if wish != ("speed.look",)]
    assert wishes[-2:] == [("speed.measure",), ("speed.stop",)]
    session.speed.tell(measured(plans.plan()))
    assert not speed._clock.is_running
    assert speed._measure.hasFocus()
    assert speed._measure.text() == "Measure again"


def test_seconds_are_counted(speed: SpeedWindow, session: ScriptedSession, qtbot: QtBot) -> None:
    """While it measures."""
    speed._second.setInterval(1)
    session.speed.tell(known(plans.plan(), is_measuring=True, can_measure=False))
    qtbot.waitUntil(lambda: speed._status.text() not in ("", "Measuring, 0 s", "Measuring, 1 s"))
    assert speed._status.text() == f"Measuring, {speed._seconds} s"


def test_the_button_has_a_reason(speed: SpeedWindow, session: ScriptedSession) -> None:
    """Where it can't be pressed."""
    session.speed.tell(known(plans.plan(), can_measure=False))
    assert not speed._measure.isEnabled()
    assert "no reply is under way" in speed._status.text()


def test_a_failure_stands_beside_the_button(speed: SpeedWindow, session: ScriptedSession) -> None:
    """In the engine's sentence."""
    session.speed.tell(known(plans.plan(), failure="The graphics card reported an error."))
    assert speed._status.text() == "The graphics card reported an error."


def test_the_advice_can_be_followed_at_once(speed: SpeedWindow, session: ScriptedSession) -> None:
    """By loading again, where that is it."""
    session.speed.tell(measured(plans.plan()))
    assert speed._advice.accessibleName() == "The card has room. Load the model again."
    speed._advice.controls()[0].click()
    assert session.wishes[-1] == ("load_again",)
    session.speed.tell(measured(plans.plan()))
    session.speed.tell(replace(measured(plans.plan()), advice=Advice("Nothing helps.")))
    assert speed._advice.controls() == []


def test_without_a_model_it_says_so(speed: SpeedWindow, session: ScriptedSession) -> None:
    """And shows no bars."""
    session.speed.tell(None)
    assert speed._headline.text() == "No model is loaded."
    assert speed._bars == []
    assert speed._figures.texts() == {}


def test_closing_stops_and_the_focus_returns(
    window: MainWindow, speed: SpeedWindow, session: ScriptedSession, qtbot: QtBot
) -> None:
    """Escape, as in every other window."""
    QTest.keyClick(speed, Qt.Key.Key_Escape)
    assert not speed.isVisible()
    assert session.wishes[-1] == ("speed.stop",)
    qtbot.waitUntil(window.page.composer.draft.hasFocus)


def test_everything_has_a_name(speed: SpeedWindow, session: ScriptedSession) -> None:
    """Bars, facts, advice, buttons."""
    session.speed.tell(measured(plans.plan()))
    assert nameless(speed) == []


def test_everything_is_reached_by_tab(speed: SpeedWindow, session: ScriptedSession) -> None:
    """Close, both bars, the advice's button, Measure."""
    session.speed.tell(measured(plans.plan()))
    speed._measure.setFocus(Qt.FocusReason.TabFocusReason)
    seen = []
    for _ in range(5):
        QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Tab)
        seen.append(QApplication.focusWidget())
    assert set(seen) >= {*speed._bars, *speed._advice.controls(), speed._measure}


@pytest.mark.parametrize("percent", [80, 100, 150, 200])
@pytest.mark.parametrize("width", [420, 760, 1200])
def test_nothing_is_cut_off(
    window: MainWindow, speed: SpeedWindow, session: ScriptedSession, width: int, percent: int
) -> None:
    """The window scrolls down, never sideways."""
    window.theme.set_text_size(percent)
    session.speed.tell(measured(plans.plan()))
    speed.resize(width, 700)
    QApplication.processEvents()
    inside = speed._inner
    for bar in speed._bars:
        assert bar.height() == bar.heightForWidth(bar.width())
        assert bar.geometry().right() <= inside.width()
    assert speed._advice.height() >= speed._advice.heightForWidth(speed._advice.width())
    assert speed._figures.geometry().top() > speed._advice.geometry().bottom()


def test_the_chips_list_leads_here(window: MainWindow, session: ScriptedSession) -> None:
    """The line says what computes; the loaded model has its speed beside it."""
    model = plans.loaded(plans.plan(), path="/big.gguf")
    session.load(model)
    session.speed.tell(known(plans.plan()))
    session.models_changed.emit((ModelChoice("/big.gguf", "Mixtral", "Q4_K_M, 28.4 GB", False),))
    window.show_models()
    (menu,) = window.page.header.chip.findChildren(ModelMenu)
    texts = [action.text() for action in menu.actions()]
    line = next(action for action in menu.actions() if "Why this speed?" in action.text())
    line.trigger()
    menu.close()

    assert "Mixtral\tQ4_K_M, about 18 to 27 tokens/s" in texts
    assert line.text() == "RTX 4090 with 11 layers' experts in RAM\tWhy this speed?"
    assert window.windows.speed is not None
    assert window.windows.speed.isVisible()
    assert session.state is SessionState.READY
