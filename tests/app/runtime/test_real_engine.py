"""The same session with the real engine behind it: what the scripted one stands for."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from app.core import settings as rows
from app.core.conversation import MessageState, Summary
from app.engine.client import EngineClient
from app.engine.protocol import PlanChosen
from app.runtime import notices
from app.runtime.chat_session import SessionState
from tests.app.runtime.house import House
from tests.doomed_engines import DoomedEngines

S = SessionState


def test_real_engine_answers_dies_and_comes_back(house: House, toy_model: Path) -> None:
    """It streams, stops when told, is killed in a reply, and the next message starts another."""
    clients: list[EngineClient] = []

    def start(log_path: Path) -> EngineClient:
        clients.append(EngineClient.start(log_path))
        return clients[-1]

    house.engines.start = start  # type: ignore[method-assign,assignment]
    session, facts = house.open()
    session.start(str(toy_model))
    house.wait_for(session, S.READY)
    house.send_until_growing(session, "Hello")
    session.stop()
    house.until(lambda: len(facts.of("reply_finished")) == 1)
    house.send_until_growing(session, "And now?")
    os.kill(clients[0].process_id, signal.SIGKILL)
    house.until(lambda: len(facts.of("reply_finished")) == 2 and bool(facts.of("notice_raised")))
    house.send_until_growing(session, "Still there?")
    session.close()
    told = [reply.text for reply in facts.of("reply_finished")]
    states = [reply.state for reply in facts.of("reply_finished")]
    store = house.saved()
    saved = store.load_conversation(store.list_conversations()[0].conversation_id)
    store.close()

    assert states == [MessageState.STOPPED, MessageState.CUT_OFF, MessageState.CUT_OFF]
    assert all(told)
    assert saved is not None
    texts = [message.text for message in saved.branch]
    assert texts == ["Hello", told[0], "And now?", told[1], "Still there?", told[2]]
    assert len(clients) == 2


def test_real_engine_killed_while_it_loads_is_replaced(house: House, toy_model: Path) -> None:
    """By one that starts below the plan that killed it; the user is told once, and it answers."""
    engines = DoomedEngines(PlanChosen, 1)
    house.engines.start = engines.start  # type: ignore[method-assign,assignment]
    session, facts = house.open()
    session.start(str(toy_model))
    house.wait_for(session, S.READY)
    house.send_until_growing(session, "Hello")
    session.stop()
    house.until(lambda: len(facts.of("reply_finished")) == 1)
    (notice,) = facts.of("notice_raised")

    assert len(engines.started) == 2
    assert (notice.key, notice.title) == (notices.PLAN, "The model did not fit as planned.")
    assert notice.text.startswith("The context is 4,096 tokens now instead of")
    assert facts.of("reply_finished")[0].text


def test_real_engine_is_unloaded_and_comes_back(house: House, toy_model: Path) -> None:
    """Its process is gone, so that all memory is; the next message starts another."""
    clients: list[EngineClient] = []

    def start(log_path: Path) -> EngineClient:
        clients.append(EngineClient.start(log_path))
        return clients[-1]

    house.engines.start = start  # type: ignore[method-assign,assignment]
    session, facts = house.open()
    session.start(str(toy_model))
    house.wait_for(session, S.READY)
    process_id = clients[0].process_id
    session.unloader.unload()
    house.until(lambda: not _is_there(process_id))
    is_loaded = session.is_loaded
    house.send_until_growing(session, "Still there?")
    session.close()

    assert not is_loaded
    assert len(clients) == 2
    assert facts.of("notice_raised") == []


def _is_there(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    return True


def test_real_engine_summarises_when_its_memory_is_full(house: House, toy_model: Path) -> None:
    """The chat goes on, with the summary in the place of what left the memory."""
    house.engines.start = EngineClient.start  # type: ignore[method-assign,assignment]
    session, facts = house.open()
    session._settings.set(rows.CONTEXT_TOKENS, 512)
    session._settings.set(rows.MAX_TOKENS, 16)
    session._settings.set(rows.WHEN_FULL, "summarise")
    session._settings.set(rows.USES_GPUS, False)
    session.start(str(toy_model))
    house.wait_for(session, S.READY)
    made: list[Summary] = []
    session.memory.summary_changed.connect(made.append)
    for number in range(1, 20):
        session.send(f"Question {number}. " + "word " * 40)
        house.until(lambda number=number: len(facts.of("reply_finished")) == number)
        if made:
            break
    house.wait_for(session, S.READY)
    house.until(lambda: facts.of("context_changed")[-1].summary_tokens > 0)
    use = facts.of("context_changed")[-1]
    branch = session.conversation.branch
    (summary,) = made

    assert branch[-1].text
    assert summary.text
    covered = [message.message_id for message in branch].index(summary.up_to_message_id) + 1
    assert session.memory.outside == tuple(range(covered))
    assert facts.of("memory_line_moved")[-1] == covered
    assert use.outside_messages == covered
    assert use.used_tokens < 512
    assert not facts.of("notice_raised")
