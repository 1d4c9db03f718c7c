"""Says what in a GGUF header keeps llama.cpp from loading the file as a Mixtral.

Every finding is a sentence for people that names the file and, where there is one, the tensor.
Knows no tensor's content. What llama.cpp refuses is taken from ggml/src/gguf.cpp and, in src,
llama-model-loader.cpp, llama-vocab.cpp and models/llama.cpp (llama-cpp-python 0.3.36).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from types import MappingProxyType

from model_io.errors import CorruptGGUFError, GGUFError, NotMixtralError
from model_io.gguf_config import config_of_gguf
from model_io.gguf_reader import GGUFHeader, GGUFTensor, Value, check_usable
from model_io.gguf_values import ValueKind
from model_io.model_config import MixtralConfig
from model_io.quant_types import F32
from model_io.tensor_names import GGUF, list_tensors

_LONGEST_NAME_BYTES = 63  # GGML_MAX_NAME, less its end
_NO_WEIGHTS = frozenset({"Q8_1", "Q8_K", "I8", "I16", "I32", "I64", "F64"})
"""Types that ggml has for other things, and computes no product with."""

_KINDS: Mapping[str, ValueKind] = MappingProxyType(
    {
        "general.architecture": ValueKind.STRING,
        "general.alignment": ValueKind.UINT32,
        "llama.block_count": ValueKind.UINT32,
        "llama.context_length": ValueKind.UINT32,
        "llama.embedding_length": ValueKind.UINT32,
        "llama.feed_forward_length": ValueKind.UINT32,
        "llama.attention.head_count": ValueKind.UINT32,
        "llama.attention.head_count_kv": ValueKind.UINT32,
        "llama.attention.key_length": ValueKind.UINT32,
        "llama.attention.value_length": ValueKind.UINT32,
        "llama.attention.layer_norm_rms_epsilon": ValueKind.FLOAT32,
        "llama.rope.freq_base": ValueKind.FLOAT32,
        "llama.rope.dimension_count": ValueKind.UINT32,
        "llama.expert_count": ValueKind.UINT32,
        "llama.expert_used_count": ValueKind.UINT32,
        "llama.vocab_size": ValueKind.UINT32,
        "tokenizer.ggml.model": ValueKind.STRING,
        "tokenizer.ggml.bos_token_id": ValueKind.UINT32,
        "tokenizer.ggml.eos_token_id": ValueKind.UINT32,
        "tokenizer.ggml.token_type": ValueKind.INT32,
    }
)
"""llama.cpp takes these entries in no other kind."""

_USUAL_IDS = {"bos_token_id": 1, "eos_token_id": 2}  # assumed where the file is silent
_FETCH = "download it again"
_OTHER = "choose another file of the model"


def list_file_problems(header: GGUFHeader) -> Iterator[str]:
    """What is wrong with one file's layout, whatever model it is of."""
    try:
        check_usable(header)
    except GGUFError as error:
        yield str(error)
    for tensor in header.tensors:
        shown = _show(tensor)
        if len(tensor.name.encode("utf-8", "surrogateescape")) > _LONGEST_NAME_BYTES:
            yield _say(header, f"has the tensor {shown}, a name too long for llama.cpp", _OTHER)
        if tensor.type.name in _NO_WEIGHTS:
            problem = f"stores {shown} as {tensor.type.name}, which llama.cpp can't compute with"
            yield _say(header, problem, _OTHER)
        if len(tensor.dims) == 1 and tensor.type is not F32:
            problem = f"stores {shown} as {tensor.type.name} where llama.cpp needs F32"
            yield _say(header, problem, _OTHER)
    yield from _list_gaps(header)


def _list_gaps(header: GGUFHeader) -> Iterator[str]:
    """The tensors have to follow one another in the order of the header, each padded."""
    ordered = sorted(header.tensors, key=lambda tensor: tensor.offset)
    if tuple(ordered) != header.tensors:
        yield _say(header, "lists its tensors in another order than their data have", _OTHER)
    end, last = 0, "the header"
    for tensor in ordered:
        expected, shown = _pad(end, header.alignment), _show(tensor)
        if tensor.offset < end:
            yield _say(header, f"places {last} and {shown} over each other", _FETCH)
        elif tensor.offset != expected:
            gap = tensor.offset - expected
            yield _say(header, f"has {gap:,} bytes before {shown} that belong to nothing", _FETCH)
        if tensor.offset + tensor.data_bytes > end:
            end, last = tensor.offset + tensor.data_bytes, shown
    extra = header.file_bytes - header.data_offset - _pad(end, header.alignment)
    if extra > 0:
        yield _say(header, f"has {extra:,} bytes after {last} that belong to nothing", _FETCH)


def check_entries(header: GGUFHeader, tensors: Sequence[GGUFTensor]) -> None:
    """Make sure that llama.cpp would take the file's entries, which a conversion copies.

    Raises CorruptGGUFError for one of another kind, or a vocabulary that isn't whole.
    """
    for problem in chain(_list_other_kinds(header), _list_vocabulary_problems(header, tensors)):
        raise problem


def list_model_problems(header: GGUFHeader, tensors: Sequence[GGUFTensor]) -> Iterator[str]:
    """What is wrong with the model: `header` describes it, and `tensors` are of all its files."""
    try:
        config = config_of_gguf(header)
    except NotMixtralError as error:
        yield str(error)
        return
    except CorruptGGUFError as error:
        yield str(error)
    else:
        yield from _list_tensor_problems(header, config, tensors)
    yield from map(str, _list_other_kinds(header))
    total = header.metadata.get("split.tensors.count", len(tensors))
    if total != len(tensors):
        problem = f"speaks of {str(total)[:40]} tensors in all, and there are {len(tensors):,}"
        yield _say(header, problem, _FETCH)
    yield from map(str, _list_vocabulary_problems(header, tensors))


def _list_other_kinds(header: GGUFHeader) -> Iterator[CorruptGGUFError]:
    for key, kind in _KINDS.items():
        found = header.kinds.get(key, kind)
        if found is not kind:
            problem = f"stores {key} as {found.name} where llama.cpp needs {kind.name}"
            yield CorruptGGUFError(header.path, problem, _OTHER)


def _list_tensor_problems(
    header: GGUFHeader, config: MixtralConfig, tensors: Sequence[GGUFTensor]
) -> Iterator[str]:
    found = {tensor.name: tensor for tensor in tensors}
    expected = _list_shapes(config, "output.weight" in found, header.is_split_expert)
    for name, shape in expected.items():
        if name not in found:
            yield _say(header, f"lacks {name}", _FETCH)
        elif _strip(found[name].dims) != _strip(shape[::-1]):
            needed = f"the other entries need {shape}"
            problem = f"has {name} in the shape {found[name].dims[::-1]} where {needed}"
            yield _say(header, problem, _FETCH)
    for name, times in Counter(tensor.name for tensor in tensors).items():
        if name not in expected:
            problem = f"holds {_show(found[name])}, which is no part of a Mixtral"
            yield _say(header, problem, _OTHER)
        if times > 1:
            yield _say(header, f"has {_show(found[name])} in {times} of its files", _FETCH)


def _list_shapes(
    config: MixtralConfig, has_output: bool, is_split_expert: bool
) -> dict[str, tuple[int, ...]]:
    """Every tensor's name and shape, row length last; of old files each expert on its own."""
    tensors = list_tensors(config, has_output=has_output, naming=GGUF)
    if is_split_expert:
        return {name: tensor.source_shape for tensor in tensors for name in tensor.sources}
    return {tensor.name: tensor.shape for tensor in tensors}


def _list_vocabulary_problems(
    header: GGUFHeader, tensors: Sequence[GGUFTensor]
) -> Iterator[CorruptGGUFError]:
    entries = {key: header.metadata.get(f"tokenizer.ggml.{key}") for key in ("model", "tokens")}
    tokens = entries["tokens"]
    if not isinstance(entries["model"], str):
        yield CorruptGGUFError(header.path, "does not say tokenizer.ggml.model", _FETCH)
    if not isinstance(tokens, tuple) or not tokens or not isinstance(tokens[0], str):
        yield CorruptGGUFError(header.path, "has no vocabulary in tokenizer.ggml.tokens", _FETCH)
        return
    count = len(tokens)
    for tensor in tensors:
        if tensor.name == "token_embd.weight" and tensor.dims[1:] != (count,):
            rows = math.prod(tensor.dims[1:])
            problem = f"has {count:,} tokens in its vocabulary but {rows:,} in {tensor.name}"
            yield CorruptGGUFError(header.path, problem, _FETCH)
    for key in ("scores", "token_type"):
        values = header.metadata.get(f"tokenizer.ggml.{key}")
        # Only a SentencePiece vocabulary can't do without them.
        if (values is not None or entries["model"] == "llama") and not _are_numbers(values, count):
            problem = f"has no tokenizer.ggml.{key} for each of its {count:,} tokens"
            yield CorruptGGUFError(header.path, problem, _FETCH)
    for key, usual in _USUAL_IDS.items():
        token = header.metadata.get(f"tokenizer.ggml.{key}", usual)
        if type(token) is not int or not 0 <= token < count:
            problem = f"has the tokenizer.ggml.{key} {str(token)[:40]}, outside its vocabulary"
            yield CorruptGGUFError(header.path, problem, _FETCH)


def _are_numbers(values: Value | None, count: int) -> bool:
    return (
        isinstance(values, tuple)
        and len(values) == count
        and all(type(value) in (int, float) and math.isfinite(float(value)) for value in values)
    )


def _strip(dims: tuple[int, ...]) -> tuple[int, ...]:
    """Dimensions in ggml's order without the ones at the end, which mean nothing there."""
    while len(dims) > 1 and dims[-1] == 1:
        dims = dims[:-1]
    return dims


def _pad(size: int, alignment: int) -> int:
    return -(-size // alignment) * alignment


def _show(tensor: GGUFTensor) -> str:
    return tensor.name[:72]


def _say(header: GGUFHeader, problem: str, remedy: str) -> str:
    return str(CorruptGGUFError(header.path, problem, remedy))
