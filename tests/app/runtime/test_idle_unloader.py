"""The model's memory goes back when nobody needs it, and the next message brings it back."""

from __future__ import annotations

from app.core.settings import UNLOAD_AFTER_MINUTES
from app.engine.protocol import CountPrompt, Load
from app.runtime.chat_session import ChatSession, SessionState
from tests import plans
from tests.app.runtime.house import House

S = SessionState


def unload_after(session: ChatSession, ms_per_minute: int = 1) -> None:
    """Ten minutes, which pass quickly."""
    session.unloader.ms_per_minute = ms_per_minute
    session._settings.set(UNLOAD_AFTER_MINUTES, 10)
    session.unloader.note_activity()


def test_unloading_ends_the_engine(house: House) -> None:
    """The model stays the one that answers, and no notice tells of a death."""
    session, facts = house.open_ready()
    told: list[bool] = []
    session.model_unloaded.connect(lambda: told.append(True))
    model = session.model
    session.unloader.unload()

    assert house.engines.last.was_killed
    assert not session.is_loaded
    assert (session.state, session.model) == (S.READY, model)
    assert told == [True]
    assert facts.of("notice_raised") == []


def test_the_next_message_loads_it_again(house: House) -> None:
    """And is answered."""
    session, _ = house.open_ready()
    session.unloader.unload()
    reply = house.send(session, "Hello")

    assert reply.text == "Hello there."
    assert session.is_loaded
    assert len(house.engines.started) == 2
    assert len(house.engines.last.asked(Load)) == 1


def test_writing_does_not_bring_it_back(house: House) -> None:
    """A draft isn't counted while no model is there."""
    session, _ = house.open_ready()
    session.unloader.unload()
    session.measure_draft("Hello")
    session.chat_settings.set_options({"instructions": "Be brief."})
    session._gauge._count()

    assert len(house.engines.started) == 1
    assert house.engines.last.asked(CountPrompt) == []


def test_it_goes_by_itself_after_a_while(house: House) -> None:
    """When the setting says so."""
    session, _ = house.open_ready()
    assert not session.unloader.is_waiting
    unload_after(session)
    house.until(lambda: not session.is_loaded)

    assert not session.unloader.is_waiting


def test_a_reply_keeps_it(house: House) -> None:
    """The time begins when the reply has ended."""
    house.engines.pieces_allowed = 1
    session, _ = house.open_ready()
    house.send_until_growing(session, "Hello")
    unload_after(session)
    session.unloader.unload()
    during = (session.is_loaded, session.unloader.is_waiting)
    house.engines.last.allow(5)
    house.wait_for(session, S.READY)
    house.until(lambda: not session.is_loaded)

    assert during == (True, False)
    assert session.conversation.branch[-1].text == "Hello there."


def test_a_measurement_keeps_it(house: House) -> None:
    """Nor is a device blamed for the end of one."""
    house.engines.make_plan = lambda wanted: plans.cpu_plan()
    session, _ = house.open_ready()
    session.speed.measure()
    house.until(lambda: session.speed.is_measuring)
    session.unloader.unload()

    assert session.is_loaded
    session.speed.stop()
    house.until(lambda: not session.speed.is_measuring)


def test_writing_puts_it_off(house: House) -> None:
    """Each letter begins the time anew."""
    session, _ = house.open_ready()
    unload_after(session, ms_per_minute=60_000)
    session.unloader._timer.start(5)
    session.measure_draft("H")
    remaining = session.unloader._timer.remainingTime()

    assert remaining > 500_000


def test_never_means_never(house: House) -> None:
    """Switching it off stops the time."""
    session, _ = house.open_ready()
    unload_after(session, ms_per_minute=60_000)
    waited = session.unloader.is_waiting
    session._settings.reset(UNLOAD_AFTER_MINUTES)
    session.unloader.note_activity()

    assert (waited, session.unloader.is_waiting) == (True, False)
