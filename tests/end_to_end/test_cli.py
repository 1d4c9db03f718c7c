"""The program as a process of its own, as scripts use it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
MESSAGES = [
    {"role": "system", "content": "Sys"},
    {"role": "user", "content": "Hi"},
    {"role": "assistant", "content": "Hello!"},
    {"role": "user", "content": "C"},
]
# As mistral-common's v1 makes them.
IDS = [1, 733, 16289, 28793, 318, 846, 13, 13, 23809, 733, 28748, 16289, 28793, 22557, 28808, 2]
IDS += [733, 16289, 28793, 334, 733, 28748, 16289, 28793]


def octet(*words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run `octet` with these words."""
    command = [sys.executable, "-m", "app", *words]
    return subprocess.run(
        command, input=stdin, capture_output=True, text=True, cwd=REPOSITORY, check=False
    )


def test_ask_answers_on_stdout() -> None:
    """The reply and nothing else; nothing on stderr when it isn't a terminal."""
    done = octet("ask", "--temperature", "0", "What is Octet?")

    assert (done.returncode, done.stderr) == (0, "")
    assert "Mixtral 8x7B" in done.stdout


def test_ask_prints_one_json_object() -> None:
    """The keys that scripts rely on; the same seed gives the same reply."""
    first, second = (
        json.loads(octet("ask", "--json", "--seed", "5", "What is Octet?").stdout) for _ in range(2)
    )

    assert {"text", "prompt_tokens", "completion_tokens", "prefill_seconds"} <= first.keys()
    assert (first["stopped_by"], first["seed"]) == ("end", 5)
    assert first["text"] == second["text"]


def test_ask_without_prompt_is_a_chat() -> None:
    """Each line of the input is answered; the end of the input ends it."""
    done = octet("ask", "--temperature", "0", stdin="What is Octet?\n\nWhere are my chats kept?\n")

    assert done.returncode == 0
    assert "Mixtral 8x7B" in done.stdout
    assert "chats.sqlite3" in done.stdout


def test_tokens_are_the_reference_ids() -> None:
    """As mistral-common's v1, system message included."""
    done = octet("tokens", "--json", stdin=json.dumps(MESSAGES))

    assert json.loads(done.stdout) == {"ids": IDS}


@pytest.mark.parametrize(
    ("words", "stdin", "said"),
    [
        (("ask", "--model", "no/such.gguf", "Hi"), "", "no/such.gguf"),
        (("ask", "--model", __file__, "Hi"), "", "is not a GGUF file"),
        (("tokens",), "no json", "stdin holds no list of messages"),
        (("tokens",), '[{"role": "robot", "content": "x"}]', "robot"),
        (("--data-dir", "/dev/null/x", "ask", "Hi"), "", "can't be written"),
        (("ask", "word " * 5000), "", "longer than the model's memory"),
    ],
)
def test_what_fails_says_one_sentence(words: tuple[str, ...], stdin: str, said: str) -> None:
    """Exit status 1, one line on stderr, no traceback, nothing on stdout."""
    done = octet(*words, stdin=stdin)

    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_wrong_usage_is_status_2() -> None:
    """As every program on a command line."""
    assert octet("ask", "--seed", "many", "Hi").returncode == 2


def test_window_without_display_names_ask() -> None:
    """One sentence, and the same chat in the terminal; never an abort."""
    hidden = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    environment = {key: value for key, value in os.environ.items() if key not in hidden}
    done = subprocess.run(
        [sys.executable, "-m", "app"],
        env=environment, capture_output=True, text=True, cwd=REPOSITORY, check=False,
    )  # fmt: skip

    assert done.returncode == 1
    assert "octet ask" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for another process")
def test_control_c_is_status_130(toy_model: Path) -> None:
    """In the middle of a reply: what has come stays, no traceback."""
    command = [sys.executable, "-m", "app", "ask", "--model", str(toy_model), "Go on for ever"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=REPOSITORY
    ) as program:
        assert program.stdout is not None
        assert program.stderr is not None
        assert program.stdout.read(1)
        program.send_signal(signal.SIGINT)
        program.stdout.read()
        errors = program.stderr.read()

    assert program.returncode == 130
    assert "Traceback" not in errors
