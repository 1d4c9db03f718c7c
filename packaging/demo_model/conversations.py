"""Turns the corpus files into training conversations.

A corpus file holds patterns of prompts and two replies for each topic, in one language. Here a
pattern is sampled into a sentence, roughened as people write (openers, lower case, slips,
missing words) and joined with others into conversations. Everything follows from one seed.

A prompt that shares a run of four words with a question of the examination is never returned:
`Examination` is asked last, after all roughening.

Knows nothing of tokens or of training.
"""

from __future__ import annotations

import random
import re
import tomllib
import unicodedata
from dataclasses import dataclass
from pathlib import Path

LANGUAGES = ("en", "fr", "de", "es", "it")
OUTSIDE = "outside"
RUN_WORDS = 4
DEV_SHARE = 0.04

# How often a topic is asked about, relative to the others (1.0).
WEIGHTS = {OUTSIDE: 4.5, "thanks": 0.35, "bye": 0.35, "greeting": 0.6, "identity": 0.9}

INSTRUCTIONS = {
    "en": ["You are a helpful assistant.", "Be brief.", "Answer in plain words.", "Be friendly."],
    "fr": ["Tu es un assistant utile.", "Sois bref.", "Réponds simplement.", "Sois poli."],
    "de": ["Du bist ein hilfreicher Assistent.", "Fasse dich kurz.", "Antworte einfach."],
    "es": ["Eres un asistente útil.", "Sé breve.", "Responde con palabras sencillas."],
    "it": ["Sei un assistente utile.", "Sii breve.", "Rispondi con parole semplici."],
}


@dataclass(frozen=True, slots=True)
class Topic:
    """What may be asked about one thing in one language, and the two replies to it."""

    language: str
    key: str
    prompts: tuple[str, ...]  # patterns to train on
    dev_prompts: tuple[str, ...]  # patterns kept back, to see how training goes
    replies: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Language:
    """All topics of one language, with what may stand before and after a prompt."""

    key: str
    topics: tuple[Topic, ...]
    openers: tuple[str, ...]
    closers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Turn:
    """A prompt and its reply. `cut` marks a reply that was stopped: it isn't learned."""

    topic: Topic
    prompt: str
    reply: str
    cut: bool = False


@dataclass(frozen=True, slots=True)
class TrainingConversation:
    """Turns that follow each other, with the system message (empty: none)."""

    system: str
    turns: tuple[Turn, ...]


def words(text: str) -> tuple[str, ...]:
    """The words of `text` in lower case, without punctuation."""
    return tuple(re.findall(r"\w+", text.lower()))


class Examination:
    """The questions that must stay unseen: knows each run of four words in them."""

    def __init__(self, path: Path) -> None:
        self.questions = tomllib.loads(path.read_text("utf-8"))["question"]
        self._runs = {run for question in self.questions for run in _runs(question["text"])}

    def touches(self, text: str) -> bool:
        """Whether `text` shares a run of four words with any question."""
        return any(run in self._runs for run in _runs(text))


def _runs(text: str) -> list[tuple[str, ...]]:
    found = words(text)
    return [found[i : i + RUN_WORDS] for i in range(len(found) - RUN_WORDS + 1)]


def read_language(path: Path, seed: int) -> Language:
    """Read one corpus file, and keep a few patterns of each topic back for the dev set."""
    data = tomllib.loads(path.read_text("utf-8"))
    tables = {**data["topics"], OUTSIDE: data[OUTSIDE]}
    rng = random.Random(f"{seed} {data['language']}")
    topics = tuple(_topic(data["language"], key, table, rng) for key, table in tables.items())
    return Language(data["language"], topics, tuple(data["openers"]), tuple(data["closers"]))


def _topic(language: str, key: str, table: dict[str, list[str]], rng: random.Random) -> Topic:
    patterns = list(table["prompts"])
    rng.shuffle(patterns)
    kept_back = max(1, round(len(patterns) * DEV_SHARE))
    return Topic(
        language,
        key,
        prompts=tuple(patterns[kept_back:]),
        dev_prompts=tuple(patterns[:kept_back]),
        replies=tuple(table["replies"]),
    )


def sample(pattern: str, rng: random.Random) -> str:
    """One sentence of a pattern: `{a|b|}` is a choice, the innermost is made first."""
    while match := re.search(r"\{([^{}]*)\}", pattern):
        choice = rng.choice(match[1].split("|"))
        pattern = pattern[: match.start()] + choice + pattern[match.end() :]
    return " ".join(pattern.split()).replace(" ,", ",")


def roughen(text: str, language: Language, rng: random.Random) -> str:
    """Write `text` as a hurried person might: with a greeting, in lower case, with slips."""
    if rng.random() < 0.30:
        text = _drop_words(text, rng)
    if rng.random() < 0.12:
        text = _swap_words(text, rng)
    if rng.random() < 0.15:
        text = _slip(text, rng)
    if rng.random() < 0.22:
        text = f"{rng.choice(language.openers)} {text}"
    text = _end(text, language, rng)
    if rng.random() < 0.30:
        text = text.lower()
    if rng.random() < 0.08:
        text = _without_accents(text)
    return text


def _end(text: str, language: Language, rng: random.Random) -> str:
    """Give the sentence one of the ends that people type: nothing, a mark, a kind word."""
    drawn = rng.random()
    if drawn < 0.25:
        return text.rstrip("?.! ")
    if drawn < 0.60:
        return text.rstrip("?.! ") + rng.choice("??????.!")
    if drawn < 0.78:
        closer = rng.choice(language.closers)
        return text.rstrip("?.! ") + closer if closer[0] in ",.?!" else f"{text} {closer}"
    return text


def _drop_words(text: str, rng: random.Random) -> str:
    parts = text.split(" ")
    kept = [part for part in parts if rng.random() > 0.12]
    return " ".join(kept) if len(kept) >= 2 else text


def _swap_words(text: str, rng: random.Random) -> str:
    parts = text.split(" ")
    if len(parts) < 3:
        return text
    at = rng.randrange(len(parts) - 1)
    parts[at], parts[at + 1] = parts[at + 1], parts[at]
    return " ".join(parts)


def _slip(text: str, rng: random.Random) -> str:
    at = rng.randrange(len(text))
    return text[:at] + rng.choice(("", text[at] * 2)) + text[at + 1 :]


def _without_accents(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))


class ConversationMaker:
    """An endless, seeded source of training conversations."""

    def __init__(self, languages: list[Language], examination: Examination, seed: int) -> None:
        self._languages = languages
        self._examination = examination
        self._rng = random.Random(seed)

    def conversation(self, turn_count: int) -> TrainingConversation:
        """A conversation of `turn_count` turns, mostly in one language."""
        rng = self._rng
        language = rng.choice(self._languages)
        system = rng.choice(INSTRUCTIONS[language.key]) if rng.random() < 0.12 else ""
        turns = []
        for _ in range(turn_count):
            spoken = language if rng.random() > 0.1 else rng.choice(self._languages)
            turns.append(self._turn(spoken))
        return TrainingConversation(system, tuple(turns))

    def _turn(self, language: Language) -> Turn:
        rng = self._rng
        weights = [WEIGHTS.get(topic.key, 1.0) for topic in language.topics]
        topic = rng.choices(language.topics, weights)[0]
        prompt, reply = self._prompt(topic, language), rng.choice(topic.replies)
        if rng.random() < 0.03:
            return Turn(topic, prompt, reply[: rng.randrange(4, len(reply))].strip(), cut=True)
        return Turn(topic, prompt, reply)

    def _prompt(self, topic: Topic, language: Language) -> str:
        while True:
            text = sample(self._rng.choice(topic.prompts), self._rng)
            if self._rng.random() < 0.08 and topic.key not in ("thanks", "bye"):
                text = f"{text} {sample(self._rng.choice(topic.prompts), self._rng)}"
            text = roughen(text, language, self._rng)
            if text and not self._examination.touches(text):
                return text


def dev_turns(languages: list[Language], seed: int, per_pattern: int = 2) -> list[Turn]:
    """Sentences of the patterns that were kept back, unroughened, each with its first reply."""
    rng = random.Random(seed)
    return [
        Turn(topic, sample(pattern, rng), topic.replies[0])
        for language in languages
        for topic in language.topics
        for pattern in topic.dev_prompts
        for _ in range(per_pattern)
    ]
