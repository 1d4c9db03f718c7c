"""The command line, run as a process of its own."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from model_io.__main__ import main

COMMAND = [sys.executable, "-W", "ignore", "-m", "model_io"]


def run(*words: str | Path, file_limit: int | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command line and wait for its end; no file may grow beyond `file_limit` bytes."""

    def limit() -> None:
        if file_limit:
            resource.setrlimit(resource.RLIMIT_FSIZE, (file_limit, file_limit))

    return subprocess.run(
        [*COMMAND, *words], capture_output=True, text=True, check=False, preexec_fn=limit
    )


def test_convert_prints_one_json_object(toy: Path, tmp_path: Path) -> None:
    """Result on stdout, progress on stderr."""
    out = tmp_path / "out.gguf"
    done = run("convert", toy, "--quant", "q8_0", "--out", out, "--jobs", "2", "--json")
    answer = json.loads(done.stdout)
    assert done.returncode == 0
    assert set(answer) == {"path", "bytes", "sha256", "seconds", "peak_rss_bytes"}
    assert answer["path"] == str(out)
    assert answer["bytes"] == out.stat().st_size
    assert 10**7 < answer["peak_rss_bytes"] < 10**9
    assert "convert 100 %" in done.stderr


def test_inspect_prints_one_json_object(toy: Path) -> None:
    """The keys that scripts rely on."""
    done = run("inspect", toy, "--json")
    assert json.loads(done.stdout) == {
        "layout": "huggingface", "architecture": "mixtral", "layers": 4, "experts": 8,
        "quant": "BF16", "context": 4096, "complete": True, "problems": [],
    }  # fmt: skip


def test_a_failure_is_one_sentence(tmp_path: Path) -> None:
    """Exit status 1, nothing on stdout, no traceback."""
    done = run("convert", tmp_path, "--quant", "Q8_0", "--out", tmp_path / "x", "--json")
    assert (done.returncode, done.stdout) == (1, "")
    sentence = "has no config.json; choose the folder that holds the whole model."
    assert done.stderr == f"{tmp_path} {sentence}\n"


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["convert", "x"],
        ["convert", "x", "--quant", "Q3_K", "--out", "y"],
        ["convert", "x", "--quant", "Q8_0", "--out", "y", "--jobs", "0"],
        ["inspect"],
    ],
)
def test_wrong_usage_is_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """With a hint on stderr."""
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_human_output(toy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without --json it is text for people."""
    assert main(["inspect", str(toy)]) == 0
    assert "layers       4\n" in capsys.readouterr().out
    assert main(["convert", str(toy), "--quant", "F32", "--out", str(tmp_path / "x")]) == 0
    assert "55,112,960 bytes" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["x", "--jobs", "-1"], "'-1' is no whole number above 0"),
        (["hub:mistralai/Mixtral-8x7B-v0.1"], "this version downloads nothing"),
    ],
)
def test_wrong_usage_is_told_in_words(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit status 2, and no name of a function of ours."""
    with pytest.raises(SystemExit) as ended:
        main(["convert", *words, "--quant", "Q8_0", "--out", "y"])
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_leaves_nothing(toy: Path, tmp_path: Path, number: signal.Signals) -> None:
    """Exit status 130, even if it is pressed twice."""
    words = ["convert", toy, "--quant", "Q4_K_M", "--out", tmp_path / "out.gguf", "--jobs", "1"]
    with subprocess.Popen([*COMMAND, *words], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("convert   0 %")
        process.send_signal(number)
        process.send_signal(number)
        assert process.stderr.read().endswith("Stopped. Nothing was left behind.\n")
    assert process.returncode == 130
    assert not list(tmp_path.iterdir())


def test_a_disk_that_refuses_large_files(toy: Path, tmp_path: Path) -> None:
    """A limit on the size of files stands in for a disk like that."""
    words = ["convert", toy, "--quant", "Q8_0", "--out", tmp_path / "x"]
    done = run(*words, file_limit=10**6)
    assert done.returncode == 1
    problem = "is on a disk that can't hold files of this size; choose another disk."
    assert done.stderr == f"{tmp_path} {problem}\n"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("words", [["inspect"], ["inspect", "--json"]])
def test_a_result_that_can_not_be_printed(words: list[str], toy: Path) -> None:
    """A full disk behind stdout gets one sentence and exit status 1."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*COMMAND, *words, toy], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 1
    assert done.stderr == "The result can't be printed: No space left on device.\n"


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_reader_that_has_gone(stream: str, toy: Path, tmp_path: Path) -> None:
    """As behind `| head`: no complaint, and the work is done all the same."""
    out = tmp_path / "out.gguf"
    words: list[str | Path] = [
        *COMMAND,
        "convert",
        toy,
        "--quant",
        "F32",
        "--out",
        out,
        "--jobs",
        "1",
    ]
    reading, writing = os.pipe()
    os.close(reading)
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | {stream: writing}
    done = subprocess.run(
        words, text=True, check=False, stdout=streams["stdout"], stderr=streams["stderr"]
    )
    os.close(writing)
    assert out.stat().st_size == 55_112_960
    if stream == "stdout":
        assert done.returncode == 1
        assert done.stderr.endswith("convert 100 %  0.0 of 0.0 GB\n")
    else:
        assert done.returncode == 0
        assert "55,112,960 bytes" in done.stdout
