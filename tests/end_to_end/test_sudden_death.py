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


def ask_and_kill(program: Program, length: int) -> list[str]:
    """Ask, and kill the engine when the reply has `length` characters; both texts as heard.

    A random model may end its reply sooner; then nobody dies this time.
    """
    count = len(program.replies)
    question = f"Question {count + 1}"
    message_id = program.ask_until_growing(question)
    program.until(lambda: len(program.heard[message_id]) >= length or len(program.replies) > count)
    if len(program.replies) == count:
        os.kill(program.engines[-1].process_id, signal.SIGKILL)
    program.until(lambda: len(program.replies) > count)
    return [question, program.heard[message_id]]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no SIGKILL")
def test_fifty_deaths_lose_no_word(
    start_program: StartProgram, toy_model: Path, tmp_path: Path
) -> None:
    """After each death: the question and all of the reply that had arrived are on the disk."""
    chance = random.Random(1)
    program = start_program(toy_model)
    heard: list[str] = []
    while sum(reply.state is MessageState.CUT_OFF for reply in program.replies) < DEATHS:
        heard += ask_and_kill(program, chance.randrange(1, 600))
    program.close()
    store = ConversationStore.open(tmp_path / "octet" / "chats.sqlite3")
    (summary,) = store.list_conversations()
    saved = store.load_conversation(summary.conversation_id)
    store.close()

    assert saved is not None
    assert [message.text for message in saved.branch] == heard
    states = [message.state for message in saved.branch if message.role is Role.ASSISTANT]
    assert states.count(MessageState.CUT_OFF) == len(program.engines) == DEATHS
