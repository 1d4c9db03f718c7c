"""`octet bench` as a process of its own, with the demo model on the processor."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
KEYS = {
    "prefill_tokens_per_second",
    "decode_tokens_per_second",
    "prompt_tokens",
    "decode_tokens",
    "load_seconds",
    "device",
    "quant",
    "context_tokens",
    "gpu_layers",
    "cpu_expert_layers",
    "bandwidth_bytes_per_second",
    "bound_tokens_per_second",
    "share_of_bound",
    "expected_tokens_per_second",
    "best_tokens_per_second",
    "swapped_bytes",
    "free_bytes",
    "advice",
}


def bench(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run `octet bench` on a data folder of its own, whatever GPUs there are."""
    folder.mkdir(exist_ok=True)
    (folder / "settings.json").write_text('{"uses_gpus": false}')
    return subprocess.run(
        [sys.executable, "-m", "app", "bench", "--data-dir", str(folder), *words],
        capture_output=True, text=True, cwd=REPOSITORY, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[subprocess.CompletedProcess[str]]:
    """Two in a row on the same folder."""
    folder = tmp_path_factory.mktemp("bench") / "octet"
    return [bench(folder, "--json") for _ in range(2)]


def test_json_is_one_object_whose_figures_agree(
    runs: list[subprocess.CompletedProcess[str]],
) -> None:
    """What is reached is a share of what the memory gives."""
    figures = json.loads(runs[0].stdout)
    low, high = figures["expected_tokens_per_second"]

    assert (runs[0].returncode, runs[0].stderr) == (0, "")
    assert figures.keys() == KEYS
    assert figures["prefill_tokens_per_second"] > 0
    assert figures["best_tokens_per_second"] >= figures["decode_tokens_per_second"]
    assert figures["share_of_bound"] == pytest.approx(
        figures["decode_tokens_per_second"] / figures["bound_tokens_per_second"]
    )
    assert 0 < low < high
    assert (figures["device"], figures["gpu_layers"]) == ("CPU", 0)
    assert figures["free_bytes"]["RAM"] > 0


def test_the_second_run_knows_the_first(runs: list[subprocess.CompletedProcess[str]]) -> None:
    """The measured figure takes the estimate's place."""
    first, second = (json.loads(run.stdout) for run in runs)

    assert second["expected_tokens_per_second"] == [first["decode_tokens_per_second"]] * 2


def test_people_get_a_few_aligned_lines(tmp_path: Path) -> None:
    """Figures first, the advice last."""
    done = bench(tmp_path)
    lines = done.stdout.splitlines()

    assert done.returncode == 0
    assert [line.split()[0] for line in lines[:4]] == ["model", "device", "context", "reads"]
    assert len(lines) == 11
    assert {(line[9:11], line[11] == " ") for line in lines[:-1] if "best" not in line} == {
        ("  ", False)
    }


def test_a_bad_file_is_one_sentence(tmp_path: Path) -> None:
    """As for every other command."""
    done = bench(tmp_path, "--model", __file__)

    assert (done.returncode, done.stdout) == (1, "")
    assert "is not a GGUF file" in done.stderr
    assert len(done.stderr.splitlines()) == 1
