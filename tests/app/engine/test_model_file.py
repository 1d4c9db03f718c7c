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
from app.engine.model_file import check_model_file, read_ahead, read_shape
from tests.model_io.small_models import write_parts


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


@pytest.fixture
def parts(toy_model: Path, tmp_path: Path) -> Path:
    """A folder with the toy model in two parts."""
    write_parts(toy_model, tmp_path)
    return tmp_path


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

    assert check_model_file(str(path), needs_weights=False).header.missing_bytes == 4096


def test_reading_ahead_tells_how_far_it_is(
    toy_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From nothing to the whole file, whether it is in memory already or not."""
    monkeypatch.setattr(model_file, "_is_in_memory", lambda file, start: False)
    told: list[tuple[int, int]] = []
    total = toy_model.stat().st_size

    assert read_ahead([toy_model], lambda *amounts: told.append(amounts), lambda: False)
    assert told[0] == (0, total)
    assert told[-1] == (total, total)
    assert told == sorted(told)


def test_reading_ahead_goes_over_all_parts(
    toy_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One after the other, as one amount."""
    monkeypatch.setattr(model_file, "_CHUNK_BYTES", 2**20)
    other = tmp_path / "other.gguf"
    other.write_bytes(bytes(3 * 2**20))
    told: list[tuple[int, int]] = []
    first, total = toy_model.stat().st_size, toy_model.stat().st_size + 3 * 2**20

    assert read_ahead([toy_model, other], lambda *amounts: told.append(amounts), lambda: False)
    assert (first + 2**20, total) in told
    assert told[-1] == (total, total)


def test_a_model_in_parts_is_found_by_each(parts: Path) -> None:
    """By the name of any part, the first one describing it."""
    whole = check_model_file(str(parts / "model-00001-of-00002.gguf"))

    assert [part.path.name[:11] for part in whole.parts] == ["model-00001", "model-00002"]
    assert check_model_file(str(parts / "model-00002-of-00002.gguf")) == whole


def test_a_missing_part_is_named(parts: Path) -> None:
    """With what to do."""
    (parts / "model-00002-of-00002.gguf").unlink()
    with pytest.raises(ModelFileError, match=r"model-00002-of-00002\.gguf is missing; download it"):
        check_model_file(str(parts / "model-00001-of-00002.gguf"))


def test_a_model_of_absurd_sizes_is_refused(toy_model: Path, tmp_path: Path) -> None:
    """Before anything is reckoned with them."""
    path = tmp_path / "odd.gguf"
    key = b"llama.block_count"
    path.write_bytes(toy_model.read_bytes().replace(key, b"llama.block_count"[::-1]))
    with pytest.raises(ModelFileError, match=r"odd\.gguf does not say llama\.block_count"):
        read_shape(check_model_file(str(path)))


def test_reading_ahead_can_be_stopped(toy_model: Path) -> None:
    """Between two pieces."""
    assert not read_ahead([toy_model], lambda done, total: None, lambda: True)


def test_a_file_that_goes_away_is_told(tmp_path: Path) -> None:
    """Between the look at its header and the reading."""
    with pytest.raises(ModelFileError, match=r"gone\.gguf can't be read: No such file"):
        read_ahead([tmp_path / "gone.gguf"], lambda done, total: None, lambda: False)
