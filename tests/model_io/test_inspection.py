"""What a file or folder is said to be."""

from __future__ import annotations

from pathlib import Path

import pytest

from model_io.errors import ModelIOError
from model_io.inspection import Inspection, inspect


def test_a_whole_checkpoint(toy: Path) -> None:
    """All figures, no problem."""
    assert inspect(toy) == Inspection("huggingface", "mixtral", 4, 8, "BF16", 4096, True, ())


def test_a_whole_file(bf16_files: Path) -> None:
    """The same figures out of a GGUF header."""
    found = inspect(bf16_files / "four-experts.gguf")
    assert found == Inspection("gguf", "llama", 3, 4, "BF16", 4096, True, ())


def test_every_problem_of_a_checkpoint_is_told_once(copied_toy: Path) -> None:
    """A missing shard and a missing vocabulary are two sentences."""
    (copied_toy / "model-00001-of-00003.safetensors").unlink()
    (copied_toy / "tokenizer.model").unlink()
    found = inspect(copied_toy)
    assert not found.complete
    assert [problem.split(" ", 1)[1] for problem in found.problems] == [
        "is missing; download it.",
        "has no tokenizer.model; download that file from the model's page into it.",
    ]


def test_another_model_is_named(copied_toy: Path) -> None:
    """Its type is known even though it can't be converted."""
    (copied_toy / "config.json").unlink()
    (copied_toy / "config.json").write_text('{"model_type": "qwen3"}')
    found = inspect(copied_toy)
    assert (found.architecture, found.layers, found.complete) == ("qwen3", None, False)
    assert "not Mixtral" in found.problems[0]


def test_a_cut_file_is_incomplete(bf16_files: Path, tmp_path: Path) -> None:
    """The header is still described."""
    cut = tmp_path / "cut.gguf"
    cut.write_bytes((bf16_files / "wide-heads.gguf").read_bytes()[:-4096])
    found = inspect(cut)
    assert (found.layers, found.complete) == (9, False)
    assert "is cut off: 4,096 bytes are missing" in found.problems[0]


def test_mistrals_own_layout_is_known(tmp_path: Path) -> None:
    """It is named, and what to get instead."""
    (tmp_path / "params.json").write_text('{"moe": {}}')
    found = inspect(tmp_path)
    assert (found.layout, found.complete) == ("consolidated", False)
    assert "download the model's Hugging Face files" in found.problems[0]


def test_something_else_is_an_error(tmp_path: Path) -> None:
    """An empty folder is no model."""
    with pytest.raises(ModelIOError, match="holds no model"):
        inspect(tmp_path)
