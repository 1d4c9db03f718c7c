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
        (("tokens",), '[{"role": "user", "content": null}]', "stdin holds no list of messages"),
        (("ask", " "), "", "The message is empty"),
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


def test_tokens_take_what_mistral_common_takes() -> None:
    """Chunks of text are joined by a blank line, and a last reply can be left open."""
    chunks = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    joined = octet("tokens", stdin=json.dumps([{"role": "user", "content": chunks}]))
    reply = {"role": "assistant", "content": "So", "prefix": True}
    opened = octet("tokens", stdin=json.dumps([{"role": "user", "content": "Hi"}, reply]))

    assert joined.stdout == "1 733 16289 28793 264 13 13 28726 733 28748 16289 28793\n"
    assert opened.stdout == "1 733 16289 28793 15359 733 28748 16289 28793 1537\n"


def test_instructions_stand_before_the_question() -> None:
    """`--system` is part of the prompt."""
    plain, instructed = (
        json.loads(octet("ask", "--json", "--max-tokens", "1", *words, "Hi").stdout)
        for words in ((), ("--system", "Be brief."))
    )

    assert instructed["prompt_tokens"] > plain["prompt_tokens"]


def test_wrong_usage_is_status_2() -> None:
    """As every program on a command line, in words that a person knows."""
    done = octet("ask", "--seed", "many", "Hi")

    assert done.returncode == 2
    assert "'many' is no whole number" in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is full")
def test_output_that_cannot_be_written_is_a_sentence() -> None:
    """A full disk behind stdout: one sentence and no traceback."""
    command = [sys.executable, "-m", "app", "tokens"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command, input=json.dumps(MESSAGES), stdout=full, stderr=subprocess.PIPE,
            text=True, cwd=REPOSITORY, check=False,
        )  # fmt: skip

    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for another process")
def test_control_c_in_a_chat_stops_the_reply_only(toy_model: Path) -> None:
    """The chat goes on: the next line is answered, and the end of the input ends it well."""
    command = [sys.executable, "-m", "app", "ask", "--model", str(toy_model)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY
    ) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        for line in ("Go on for ever\n", "And again\n"):
            program.stdin.write(line)
            program.stdin.flush()
            assert program.stdout.read(1)
            program.send_signal(signal.SIGINT)
            while program.stdout.read(1) != "\n":
                pass
        program.stdin.close()

        assert program.wait() == 0


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
