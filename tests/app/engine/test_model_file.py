"""A file that can't be run is refused with a sentence; one that can is read ahead."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import gguf
import numpy as np
import pytest

from app.core.errors import ModelFileError
from app.engine import model_file
from app.engine.model_file import check_model_file, read_ahead


def write_split_experts(path: Path) -> None:
    """A file as they were before April 2024."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_tensor("blk.0.ffn_gate.0.weight", np.ones((32, 32), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write_other_kind(path: Path) -> None:
    """A model, but not one of Mixtral's family."""
    writer = gguf.GGUFWriter(path, "qwen2")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()


def write_without_weights(path: Path) -> None:
    """A header and nothing else."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()


REFUSED: dict[str, tuple[Callable[[Path], object], str]] = {
    "text": (lambda path: path.write_text("Hello"), "is not a GGUF file"),
    "empty": (lambda path: path.write_bytes(b""), "is not a GGUF file"),
    "folder": (lambda path: path.mkdir(), "is a folder"),
    "nothing": (lambda path: None, "does not exist"),
    "old layout": (write_split_experts, "octet model repair"),
    "other kind": (write_other_kind, "of the kind “qwen2”"),
    "no weights": (write_without_weights, "holds no weights"),
}


@pytest.mark.parametrize(("write", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_run_is_refused(
    tmp_path: Path, write: Callable[[Path], object], said: str
) -> None:
    """With the file's name and what is wrong."""
    path = tmp_path / "model.gguf"
    write(path)
    with pytest.raises(ModelFileError) as raised:
        check_model_file(str(path))

    assert said in str(raised.value)
    assert "model.gguf" in str(raised.value)


def test_a_truncated_file_is_refused(tmp_path: Path, toy_model: Path) -> None:
    """Even if only its last bytes are missing."""
    path = Path(shutil.copy(toy_model, tmp_path / "model.gguf"))
    os.truncate(path, path.stat().st_size - 4096)
    with pytest.raises(ModelFileError, match="not complete: 4,096 bytes are missing"):
        check_model_file(str(path))

    assert check_model_file(str(path), needs_weights=False).missing_bytes == 4096


def test_reading_ahead_tells_how_far_it_is(
    toy_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From nothing to the whole file, whether it is in memory already or not."""
    monkeypatch.setattr(model_file, "_is_in_memory", lambda file, start: False)
    told: list[tuple[int, int]] = []
    total = toy_model.stat().st_size

    assert read_ahead(str(toy_model), lambda *amounts: told.append(amounts), lambda: False)
    assert told[0] == (0, total)
    assert told[-1] == (total, total)
    assert told == sorted(told)


def test_reading_ahead_can_be_stopped(toy_model: Path) -> None:
    """Between two pieces."""
    assert not read_ahead(str(toy_model), lambda done, total: None, lambda: True)


def test_a_file_that_goes_away_is_told(tmp_path: Path) -> None:
    """Between the look at its header and the reading."""
    with pytest.raises(ModelFileError, match=r"gone\.gguf can't be read: No such file"):
        read_ahead(str(tmp_path / "gone.gguf"), lambda done, total: None, lambda: False)
