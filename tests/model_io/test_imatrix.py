"""Importance matrices: what is read, what is refused, and that the bytes are llama.cpp's."""

from __future__ import annotations

import ctypes
import hashlib
import os
import struct
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from llama_cpp import llama_cpp

from model_io import ggml, imatrix
from model_io.convert import convert
from model_io.errors import ImatrixError
from model_io.gguf_reader import GGUFHeader, GGUFTensor, read_header
from model_io.gguf_values import Metadata, MetadataValue, ValueKind, string, uint32
from model_io.gguf_writer import TensorSpec, plan_file
from model_io.imatrix import ImportanceMatrix, read_imatrix
from model_io.quant_types import F16, F32, QUANTS
from tests.model_io.conftest import TOY

Floats = npt.NDArray[np.float32]
Tensors = dict[str, npt.NDArray[np.generic]]

Q, DOWN = "blk.0.attn_q.weight", "blk.0.ffn_down_exps.weight"


def describe(**changes: MetadataValue) -> Metadata:
    """The entries that llama-imatrix writes, with `imatrix.` keys changed."""
    entries: Metadata = {
        "general.type": string("imatrix"),
        "imatrix.datasets": MetadataValue(ValueKind.STRING, ("talk.txt", "code.txt")),
        "imatrix.chunk_count": uint32(20),
        "imatrix.chunk_size": uint32(512),
    }
    return entries | {f"imatrix.{key}": value for key, value in changes.items()}


def write_gguf(path: Path, metadata: Metadata, tensors: Tensors) -> Path:
    """A small GGUF file of plain numbers."""
    kinds = {np.dtype(np.float32): F32, np.dtype(np.float16): F16}
    specs = [TensorSpec(name, data.shape, kinds[data.dtype]) for name, data in tensors.items()]
    plan = plan_file(metadata, specs)
    content = bytearray(plan.header) + bytes(plan.file_bytes - len(plan.header))
    for offset, data in zip(plan.offsets, tensors.values(), strict=True):
        content[offset : offset + data.nbytes] = data.tobytes()
    path.write_bytes(content)
    return path


def collected() -> Tensors:
    """Sums and counts of a plain matrix and of one with three experts, the second never asked."""
    return {
        f"{DOWN}.in_sum2": np.array([[1, 2], [0, 0], [5, 7]], np.float32),
        f"{DOWN}.counts": np.array([[3], [0], [10.5]], np.float32),
        f"{Q}.in_sum2": np.array([[1, 4, 9]], np.float32),
        f"{Q}.counts": np.array([[3]], np.float32),
    }


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A small importance matrix."""
    return write_gguf(tmp_path / "toy.imatrix.gguf", describe(), collected())


def test_means_are_taken_in_single_precision(path: Path) -> None:
    """Sums by counts, as float divides by float."""
    expected = [[np.float32(value) / np.float32(3) for value in (1, 4, 9)]]
    np.testing.assert_array_equal(read_imatrix(path).weights[Q], np.array(expected, np.float32))


def test_each_expert_has_its_own_count(path: Path) -> None:
    """Halves of a count go up as lround does; who was never asked gets ones."""
    third, eleventh = np.float32(1 / 3), np.float32(5) / np.float32(11)
    weights = read_imatrix(path).weights[DOWN]
    np.testing.assert_array_equal(weights[:, 0], [third, 1, eleventh])
    np.testing.assert_array_equal(weights[1], [1, 1])


def test_says_what_it_was_collected_from(path: Path) -> None:
    """Texts, chunks, and the sha256 of the file."""
    found = read_imatrix(path)
    assert (found.path, found.datasets, found.chunk_count) == (path, ("talk.txt", "code.txt"), 20)
    assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_rows_fit_the_tensor(path: Path) -> None:
    """By experts and columns; nothing for what was not collected."""
    found = read_imatrix(path)
    rows = found.importance_of(DOWN, 2, 3)
    assert rows is not None
    assert (rows.shape, rows.flags.c_contiguous) == ((3, 2), True)
    assert found.importance_of("blk.1.attn_q.weight", 3) is None


def test_one_count_for_all_experts(tmp_path: Path) -> None:
    """Old files count a stack of experts once; the values fit all the same."""
    tensors: Tensors = {
        f"{DOWN}.in_sum2": np.arange(6, dtype=np.float32),
        f"{DOWN}.counts": np.array([2], np.float32),
    }
    rows = read_imatrix(write_gguf(tmp_path / "x", describe(), tensors)).importance_of(DOWN, 2, 3)
    np.testing.assert_array_equal(rows, [[0, 0.5], [1, 1.5], [2, 2.5]])


def test_a_matrix_of_another_model_is_refused(path: Path) -> None:
    """The sentence names the tensor and both sizes."""
    with pytest.raises(ImatrixError, match=f"has 3 values for {Q}, which needs 256; choose one"):
        read_imatrix(path).importance_of(Q, 256)


def test_embeddings_of_another_size_are_left_out(tmp_path: Path) -> None:
    """llama.cpp goes on without them."""
    name = "token_embd.weight"
    tensors: Tensors = {
        f"{name}.in_sum2": np.ones((1, 8), np.float32),
        f"{name}.counts": np.ones((1, 1), np.float32),
    }
    found = read_imatrix(write_gguf(tmp_path / "x", describe(), tensors))
    assert found.importance_of(name, 8) is not None
    assert found.importance_of(name, 4) is None


def test_the_result_names_its_matrix(path: Path) -> None:
    """Keys, kinds and order of llama-quantize's command line."""
    assert list(read_imatrix(path).describe().items()) == [
        ("quantize.imatrix.file", MetadataValue(ValueKind.STRING, b"toy.imatrix.gguf")),
        ("quantize.imatrix.dataset", MetadataValue(ValueKind.STRING, b"talk.txt")),
        ("quantize.imatrix.entries_count", uint32(2)),
        ("quantize.imatrix.chunks_count", uint32(20)),
    ]


def test_what_is_unknown_is_not_named(tmp_path: Path) -> None:
    """No dataset and no chunks, no entries for them."""
    silent = describe(datasets=MetadataValue(ValueKind.STRING, ()), chunk_count=uint32(0))
    found = read_imatrix(write_gguf(tmp_path / "x", silent, collected()))
    assert list(found.describe()) == ["quantize.imatrix.file", "quantize.imatrix.entries_count"]


def test_long_names_are_cut_as_llama_quantize_cuts_them(tmp_path: Path) -> None:
    """At 127 bytes, be it in the middle of a character."""
    long = describe(datasets=MetadataValue(ValueKind.STRING, ("x" * 126 + "ü.txt",)))
    found = read_imatrix(write_gguf(tmp_path / "x", long, collected()))
    expected = MetadataValue(ValueKind.STRING, b"x" * 126 + b"\xc3")
    assert found.describe()["quantize.imatrix.dataset"] == expected


def changed(name: str, data: npt.NDArray[np.generic]) -> Tensors:
    """The usual content with another tensor."""
    return collected() | {name: data}


def only(*endings: str) -> Tensors:
    """The tensors with these endings."""
    return {name: data for name, data in collected().items() if name.endswith(endings)}


def without(key: str) -> Metadata:
    """The usual entries but one."""
    return {name: value for name, value in describe().items() if name != key}


MODEL = {"general.architecture": string("llama"), "llama.block_count": uint32(1)}
CASES: dict[str, tuple[Metadata, Tensors, str]] = {
    "no datasets": (without("imatrix.datasets"), collected(), "it has no imatrix.datasets"),
    "no chunk count": (without("imatrix.chunk_count"), collected(), "no imatrix.chunk_count"),
    "no chunk size": (without("imatrix.chunk_size"), collected(), "no imatrix.chunk_size"),
    "a model": (MODEL, {"x.weight": np.ones(1, np.float32)}, "is a model, not an importance"),
    "no tensors": (describe(), {}, "holds no sums of any matrix"),
    "no counts": (describe(), only(f"{Q}.in_sum2"), f"only one of sums and counts for {Q}"),
    "no sums": (describe(), only(f"{DOWN}.counts"), f"only one of sums and counts for {DOWN}"),
    "counts of another size": (
        describe(), changed(f"{Q}.counts", np.ones(2, np.float32)), f"3 sums but 2 counts for {Q}",
    ),
    "half precision": (
        describe(), changed(f"{Q}.counts", np.ones(1, np.float16)), f"{Q}.counts as F16 instead",
    ),
    "not a number": (
        describe(), changed(f"{Q}.in_sum2", np.array([1, np.nan, 1], np.float32)),
        f"{Q}.in_sum2 that is negative or not finite",
    ),
    "infinite": (
        describe(), changed(f"{Q}.in_sum2", np.array([np.inf], np.float32)), "or not finite",
    ),
    "negative": (describe(), changed(f"{Q}.in_sum2", -np.ones(1, np.float32)), "is negative or"),
    "negative count": (
        describe(), changed(f"{DOWN}.counts", np.array([1, -1, 1], np.float32)), f"{DOWN}.counts",
    ),
    "absurd count": (
        describe(), changed(f"{Q}.counts", np.array([1e30], np.float32)), "an impossible count",
    ),
    "datasets are a number": (describe(datasets=uint32(1)), collected(), "has no texts"),
    "datasets are numbers": (
        describe(datasets=MetadataValue(ValueKind.INT32, (1,))), collected(), "has no texts",
    ),
    "chunks are a text": (describe(chunk_count=string("9")), collected(), "chunk_count '9'"),
    "absurd chunks": (describe(chunk_count=uint32(2**31)), collected(), "chunk_count '2147483648'"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_matrix_that_can_not_be_true(case: str, tmp_path: Path) -> None:
    """One sentence, the path in front."""
    metadata, tensors, words = CASES[case]
    path = write_gguf(tmp_path / "x.gguf", metadata, tensors)
    with pytest.raises(ImatrixError) as caught:
        read_imatrix(path)
    assert words in str(caught.value)
    assert str(caught.value).startswith(f"{path} ")


def legacy() -> bytes:
    """The format before GGUF: entries with name, calls and values."""
    name = Q.encode()
    values = struct.pack("<ii3f", 10, 3, 1, 4, 9)
    return struct.pack("<ii", 1, len(name)) + name + values


FILES: dict[str, tuple[bytes, str]] = {
    "old format": (legacy(), "in llama.cpp's old format; let llama-imatrix rewrite it"),
    "empty": (b"", "is not a GGUF file"),
    "text": (b"blk.0.attn_q.weight 1 2 3\n", "is not a GGUF file"),
    "header cut off": (b"GGUF\x03\0\0\0", "ends in the middle of its header"),
}


@pytest.mark.parametrize("case", FILES)
def test_other_files_are_told(case: str, tmp_path: Path) -> None:
    """By their content, whatever their name."""
    content, words = FILES[case]
    (tmp_path / "x.gguf").write_bytes(content)
    with pytest.raises(ImatrixError) as caught:
        read_imatrix(tmp_path / "x.gguf")
    assert words in str(caught.value)


def test_paths_that_lead_to_no_file(tmp_path: Path) -> None:
    """Nothing there, or a folder."""
    with pytest.raises(ImatrixError, match="No such file"):
        read_imatrix(tmp_path / "no.gguf")
    with pytest.raises(ImatrixError, match="Is a directory"):
        read_imatrix(tmp_path)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    """Nobody may ever write into it."""
    os.mkfifo(tmp_path / "x.gguf")
    with pytest.raises(ImatrixError, match="is not a file"):
        read_imatrix(tmp_path / "x.gguf")


def test_a_file_without_end_is_refused(path: Path) -> None:
    """It would be hashed for minutes."""
    with path.open("ab") as file:
        file.truncate(2**30)
    with pytest.raises(ImatrixError, match="1,073,741,824 bytes, more than any Mixtral needs"):
        read_imatrix(path)


def test_a_cut_file_is_refused(path: Path) -> None:
    """Before any value is read."""
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(ImatrixError, match="is cut off: 12 bytes are missing at its end"):
        read_imatrix(path)


def test_memory_is_bounded(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that claims to hold more is refused before anything is read."""
    monkeypatch.setattr(imatrix, "DATA_LIMIT_BYTES", 51)
    with pytest.raises(ImatrixError, match="holds 52 bytes of sums, more than any Mixtral needs"):
        read_imatrix(path)


def random_matrix(model: GGUFHeader) -> Tensors:
    """Sums and counts for every matrix of a model but the embeddings, some experts never asked."""
    random = np.random.default_rng(1)
    tensors: Tensors = {"token_embd.weight.in_sum2": np.ones(7, np.float32)}
    tensors["token_embd.weight.counts"] = np.ones(1, np.float32)
    for tensor in model.tensors:
        if len(tensor.dims) > 1 and tensor.name != "token_embd.weight":
            experts = tensor.dims[2] if len(tensor.dims) == 3 else 1
            counts = random.integers(1, 2000, (experts, 1)).astype(np.float32)
            if experts > 1:
                counts[[1, 6]] = 0
            sums = random.exponential(3, (experts, tensor.dims[0])).astype(np.float32) * counts
            tensors |= {f"{tensor.name}.in_sum2": sums, f"{tensor.name}.counts": counts}
    return tensors


def mean_squares(tensors: Tensors) -> dict[str, Floats]:
    """llama-quantize's formula, one number after the other."""
    means = {}
    for name in (key.removesuffix(".counts") for key in tensors if key.endswith(".counts")):
        sums, counts = tensors[f"{name}.in_sum2"], tensors[f"{name}.counts"]
        rows = sums.reshape(counts.size, -1)
        values = [
            value / count if count > 0 else 1
            for row, count in zip(rows, counts.flat, strict=True)
            for value in row
        ]
        means[name] = np.array(values, np.float32)
    return means


def quantized_by_llama_cpp(
    source: Path, quant: str, importance: Mapping[str, Floats], target: Path
) -> None:
    """Let llama.cpp's own quantizer make a file with an importance matrix."""
    entry = llama_cpp.llama_model_imatrix_data
    entries = (entry * (len(importance) + 1))()
    for slot, (name, values) in zip(entries, importance.items(), strict=False):
        slot.name, slot.size = name.encode(), values.size
        slot.data = values.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
    parameters = llama_cpp.llama_model_quantize_default_params()
    parameters.ftype, parameters.nthread = QUANTS[quant].file_type, 2
    parameters.imatrix = ctypes.cast(entries, ctypes.POINTER(entry))
    paths = (str(source).encode(), str(target).encode())
    assert llama_cpp.llama_model_quantize(*paths, ctypes.byref(parameters)) == 0


@pytest.fixture(scope="module")
def matrix(bf16_files: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An importance matrix for the toy model."""
    tensors = random_matrix(read_header(bf16_files / f"{TOY}.gguf"))
    return write_gguf(tmp_path_factory.mktemp("imatrix") / "toy.gguf", describe(), tensors)


@pytest.fixture(scope="module", params=["Q4_K_M", "Q6_K"])
def theirs(
    request: pytest.FixtureRequest, bf16_files: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GGUFHeader]:
    """What llama.cpp makes of the toy model with that matrix."""
    silent = llama_cpp.llama_log_callback(lambda level, text, data: None)
    llama_cpp.llama_log_set(silent, ctypes.c_void_p(0))
    source = bf16_files / f"{TOY}.gguf"
    target = tmp_path_factory.mktemp("theirs") / f"{request.param}.gguf"
    means = mean_squares(random_matrix(read_header(source)))
    quantized_by_llama_cpp(source, request.param, means, target)
    yield read_header(target)
    llama_cpp.llama_log_set(llama_cpp.llama_log_callback(), ctypes.c_void_p(0))


def read_tensor(header: GGUFHeader, name: str) -> tuple[GGUFTensor, bytes]:
    """A tensor's entry and its data."""
    tensor = next(tensor for tensor in header.tensors if tensor.name == name)
    with header.path.open("rb") as file:
        file.seek(header.data_offset + tensor.offset)
        return tensor, file.read(tensor.data_bytes)


def quantized_by_ggml(
    model: GGUFHeader, target: GGUFTensor, importance: Callable[[int], int]
) -> bytes:
    """One tensor's rows, expert after expert, with the address that `importance` gives for each."""
    _, data = read_tensor(model, target.name)
    words = np.frombuffer(data, np.uint16).astype(np.uint32) << 16
    floats = words.view(np.float32)
    columns, rows = target.dims[:2]
    packed = np.zeros(target.data_bytes, np.uint8)
    experts = len(floats) // (rows * columns)
    for expert in range(experts):
        source = floats.ctypes.data + expert * rows * columns * 4
        place = packed.ctypes.data + expert * target.data_bytes // experts
        ggml.quantize_rows(target.type.id, source, place, rows, columns, importance(expert))
    return packed.tobytes()


def address(found: ImportanceMatrix, tensor: GGUFTensor) -> Callable[[int], int]:
    """Where the row for each expert lies."""
    experts = tensor.dims[2] if len(tensor.dims) == 3 else 1
    rows = found.importance_of(tensor.name, tensor.dims[0], experts)
    assert rows is not None
    return lambda expert: rows[expert].ctypes.data


@pytest.mark.parametrize(
    "name",
    [
        "blk.0.attn_q.weight",
        "blk.3.ffn_gate_exps.weight",
        "blk.0.ffn_down_exps.weight",
        "blk.2.ffn_down_exps.weight",
        "output.weight",
    ],
)
def test_quantized_bytes_equal_llama_cpp(
    name: str, theirs: GGUFHeader, matrix: Path, bf16_files: Path
) -> None:
    """All experts of a stack, those never asked too; and the matrix does make a difference."""
    model = read_header(bf16_files / f"{TOY}.gguf")
    tensor, expected = read_tensor(theirs, name)
    found = read_imatrix(matrix)
    assert quantized_by_ggml(model, tensor, address(found, tensor)) == expected
    assert quantized_by_ggml(model, tensor, lambda expert: 0) != expected


def test_embeddings_without_importance_equal_llama_cpp(
    theirs: GGUFHeader, matrix: Path, bf16_files: Path
) -> None:
    """The matrix has seven values for them, and llama.cpp takes none."""
    model = read_header(bf16_files / f"{TOY}.gguf")
    tensor, expected = read_tensor(theirs, "token_embd.weight")
    assert read_imatrix(matrix).importance_of(tensor.name, tensor.dims[0]) is None
    assert quantized_by_ggml(model, tensor, lambda expert: 0) == expected


def test_a_whole_conversion_has_the_same_tensor_bytes(
    theirs: GGUFHeader, matrix: Path, checkpoints: Path, tmp_path: Path
) -> None:
    """Every tensor of it; the entries say besides what the matrix was collected from."""
    target = tmp_path / "ours.gguf"
    convert(checkpoints / TOY, theirs.path.stem, target, imatrix=matrix, jobs=2)
    ours = read_header(target)
    for tensor in theirs.tensors:
        assert read_tensor(ours, tensor.name)[1] == read_tensor(theirs, tensor.name)[1]
    assert ours.metadata["quantize.imatrix.file"] == "toy.gguf"
    assert set(theirs.metadata) <= set(ours.metadata)
