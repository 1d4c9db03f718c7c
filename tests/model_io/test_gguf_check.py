"""What a header says that llama.cpp would refuse."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from model_io.errors import CorruptGGUFError
from model_io.gguf_check import check_entries, list_file_problems, list_model_problems
from model_io.gguf_reader import GGUFHeader, GGUFTensor, Value, read_header
from model_io.gguf_values import ValueKind
from model_io.quant_types import F16, F32, TENSOR_TYPES
from tests.model_io.checkpoints import SHAPES

Q = "blk.0.attn_q.weight"


@pytest.fixture(scope="module")
def good(bf16_files: Path) -> GGUFHeader:
    """The header of a whole model of one layer."""
    return read_header(bf16_files / "contradictions.gguf")


def laid_out(*tensors: GGUFTensor, file_bytes: int = 256) -> GGUFHeader:
    """A header of 64 bytes with these tensors."""
    return GGUFHeader(Path("x.gguf"), 3, {}, tensors, 64, file_bytes, 32)


def tensor(name: str, offset: int, elements: int = 8) -> GGUFTensor:
    """A list of F32 numbers."""
    return GGUFTensor(name, (elements,), F32, offset)


@pytest.mark.parametrize("name", SHAPES)
def test_good_files_have_no_problems(name: str, bf16_files: Path) -> None:
    """All that the converter makes."""
    header = read_header(bf16_files / f"{name}.gguf")
    assert list(list_file_problems(header)) == []
    assert list(list_model_problems(header, header.tensors)) == []


def test_the_last_padding_may_be_missing() -> None:
    """llama.cpp never reads it."""
    header = laid_out(tensor("a", 0), tensor("b", 32, 3))
    assert list(list_file_problems(replace(header, file_bytes=64 + 32 + 12))) == []
    assert list(list_file_problems(replace(header, file_bytes=64 + 32 + 32))) == []


LAYOUTS = {
    "overlap": (laid_out(tensor("a", 0, 16), tensor("b", 32, 40)), "places a and b over each"),
    "doubled place": (laid_out(tensor("a", 0, 8), tensor("b", 0, 48)), "places a and b over each"),
    "far overlap": (
        laid_out(tensor("a", 0, 48), tensor("b", 32), tensor("c", 64)), "places a and c over each",
    ),
    "gap": (laid_out(tensor("a", 0), tensor("b", 96, 24)), "has 64 bytes before b that belong to"),
    "gap at the beginning": (laid_out(tensor("a", 32, 40)), "has 32 bytes before a that belong"),
    "more than padding": (laid_out(tensor("a", 0, 40)), "has 32 bytes after a that belong to"),
    "no tensors": (laid_out(), "has 192 bytes after the header that belong to nothing"),
    "order": (laid_out(tensor("b", 64, 32), tensor("a", 0, 16)), "lists its tensors in another"),
    "cut off": (laid_out(tensor("a", 0, 49)), "is cut off: 4 bytes are missing at its end"),
    "a long name": (laid_out(tensor("a" * 64, 0, 48)), "a name too long for llama.cpp"),
    "no weights": (
        laid_out(GGUFTensor("a", (16, 3), TENSOR_TYPES[26], 0)), "stores a as I32, which llama.cpp",
    ),
    "a norm in half precision": (
        laid_out(GGUFTensor("a_norm.weight", (96,), F16, 0)), "stores a_norm.weight as F16 where",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", LAYOUTS)
def test_a_layout_that_llama_cpp_refuses(case: str) -> None:
    """The sentence names file and tensors."""
    header, words = LAYOUTS[case]
    problems = list(list_file_problems(header))
    assert any(words in problem for problem in problems)
    assert all(problem.startswith("x.gguf ") for problem in problems)


def test_one_overlap_is_one_problem() -> None:
    """What follows lies where it should."""
    header = laid_out(tensor("a", 0, 16), tensor("b", 32, 8), tensor("c", 64, 32))
    assert len(list(list_file_problems(header))) == 1


def model_problems(header: GGUFHeader, **changes: Value | None) -> list[str]:
    """The problems after changing some entries (`__` for a dot), None for leaving one out."""
    changed = {key.replace("__", "."): value for key, value in changes.items()}
    entries = {k: v for k, v in (dict(header.metadata) | changed).items() if v is not None}
    return list(list_model_problems(replace(header, metadata=entries), header.tensors))


TOKENS = tuple(f"t{n}" for n in range(768))
ENTRIES: dict[str, tuple[dict[str, Value | None], str]] = {
    "another model": ({"general__architecture": "gemma"}, "holds a model of type 'gemma'"),
    "no layers": ({"llama__block_count": None}, "does not say llama.block_count"),
    "more layers": ({"llama__block_count": 2}, "lacks blk.1.attn_norm.weight"),
    "wider": ({"llama__feed_forward_length": 512}, "blk.0.ffn_gate_exps.weight in the shape"),
    "a larger vocabulary": ({"llama__vocab_size": 800}, "token_embd.weight in the shape"),
    "no tokenizer": ({"tokenizer__ggml__model": None}, "does not say tokenizer.ggml.model"),
    "no tokens": ({"tokenizer__ggml__tokens": None}, "has no vocabulary"),
    "tokens are numbers": ({"tokenizer__ggml__tokens": (1,) * 768}, "has no vocabulary"),
    "a token lost": (
        {"tokenizer__ggml__tokens": TOKENS[1:]},
        "has 767 tokens in its vocabulary but 768 in token_embd.weight",
    ),
    "no scores": ({"tokenizer__ggml__scores": None}, "no tokenizer.ggml.scores for each"),
    "a score lost": ({"tokenizer__ggml__scores": (0.0,) * 767}, "no tokenizer.ggml.scores for"),
    "no number as score": (
        {"tokenizer__ggml__scores": (float("nan"),) * 768}, "no tokenizer.ggml.scores for each",
    ),
    "types are texts": ({"tokenizer__ggml__token_type": TOKENS}, "no tokenizer.ggml.token_type"),
    "beginning outside": (
        {"tokenizer__ggml__bos_token_id": 768}, "the tokenizer.ggml.bos_token_id 768, outside",
    ),
    "end outside": ({"tokenizer__ggml__eos_token_id": -1}, "ggml.eos_token_id -1, outside"),
    "parts counted wrongly": ({"split__tensors__count": 14}, "speaks of 14 tensors in all, and"),
}  # fmt: skip


@pytest.mark.parametrize("case", ENTRIES)
def test_entries_that_contradict_the_tensors(case: str, good: GGUFHeader) -> None:
    """One of the sentences names entry or tensor."""
    changes, words = ENTRIES[case]
    problems = model_problems(good, **changes)
    assert any(words in problem for problem in problems)
    assert all(problem.startswith(f"{good.path} ") for problem in problems)


def test_other_vocabularies_need_no_scores(good: GGUFHeader) -> None:
    """Merges take their place."""
    silent = {"tokenizer__ggml__scores": None, "tokenizer__ggml__token_type": None}
    assert model_problems(good, tokenizer__ggml__model="gpt2", **silent) == []


def test_a_number_of_another_kind_is_told(good: GGUFHeader) -> None:
    """llama.cpp takes a count in 32 bits only."""
    kinds = dict(good.kinds) | {"llama.block_count": ValueKind.UINT64}
    problems = list(list_model_problems(replace(good, kinds=kinds), good.tensors))
    assert problems == [
        f"{good.path} stores llama.block_count as UINT64 where llama.cpp needs UINT32; "
        "choose another file of the model."
    ]


def test_missing_and_foreign_tensors(good: GGUFHeader) -> None:
    """Both names of a renamed one."""
    tensors = [replace(t, name="adapter") if t.name == Q else t for t in good.tensors]
    lost, foreign = list_model_problems(good, tensors)
    assert f"lacks {Q};" in lost
    assert "holds adapter, which is no part of a Mixtral" in foreign


def test_a_tensor_in_two_files(good: GGUFHeader) -> None:
    """Of a model in parts."""
    (problem,) = list_model_problems(good, [*good.tensors, good.tensors[0]])
    assert f"has {good.tensors[0].name} in 2 of its files" in problem


def test_a_missing_output_is_no_problem(good: GGUFHeader) -> None:
    """The embeddings are used in its place."""
    tensors = [tensor for tensor in good.tensors if tensor.name != "output.weight"]
    assert list(list_model_problems(good, tensors)) == []


def test_trailing_dimensions_of_one_mean_nothing(good: GGUFHeader) -> None:
    """Some writers add them."""
    tensors = [replace(t, dims=(*t.dims, 1)) if t.name == Q else t for t in good.tensors]
    assert list(list_model_problems(good, tensors)) == []


def test_experts_apart_are_one_problem(good: GGUFHeader) -> None:
    """The file is told to be old; that its tensors have other names isn't told again."""
    tensors: list[GGUFTensor] = []
    for whole in good.tensors:
        name = whole.name.replace("_exps", ".{}")
        count = whole.dims[2] if len(whole.dims) == 3 else 1
        tensors += [
            GGUFTensor(name.format(n), whole.dims[:2], whole.type, whole.offset)
            for n in range(count)
        ]
    old = replace(good, tensors=tuple(tensors))
    assert list(list_model_problems(old, tensors)) == []
    assert "octet model repair makes a new file of it" in next(list_file_problems(old))


def test_entries_that_llama_cpp_refuses_are_not_copied(good: GGUFHeader) -> None:
    """A conversion would make a file of them that doesn't load."""
    check_entries(good, good.tensors)
    kinds = dict(good.kinds) | {"tokenizer.ggml.bos_token_id": ValueKind.INT32}
    with pytest.raises(CorruptGGUFError, match=r"bos_token_id as INT32 where llama\.cpp needs"):
        check_entries(replace(good, kinds=kinds), good.tensors)
    entries = {k: v for k, v in good.metadata.items() if k != "tokenizer.ggml.scores"}
    with pytest.raises(CorruptGGUFError, match=r"has no tokenizer\.ggml\.scores"):
        check_entries(replace(good, metadata=entries), good.tensors)
