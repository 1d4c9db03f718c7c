"""The file that model_io makes is the one that llama.cpp makes, or none."""

from __future__ import annotations

import ctypes
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from llama_cpp import llama_cpp

from model_io import convert as convert_module
from model_io.convert import convert
from model_io.errors import NoRoomError, OutputError
from model_io.progress import Cancelled, Progress
from model_io.quant_types import F16, F32, QUANTS, Quant
from tests.model_io.checkpoints import OTHER_DTYPES, SHAPES

GOLDEN = json.loads((Path(__file__).parent / "data" / "golden.json").read_text())
REWRITTEN = [name for name, quant in QUANTS.items() if not quant.is_converted]


@pytest.fixture(scope="module", autouse=True)
def quiet_library() -> Iterator[None]:
    """Keeps llama.cpp from writing hundreds of lines to stderr."""
    silent = llama_cpp.llama_log_callback(lambda level, text, data: None)
    llama_cpp.llama_log_set(silent, ctypes.c_void_p(0))
    yield
    llama_cpp.llama_log_set(llama_cpp.llama_log_callback(), ctypes.c_void_p(0))


def quantized_by_llama_cpp(source: Path, quant: str, target: Path) -> bytes:
    """What llama.cpp's own quantizer makes of a GGUF file."""
    parameters = llama_cpp.llama_model_quantize_default_params()
    parameters.ftype = QUANTS[quant].file_type
    parameters.nthread = 2
    paths = (str(source).encode(), str(target).encode())
    assert llama_cpp.llama_model_quantize(*paths, ctypes.byref(parameters)) == 0
    return target.read_bytes()


@pytest.mark.parametrize("name", SHAPES)
def test_bf16_equals_the_convert_script(name: str, bf16_files: Path) -> None:
    """The golden sha256 is of the file that convert_hf_to_gguf.py wrote (make_golden.py)."""
    made = (bf16_files / f"{name}.gguf").read_bytes()
    assert hashlib.sha256(made).hexdigest() == GOLDEN["bf16"][name]


@pytest.mark.parametrize("quant", REWRITTEN)
@pytest.mark.parametrize("name", SHAPES)
def test_other_kinds_equal_llama_quantize(
    name: str, quant: str, checkpoints: Path, bf16_files: Path, tmp_path: Path
) -> None:
    """Header, order, padding and every block are the same, for shapes with every fallback."""
    expected = quantized_by_llama_cpp(bf16_files / f"{name}.gguf", quant, tmp_path / "theirs")
    convert(checkpoints / name, quant, tmp_path / "ours", jobs=2)
    assert (tmp_path / "ours").read_bytes() == expected


def made_by_auto(name: str, checkpoints: Path, folder: Path, patch: pytest.MonkeyPatch) -> Path:
    """The file that the convert script makes with --outtype auto; golden for these shapes."""
    quant = Quant("F16", 1, F16, is_converted=True)
    if name == "mixed":  # its first 16-bit matrix is bf16
        quant = QUANTS["BF16"]
    with patch.context() as context:
        context.setattr(convert_module, "QUANTS", {quant.name: quant})
        made = convert(checkpoints / name, quant.name, folder / "auto.gguf", jobs=2)
    assert made.sha256 == GOLDEN["auto"][name]
    return made.path


@pytest.mark.parametrize("quant", ["Q4_K_M", "Q6_K", "Q8_0"])
@pytest.mark.parametrize("name", OTHER_DTYPES)
def test_sources_of_other_types_equal_the_auto_route(
    name: str, quant: str, checkpoints: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As llama.cpp does it when nobody says otherwise: through the source's 16-bit type, or F16."""
    auto = made_by_auto(name, checkpoints, tmp_path, monkeypatch)
    expected = quantized_by_llama_cpp(auto, quant, tmp_path / "theirs")
    convert(checkpoints / name, quant, tmp_path / "ours", jobs=2)
    assert (tmp_path / "ours").read_bytes() == expected


@pytest.mark.parametrize("name", OTHER_DTYPES)
def test_f32_of_other_types_loses_nothing(
    name: str, checkpoints: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever asks for F32 gets every bit: the file of --outtype f32."""
    f32 = {"F32": Quant("F32", 0, F32, is_converted=True)}
    monkeypatch.setattr(convert_module, "QUANTS", f32)
    made = convert(checkpoints / name, "F32", tmp_path / "f32.gguf", jobs=2)
    assert made.sha256 == GOLDEN["f32"][name]


@pytest.mark.parametrize("name", OTHER_DTYPES)
def test_bf16_of_sources_of_other_types(name: str, checkpoints: Path, tmp_path: Path) -> None:
    """Rounding to bf16 is llama.cpp's own."""
    made = convert(checkpoints / name, "BF16", tmp_path / "ours", jobs=2)
    assert made.sha256 == GOLDEN["bf16"][name]


@pytest.mark.parametrize("jobs", [3, 16])
def test_threads_do_not_change_the_file(checkpoints: Path, tmp_path: Path, jobs: int) -> None:
    """Rows may be cut and shared out in any way."""
    source = checkpoints / "contradictions"
    one = convert(source, "Q4_K_M", tmp_path / "one", jobs=1)
    many = convert(source, "Q4_K_M", tmp_path / "many", jobs=jobs)
    assert many.sha256 == one.sha256


def test_reports_what_was_made(toy: Path, tmp_path: Path) -> None:
    """Size and sha256 are those of the file on the disk."""
    made = convert(toy, "Q8_0", tmp_path / "out.gguf", jobs=2)
    content = (tmp_path / "out.gguf").read_bytes()
    assert made.path == tmp_path / "out.gguf"
    assert made.bytes == len(content)
    assert made.sha256 == hashlib.sha256(content).hexdigest()


def test_progress_rises_to_the_end(toy: Path, tmp_path: Path) -> None:
    """One stage, one total, never backwards."""
    reports: list[Progress] = []
    convert(toy, "Q8_0", tmp_path / "out.gguf", jobs=2, on_progress=reports.append)
    assert {(report.stage, report.total_bytes) for report in reports} == {
        ("convert", reports[0].total_bytes)
    }
    done = [report.done_bytes for report in reports]
    assert done == sorted(done)
    assert (done[0], done[-1]) == (0, reports[0].total_bytes)


def test_stopping_at_once_leaves_nothing_and_the_old_file(toy: Path, tmp_path: Path) -> None:
    """The target is replaced as a whole or not at all."""
    target = tmp_path / "out.gguf"
    target.write_bytes(b"old")
    with pytest.raises(Cancelled):
        convert(toy, "Q4_K_M", target, jobs=2, should_stop=lambda: True)
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_the_sha256_is_noted_beside_the_file(toy: Path, tmp_path: Path) -> None:
    """In the format of sha256sum, and nothing else is left."""
    made = convert(toy, "Q8_0", tmp_path / "out.gguf", jobs=2)
    assert {path.name for path in tmp_path.iterdir()} == {"out.gguf", "out.gguf.sha256"}
    assert (tmp_path / "out.gguf.sha256").read_text() == f"{made.sha256}  out.gguf\n"


def test_replaces_an_older_file(toy: Path, tmp_path: Path) -> None:
    """Converting again is allowed."""
    target = tmp_path / "out.gguf"
    target.write_bytes(b"old")
    made = convert(toy, "Q8_0", target, jobs=2)
    assert target.stat().st_size == made.bytes


def test_a_full_disk_is_known_before_the_first_byte(
    toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sentence says how much is missing."""
    usage = (10**12, 10**12 - 1000, 1000)
    monkeypatch.setattr("shutil.disk_usage", lambda path: Usage(*usage))
    with pytest.raises(NoRoomError, match=r"14,684,440 bytes too little space"):
        convert(toy, "Q8_0", tmp_path / "out.gguf", jobs=2)
    assert not list(tmp_path.iterdir())


class Usage(tuple[int, int, int]):
    """What shutil.disk_usage gives."""

    def __new__(cls, total: int, used: int, free: int) -> Usage:
        return super().__new__(cls, (total, used, free))

    @property
    def free(self) -> int:
        return self[2]


def test_targets_that_can_not_be_written(toy: Path, tmp_path: Path) -> None:
    """A folder as target, or a folder that isn't there."""
    with pytest.raises(OutputError, match="is a folder; name a file"):
        convert(toy, "Q8_0", tmp_path, jobs=2)
    with pytest.raises(OutputError, match="is not a folder; make it first"):
        convert(toy, "Q8_0", tmp_path / "no" / "out.gguf", jobs=2)


@pytest.mark.parametrize("name", ["model-00002-of-00003.safetensors", "config.json", "README.md"])
@pytest.mark.parametrize("link", ["", "symlink", "hardlink"])
def test_a_target_that_is_a_source_is_refused(
    name: str, link: str, copied_toy: Path, tmp_path: Path
) -> None:
    """The model's own files stay, also when the target is another name of one of them."""
    source = copied_toy / name
    content = source.read_bytes()
    target = tmp_path / "other.gguf" if link else source
    if link:
        getattr(target, f"{link}_to")(source)
    with pytest.raises(OutputError, match="is one of the files to be converted; choose another"):
        convert(copied_toy, "Q8_0", target, jobs=1)
    assert source.read_bytes() == target.read_bytes() == content


def test_a_linked_folder_hides_no_source(copied_toy: Path, tmp_path: Path) -> None:
    """Another way to the folder leads to the same files."""
    way = tmp_path / "way"
    way.symlink_to(copied_toy, target_is_directory=True)
    with pytest.raises(OutputError, match="is one of the files to be converted"):
        convert(copied_toy, "Q8_0", way / "tokenizer.model", jobs=1)
    assert convert(copied_toy, "Q8_0", way / "made.gguf", jobs=1).bytes
    assert convert(copied_toy, "Q8_0", copied_toy / "made.gguf", jobs=1).bytes
