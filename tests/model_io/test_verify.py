"""What a whole file is said to be, and what a damaged one."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model_io.convert import convert
from model_io.errors import GGUFError, NotGGUFError
from model_io.gguf_reader import GGUFHeader, read_header
from model_io.gguf_values import Metadata, MetadataValue, ValueKind
from model_io.gguf_writer import TensorSpec, plan_file
from model_io.progress import Cancelled, Progress
from model_io.quant_types import TensorType
from model_io.verify import MOST_PROBLEMS, Verification, VerifiedFile, verify

SOURCE = "contradictions"
DOWN = "blk.0.ffn_down_exps.weight"
NAN = b"\x00\x7e"


@pytest.fixture(scope="module")
def quantized(checkpoints: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole Q4_K_M file of one layer, which no test changes."""
    path = tmp_path_factory.mktemp("quantized") / "toy.gguf"
    convert(checkpoints / SOURCE, "Q4_K_M", path, jobs=2)
    return path


@pytest.fixture
def toy(quantized: Path, tmp_path: Path) -> Path:
    """A copy of it, alone in its folder."""
    path = tmp_path / "model" / "toy.gguf"
    path.parent.mkdir()
    path.write_bytes(quantized.read_bytes())
    return path


def sha256(path: Path) -> str:
    """Of the whole file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def note(path: Path, text: str | None = None) -> Path:
    """Write what sha256sum prints beside a file, or another text."""
    place = path.with_name(f"{path.name}.sha256")
    place.write_text(f"{sha256(path)}  {path.name}\n" if text is None else text)
    return place


def poke(path: Path, place: int, data: bytes) -> None:
    """Overwrite some bytes."""
    content = bytearray(path.read_bytes())
    content[place : place + len(data)] = data
    path.write_bytes(content)


def start_of(path: Path, name: str) -> int:
    """Where a tensor's data begin in the file."""
    header = read_header(path)
    return header.data_offset + next(t.offset for t in header.tensors if t.name == name)


def entries_of(header: GGUFHeader) -> Metadata:
    """The entries of a file, to be written again."""
    return {key: MetadataValue(header.kinds[key], v) for key, v in header.metadata.items()}


Content = tuple[str, tuple[int, ...], TensorType, bytes]


def tensors_of(path: Path) -> list[Content]:
    """Name, shape (row length last), type and data of each tensor."""
    header, data = read_header(path), path.read_bytes()
    starts = [header.data_offset + tensor.offset for tensor in header.tensors]
    return [
        (t.name, t.dims[::-1], t.type, data[start : start + t.data_bytes])
        for t, start in zip(header.tensors, starts, strict=True)
    ]


def write(path: Path, entries: Metadata, tensors: Sequence[Content]) -> Path:
    """Write a file of these."""
    plan = plan_file(entries, [TensorSpec(*tensor[:3]) for tensor in tensors])
    content = bytearray(plan.header) + bytes(plan.file_bytes - len(plan.header))
    for offset, (*_, data) in zip(plan.offsets, tensors, strict=True):
        content[offset : offset + len(data)] = data
    path.write_bytes(content)
    return path


def test_a_whole_file(toy: Path) -> None:
    """Size, sha256, and one line for people."""
    digest, size = sha256(toy), toy.stat().st_size
    found = "is a Mixtral of 1 layer, Q4_K_M. It is whole and will load; no sha256 is noted"
    assert verify(toy, jobs=2) == Verification(
        path=toy,
        bytes=size,
        sha256=digest,
        ok=True,
        problems=(),
        summary=f"toy.gguf {found} beside it.",
        files=(VerifiedFile(toy, size, digest),),
    )


@pytest.mark.parametrize("name", ["four-experts", "odd-sizes", "wide-heads"])
def test_plain_numbers_of_any_shape(name: str, bf16_files: Path) -> None:
    """Fallbacks and tied embeddings are no problems."""
    assert verify(bf16_files / f"{name}.gguf").problems == ()


def test_a_noted_sha256_is_compared(toy: Path) -> None:
    """And that is said."""
    note(toy)
    assert verify(toy).summary.endswith("will load; its sha256 is as noted.")
    poke(toy, toy.stat().st_size - 1, b"\x01")  # in the padding, where nothing else would see it
    (problem,) = verify(toy).problems
    assert problem == (
        f"{toy} has another sha256 than the one noted beside it: it is damaged or changed; "
        "download it again."
    )


@pytest.mark.parametrize(
    "text", ["", "abc  toy.gguf\n", f"{'0' * 64}  other.gguf\n", f"{'0' * 64}\n", "x" * 9999]
)
def test_a_note_that_makes_no_sense_is_a_problem_of_its_own(text: str, toy: Path) -> None:
    """Of another file, in another format, far too long."""
    place = note(toy, text)
    (problem,) = verify(toy).problems
    assert problem.startswith(f"{place} is no note of the sha256 of toy.gguf; remove it or make")


def test_notes_of_sha256sum_in_its_other_spellings(toy: Path) -> None:
    """Binary mode, capitals, no line end."""
    note(toy, f"{sha256(toy).upper()} *toy.gguf")
    assert verify(toy).ok


def test_a_folder_in_the_place_of_a_note(toy: Path) -> None:
    """No note, and no traceback."""
    toy.with_name("toy.gguf.sha256").mkdir()
    assert "is no note of the sha256" in verify(toy).problems[0]


def test_a_name_too_long_for_a_note(toy: Path) -> None:
    """There can be none."""
    assert verify(toy.rename(toy.with_name("x" * 250 + ".gguf"))).ok


SCALES = {
    "Q4_K": ("blk.0.attn_q.weight", 144 * 7),
    "Q6_K": ("output.weight", 210 * 12 - 2),
    "Q8_0": ("blk.0.attn_v.weight", 34 * 5),
    "F32": ("blk.0.ffn_norm.weight", 2),
}


@pytest.mark.parametrize("kind", SCALES)
def test_a_broken_scale_names_its_tensor(kind: str, toy: Path) -> None:
    """One of thousands of blocks."""
    name, place = SCALES[kind]
    tensor = next(tensor for tensor in read_header(toy).tensors if tensor.name == name)
    assert tensor.type.name == kind
    poke(toy, start_of(toy, name) + place, b"\xc0\x7f" if kind == "F32" else NAN)
    found = verify(toy)
    assert found.problems == (f"{toy} has NaN or infinity in {name}; download it again.",)
    assert not found.ok
    assert found.summary.endswith("Q4_K_M, but one problem was found: don't use it.")


def test_a_tensor_that_was_never_written(toy: Path) -> None:
    """As a download leaves it that reserved its place and then stopped."""
    size = next(tensor.data_bytes for tensor in read_header(toy).tensors if tensor.name == DOWN)
    poke(toy, start_of(toy, DOWN), bytes(size))
    assert verify(toy).problems == (f"{toy} has nothing but zeros in {DOWN}; download it again.",)


def test_a_cut_file(toy: Path) -> None:
    """How much is missing, and the sha256 of what is there."""
    toy.write_bytes(toy.read_bytes()[:-5000])
    found = verify(toy)
    assert "is cut off: 5,000 bytes are missing at its end" in found.problems[0]
    assert (found.bytes, found.sha256) == (toy.stat().st_size, sha256(toy))


def test_a_header_that_is_cut_off(toy: Path) -> None:
    """Still a GGUF file, so it is an answer."""
    toy.write_bytes(toy.read_bytes()[: read_header(toy).data_offset - 100])
    found = verify(toy)
    assert "ends in the middle of its header" in found.problems[0]
    assert found.summary == "toy.gguf will not load: its header is damaged."
    assert found.sha256 == sha256(toy)


def test_trailing_bytes(toy: Path) -> None:
    """Nothing explains them."""
    toy.write_bytes(toy.read_bytes() + b"\x07" * 33)
    (problem,) = verify(toy).problems
    assert "has 33 bytes after blk.0.ffn_up_exps.weight that belong to nothing" in problem


def test_overlapping_tensors(toy: Path) -> None:
    """One tensor's offset is that of its predecessor."""
    header = read_header(toy)
    one, other = header.tensors[3:5]
    place = toy.read_bytes().index(other.name.encode()) + len(other.name) + 4 + 8 * len(other.dims)
    poke(toy, place + 4, struct.pack("<Q", one.offset))
    first = verify(toy).problems[0]
    assert f"places {one.name} and {other.name} over each other" in first


def change_entry(path: Path, key: str, value: MetadataValue | None) -> None:
    """Set one entry, or leave it out."""
    entries = {k: v for k, v in entries_of(read_header(path)).items() if k != key}
    write(path, entries | ({key: value} if value else {}), tensors_of(path))


def test_a_missing_entry(toy: Path) -> None:
    """Named."""
    change_entry(toy, "llama.expert_used_count", None)
    found = verify(toy)
    assert "does not say llama.expert_used_count" in found.problems[0]
    assert found.summary == "toy.gguf will not load: one problem was found."


def test_a_vocabulary_of_another_size(toy: Path) -> None:
    """Tokens, scores and kinds against the rows of the embeddings."""
    tokens = read_header(toy).metadata["tokenizer.ggml.tokens"]
    assert isinstance(tokens, tuple)
    change_entry(toy, "tokenizer.ggml.tokens", MetadataValue(ValueKind.STRING, tokens[:-1]))
    rows, scores, kinds = verify(toy).problems
    assert "has 767 tokens in its vocabulary but 768 in token_embd.weight" in rows
    assert "no tokenizer.ggml.scores for each of its 767 tokens" in scores
    assert "no tokenizer.ggml.token_type for each of its 767 tokens" in kinds


def test_another_model(toy: Path) -> None:
    """One sentence, however little else fits."""
    change_entry(toy, "general.architecture", MetadataValue(ValueKind.STRING, "qwen2"))
    found = verify(toy)
    assert len(found.problems) == 1
    assert "holds a model of type 'qwen2', not Mixtral" in found.problems[0]
    assert found.summary == "toy.gguf is not a Mixtral."


def split_experts(tensors: Sequence[Content]) -> list[Content]:
    """Each expert in a tensor of its own, as before April 2024."""
    apart: list[Content] = []
    for name, shape, kind, data in tensors:
        count = shape[0] if len(shape) == 3 else 1
        size = len(data) // count
        for n in range(count):
            own = name.replace("_exps", f".{n}")
            apart.append((own, shape[-2:], kind, data[n * size : (n + 1) * size]))
    return apart


def test_split_experts(toy: Path) -> None:
    """One problem, which names the command that mends it."""
    write(toy, entries_of(read_header(toy)), split_experts(tensors_of(toy)))
    found = verify(toy)
    (problem,) = found.problems
    assert "octet model repair makes a new file of it" in problem
    assert found.summary == (
        "toy.gguf is a Mixtral of 1 layer, Q4_K_M, in an old form: octet model repair makes a "
        "new file of it."
    )


def test_many_problems_are_counted(toy: Path) -> None:
    """The first ones in words."""
    layers = MetadataValue(ValueKind.UINT32, 5)
    change_entry(toy, "llama.block_count", layers)
    found = verify(toy)
    assert len(found.problems) == MOST_PROBLEMS + 1
    assert found.problems[-1] == "and 20 more"  # 4 layers of 10 tensors are missing
    assert "40 problems were found" in found.summary


def test_no_gguf_at_all(tmp_path: Path) -> None:
    """No answer but an error."""
    (tmp_path / "x.gguf").write_bytes(b"PK\x03\x04")
    with pytest.raises(NotGGUFError, match="is not a GGUF file"):
        verify(tmp_path / "x.gguf")
    with pytest.raises(NotGGUFError, match="is a folder"):
        verify(tmp_path)
    with pytest.raises(GGUFError, match="does not exist"):
        verify(tmp_path / "no.gguf")


def test_progress_rises_to_the_end(toy: Path) -> None:
    """One stage, the file's bytes."""
    reports: list[Progress] = []
    verify(toy, on_progress=reports.append)
    done = [report.done_bytes for report in reports]
    assert {(report.stage, report.total_bytes) for report in reports} == {
        ("verify", toy.stat().st_size)
    }
    assert (done[0], done[-1]) == (0, toy.stat().st_size)
    assert done == sorted(done)


def test_stopping(toy: Path) -> None:
    """Between two pieces."""
    answers = iter([False, True])
    with pytest.raises(Cancelled):
        verify(toy, should_stop=lambda: next(answers))


def test_a_name_that_can_not_be_printed(toy: Path) -> None:
    """The line for people stays one line."""
    assert verify(toy.rename(toy.with_name("a\nb.gguf"))).summary.startswith("a\\nb.gguf is a")


def split_file(path: Path) -> list[Path]:
    """Two parts of a file, as gguf-split writes them."""
    entries, tensors = entries_of(read_header(path)), tensors_of(path)
    half = len(tensors) // 2
    parts = []
    for number, own in enumerate((tensors[:half], tensors[half:])):
        places = {
            "split.no": MetadataValue(ValueKind.UINT16, number),
            "split.count": MetadataValue(ValueKind.UINT16, 2),
            "split.tensors.count": MetadataValue(ValueKind.INT32, len(tensors)),
        }
        name = path.with_name(f"toy-{number + 1:05}-of-00002.gguf")
        parts.append(write(name, places if number else entries | places, own))
    return parts


def test_a_model_in_parts(toy: Path) -> None:
    """All of them are read; the sum is that of sha256sum's lines."""
    parts = split_file(toy)
    for part in parts:
        note(part)
    found = verify(parts[0])
    lines = "".join(f"{sha256(part)}  {part.name}\n" for part in parts)
    assert (found.problems, found.ok) == ((), True)
    assert found.sha256 == hashlib.sha256(lines.encode()).hexdigest()
    assert found.bytes == sum(part.stat().st_size for part in parts)
    assert [(file.path, file.sha256) for file in found.files] == [(p, sha256(p)) for p in parts]
    assert found.summary.endswith("its sha256 is as noted.")


def break_scale(parts: list[Path]) -> None:
    """In the second part."""
    poke(parts[1], start_of(parts[1], DOWN) + 208, NAN)


def swap(parts: list[Path]) -> None:
    """The first part's content under the name of the second."""
    parts[1].write_bytes(parts[0].read_bytes())


PARTS: dict[str, tuple[Callable[[list[Path]], object], int, str]] = {
    "a part missing": (lambda parts: parts[1].unlink(), 1, "does not exist"),
    "a part of another kind": (lambda parts: parts[1].write_bytes(b"x"), 1, "is not a GGUF file"),
    "a part cut off": (
        lambda parts: parts[1].write_bytes(parts[1].read_bytes()[:300]), 1, "middle of its header",
    ),
    "a broken part": (break_scale, 1, f"has NaN or infinity in {DOWN}"),
    "a part twice": (swap, 1, "is not part 2 of the model"),
    "a wrong note": (lambda parts: note(parts[1], f"{'0' * 64}  {parts[1].name}\n"), 1, "sha256"),
}  # fmt: skip


@pytest.mark.parametrize("case", PARTS)
def test_a_model_in_damaged_parts(case: str, toy: Path) -> None:
    """The sentence names the part, and what follows from it isn't told."""
    damage, part, words = PARTS[case]
    parts = split_file(toy)
    damage(parts)
    (problem,) = verify(parts[0]).problems
    assert problem.startswith(f"{parts[part]} ")
    assert words in problem


def test_another_part_than_the_first(toy: Path) -> None:
    """Which to choose."""
    _, second = split_file(toy)
    found = verify(second)
    assert found.problems == (
        f"{second} is one of 2 parts, but not the first; choose the one whose name ends in "
        "-00001-of-00002.gguf.",
    )
    assert found.summary.endswith("is one part of a model, and will not load without the first.")


def test_a_first_part_under_another_name(toy: Path) -> None:
    """llama.cpp finds the others by name only."""
    first = split_file(toy)[0].rename(toy.with_name("renamed.gguf"))
    assert "is the first of 2 parts under another name" in verify(first).problems[0]


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_damage_is_an_answer(data: st.DataObject, quantized: Path, tmp_path: Path) -> None:
    """Whatever byte of the header is another one, and wherever the file ends."""
    content = bytearray(quantized.read_bytes())
    header_bytes = read_header(quantized).data_offset
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(4, header_bytes))] = data.draw(st.integers(0, 255))
    (tmp_path / "x.gguf").write_bytes(content[: data.draw(st.integers(4, len(content)))])
    found = verify(tmp_path / "x.gguf", jobs=1)
    assert found.ok is not bool(found.problems)
