"""The gauge counts while somebody types: nothing waits for it, and nothing is counted in vain."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import pytest
from pytestqt.qtbot import QtBot

from app.engine.protocol import (
    CountPrompt,
    EarlierCut,
    Event,
    Failed,
    PromptCounted,
    PromptMessage,
    PromptParts,
)
from app.runtime.context_gauge import ContextGauge
from app.runtime.engine_thread import EngineThread
from app.runtime.facts import ContextUse
from tests.fakes import loaded_model

CHAT = (PromptMessage("user", "Hi"), PromptMessage("assistant", "Hello"))


class Counter:
    """An engine that counts when the test says so."""

    def __init__(self) -> None:
        self.asked: list[CountPrompt] = []
        self._receivers: dict[int, Callable[[Event], None]] = {}
        self._last_id = 0

    def new_job_id(self) -> int:
        """As that of the thread."""
        self._last_id += 1
        return self._last_id

    def send(self, job: CountPrompt, receive: Callable[[Event], None]) -> None:
        """As that of the thread."""
        self.asked.append(job)
        self._receivers[job.job_id] = receive

    def forget(self, job_id: int) -> None:
        """As that of the thread."""
        self._receivers.pop(job_id, None)

    def answer(self, parts: PromptParts | None) -> None:
        """The last count is this; None if it can't be."""
        job_id = self.asked[-1].job_id
        receive = self._receivers.pop(job_id)
        receive(PromptCounted(job_id, parts) if parts else Failed(job_id, "Too odd."))


@pytest.fixture
def counter() -> Counter:
    """The engine."""
    return Counter()


@pytest.fixture
def gauge(qtbot: QtBot, counter: Counter) -> ContextGauge:
    """With a model and a chat that is being counted."""
    gauge = ContextGauge(cast(EngineThread, counter), draft_delay_ms=0)
    gauge.set_model(loaded_model("m.gguf"))
    gauge.set_messages(CHAT, EarlierCut(1, "They met."))
    return gauge


def last_use(gauge: ContextGauge, act: Callable[[], object]) -> ContextUse:
    """What is told when `act` is done."""
    told: list[ContextUse] = []
    gauge.context_changed.connect(told.append)
    act()
    return told[-1]


def test_parts_are_told(gauge: ContextGauge, counter: Counter) -> None:
    """All of them, and what is left for the reply."""
    parts = PromptParts(1000, 100, 50, 500, 200, 150, (0, 1, 2), 2)
    use = last_use(gauge, lambda: counter.answer(parts))

    assert counter.asked == [CountPrompt(1, CHAT, earlier_cut=EarlierCut(1, "They met."))]
    assert use == ContextUse(850, 4096, 150, 100, 50, 500, 200, 3, 2)
    assert use.room_tokens == 3096


def test_typing_is_counted_one_after_the_other(
    qtbot: QtBot, gauge: ContextGauge, counter: Counter
) -> None:
    """Without the chat, which the engine has; what came meanwhile is counted once."""
    counter.answer(PromptParts(10, message_tokens=10))
    gauge.set_draft("a")
    qtbot.waitUntil(lambda: len(counter.asked) == 2)
    for text in ("ab", "abc", "abcd"):
        gauge.set_draft(text)
        gauge._count()
    assert len(counter.asked) == 2
    counter.answer(PromptParts(11, message_tokens=10, draft_tokens=1))

    assert [(job.draft, job.messages) for job in counter.asked] == [
        ("", CHAT),
        ("a", None),
        ("abcd", None),
    ]


def test_an_empty_draft_weighs_nothing_at_once(
    qtbot: QtBot, gauge: ContextGauge, counter: Counter
) -> None:
    """Also before it is counted."""
    gauge.set_draft("a")
    qtbot.waitUntil(lambda: gauge._is_stale)
    counter.answer(PromptParts(15, message_tokens=10))
    counter.answer(PromptParts(15, message_tokens=10, draft_tokens=5, pushed_out_messages=2))
    use = last_use(gauge, lambda: gauge.set_draft(""))

    assert (use.used_tokens, use.draft_tokens, use.pushed_out_messages) == (10, 0, 0)


def test_another_chat_is_counted_at_once(gauge: ContextGauge, counter: Counter) -> None:
    """The count of the one before isn't waited for."""
    gauge.set_messages(CHAT[:1])

    assert counter.asked[-1] == CountPrompt(2, CHAT[:1])


def test_after_a_refusal_the_chat_is_sent_again(gauge: ContextGauge, counter: Counter) -> None:
    """Nobody knows what the engine has kept of it."""
    counter.answer(None)
    gauge.set_draft("a")
    gauge._count()

    assert counter.asked[-1].messages == CHAT


def test_nothing_is_counted_without_an_engine(gauge: ContextGauge, counter: Counter) -> None:
    """Counting would start one; the chat is counted when it is there again."""
    gauge.pause()
    gauge.set_draft("a")
    gauge._count()
    gauge.set_messages(CHAT[:1])
    assert len(counter.asked) == 1
    gauge.set_model(loaded_model("m.gguf"))

    assert counter.asked[-1] == CountPrompt(2, CHAT[:1], "a")
