"""The demo model is held to grammars and JSON schemas, and nothing ends the process."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.core.errors import EngineError, GrammarError, PromptError
from app.engine.json_grammar import grammar_of_schema
from app.engine.protocol import (
    EngineParameters,
    Event,
    Finished,
    Generate,
    PromptMessage,
    Sampling,
    StoppedBy,
    TextGenerated,
)
from app.engine.session import Session
from app.engine.stop_flag import StopFlag

DEMO = Path(__file__).parents[3] / "resources" / "models" / "octet-demo-q6_k.gguf"
QUESTION = PromptMessage("user", "Who are you?")

Say = Callable[..., tuple[str, Finished]]


@pytest.fixture(scope="module")
def demo() -> Iterator[Session]:
    """The model that comes with the program."""
    session = Session()
    wanted = EngineParameters(str(DEMO), threads=2, uses_gpus=False, context_tokens=1024)
    session.load(wanted, lambda done, total: None, StopFlag())
    yield session
    session.close()


@pytest.fixture
def say(demo: Session) -> Say:
    """What it answers with the given sampling, and what is told at the end."""

    def generate(*more: PromptMessage, **settings: object) -> tuple[str, Finished]:
        sampling = Sampling(**{"seed": 3, "max_tokens": 120, **settings})  # type: ignore[arg-type]
        pieces: list[str] = []

        def take(event: Event) -> None:
            if isinstance(event, TextGenerated):
                pieces.append(event.text)

        request = Generate(1, (QUESTION, *more), sampling, continue_last=bool(more))
        finished = demo.generate(request, take, StopFlag())
        assert isinstance(finished, Finished)
        return "".join(pieces), finished

    return generate


@pytest.mark.parametrize("temperature", [0.0, 0.7, 1.9])
def test_a_reply_follows_its_grammar(say: Say, temperature: float) -> None:
    """To its end, and then the model has to end, too."""
    text, finished = say(grammar='root ::= ("yes" | "no") " " [0-9]{3}', temperature=temperature)

    assert re.fullmatch("(yes|no) [0-9]{3}", text)
    assert finished.stopped_by is StoppedBy.END


def test_every_sampler_keeps_to_a_grammar(say: Say) -> None:
    """Also those that can't stand tokens without any likelihood."""
    settings = [
        {"typical_p": 0.4},
        {"mirostat": 1},
        {"mirostat": 2},
        {"xtc_probability": 1.0},
        {"top_n_sigma": 1.0},
        {"dry_multiplier": 0.8, "repeat_penalty": 1.3, "frequency_penalty": 0.5},
        {"top_k": 0, "top_p": 1.0, "min_p": 0.0, "temperature_range": 1.0},
    ]
    for more in settings:
        text, _ = say(grammar='root ::= ("ab" | "cd"){4}', temperature=1.5, **more)
        assert re.fullmatch("(ab|cd){4}", text), more


def test_what_is_not_ascii_is_allowed(say: Say) -> None:
    """Characters of several ids come whole."""
    text, _ = say(grammar='root ::= "🦜é" [日月]{2} "。"', temperature=1.0)

    assert re.fullmatch("🦜é[日月]{2}。", text)


def test_an_empty_grammar_lets_the_model_end_at_once(say: Say) -> None:
    """Nothing is a text, too."""
    text, finished = say(grammar='root ::= ""')

    assert (text, finished.stopped_by) == ("", StoppedBy.END)


def test_a_grammar_that_allows_nothing_ends_in_a_sentence(say: Say) -> None:
    """A class that no character is in; llama.cpp would end the process."""
    with pytest.raises(EngineError, match="allows no further text here"):
        say(grammar='root ::= "ab" [^\\U00000000-\\UFFFFFFFF]')
    assert say(grammar='root ::= "ok"')[0] == "ok"


def test_an_endless_grammar_ends_with_the_limit(say: Say) -> None:
    """It never lets the model end."""
    text, finished = say(grammar='root ::= "a" root', max_tokens=20)

    assert finished.stopped_by is StoppedBy.LENGTH
    assert set(text) == {"a"}


def test_a_wrong_grammar_is_refused_before_anything_is_read(say: Say, demo: Session) -> None:
    """What is held stays held."""
    say(max_tokens=3)
    assert demo._loaded is not None
    context = demo._loaded.load.context
    assert context is not None
    used_tokens = context.used_tokens
    with pytest.raises(GrammarError, match="line 1, column 10"):
        say(grammar="root ::= x")

    assert context.used_tokens == used_tokens


def test_a_reply_that_goes_on_is_held_from_its_beginning(say: Say) -> None:
    """Or refused, if it hasn't followed the grammar."""
    text, _ = say(PromptMessage("assistant", "ab"), grammar='root ::= "abcd"')
    assert text == "cd"

    with pytest.raises(GrammarError, match="so far doesn't follow the grammar"):
        say(PromptMessage("assistant", "xy"), grammar='root ::= "abcd"')


def test_a_reply_follows_its_json_schema(say: Say) -> None:
    """Types, required names and choices."""
    schema = {
        "type": "object",
        "properties": {
            "name": {"type": "string", "maxLength": 12},
            "mood": {"enum": ["good", "bad"]},
            "counts": {"type": "array", "items": {"type": "integer"}, "maxItems": 3},
        },
        "required": ["name", "mood", "counts"],
    }
    text, finished = say(json_schema=json.dumps(schema), max_tokens=300)
    found = json.loads(text)

    assert finished.stopped_by is StoppedBy.END
    assert set(found) == {"name", "mood", "counts"}
    assert found["mood"] in ("good", "bad")
    assert len(found["name"]) <= 12
    assert all(isinstance(count, int) for count in found["counts"])


@pytest.mark.parametrize(
    ("schema", "sentence"),
    [
        ('{"type": }', "is no JSON in line 1, column 10"),
        ("[]", "has to be an object"),
        ('{"type": "nonsense"}', "can't be made into a grammar: Unrecognized schema"),
        ('{"$ref": "https://example.org/s"}', "another document at /\\$ref"),
        ('{"$ref": "#/nowhere"}', "can't be made into a grammar"),
        ('{"type": "array", "items": {}, "maxItems": 1000000000}', "300 is the most there"),
        ('{"type": "string", "pattern": "^a{1,99999999}$"}', "more than 300 times at /pattern"),
        ('{"a":' * 5000 + "1" + "}" * 5000, "nested too deeply"),
        ('"' + "a" * 200_000 + '"', "characters long"),
    ],
)
def test_a_schema_that_cannot_be_used_is_told(schema: str, sentence: str) -> None:
    """What is wrong, and where."""
    with pytest.raises(GrammarError, match=sentence):
        grammar_of_schema(schema)


def test_a_model_must_be_there(say: Say) -> None:
    """Grammars don't change what else is refused."""
    with pytest.raises(PromptError):
        say(PromptMessage("user", "word " * 3000), grammar='root ::= "a"')
