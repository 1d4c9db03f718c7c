"""The engine is killed at random moments of real replies: no word is lost, and the chat goes on."""

from __future__ import annotations

import os
import random
import signal
import sys
from pathlib import Path

import pytest

from app.core.conversation import MessageState, Role
from app.core.conversation_store import ConversationStore
from tests.end_to_end.conftest import Program, StartProgram

DEATHS = 50


def die_in_a_reply(program: Program, number: int, length: int) -> tuple[str, str]:
    """Ask, kill the engine when the reply has `length` characters; the two texts as heard."""
    question = f"Question {number}"
    message_id = program.ask_until_growing(question)
    program.until(lambda: len(program.heard[message_id]) >= length)
    os.kill(program.engines[-1].process_id, signal.SIGKILL)
    program.until(lambda: len(program.replies) == number)
    return question, program.heard[message_id]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no SIGKILL")
def test_fifty_deaths_lose_no_word(
    start_program: StartProgram, toy_model: Path, tmp_path: Path
) -> None:
    """After each death: the question and all of the reply that had arrived are on the disk."""
    chance = random.Random(1)
    program = start_program(toy_model)
    heard = [
        text
        for number in range(1, DEATHS + 1)
        for text in die_in_a_reply(program, number, chance.randrange(1, 1500))
    ]
    program.close()
    store = ConversationStore.open(tmp_path / "octet" / "chats.sqlite3")
    (summary,) = store.list_conversations()
    saved = store.load_conversation(summary.conversation_id)
    store.close()

    assert saved is not None
    assert [message.text for message in saved.branch] == heard
    replies = [message for message in saved.branch if message.role is Role.ASSISTANT]
    assert {reply.state for reply in replies} == {MessageState.CUT_OFF}
    assert len(program.engines) == DEATHS
