"""Puts the examination to a demo model, through the engine, and judges its answers.

    .venv/bin/python packaging/demo_model/judge.py [--model F] [--answers]

Each question is the first message of a chat, at temperature 0. An answer is *right* when each of
the question's facts occurs in it and none that must not; *refused* when a question about a topic
is answered as if it were outside; else *wrong*. Prints a line per language, and with `--answers`
each answer that isn't right. Ends with status 1 when fewer than 80 % are right.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))

from conversations import LANGUAGES, OUTSIDE, Examination, read_language  # noqa: E402

from app.engine.client import EngineClient  # noqa: E402
from app.engine.protocol import (  # noqa: E402
    EngineParameters,
    Failed,
    Finished,
    Generate,
    Load,
    Loaded,
    PromptMessage,
    Sampling,
    TextGenerated,
)

RIGHT, WRONG, REFUSED = "right", "wrong", "refused"
GOAL = 0.8
LONGEST_REPLY_TOKENS = 300


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one question."""

    question: Mapping[str, Any]
    answer: str
    verdict: str


def judge(question: Mapping[str, Any], answer: str, refusals: tuple[str, ...]) -> str:
    """RIGHT, WRONG or REFUSED, by the facts that stand with the question."""
    said = answer.casefold()
    has_facts = all(any(fact.casefold() in said for fact in facts) for facts in question["must"])
    if has_facts and not any(fact.casefold() in said for fact in question["must_not"]):
        return RIGHT
    is_refusal = any(answer[:20] == refusal[:20] for refusal in refusals)
    return REFUSED if is_refusal and question["topic"] != OUTSIDE else WRONG


def ask(engine: EngineClient, text: str) -> str:
    """The model's reply to `text` at temperature 0."""
    sampling = Sampling(temperature=0.0, max_tokens=LONGEST_REPLY_TOKENS)
    message = PromptMessage("user", text)
    engine.send(Generate(engine.new_job_id(), (message,), sampling))
    return "".join(event.text for event in _heard(engine) if isinstance(event, TextGenerated))


def _heard(engine: EngineClient) -> list[Any]:
    events = list(engine.events())
    if isinstance(events[-1], Failed) or not isinstance(events[-1], Finished | Loaded):
        raise SystemExit(f"The engine failed: {events[-1]}")
    return events


def examine(model: Path) -> list[Verdict]:
    """Put every question to the model."""
    refusals = {
        key: _outside_replies(HERE / "corpus" / f"{key}.toml") for key in LANGUAGES
    }  # fmt: skip
    verdicts = []
    with (
        tempfile.TemporaryDirectory() as folder,
        EngineClient.start(Path(folder) / "engine.log") as engine,
    ):
        engine.send(Load(engine.new_job_id(), EngineParameters(str(model))))
        _heard(engine)
        for question in Examination(HERE / "questions.toml").questions:
            answer = ask(engine, question["text"])
            verdict = judge(question, answer, refusals[question["language"]])
            verdicts.append(Verdict(question, answer, verdict))
    return verdicts


def _outside_replies(path: Path) -> tuple[str, ...]:
    topics = read_language(path, seed=0).topics
    return next(topic.replies for topic in topics if topic.key == OUTSIDE)


def report(verdicts: list[Verdict], *, with_answers: bool) -> float:
    """Print the figures per language; returns the share of right answers."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for verdict in verdicts:
        counts[verdict.question["language"]][verdict.verdict] += 1
        if with_answers and verdict.verdict != RIGHT:
            question = verdict.question
            print(f"{verdict.verdict}: [{question['language']} {question['topic']}]", end=" ")
            print(f"{question['text']}\n    {verdict.answer!r}")
    print(f"{'':10}{RIGHT:>8}{WRONG:>8}{REFUSED:>8}")
    for language, count in sorted(counts.items()):
        print(f"{language:10}{count[RIGHT]:8}{count[WRONG]:8}{count[REFUSED]:8}")
    total = sum(counts.values(), Counter())
    share = total[RIGHT] / len(verdicts)
    print(f"{'all':10}{total[RIGHT]:8}{total[WRONG]:8}{total[REFUSED]:8}   {share:.0%} right")
    return share


def main() -> int:
    """Examine the model named on the command line, or the one in `resources`."""
    models = HERE.parents[1] / "resources" / "models"
    parser = argparse.ArgumentParser(description="Examine a demo model.")
    parser.add_argument("--model", type=Path, default=next(models.glob("octet-demo-*.gguf"), None))
    parser.add_argument("--answers", action="store_true", help="print what isn't right")
    options = parser.parse_args()
    if options.model is None:
        parser.error(f"there is no demo model in {models}; name one with --model")
    return int(report(examine(options.model), with_answers=options.answers) < GOAL)


if __name__ == "__main__":
    sys.exit(main())
