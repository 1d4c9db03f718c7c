"""The command line, run as a process of its own."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from model_io.__main__ import main
from model_io.convert import convert
from tests.hub_server import Content, FakeHub
from tests.model_io.small_models import write_split_experts

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
    answer = json.loads(done.stdout)
    assert answer.pop("becomes")["Q4_K_M"] == 8559360
    assert answer == {
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
        (["x", "--jobs", "-1"], "'-1' is no whole number from 1 to 1024"),
        (["x", "--jobs", "1e3"], "'1e3' is no whole number from 1 to 1024"),
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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_keeps_what_is_done(toy: Path, tmp_path: Path, number: signal.Signals) -> None:
    """Exit status 130, even if it is pressed twice; the same command goes on."""
    out = tmp_path / "out.gguf"
    words = ["convert", toy, "--quant", "Q4_K_M", "--out", out, "--jobs", "1"]
    with subprocess.Popen([*COMMAND, *words], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        while not process.stderr.readline().startswith("convert  2"):
            pass
        process.send_signal(number)
        process.send_signal(number)
        sentence = "Stopped. What is done is kept: the same command goes on from here.\n"
        assert process.stderr.read().endswith(sentence)
    assert process.returncode == 130
    assert {path.name for path in tmp_path.iterdir()} == {"out.gguf.part", "out.gguf.journal"}
    done = run(*words, "--json")
    assert done.returncode == 0
    assert not done.stderr.startswith("convert   0 %")
    run("convert", toy, "--quant", "Q4_K_M", "--out", tmp_path / "whole.gguf")
    assert out.read_bytes() == (tmp_path / "whole.gguf").read_bytes()


def test_a_second_converter_of_the_same_file_refuses(toy: Path, tmp_path: Path) -> None:
    """While the first one goes on."""
    words = ["convert", toy, "--quant", "Q4_K_M", "--out", tmp_path / "out.gguf", "--jobs", "1"]
    with subprocess.Popen(
        [*COMMAND, *words], stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stderr is not None
        process.stderr.readline()
        os.killpg(process.pid, signal.SIGSTOP)
        other = run(*words)
        os.killpg(process.pid, signal.SIGCONT)
        process.communicate()
    assert process.returncode == 0
    assert other.returncode == 1
    assert "out.gguf is being made by another process; wait for it, or choose" in other.stderr


def test_a_dry_run_writes_nothing(toy: Path, tmp_path: Path) -> None:
    """Sizes, disk, memory and time, for people and for programs."""
    words = ["convert", toy, "--quant", "Q6_K", "--out", tmp_path / "out.gguf", "--dry-run"]
    answer = json.loads(run(*words, "--json").stdout)
    assert (answer["bytes"], answer["source_bytes"], answer["fits"]) == (11415808, 27546112, True)
    assert [file["bytes"] for file in answer["files"]] == [9053184, 9835520, 8657408]
    assert 0 < answer["kernel_seconds"] < answer["seconds"] < 100
    text = run(*words).stdout
    assert "out.gguf would be 11,415,808 bytes of Q6_K.\n" in text
    assert "27,546,112 bytes of weights in 3 files\n" in text
    assert not list(tmp_path.iterdir())


def test_verify_judges_by_its_exit_status(bf16_files: Path, tmp_path: Path) -> None:
    """0 for a good file, 1 for another, with the problem on stdout."""
    good, bad = bf16_files / "four-experts.gguf", tmp_path / "bad.gguf"
    bad.write_bytes(good.read_bytes()[:-4096])
    done = run("verify", good, "--json")
    assert (done.returncode, json.loads(done.stdout)["ok"]) == (0, True)
    done = run("verify", bad)
    assert done.returncode == 1
    assert "is cut off: 4,096 bytes are missing" in done.stdout


def test_repair_answers_as_convert_does(toy: Path, tmp_path: Path) -> None:
    """The same keys."""
    run("convert", toy, "--quant", "Q4_K_M", "--out", tmp_path / "new.gguf")
    write_split_experts(tmp_path / "new.gguf", tmp_path / "old.gguf")
    done = run("repair", tmp_path / "old.gguf", "--out", tmp_path / "mended.gguf", "--json")
    answer = json.loads(done.stdout)
    assert set(answer) == {"path", "bytes", "sha256", "seconds", "peak_rss_bytes"}
    assert (tmp_path / "mended.gguf").read_bytes() == (tmp_path / "new.gguf").read_bytes()


def test_convert_and_fetch_from_a_hub(
    toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HF_ENDPOINT says where it is."""
    files: dict[str, Content] = {path.name: path.read_bytes() for path in toy.iterdir()}
    with FakeHub(files, name=f"toys/{toy.name}") as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        out, source = tmp_path / "out.gguf", f"hub:{hub.name}"
        made = json.loads(run("convert", source, "--quant", "Q8_0", "--out", out, "--json").stdout)
        done = run("fetch", source, "config.json", "--to", tmp_path / "files", "--json")
    assert made["sha256"] == convert(toy, "Q8_0", tmp_path / "own.gguf", jobs=2).sha256
    content = (toy / "config.json").read_bytes()
    assert json.loads(done.stdout)["files"] == [
        {
            "path": str(tmp_path / "files" / "config.json"),
            "bytes": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
        }
    ]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["hub:a/b"], "hub:a/b can't be reached with --offline; leave out --offline, or name"),
        (["hub:a b"], "hub:a b is not the name of a model on the hub; write it as hub:owner/name"),
    ],
)
def test_what_the_hub_is_not_asked(words: list[str], sentence: str, tmp_path: Path) -> None:
    """Nothing goes to the network, and one sentence says why."""
    offline = ["--offline"] if "offline" in sentence else []
    done = run(*offline, "convert", *words, "--quant", "Q8_0", "--out", tmp_path / "x")
    assert done.returncode == 1
    assert done.stderr.startswith(sentence)
    assert done.stderr.count("\n") == 1
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
        assert "convert 100 %  27.5 of 27.5 MB" in done.stderr
    else:
        assert done.returncode == 0
        assert "55,112,960 bytes" in done.stdout
