"""What a conversion will take, known before its first byte."""

from __future__ import annotations

from pathlib import Path

import pytest

from model_io.convert import convert
from model_io.errors import OutputError, TensorError
from model_io.forecast import forecast
from model_io.kernel_speed import measure_kernels
from model_io.quant_types import Q4_K, Q8_0
from tests.model_io.checkpoints import SHAPES
from tests.model_io.layouts import make_original


@pytest.mark.parametrize("quant", ["Q4_K_M", "BF16"])
def test_the_size_is_exact(quant: str, toy: Path, tmp_path: Path) -> None:
    """To the byte; computing takes time only where there is something to compute."""
    expected = forecast(toy, quant, tmp_path / "out.gguf", jobs=2)
    assert not list(tmp_path.iterdir())
    made = convert(toy, quant, tmp_path / "out.gguf", jobs=2)
    assert expected.bytes == made.bytes
    assert (expected.kernel_seconds > 0) == (quant == "Q4_K_M")
    assert expected.link_seconds is None


def test_what_is_done_needs_no_more_room(toy: Path, tmp_path: Path) -> None:
    """An earlier run's part takes up its place already."""
    target = tmp_path / "out.gguf"
    whole = forecast(toy, "F32", target, jobs=1).disk_bytes
    (tmp_path / "out.gguf.part").write_bytes(bytes(1_000_000))
    assert whole - 1_100_000 < forecast(toy, "F32", target, jobs=1).disk_bytes <= whole - 1_000_000


def test_matrices_in_columns_need_more_memory(toy: Path, tmp_path: Path) -> None:
    """Two of them are held at a time."""
    folder = make_original(SHAPES[toy.name], tmp_path / "source")
    rows = forecast(toy, "BF16", tmp_path / "out.gguf", jobs=1)
    columns = forecast(folder, "BF16", tmp_path / "out.gguf", jobs=1)
    assert columns.memory_bytes - rows.memory_bytes == 2 * 512 * 256 * 2


def test_what_can_not_be_done_is_told(toy: Path, tmp_path: Path) -> None:
    """As the conversion itself would."""
    with pytest.raises(OutputError, match="is not a folder; make it first"):
        forecast(toy, "Q8_0", tmp_path / "no" / "out.gguf")
    convert(toy, "Q8_0", tmp_path / "q8.gguf", jobs=2)
    with pytest.raises(TensorError, match="which can't be converted"):
        forecast(tmp_path / "q8.gguf", "Q4_K_M", tmp_path / "out.gguf")


def test_kernels_are_measured_each() -> None:
    """Q8_0 is far cheaper than Q4_K on every machine."""
    speeds = measure_kernels([Q4_K, Q8_0], 1, 0.1)
    assert speeds[Q8_0] > 2 * speeds[Q4_K] > 0
