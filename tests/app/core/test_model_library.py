"""The list of models: what each file is, and why it can't be loaded."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np
import pytest

from app.core.model_library import ModelFile, demo_model, find_models, read_model, size_text


def write_model(
    path: Path,
    architecture: str = "llama",
    experts: int = 8,
    tensor: str = "blk.0.ffn_gate_exps.weight",
    template: str = "",
) -> Path:
    """A GGUF of one tensor, which says that it is a Q8_0 model called "Tiny"."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_name("Tiny")
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    writer.add_expert_count(experts)
    if template:
        writer.add_chat_template(template)
    writer.add_tensor(tensor, np.zeros((32, 256), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def problem(path: Path) -> str:
    return read_model(path).problem


def test_mixtral_can_be_loaded(tmp_path: Path) -> None:
    """Name, type and size stand in the list, and there is no problem."""
    path = write_model(tmp_path / "tiny.gguf")
    model = read_model(path)

    assert model == ModelFile(path, "Tiny", "Q8_0", path.stat().st_size)
    assert model.detail == "Q8_0, 1 MB"


def test_split_experts_name_the_repair(tmp_path: Path) -> None:
    """Files from before April 2024 are told apart by their tensors' names."""
    path = write_model(tmp_path / "old.gguf", tensor="blk.0.ffn_gate.3.weight")

    assert "octet model repair" in problem(path)


def test_truncated_file_says_how_much_is_missing(tmp_path: Path) -> None:
    """The header is whole, the data is not."""
    path = write_model(tmp_path / "cut.gguf")
    data = path.read_bytes()
    path.write_bytes(data[: len(data) - 20_000])

    assert problem(path) == (
        "cut.gguf is incomplete: 1 MB are missing at its end. Download it again."
    )


def test_other_model_says_what_it_is(tmp_path: Path) -> None:
    """Octet runs Mixtral, and what is built the same way."""
    path = write_model(tmp_path / "other.gguf", "gemma2", 0)

    assert "of the architecture gemma2" in problem(path)


def test_dense_model_of_the_same_architecture_runs(tmp_path: Path) -> None:
    """Mistral's and Llama's files load by their own tables."""
    assert problem(write_model(tmp_path / "dense.gguf", "llama", 0)) == ""


@pytest.mark.parametrize("content", [b"", b"GGUF", b"PK\x03\x04 a zip file"])
def test_file_that_is_no_gguf_is_a_sentence(tmp_path: Path, content: bytes) -> None:
    """The file stays in the list, with the reason."""
    path = tmp_path / "broken.gguf"
    path.write_bytes(content)
    model = read_model(path)

    assert (model.name, model.file_bytes) == ("broken", len(content))
    assert str(path) in model.problem


def test_foreign_template_is_noted(tmp_path: Path) -> None:
    """It can be loaded, and a sentence says as what."""
    model = read_model(write_model(tmp_path / "a.gguf", template="<start_of_turn>"))

    assert model.problem == ""
    assert "Gemma" in model.note


def test_list_has_each_model_once_and_the_demo_last(tmp_path: Path) -> None:
    """Folder, remembered files, demo; later parts of a split file and lost files are left out."""
    folder, resources = tmp_path / "models", tmp_path / "resources"
    first = write_model(folder / "sub" / "a.gguf")
    write_model(folder / "b-00001-of-00002.gguf")
    write_model(folder / "b-00002-of-00002.gguf")
    elsewhere = write_model(tmp_path / "c.gguf")
    demo = write_model(resources / "models" / "octet-demo-q8_0.gguf")
    others = [elsewhere, tmp_path / "gone.gguf", first, demo]
    models = find_models(folder, resources, others)

    names = [model.path.name for model in models]
    assert names == ["a.gguf", "b-00001-of-00002.gguf", "c.gguf", "octet-demo-q8_0.gguf"]
    assert [model.is_demo for model in models] == [False, False, False, True]


def test_copy_without_demo_has_none(tmp_path: Path) -> None:
    """Neither folder has to exist."""
    assert demo_model(tmp_path) is None
    assert find_models(tmp_path / "none", tmp_path) == ()


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [(0, "1 MB"), (18_600_000, "19 MB"), (28_448_000_000, "28.4 GB")],
)
def test_size_is_counted_in_thousands(size_bytes: int, text: str) -> None:
    """As disks are."""
    assert size_text(size_bytes) == text
