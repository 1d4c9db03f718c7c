"""The engine's process from outside: it answers at any time, and its death loses nothing."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from app.engine.client import EngineClient
from app.engine.protocol import (
    CountPrompt,
    CountTokens,
    EngineParameters,
    Event,
    Failed,
    Finished,
    Generate,
    Load,
    Loaded,
    LoadProgressed,
    MemoryFull,
    Ping,
    PlanChosen,
    Pong,
    PromptCounted,
    PromptMessage,
    PromptProgressed,
    PromptTokenized,
    Sampling,
    StoppedBy,
    Summarise,
    TextGenerated,
    TokenizePrompt,
    TokensCounted,
    WhenFull,
)
from model_io.child import start_child
from tests.toy_model import write_toy_model

KILLS = 50
DEATH_SECONDS = 1.0
GREEDY = Sampling(temperature=0.0)
QUESTION = (PromptMessage("user", "Hi"),)
LONG_QUESTION = (PromptMessage("user", "word " * 12000),)

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def load(engine: EngineClient, path: Path, **parameters: object) -> list[Event]:
    """Load the model at `path` with one thread and no GPU; all that was heard of it."""
    wanted = EngineParameters(
        str(path),
        threads=1,
        microbatch_tokens=64,
        uses_gpus=False,
        **parameters,  # type: ignore[arg-type]
    )
    engine.send(Load(engine.new_job_id(), wanted))
    return list(engine.events())


def ask(engine: EngineClient, sampling: Sampling = GREEDY, messages: object = QUESTION) -> int:
    """Begin a reply; its job id."""
    job_id = engine.new_job_id()
    engine.send(Generate(job_id, messages, sampling))  # type: ignore[arg-type]
    return job_id


def wait_for(engine: EngineClient, kind: type[Event]) -> Event:
    """The next event of a kind; those before it are passed over."""
    while not isinstance(event := engine.poll(30), kind):
        assert event is not None, "nothing was heard for half a minute"
    return event


@pytest.fixture
def start_engine(tmp_path: Path) -> Iterator[Callable[[], EngineClient]]:
    """Start an engine that is ended with the test."""
    engines: list[EngineClient] = []

    def start() -> EngineClient:
        engines.append(EngineClient.start(tmp_path / f"engine-{len(engines)}.log"))
        return engines[-1]

    yield start
    for engine in engines:
        engine.close()


@pytest.fixture(scope="module")
def shared_engine(
    toy_model: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[EngineClient]:
    """An engine with the toy model, for tests that leave it as it was."""
    with EngineClient.start(tmp_path_factory.mktemp("logs") / "engine.log") as engine:
        assert isinstance(load(engine, toy_model)[-1], Loaded)
        yield engine


@pytest.fixture
def engine(shared_engine: EngineClient) -> Iterator[EngineClient]:
    """The shared engine, which has nothing to do before and after."""
    assert shared_engine.is_alive
    assert not shared_engine.has_open_jobs
    yield shared_engine
    assert not shared_engine.has_open_jobs


def test_loading_is_told_and_closed(
    start_engine: Callable[[], EngineClient], toy_model: Path
) -> None:
    """The plan before anything is tried, bytes that grow to the file's size, then the model."""
    chosen, *progress, loaded = load(start_engine(), toy_model)

    assert isinstance(chosen, PlanChosen)
    assert chosen.sentences == chosen.plan.reasons
    assert isinstance(loaded, Loaded)
    assert loaded.model.plan == chosen.plan
    assert loaded.seconds > 0
    assert all(isinstance(event, LoadProgressed) for event in progress)
    assert progress[-1] == LoadProgressed(1, *[toy_model.stat().st_size] * 2)


def test_a_bad_file_fails_with_a_sentence_and_the_engine_lives(
    start_engine: Callable[[], EngineClient], toy_model: Path, tmp_path: Path
) -> None:
    """Another model can be loaded at once."""
    engine = start_engine()
    (failed,) = load(engine, tmp_path / "none.gguf")

    assert isinstance(failed, Failed)
    assert not failed.fatal
    assert "does not exist" in failed.sentence
    assert isinstance(load(engine, toy_model)[-1], Loaded)


def test_a_context_beyond_the_memory_is_refused(
    start_engine: Callable[[], EngineClient], toy_model: Path, tmp_path: Path
) -> None:
    """With a sentence that says what is missing; nothing is tried."""
    engine = start_engine()
    large = write_toy_model(tmp_path / "large.gguf", context_tokens=2**30)
    (failed,) = load(engine, large, context_tokens=2**30)

    assert isinstance(failed, Failed)
    assert "GB" in failed.sentence
    assert isinstance(load(engine, toy_model)[-1], Loaded)


def test_a_reply_streams(engine: EngineClient) -> None:
    """Reading, then text, then one closing event."""
    ask(engine, Sampling(max_tokens=50))
    events = list(engine.events())
    kinds = [type(event) for event in events]

    assert kinds[0] is PromptProgressed
    assert kinds[-1] is Finished
    assert sum(len(e.token_ids) for e in events if isinstance(e, TextGenerated)) == 50


def test_fast_text_comes_in_few_events(engine: EngineClient) -> None:
    """Forty a second at the most, and the first and last pieces at once."""
    ask(engine, Sampling(max_tokens=1500))
    events = list(engine.events())
    finished = events[-1]
    assert isinstance(finished, Finished)

    text_events = sum(isinstance(event, TextGenerated) for event in events)
    assert text_events <= finished.decode_seconds * 40 + 2


def test_it_answers_while_it_works(engine: EngineClient) -> None:
    """A ping, a count and ids, in the middle of a reply."""
    job_id = ask(engine)
    wait_for(engine, TextGenerated)
    engine.send(Ping(7))
    assert wait_for(engine, Pong) == Pong(7)
    engine.send(CountTokens(engine.new_job_id(), QUESTION))
    counted = wait_for(engine, TokensCounted)
    engine.send(TokenizePrompt(engine.new_job_id(), QUESTION))
    tokenized = wait_for(engine, PromptTokenized)
    engine.stop(job_id)

    assert isinstance(counted, TokensCounted)
    assert isinstance(tokenized, PromptTokenized)
    assert counted.tokens == len(tokenized.ids) == 9
    assert isinstance(wait_for(engine, Finished), Finished)


def test_a_stop_ends_a_reply(engine: EngineClient) -> None:
    """With its own closing event."""
    job_id = ask(engine)
    wait_for(engine, TextGenerated)
    engine.stop(job_id)
    finished = list(engine.events())[-1]

    assert isinstance(finished, Finished)
    assert finished.stopped_by is StoppedBy.STOP


def test_a_stop_ends_the_reading_of_a_prompt(engine: EngineClient) -> None:
    """Long before the prompt's end."""
    job_id = ask(engine, messages=LONG_QUESTION)
    wait_for(engine, PromptProgressed)
    engine.stop(job_id)
    finished = list(engine.events())[-1]

    assert isinstance(finished, Finished)
    assert (finished.stopped_by, finished.completion_tokens) == (StoppedBy.STOP, 0)


def test_a_stop_reaches_a_job_that_waits(engine: EngineClient) -> None:
    """The one before it goes on."""
    first = ask(engine)
    wait_for(engine, TextGenerated)
    second = ask(engine)
    engine.stop(second)
    engine.send(Ping(1))
    wait_for(engine, Pong)
    engine.stop(first)
    finished = [event for event in engine.events() if isinstance(event, Finished)]

    assert [event.job_id for event in finished] == [first, second]
    assert finished[1].completion_tokens == 0


def test_a_stop_of_nothing_is_nothing(engine: EngineClient) -> None:
    """A job that is closed already, or never was."""
    engine.stop(10**9)
    engine.send(Ping(3))

    assert wait_for(engine, Pong) == Pong(3)


def test_what_cannot_be_asked_fails_alone(engine: EngineClient) -> None:
    """The count too."""
    ended = (*QUESTION, PromptMessage("assistant", "Ho"))
    ask(engine, messages=ended)
    engine.send(TokenizePrompt(engine.new_job_id(), ended))
    failures = list(engine.events())

    assert [type(event) for event in failures] == [Failed, Failed]
    assert not any(event.fatal for event in failures if isinstance(event, Failed))


def test_control_c_is_the_parents_to_hear(engine: EngineClient) -> None:
    """It reaches every process of a terminal."""
    os.kill(engine.process_id, signal.SIGINT)
    engine.send(Ping(5))

    assert wait_for(engine, Pong) == Pong(5)


@on_linux
def test_it_offers_itself_when_memory_runs_out(engine: EngineClient) -> None:
    """Rather than the window, and without writing its memory to the disk."""
    folder = Path(f"/proc/{engine.process_id}")
    limits = (folder / "limits").read_text()

    assert (folder / "oom_score_adj").read_text() == "1000\n"
    assert "Max core file size        0 " in limits


def test_a_death_closes_every_job(
    start_engine: Callable[[], EngineClient], toy_model: Path
) -> None:
    """One that is under way, one that waits, and later ones at once."""
    engine = start_engine()
    load(engine, toy_model)
    jobs = [ask(engine), ask(engine)]
    wait_for(engine, TextGenerated)
    engine.kill()
    failures = [event for event in engine.events() if isinstance(event, Failed)]
    jobs.append(ask(engine))
    failures += [event for event in engine.events() if isinstance(event, Failed)]

    assert [event.job_id for event in failures] == jobs
    assert all(event.fatal for event in failures)
    assert "n_ctx" in failures[0].details
    assert not engine.is_alive
    assert engine.poll(1) is None


def test_a_death_without_a_job_is_told_too(start_engine: Callable[[], EngineClient]) -> None:
    """With the job id 0, and the sentence for what the system does when memory runs out."""
    engine = start_engine()
    os.kill(engine.process_id, signal.SIGKILL)
    failed = wait_for(engine, Failed)

    assert isinstance(failed, Failed)
    assert (failed.job_id, failed.fatal) == (0, True)
    assert "lack of memory" in failed.sentence


def test_a_killed_load_is_closed(start_engine: Callable[[], EngineClient], toy_model: Path) -> None:
    """That is how loading is cancelled at any moment."""
    engine = start_engine()
    engine.send(Load(engine.new_job_id(), EngineParameters(str(toy_model))))
    engine.kill()

    assert isinstance(list(engine.events())[-1], Failed)


def test_a_death_is_heard_though_another_engine_lives(
    start_engine: Callable[[], EngineClient],
) -> None:
    """No process holds the ends of another's pipe."""
    first, second = start_engine(), start_engine()
    second.send(Ping(1))
    wait_for(second, Pong)
    first.kill()

    assert isinstance(wait_for(first, Failed), Failed)


def test_arrived_text_survives_any_death(
    start_engine: Callable[[], EngineClient], toy_model: Path
) -> None:
    """Fifty kills at random moments: what arrived is an unbroken beginning of the reply."""
    engine = start_engine()
    load(engine, toy_model)
    ask(engine, Sampling(temperature=0.0, max_tokens=2000))
    whole_text, whole_ids = hear_reply(engine)
    assert len(whole_ids) == 2000
    source, lengths = random.Random(3), []
    for _ in range(KILLS):
        victim = start_engine()
        load(victim, toy_model)
        ask(victim)
        timer = threading.Timer(
            source.uniform(0, 0.4), os.kill, (victim.process_id, signal.SIGKILL)
        )
        timer.start()
        text, ids = hear_reply(victim)
        timer.join()
        victim.close()
        lengths.append(len(ids))
        assert ids[:2000] == whole_ids[: len(ids)]
        assert text[: len(whole_text)] == whole_text[: len(text)]

    assert len(set(lengths)) > KILLS // 5


def hear_reply(engine: EngineClient) -> tuple[str, tuple[int, ...]]:
    """The text and the ids up to the end, whatever ends it; every count has to agree."""
    text, ids, used_tokens, closing = "", (), 9, 0
    for event in engine.events():
        if isinstance(event, TextGenerated):
            text += event.text
            ids += event.token_ids
            used_tokens += len(event.token_ids)
            assert event.context_used_tokens == used_tokens
        closing += isinstance(event, Finished | Failed)
    assert closing == 1
    return text, ids


def test_a_failed_assertion_is_one_notice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within a second, with llama.cpp's last words, and no debugger attached."""
    gdb = tmp_path / "gdb"
    gdb.write_text(f"#!/bin/sh\ntouch {tmp_path}/attached\n")
    gdb.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    log_path = tmp_path / "engine.log"
    with EngineClient(start_child("tests.app.engine.planted_abort", log_path)) as engine:
        job_id = ask(engine)
        assert wait_for(engine, TextGenerated) == TextGenerated(job_id, "Two words", (1, 2), 2)
        engine.stop(job_id)
        stopped_at = time.monotonic()
        (failed,) = engine.events()
        seconds = time.monotonic() - stopped_at

    assert isinstance(failed, Failed)
    assert failed.fatal
    assert failed.sentence.startswith("The engine stopped. What had arrived is kept")
    assert "planted.cpp:7: GGML_ASSERT(planted) failed" in failed.details
    assert "speak_and_abort" in failed.details
    assert seconds < DEATH_SECONDS
    assert not (tmp_path / "attached").exists()


def test_it_ends_with_its_parent(tmp_path: Path) -> None:
    """Even with one that had no time to say so."""
    program = (
        "import os, pathlib\n"
        "from app.engine.client import EngineClient\n"
        "if __name__ == '__main__':\n"
        f"    engine = EngineClient.start(pathlib.Path({str(tmp_path / 'engine.log')!r}))\n"
        "    print(engine.process_id, flush=True)\n"
        "    input()\n"
        "    os._exit(0)\n"
    )
    script = tmp_path / "parent.py"
    script.write_text(program)
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    with subprocess.Popen(
        [sys.executable, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    ) as parent:
        assert parent.stdout is not None
        engine = psutil.Process(int(parent.stdout.readline()))
        parent.communicate(b"\n")

        engine.wait(20)


def test_two_hundred_turns_do_not_grow(
    start_engine: Callable[[], EngineClient], toy_model: Path
) -> None:
    """In one chat that is cut again and again."""
    engine = start_engine()
    load(engine, toy_model, context_tokens=1024)
    process, chat, sizes = psutil.Process(engine.process_id), [], []
    for turn in range(200):
        chat.append(PromptMessage("user", f"Question {turn}, a little longer than needed."))
        ask(engine, Sampling(temperature=0.0, max_tokens=12), tuple(chat))
        text, ids = "", ()
        for event in engine.events():
            if isinstance(event, TextGenerated):
                text, ids = text + event.text, ids + event.token_ids
        chat.append(PromptMessage("assistant", text, ids, ""))
        sizes.append(process.memory_info().rss)

    assert max(sizes[150:]) - max(sizes[50:100]) < 2_000_000


def test_a_full_memory_over_the_pipe(
    start_engine: Callable[[], EngineClient], toy_model: Path
) -> None:
    """Each job has its own closing event: refused, summarised, counted, and a wrong grammar."""
    toy_engine = start_engine()
    load(toy_engine, toy_model, context_tokens=2048)
    messages = tuple(
        PromptMessage(role, "word " * 100) for _ in range(30) for role in ("user", "assistant")
    )
    asked = (*messages, *QUESTION)
    ids = [toy_engine.new_job_id() for _ in range(4)]
    toy_engine.send(Generate(ids[0], asked, GREEDY, when_full=WhenFull.ASK))
    full = wait_for(toy_engine, MemoryFull)
    assert isinstance(full, MemoryFull)
    toy_engine.send(Summarise(ids[1], messages[:4], 4))
    summarised = wait_for(toy_engine, Finished)
    toy_engine.send(CountPrompt(ids[2], asked))
    counted = wait_for(toy_engine, PromptCounted)
    toy_engine.send(Generate(ids[3], QUESTION, Sampling(grammar="root ::= x")))
    failed = wait_for(toy_engine, Failed)

    assert isinstance(summarised, Finished)
    assert isinstance(counted, PromptCounted)
    assert isinstance(failed, Failed)
    assert [e.job_id for e in (full, summarised, counted, failed)] == ids
    assert counted.parts.outside_messages == full.outside_messages
    assert "line 1, column 10" in failed.sentence
    assert not failed.fatal
    assert not toy_engine.has_open_jobs
