"""What the engine is asked: files before the words, pins, the latest cut, and the settings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from app.core import settings as rows
from app.core.attached_text import text_with_attachments
from app.core.conversation import Attachment, Conversation, ConversationSummary, Message, Role
from app.core.settings import Settings
from app.engine.protocol import NO_CUT, EarlierCut, PromptFormat, Sampling, WhenFull
from app.runtime.prompting import Manner, asked_of, cut_of, prompt_of, sampling_of
from tests.fakes import loaded_model

MODEL = loaded_model("m.gguf")
BASE_MODEL = replace(MODEL, prompt_format=PromptFormat.RAW)
FILES = (Attachment("a.txt", "alpha"),)
BRANCH = (
    Message(11, 1, None, Role.USER, "Look", attachments=FILES, is_pinned=True),
    Message(12, 1, 11, Role.ASSISTANT, "Yes", token_ids=(7, 8), vocabulary_hash="v"),
    Message(13, 1, 12, Role.USER, "And?"),
    Message(14, 1, 13, Role.ASSISTANT, ""),
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """The defaults."""
    return Settings(tmp_path / "settings.json")


def conversation(**more: object) -> Conversation:
    """The branch, with other facts."""
    summary = ConversationSummary(1, "Chat", 0.0)
    return Conversation(summary, BRANCH, **more)  # type: ignore[arg-type]


def test_files_stand_before_the_words(settings: Settings) -> None:
    """The same text that is counted and exported; the growing reply is left out."""
    settings.set(rows.INSTRUCTIONS, " Be brief. ")
    system, first, reply, last = prompt_of(BRANCH, settings)

    assert (system.role, system.text) == ("system", "Be brief.")
    assert first.text == text_with_attachments("Look", FILES)
    assert first.text[first.attached_characters :] == "Look"
    assert (first.is_pinned, last.is_pinned) == (True, False)
    assert (reply.token_ids, reply.attached_characters) == ((7, 8), 0)
    assert last.text == "And?"


def test_the_cut_that_reaches_furthest_counts() -> None:
    """Of those that lie in this branch."""
    assert cut_of(BRANCH, {}) == NO_CUT
    assert cut_of(BRANCH, {99: "of another branch"}) == NO_CUT
    assert cut_of(BRANCH, {11: "short", 12: "longer"}) == EarlierCut(2, "longer")
    assert cut_of(BRANCH, {11: "short", 12: ""}) == EarlierCut(2, "")


def test_the_defaults_are_the_samplings(settings: Settings) -> None:
    """What nobody has changed changes nothing."""
    assert sampling_of(settings) == Sampling()


def test_every_setting_reaches_the_sampling(settings: Settings) -> None:
    """Under its own name."""
    values = {
        rows.TEMPERATURE: 1.5,
        rows.TOP_K: 7,
        rows.TOP_P: 0.5,
        rows.MIN_P: 0.25,
        rows.REPEAT_PENALTY: 1.25,
        rows.REPEAT_LAST_TOKENS: 9,
        rows.FREQUENCY_PENALTY: 0.5,
        rows.PRESENCE_PENALTY: -0.5,
        rows.TYPICAL_P: 0.75,
        rows.SEED: 12,
        rows.MAX_TOKENS: 34,
        rows.STOP_STRINGS: ("###", "\n\nUser:"),
        rows.GRAMMAR: 'root ::= "a"',
        rows.JSON_SCHEMA: "{}",
    }
    for row, value in values.items():
        settings.set(row, value)
    sampling = sampling_of(settings)

    assert {row.name: getattr(sampling, row.name) for row in values} == {
        row.name: value for row, value in values.items()
    }


def test_a_base_model_is_never_asked_to_summarise(settings: Settings) -> None:
    """Nor is a text that an instructed model goes on with; asking is for all."""
    settings.set(rows.WHEN_FULL, "summarise")
    chat = conversation(summaries={12: "They met."})

    asked = asked_of(chat, settings, MODEL, Manner())
    assert (asked.when_full, asked.raw) == (WhenFull.SUMMARISE, False)
    assert (asked.cut, asked.message_ids) == (EarlierCut(2, "They met."), (11, 12, 13, 14))
    assert asked_of(chat, settings, BASE_MODEL, Manner()).when_full is WhenFull.DROP
    assert asked_of(chat, settings, MODEL, Manner(raw=True)).when_full is WhenFull.DROP
    assert asked_of(chat, settings, MODEL, Manner(raw=True)).raw
    settings.set(rows.WHEN_FULL, "ask")
    assert asked_of(chat, settings, BASE_MODEL, Manner()).when_full is WhenFull.ASK
