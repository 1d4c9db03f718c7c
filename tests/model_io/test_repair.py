"""Old files with their experts apart become files that load, byte for byte what they were."""

from __future__ import annotations

from pathlib import Path

import pytest

from model_io.convert import convert
from model_io.errors import GGUFError, ModelIOError, NotGGUFError, TensorError
from model_io.gguf_reader import check_usable, read_header
from model_io.gguf_writer import TensorSpec
from model_io.inspection import inspect
from model_io.quant_types import Q8_0
from model_io.repair import repair
from tests.model_io.conftest import TOY
from tests.model_io.small_models import (
    entries_of,
    gguf_of,
    tensors_of,
    write_parts,
    write_split_experts,
)


@pytest.fixture(scope="module", params=["Q4_K_M", "Q6_K", "Q8_0"])
def stacked(
    request: pytest.FixtureRequest, toy: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A file as it is made today."""
    target = tmp_path_factory.mktemp("stacked") / "model.gguf"
    convert(toy, request.param, target, jobs=2)
    return target


def test_a_repaired_file_is_the_one_of_today(stacked: Path, tmp_path: Path) -> None:
    """The same tensors, entries and order: no block was computed anew."""
    old = tmp_path / "old.gguf"
    write_split_experts(stacked, old)
    made = repair(old, tmp_path / "new.gguf", jobs=2)
    assert (tmp_path / "new.gguf").read_bytes() == stacked.read_bytes()
    assert made.bytes == stacked.stat().st_size
    check_usable(read_header(tmp_path / "new.gguf"))


def test_an_old_file_in_parts(stacked: Path, tmp_path: Path) -> None:
    """Any one of them may be named."""
    write_split_experts(stacked, tmp_path / "old.gguf")
    write_parts(tmp_path / "old.gguf", tmp_path)
    repair(tmp_path / "model-00002-of-00002.gguf", tmp_path / "new.gguf", jobs=2)
    assert (tmp_path / "new.gguf").read_bytes() == stacked.read_bytes()


def test_an_old_file_of_plain_numbers_can_be_quantized(
    bf16_files: Path, toy: Path, tmp_path: Path
) -> None:
    """It needs no repair before."""
    write_split_experts(bf16_files / f"{TOY}.gguf", tmp_path / "old.gguf")
    convert(tmp_path / "old.gguf", "Q4_K_M", tmp_path / "new.gguf", jobs=2)
    convert(bf16_files / f"{TOY}.gguf", "Q4_K_M", tmp_path / "today.gguf", jobs=2)
    assert (tmp_path / "new.gguf").read_bytes() == (tmp_path / "today.gguf").read_bytes()


def test_inspection_says_what_becomes_of_it(stacked: Path, tmp_path: Path) -> None:
    """The exact size, and the command."""
    write_split_experts(stacked, tmp_path / "old.gguf")
    found = inspect(tmp_path / "old.gguf")
    assert found.layout == "gguf-split-experts"
    assert found.becomes == {found.quant: stacked.stat().st_size}
    assert "octet model repair makes a new file of it" in found.problems[0]


def test_experts_of_different_types_are_refused_by_name(toy: Path, tmp_path: Path) -> None:
    """One tensor has one type today; to change some experts' would lose quality."""
    convert(toy, "Q4_K_M", tmp_path / "stacked.gguf", jobs=2)
    write_split_experts(tmp_path / "stacked.gguf", tmp_path / "old.gguf")
    tensors = tensors_of(tmp_path / "old.gguf")
    for index, (spec, _) in enumerate(tensors):
        if spec.name == "blk.1.ffn_down.5.weight":
            other = TensorSpec(spec.name, spec.shape, Q8_0)
            tensors[index] = (other, bytes(other.data_bytes))
    content = gguf_of(entries_of(read_header(tmp_path / "old.gguf")), tensors)
    (tmp_path / "old.gguf").write_bytes(content)
    with pytest.raises(TensorError) as caught:
        repair(tmp_path / "old.gguf", tmp_path / "new.gguf", jobs=1)
    assert "blk.1.ffn_down_exps.weight in different types (7 as Q4_K and 1 as Q8_0)" in str(
        caught.value
    )
    assert not (tmp_path / "new.gguf").exists()


def test_a_file_of_today_needs_nothing(stacked: Path, tmp_path: Path) -> None:
    """And is not copied."""
    with pytest.raises(GGUFError, match="has the experts of each layer together already; use it"):
        repair(stacked, tmp_path / "new.gguf", jobs=1)


def test_a_checkpoint_is_converted_not_repaired(toy: Path, tmp_path: Path) -> None:
    """The sentence names the other command."""
    with pytest.raises(NotGGUFError, match="octet model convert makes one of it"):
        repair(toy, tmp_path / "new.gguf", jobs=1)


def test_a_broken_block_is_found(stacked: Path, tmp_path: Path) -> None:
    """Its scale is infinite: copying it would keep the damage."""
    write_split_experts(stacked, tmp_path / "old.gguf")
    header = read_header(tmp_path / "old.gguf")
    tensor = next(t for t in header.tensors if t.name == "blk.2.ffn_up.3.weight")
    place = header.data_offset + tensor.offset
    scale = {"Q4_K": 0, "Q6_K": 208, "Q8_0": 0}[tensor.type.name]
    content = bytearray((tmp_path / "old.gguf").read_bytes())
    content[place + scale : place + scale + 2] = b"\x00\x7c"
    (tmp_path / "old.gguf").write_bytes(content)
    with pytest.raises(ModelIOError, match=r"has NaN or infinity in blk\.2\.ffn_up\.3\.weight"):
        repair(tmp_path / "old.gguf", tmp_path / "new.gguf", jobs=1)
