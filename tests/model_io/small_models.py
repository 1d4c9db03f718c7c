"""Makes the smallest models that model_io takes, one of each layout, to be damaged in trials.

One layer, 300 tokens, 1.5 MB: a conversion takes some hundredths of a second. Knows nothing of
what is done to them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from model_io.convert import convert
from model_io.gguf_reader import GGUFHeader, read_header
from model_io.gguf_values import Metadata, MetadataValue, ValueKind, string, uint32
from model_io.gguf_writer import TensorSpec, plan_file
from model_io.quant_types import F32
from tests.model_io.checkpoints import TOKENIZER_PATH, Shape, chat_companions, make_checkpoint
from tests.model_io.layouts import make_consolidated, make_original

SMALL = Shape(
    "Small-Mixtral-2x0.1M", layers=1, hidden=256, ffn=256, heads=2, kv_heads=1, experts=2,
    vocabulary=300, shards=2,
    companions=chat_companions() | {"added_tokens.json": json.dumps({"<|im_end|>": 299})},
)  # fmt: skip

Tensor = tuple[TensorSpec, bytes]


@dataclass(frozen=True)
class Base:
    """A model in a folder of its own: `source` and `imatrix` are names in it, "" the folder."""

    name: str
    folder: Path
    source: str = ""
    imatrix: str | None = None


def make_bases(parent: Path) -> tuple[Base, ...]:
    """Write all of them below `parent`."""
    checkpoint = make_checkpoint(SMALL, parent / "huggingface")
    consolidated = make_consolidated(replace(SMALL, shards=1), parent / "consolidated")
    original = make_original(SMALL, parent / "pytorch")
    for folder in (checkpoint, consolidated, original):
        (folder / "tokenizer.model").write_bytes(small_vocabulary())
    names = ("bf16", "quantized", "parts", "split", "important")
    folders = {name: parent / name for name in names}
    for folder in folders.values():
        folder.mkdir()
    plain = folders["bf16"] / "model.gguf"
    quantized = folders["quantized"] / "model.gguf"
    convert(checkpoint, "BF16", plain, jobs=1)
    convert(checkpoint, "Q4_K_M", quantized, jobs=1)
    write_parts(plain, folders["parts"])
    write_split_experts(quantized, folders["split"] / "model.gguf")
    (folders["important"] / "model.gguf").write_bytes(plain.read_bytes())
    write_imatrix(plain, folders["important"] / "imatrix.gguf")
    return (
        Base("huggingface", checkpoint),
        Base("consolidated", consolidated),
        Base("pytorch", original),
        Base("bf16", folders["bf16"], "model.gguf"),
        Base("quantized", folders["quantized"], "model.gguf"),
        Base("parts", folders["parts"], "model-00001-of-00002.gguf"),
        Base("split", folders["split"], "model.gguf"),
        Base("important", folders["important"], "model.gguf", "imatrix.gguf"),
    )


def small_vocabulary() -> bytes:
    """The first 300 pieces of the real tokenizer.model, with all that describes them.

    The file is a protobuf message: a key, a length and a content for each of its fields; the
    pieces are field 1 (sentencepiece_model.proto).
    """
    content = TOKENIZER_PATH.read_bytes()
    fields = list(_fields(content))
    pieces = [field for number, field in fields if number == 1]
    others = [field for number, field in fields if number != 1]
    return b"".join(pieces[:300] + others)


def _fields(content: bytes) -> Iterator[tuple[int, bytes]]:
    place = 0

    def number() -> int:
        nonlocal place
        value = shift = 0
        while True:
            byte = content[place]
            value |= (byte & 127) << shift
            place, shift = place + 1, shift + 7
            if byte < 128:
                return value

    while place < len(content):
        start = place
        key, length = number(), number()
        place += length
        yield key >> 3, content[start:place]


def entries_of(header: GGUFHeader) -> Metadata:
    """The entries of a GGUF file, to be written again."""
    return {key: MetadataValue(header.kinds[key], v) for key, v in header.metadata.items()}


def tensors_of(path: Path) -> list[Tensor]:
    """The tensors of a GGUF file with their data, to be written again."""
    header, content = read_header(path), path.read_bytes()
    found = []
    for tensor in header.tensors:
        start = header.data_offset + tensor.offset
        spec = TensorSpec(tensor.name, tensor.dims[::-1], tensor.type)
        found.append((spec, content[start : start + tensor.data_bytes]))
    return found


def gguf_of(entries: Metadata, tensors: Sequence[Tensor]) -> bytes:
    """A whole GGUF file."""
    plan = plan_file(entries, [spec for spec, _ in tensors])
    content = bytearray(plan.header) + bytes(plan.file_bytes - len(plan.header))
    for offset, (_, data) in zip(plan.offsets, tensors, strict=True):
        content[offset : offset + len(data)] = data
    return bytes(content)


def write_parts(whole: Path, folder: Path) -> None:
    """The same model in two files, as gguf-split makes them."""
    entries, tensors = entries_of(read_header(whole)), tensors_of(whole)
    half = len(tensors) // 2
    for number, own in enumerate((tensors[:half], tensors[half:])):
        places = {
            "split.no": MetadataValue(ValueKind.UINT16, number),
            "split.count": MetadataValue(ValueKind.UINT16, 2),
            "split.tensors.count": MetadataValue(ValueKind.INT32, len(tensors)),
        }
        content = gguf_of(places if number else entries | places, own)
        (folder / f"model-{number + 1:05}-of-00002.gguf").write_bytes(content)


def write_split_experts(stacked: Path, target: Path) -> None:
    """The same model with each expert in a tensor of its own, as before April 2024."""
    apart: list[Tensor] = []
    for spec, data in tensors_of(stacked):
        count = spec.shape[0] if len(spec.shape) == 3 else 1
        size = len(data) // count
        for number in range(count):
            name = spec.name.replace("_exps", f".{number}")
            own = TensorSpec(name, spec.shape[-2:], spec.type)
            apart.append((own, data[number * size : (number + 1) * size]))
    target.write_bytes(gguf_of(entries_of(read_header(stacked)), apart))


def write_imatrix(model: Path, target: Path) -> None:
    """An importance matrix for the model, as llama-imatrix writes it."""
    entries = {
        "general.type": string("imatrix"),
        "imatrix.datasets": MetadataValue(ValueKind.STRING, ("talk.txt",)),
        "imatrix.chunk_count": uint32(20),
        "imatrix.chunk_size": uint32(512),
    }
    random = np.random.default_rng(1)
    tensors: list[Tensor] = []
    for tensor in read_header(model).tensors:
        if len(tensor.dims) > 1:
            experts = tensor.dims[2] if len(tensor.dims) == 3 else 1
            sums = random.exponential(3, (experts, tensor.dims[0])).astype(np.float32)
            counts = np.full((experts, 1), 7, np.float32)
            for ending, data in (("in_sum2", sums), ("counts", counts)):
                spec = TensorSpec(f"{tensor.name}.{ending}", data.shape, F32)
                tensors.append((spec, data.tobytes()))
    target.write_bytes(gguf_of(entries, tensors))
