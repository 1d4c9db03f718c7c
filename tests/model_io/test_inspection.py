"""What a file or folder is said to be."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from model_io.convert import convert
from model_io.errors import ModelIOError, SourceReadError
from model_io.inspection import Inspection, inspect
from tests.model_io.checkpoints import SHAPES, Shape
from tests.model_io.layouts import make_consolidated, make_original


def test_a_whole_checkpoint(toy: Path) -> None:
    """All figures, no problem."""
    sizes = {
        "Q4_K_M": 8559360, "Q6_K": 11415808, "Q8_0": 14685440, "BF16": 27587840, "F32": 55112960,
    }  # fmt: skip
    expected = Inspection("huggingface", "mixtral", 4, 8, "BF16", 4096, True, (), sizes)
    assert inspect(toy) == expected


def test_a_whole_file(bf16_files: Path) -> None:
    """The same figures out of a GGUF header."""
    found = inspect(bf16_files / "four-experts.gguf")
    assert replace(found, becomes={}) == Inspection("gguf", "llama", 3, 4, "BF16", 4096, True, ())
    assert found.becomes["BF16"] == (bf16_files / "four-experts.gguf").stat().st_size


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


@pytest.mark.parametrize(
    ("make", "layout"), [(make_consolidated, "consolidated"), (make_original, "pytorch")]
)
def test_mistrals_own_layouts(
    make: Callable[[Shape, Path], Path], layout: str, toy: Path, tmp_path: Path
) -> None:
    """The same model under other names; what they don't have, the sizes show."""
    found = inspect(make(SHAPES[toy.name], tmp_path))
    assert found.layout == layout
    assert (found.architecture, found.layers, found.experts, found.quant, found.context) == (
        "mixtral", 4, 8, "BF16", 32768,
    )  # fmt: skip
    assert found.complete
    assert abs(found.becomes["Q4_K_M"] - inspect(toy).becomes["Q4_K_M"]) < 4096


def test_a_quantized_file_becomes_nothing(toy: Path, tmp_path: Path) -> None:
    """It is whole, and no source."""
    convert(toy, "Q8_0", tmp_path / "q8.gguf", jobs=2)
    found = inspect(tmp_path / "q8.gguf")
    assert (found.quant, found.complete, found.becomes) == ("Q8_0", True, {})


def test_a_missing_shard_of_a_consolidated_model(toy: Path, tmp_path: Path) -> None:
    """No index tells of it, but the config does."""
    folder = make_consolidated(SHAPES[toy.name], tmp_path)
    next(folder.glob("consolidated-00002*")).unlink()
    found = inspect(folder)
    assert not found.complete
    assert "lacks layers." in found.problems[0]


def test_something_else_is_an_error(tmp_path: Path) -> None:
    """An empty folder is no model."""
    with pytest.raises(ModelIOError, match="holds no model"):
        inspect(tmp_path)


def test_a_name_that_no_disk_takes(tmp_path: Path) -> None:
    """The system's own words."""
    with pytest.raises(SourceReadError, match="can't be read: File name too long; check its name"):
        inspect(tmp_path / ("x" * 300))


def test_a_folder_that_may_not_be_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its owner took the right to read it away; root could read it all the same."""

    def refuse(path: object) -> list[str]:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(os, "listdir", refuse)
    with pytest.raises(SourceReadError, match="can't be read: Permission denied"):
        inspect(tmp_path)
