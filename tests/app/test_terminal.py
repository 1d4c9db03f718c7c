"""The engine in a terminal: it comes back when it dies, and says what that means."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from app import terminal
from app.core.errors import EngineError
from app.engine.protocol import Event, PlanChosen, PromptMessage, Sampling, TextGenerated
from app.terminal import EngineDiedError, Terminal
from tests.doomed_engines import DoomedEngines

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no SIGKILL")

GREEDY = Sampling(temperature=0.0, max_tokens=12)


@pytest.fixture
def doom(monkeypatch: pytest.MonkeyPatch) -> Callable[[type[Event], int], DoomedEngines]:
    """Let the first engines die of something they say."""

    def doom(dies_of: type[Event], deaths: int) -> DoomedEngines:
        engines = DoomedEngines(dies_of, deaths)
        monkeypatch.setattr(terminal, "EngineClient", engines)
        return engines

    return doom


def test_a_load_that_kills_goes_on_in_another_engine(
    doom: Callable[..., DoomedEngines], toy_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By a smaller plan, with one line on stderr."""
    engines = doom(PlanChosen, 1)
    with Terminal(None, toy_model) as program:
        reply = program.ask((PromptMessage("user", "Hi"),), GREEDY, shows=False)
    told = capsys.readouterr()

    assert reply.text
    assert len(engines.started) == 2
    assert told.err.startswith("The model did not fit as planned.")
    assert len(told.err.splitlines()) == 1


def test_a_load_that_always_kills_is_an_error(
    doom: Callable[..., DoomedEngines], toy_model: Path
) -> None:
    """After a few engines, in the last one's words or for lack of a smaller plan."""
    engines = doom(PlanChosen, 9)
    with pytest.raises(EngineError), Terminal(None, toy_model):
        pass

    assert 2 <= len(engines.started) <= 5
    assert not any(engine.is_alive for engine in engines.started)


def test_a_chat_goes_on_after_a_death(
    doom: Callable[..., DoomedEngines],
    toy_model: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What had come stays; the next line is answered by another engine."""
    engines = doom(TextGenerated, 1)
    monkeypatch.setattr(sys, "stdin", io.StringIO("Go on for ever\nAnd now?\n"))
    with Terminal(None, toy_model) as program:
        status = program.chat((), GREEDY)
    told = capsys.readouterr()

    assert status == 0
    assert len(engines.started) == 2
    assert len(told.err.splitlines()) == 1
    assert len(told.out.strip()) > 0


def test_one_question_ends_with_its_engine(
    doom: Callable[..., DoomedEngines], toy_model: Path
) -> None:
    """There is no next line to be answered."""
    doom(TextGenerated, 1)
    question = (PromptMessage("user", "Go on for ever"),)
    with Terminal(None, toy_model) as program, pytest.raises(EngineDiedError):
        program.ask(question, Sampling(temperature=0.0), shows=False)


def test_a_vocabulary_alone_has_no_plan(toy_model: Path) -> None:
    """It is enough for ids."""
    with Terminal(None, toy_model, vocabulary_only=True) as program:
        ids = program.token_ids((PromptMessage("user", "Hi"),), continue_last=False)

    assert ids[0] == 1
    assert program.loaded.model.plan is None
