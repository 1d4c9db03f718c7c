"""Settings reach llama.cpp's samplers, and a seed is enough to say the same again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from app.engine.protocol import Generate, PromptMessage, Sampling, TextGenerated
from app.engine.sampling import choose_seed
from app.engine.session import Session
from app.engine.stop_flag import StopFlag
from tests.app.engine.conftest import PROMPT_END_ID
from tests.toy_model import write_toy_model

Say = Callable[..., tuple[int, ...]]


def saying(session: Session) -> Say:
    """Thirty ids of that session, for the given settings."""

    def generate(**settings: object) -> tuple[int, ...]:
        sampling = Sampling(**{"max_tokens": 30, "seed": 1, **settings})  # type: ignore[arg-type]
        ids: list[int] = []
        request = Generate(1, (PromptMessage("user", "Hi hi hi"),), sampling)
        session.generate(
            request,
            lambda event: ids.extend(event.token_ids) if isinstance(event, TextGenerated) else None,
            StopFlag(),
        )
        return tuple(ids)

    return generate


@pytest.fixture
def say(toy_model: Path, make_session: Callable[..., Session]) -> Say:
    """Thirty ids of the model with random weights, for the given settings."""
    return saying(make_session(toy_model, microbatch_tokens=64))


@pytest.fixture
def loop(tmp_path: Path, make_session: Callable[..., Session]) -> Say:
    """Thirty ids of a model that has fallen into a loop of two."""
    script = (PROMPT_END_ID, 3614, 22557, 3614)
    session = make_session(write_toy_model(tmp_path / "loop.gguf", script=script))
    return saying(session)


def test_temperature_zero_is_greedy(say: Say) -> None:
    """The seed doesn't matter then, and it is what a top-k of one gives."""
    greedy = say(temperature=0.0)

    assert greedy == say(temperature=0.0, seed=99)
    assert greedy == say(temperature=5.0, top_k=1)


def test_a_seed_is_repeatable_and_another_differs(say: Say) -> None:
    """The same seed says the same, another something else."""
    assert say(temperature=2.0, seed=5) == say(temperature=2.0, seed=5)
    assert say(temperature=2.0, seed=5) != say(temperature=2.0, seed=6)


@pytest.mark.parametrize("narrowing", [{"top_p": 1e-6}, {"min_p": 0.9999}, {"top_k": 1}])
def test_each_filter_narrows_to_the_best(say: Say, narrowing: dict[str, float]) -> None:
    """Each alone, at its extreme, leaves only the most likely id."""
    off = {"top_k": 0, "top_p": 1.0, "min_p": 0.0, "temperature": 3.0}

    assert say(**{**off, **narrowing}) == say(temperature=0.0)
    assert say(**off) != say(temperature=0.0)


def test_repetition_is_punished(say: Say) -> None:
    """With a harsh penalty no id comes twice, counted from the prompt's end on."""
    prompt_ids = {733, 16289, 28793, 15359, 12014, 28748}
    ids = say(temperature=0.0, repeat_penalty=1e6, repeat_last_tokens=64)

    assert len(set(ids)) == len(ids)
    assert not prompt_ids & set(ids)


@pytest.mark.parametrize(
    "penalty", [{"frequency_penalty": 1e6}, {"presence_penalty": 1e6}, {"repeat_penalty": 1e6}]
)
def test_each_penalty_alone_keeps_from_repeating(say: Say, penalty: dict[str, float]) -> None:
    """Within its window; without one there is none."""
    ids = say(temperature=0.0, repeat_last_tokens=64, **penalty)

    assert len(set(ids)) == len(ids)
    assert say(temperature=0.0, repeat_last_tokens=0, **penalty) == say(temperature=0.0)


def test_dry_ends_a_repeated_sequence(loop: Say) -> None:
    """A model that says the same two ids for ever is brought to say something else."""
    assert len(set(loop(temperature=0.0))) == 2
    assert len(set(loop(temperature=0.0, dry_multiplier=50.0))) > 2
    assert len(set(loop(temperature=0.0, dry_multiplier=50.0, dry_last_tokens=0))) == 2


@pytest.mark.parametrize(
    ("settings", "is_greedy"),
    [
        ({"typical_p": 1.0}, False),
        ({"typical_p": 0.05}, None),
        ({"top_n_sigma": 1e-6}, True),
        ({"xtc_probability": 1.0, "xtc_threshold": 0.0}, False),
        ({"temperature_range": 2.99}, None),
        ({"mirostat": 1, "mirostat_tau": 0.01, "mirostat_eta": 1.0}, None),
        ({"mirostat": 2, "mirostat_tau": 0.01, "mirostat_eta": 1.0}, None),
    ],
)
def test_each_further_sampler_reaches_the_chain(
    say: Say, settings: dict[str, float], is_greedy: bool | None
) -> None:
    """It changes the choice, and the same way with the same seed."""
    off = {"top_k": 0, "top_p": 1.0, "min_p": 0.0, "temperature": 3.0}
    changed = say(**{**off, **settings})

    assert changed == say(**{**off, **settings})
    if is_greedy is not None:
        assert (changed == say(temperature=0.0)) is is_greedy
    if settings != {"typical_p": 1.0}:
        assert changed != say(**off)


def test_seeds_are_fresh_unless_given() -> None:
    """And never the number by which llama.cpp would choose one itself."""
    assert len({choose_seed(Sampling()) for _ in range(20)}) == 20
    assert choose_seed(Sampling(seed=7)) == 7
    assert choose_seed(Sampling(seed=0xFFFFFFFF)) != 0xFFFFFFFF
    assert 0 <= choose_seed(Sampling(seed=-3)) < 2**32
