"""The window's process is killed while a reply streams: what was saved is there, nothing broken."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

from app.core.conversation import MessageState
from app.core.conversation_store import ConversationStore
from app.runtime.answering import FLUSH_MS
from tests.app.runtime import doomed_window

REPOSITORY = Path(__file__).parents[3]


def run_and_kill(root: Path, lines_to_hear: int) -> list[str]:
    """Kill the window as soon as it has said so many lines; all that it has said."""
    demo = root / "resources" / "models" / "octet-demo-q8_0.gguf"
    demo.parent.mkdir(parents=True)
    demo.write_bytes(b"a scripted engine doesn't read it")
    command = [sys.executable, "-m", "tests.app.runtime.doomed_window", str(root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=REPOSITORY, text=True) as window:
        assert window.stdout is not None
        heard = [window.stdout.readline() for _ in range(lines_to_hear)]
        window.kill()
        heard += window.stdout.readlines()
    return [line.strip() for line in heard if line.endswith("\n")]


@pytest.mark.parametrize("seed", range(5))
def test_killed_window_has_saved_the_words(tmp_path: Path, seed: int) -> None:
    """Whenever it happens: the question, all of the reply that was committed, a sound database."""
    lines = run_and_kill(tmp_path, random.Random(seed).randint(1, 12))
    saved_length = max([int(line.split()[1]) for line in lines if "saved" in line], default=0)
    store = ConversationStore.open(tmp_path / "data" / "chats.sqlite3")
    (summary,) = store.list_conversations()
    conversation = store.load_conversation(summary.conversation_id)
    check = store.connection.execute("PRAGMA integrity_check").fetchone()[0]
    store.connection.execute(
        "INSERT INTO message_search (message_search) VALUES ('integrity-check')"
    )
    store.close()

    assert check == "ok"
    assert conversation is not None
    question, reply = conversation.branch
    assert (question.text, reply.state) == (doomed_window.QUESTION, MessageState.CUT_OFF)
    whole = "".join(doomed_window.PIECES[: len(reply.token_ids)])
    assert reply.text == whole
    assert len(reply.text) >= saved_length


def test_reply_is_saved_twice_a_second() -> None:
    """What the program's own interval is; the tests above use a shorter one."""
    assert FLUSH_MS == 500
