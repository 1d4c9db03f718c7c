"""The same model in every layout becomes the same tensors, whatever its files are called."""

from __future__ import annotations

import ctypes
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from llama_cpp import llama_cpp

from model_io import convert as convert_module
from model_io.checkpoint import Layout, recognise
from model_io.convert import convert
from model_io.errors import (
    CorruptGGUFError,
    GGUFError,
    MissingFileError,
    ModelIOError,
    NotMixtralError,
    SourceReadError,
    TensorError,
    TruncatedGGUFError,
)
from model_io.gguf_reader import read_header
from model_io.quant_types import F16, Quant
from tests.model_io.checkpoints import SHAPES, Shape, make_checkpoint
from tests.model_io.conftest import TOY
from tests.model_io.layouts import make_consolidated, make_original
from tests.model_io.small_models import entries_of, gguf_of, tensors_of, write_parts
from tests.model_io.test_convert import quantized_by_llama_cpp

MAKERS = {"consolidated": make_consolidated, "pytorch": make_original}
BIG_SISTER = Shape(
    "Sister-8x22K", layers=56, hidden=256, ffn=256, heads=6, kv_heads=2, head_dim=128,
    vocabulary=300, seed=22,
)  # fmt: skip
"""The layers of Mixtral 8x22B, and three query heads for each pair of keys and values."""


@pytest.fixture(scope="module")
def layouts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """LAYOUT/NAME for each shape."""
    parent = tmp_path_factory.mktemp("layouts")
    for layout, make in MAKERS.items():
        for shape in SHAPES.values():
            make(shape, parent / layout)
    return parent


@pytest.fixture(scope="module", autouse=True)
def quiet_library() -> Iterator[None]:
    """Keeps llama.cpp from writing hundreds of lines to stderr."""
    silent = llama_cpp.llama_log_callback(lambda level, text, data: None)
    llama_cpp.llama_log_set(silent, ctypes.c_void_p(0))
    yield
    llama_cpp.llama_log_set(llama_cpp.llama_log_callback(), ctypes.c_void_p(0))


@pytest.mark.parametrize("quant", ["Q4_K_M", "Q6_K", "Q8_0"])
@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("layout", MAKERS)
def test_mistrals_own_layouts_give_the_same_tensors(
    layout: str, name: str, quant: str, layouts: Path, checkpoints: Path, tmp_path: Path
) -> None:
    """Names, shapes, types and every byte, as of the Hugging Face folder."""
    assert recognise(layouts / layout / name) == layout
    convert(layouts / layout / name, quant, tmp_path / "own.gguf", jobs=2)
    convert(checkpoints / name, quant, tmp_path / "hf.gguf", jobs=2)
    assert tensors_of(tmp_path / "own.gguf") == tensors_of(tmp_path / "hf.gguf")


@pytest.mark.parametrize("quant", ["Q4_K_M", "Q6_K", "Q8_0", "F32"])
@pytest.mark.parametrize("name", SHAPES)
def test_a_gguf_is_quantized_as_by_llama_quantize(
    name: str, quant: str, bf16_files: Path, tmp_path: Path
) -> None:
    """The whole file, from a BF16 one."""
    source = bf16_files / f"{name}.gguf"
    expected = quantized_by_llama_cpp(source, quant, tmp_path / "theirs")
    convert(source, quant, tmp_path / "ours", jobs=2)
    assert (tmp_path / "ours").read_bytes() == expected


@pytest.mark.parametrize("kind", ["F16", "F32"])
def test_ggufs_of_other_types(
    kind: str, checkpoints: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From F16 and F32 files, too."""
    with monkeypatch.context() as patch:
        if kind == "F16":
            f16 = {"F16": Quant("F16", 1, F16, is_converted=True)}
            patch.setattr(convert_module, "QUANTS", f16)
        convert(checkpoints / "odd-sizes", kind, tmp_path / "source.gguf", jobs=2)
    expected = quantized_by_llama_cpp(tmp_path / "source.gguf", "Q4_K_M", tmp_path / "theirs")
    convert(tmp_path / "source.gguf", "Q4_K_M", tmp_path / "ours", jobs=2)
    assert (tmp_path / "ours").read_bytes() == expected


def test_a_gguf_in_parts_is_one_model(bf16_files: Path, tmp_path: Path) -> None:
    """Whichever part, or the folder, is named; llama.cpp makes the same of them."""
    folder = tmp_path / "parts"
    folder.mkdir()
    write_parts(bf16_files / f"{TOY}.gguf", folder)
    first, second = (folder / f"model-0000{number}-of-00002.gguf" for number in (1, 2))
    expected = quantized_by_llama_cpp(first, "Q4_K_M", tmp_path / "theirs")
    for number, source in enumerate((first, second, folder)):
        convert(source, "Q4_K_M", tmp_path / f"{number}.gguf", jobs=2)
        assert (tmp_path / f"{number}.gguf").read_bytes() == expected


def test_the_layers_of_8x22b(tmp_path: Path) -> None:
    """Other numbers of layers and heads: the same rules, the same bytes as llama.cpp."""
    folder = make_checkpoint(BIG_SISTER, tmp_path)
    convert(folder, "BF16", tmp_path / "bf16.gguf", jobs=2)
    expected = quantized_by_llama_cpp(tmp_path / "bf16.gguf", "Q4_K_M", tmp_path / "theirs")
    convert(folder, "Q4_K_M", tmp_path / "ours", jobs=2)
    assert (tmp_path / "ours").read_bytes() == expected


def test_names_of_files_mean_nothing(layouts: Path, checkpoints: Path, tmp_path: Path) -> None:
    """A PyTorch file called .bin, safetensors called .weights, a GGUF called .dat."""
    name = "four-experts"
    one = make_consolidated(replace(SHAPES[name], shards=1), tmp_path / "one")
    two = make_original(SHAPES[name], tmp_path / "two")
    for folder in (one, two):
        for path in folder.glob("consolidated*"):
            path.rename(folder / "a.weights")
    expected = convert(checkpoints / name, "BF16", tmp_path / "hf.dat", jobs=2)
    for source in (one, two):
        convert(source, "Q8_0", tmp_path / f"{source.parent.name}.gguf", jobs=2)
    assert tensors_of(tmp_path / "one.gguf") == tensors_of(tmp_path / "two.gguf")
    made = convert(expected.path, "Q8_0", tmp_path / "three.gguf", jobs=2)
    assert tensors_of(made.path) == tensors_of(tmp_path / "one.gguf")


def test_a_repository_with_both_layouts_is_read_once(
    checkpoints: Path, copied_toy: Path, layouts: Path, tmp_path: Path
) -> None:
    """Mistral publishes its own file beside the others; neither counts twice."""
    other = make_consolidated(replace(SHAPES[TOY], shards=1), tmp_path / "other")
    for name in ("params.json", "consolidated.safetensors"):
        (copied_toy / name).write_bytes((other / name).read_bytes())
    assert recognise(copied_toy) is Layout.HUGGINGFACE
    made = convert(copied_toy, "Q8_0", tmp_path / "both.gguf", jobs=2)
    assert made.sha256 == convert(checkpoints / TOY, "Q8_0", tmp_path / "x.gguf", jobs=2).sha256


def edit_params(folder: Path, **changes: object) -> None:
    """Change params.json."""
    path = folder / "params.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"moe": None}, NotMixtralError, "describes a model without experts"),
        ({"dim": "x"}, ModelIOError, "has the value 'x' for dim"),
        ({"n_layers": 3}, TensorError, "is no part of a Mixtral"),
        ({"n_layers": 5}, TensorError, "lacks layers.4"),
        ({"hidden_dim": 7}, TensorError, "where params.json says (7, 256)"),
        ({"moe": {"num_experts": 9, "num_experts_per_tok": 2}}, TensorError, "says (9, 256)"),
    ],
)
def test_params_that_do_not_fit(
    changes: dict[str, object], error: type[ModelIOError], words: str, tmp_path: Path
) -> None:
    """The file's own words stand in the sentence."""
    folder = make_consolidated(SHAPES[TOY], tmp_path / "source")
    edit_params(folder, **changes)
    with pytest.raises(error) as caught:
        convert(folder, "Q8_0", tmp_path / "out.gguf", jobs=1)
    assert words in str(caught.value)


def test_the_same_tensor_in_two_pytorch_files(tmp_path: Path) -> None:
    """Nobody can say which one is meant."""
    folder = make_original(replace(SHAPES[TOY], shards=1), tmp_path / "source")
    content = (folder / "consolidated.00.pt").read_bytes()
    (folder / "consolidated.01.pt").write_bytes(content)
    with pytest.raises(TensorError, match=r"which consolidated\.00\.pt holds too; remove the file"):
        convert(folder, "Q8_0", tmp_path / "out.gguf", jobs=1)


def test_a_quantized_gguf_is_no_source(checkpoints: Path, tmp_path: Path) -> None:
    """What was lost can't be had back."""
    convert(checkpoints / "four-experts", "Q8_0", tmp_path / "q8.gguf", jobs=2)
    with pytest.raises(TensorError, match="as Q8_0, which can't be converted; choose the model's"):
        convert(tmp_path / "q8.gguf", "Q4_K_M", tmp_path / "out.gguf", jobs=1)


def test_parts_that_do_not_belong_together(bf16_files: Path, tmp_path: Path) -> None:
    """One is missing, one has another's name, one is cut off."""
    write_parts(bf16_files / "four-experts.gguf", tmp_path)
    first, second = (tmp_path / f"model-0000{number}-of-00002.gguf" for number in (1, 2))
    content = second.read_bytes()
    second.unlink()
    with pytest.raises(MissingFileError, match=r"00002-of-00002\.gguf is missing; download it"):
        convert(first, "Q8_0", tmp_path / "out.gguf", jobs=1)
    second.write_bytes(first.read_bytes())
    with pytest.raises(CorruptGGUFError, match="is not part 2 of 2, as its name says"):
        convert(first, "Q8_0", tmp_path / "out.gguf", jobs=1)
    second.write_bytes(content[:-64])
    with pytest.raises(TruncatedGGUFError, match="is cut off: 64 bytes are missing"):
        convert(first, "Q8_0", tmp_path / "out.gguf", jobs=1)
    second.write_bytes(content)
    first.rename(tmp_path / "first.gguf")
    with pytest.raises(GGUFError, match="its name doesn't say which; give the parts their"):
        convert(tmp_path / "first.gguf", "Q8_0", tmp_path / "out.gguf", jobs=1)


def test_a_folder_with_several_models(bf16_files: Path, tmp_path: Path) -> None:
    """One of them has to be named."""
    with pytest.raises(MissingFileError, match="holds several models"):
        convert(bf16_files, "Q8_0", tmp_path / "out.gguf", jobs=1)


def test_a_source_that_the_system_keeps_from_us(tmp_path: Path) -> None:
    """The system's own words."""
    with pytest.raises(SourceReadError, match="can't be read: File name too long; check its name"):
        convert(tmp_path / ("x" * 300), "Q8_0", tmp_path / "out.gguf")


def test_a_damaged_vocabulary_is_not_copied(tmp_path: Path, bf16_files: Path) -> None:
    """The result would not load, and an hour would be lost."""
    source = tmp_path / "source.gguf"
    whole = bf16_files / "contradictions.gguf"
    entries = entries_of(read_header(whole))
    del entries["tokenizer.ggml.scores"]
    source.write_bytes(gguf_of(entries, tensors_of(whole)))
    with pytest.raises(CorruptGGUFError, match=r"has no tokenizer\.ggml\.scores for each"):
        convert(source, "Q8_0", tmp_path / "out.gguf")
