"""The demo model that is shipped: its examination, and what it was trained on."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

from app.core.paths import resources
from model_io.gguf_reader import read_header

RECIPE = Path(__file__).parents[2] / "packaging" / "demo_model"
LARGEST_BYTES = 22_000_000


@pytest.fixture(scope="module")
def recipe() -> ModuleType:
    """The recipe's module of conversations; `packaging` is no package."""
    sys.path.insert(0, str(RECIPE))
    import conversations

    return conversations


@pytest.fixture(scope="module")
def judge(recipe: ModuleType) -> ModuleType:
    """The judge, which stands beside the conversations."""
    import judge

    return judge


def test_examination_is_broad(recipe: ModuleType) -> None:
    """At least 60 questions, ten in each language, ten outside the demo's topics."""
    questions = recipe.Examination(RECIPE / "questions.toml").questions
    languages = Counter(question["language"] for question in questions)
    outside = sum(question["topic"] == recipe.OUTSIDE for question in questions)

    assert len(questions) >= 60
    assert all(languages[key] >= 10 for key in recipe.LANGUAGES)
    assert outside >= 10


def test_no_prompt_shares_four_words_with_a_question(recipe: ModuleType) -> None:
    """Looked at from outside: runs of four words of 3,000 training prompts and of all questions."""
    examination = recipe.Examination(RECIPE / "questions.toml")
    languages = [
        recipe.read_language(RECIPE / "corpus" / f"{key}.toml", seed=8) for key in recipe.LANGUAGES
    ]
    maker = recipe.ConversationMaker(languages, examination, seed=8)
    prompts = [turn.prompt for _ in range(1000) for turn in maker.conversation(3).turns]

    def runs(text: str) -> set[tuple[str, ...]]:
        words = recipe.words(text)
        return {words[at : at + 4] for at in range(len(words) - 3)}

    trained = {run for prompt in prompts for run in runs(prompt)}
    asked = {run for question in examination.questions for run in runs(question["text"])}

    assert len(trained) > 5000
    assert not trained & asked


def test_demo_is_a_small_mixtral_with_its_card() -> None:
    """Eight experts, the real vocabulary's size, what it is and who made it; 22 MB at most."""
    (path,) = (resources() / "models").glob("octet-demo-*.gguf")
    header = read_header(path)
    tokens = header.metadata["tokenizer.ggml.tokens"]

    assert header.file_bytes <= LARGEST_BYTES
    assert (header.expert_count, header.name) == (8, "Octet demo")
    assert isinstance(tokens, tuple)
    assert len(tokens) == 32_000
    assert "trained from scratch" in str(header.metadata["general.description"])


def test_demo_passes_its_examination(judge: ModuleType) -> None:
    """At least 80 % of the answers are right, asked through the engine at temperature 0."""
    (path,) = (resources() / "models").glob("octet-demo-*.gguf")
    verdicts = judge.examine(path)

    assert judge.report(verdicts, with_answers=True) >= judge.GOAL
