"""All of Mixtral 8x7B Instruct's files, for a hub on this machine, without lying anywhere.

Names, sizes, order and headers are those of the real repository (its index, its config and the
sizes of its 19 shards are compared); the weights are one block of seeded random numbers over and
over, so every byte can be made when it is asked for.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from tests.hub_server import Content
from tests.model_io.checkpoints import TOKENIZER_PATH, Shape, tensor_shapes

NAME = "mistralai/Mixtral-8x7B-Instruct-v0.1"
INDEX = "model.safetensors.index.json"

_BLOCK_BYTES = 128 * 1024 * 1024
_SHIFT_BYTES = 7_654_322  # every shard begins somewhere else in the block
_STEP_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True)
class Weights:
    """One block of bf16 numbers, twice over, so that any piece of it is one slice."""

    content: bytes

    @staticmethod
    def make() -> Weights:
        """Normally distributed like a trained model's, seeded."""
        values = np.random.default_rng(20231211).standard_normal(_BLOCK_BYTES // 2, np.float32)
        words = ((values * np.float32(0.02)).view(np.uint32) >> 16).astype(np.uint16)
        return Weights(words.tobytes() * 2)


class Shard:
    """A safetensors file of which only the header is kept."""

    def __init__(self, number: int, header: bytes, size_bytes: int, weights: Weights) -> None:
        self._shift = number * _SHIFT_BYTES
        self._header = header
        self.size_bytes = size_bytes
        self._weights = weights

    def read(self, offset: int, size: int) -> bytes:
        """Some of its bytes, as the hub's server asks for them."""
        size = min(size, self.size_bytes - offset)
        head = self._header[offset : offset + size]
        pieces, place, left = [head], offset + len(head), size - len(head)
        while left > 0:
            start = (place - len(self._header) + self._shift) % _BLOCK_BYTES
            piece = self._weights.content[start : start + min(left, _BLOCK_BYTES)]
            pieces.append(piece)
            place, left = place + len(piece), left - len(piece)
        return pieces[1] if not head and len(pieces) == 2 else b"".join(pieces)

    @cached_property
    def sha256(self) -> str:
        """What the hub says of it; takes a few seconds."""
        digest = hashlib.sha256()
        for offset in range(0, self.size_bytes, _STEP_BYTES):
            digest.update(self.read(offset, _STEP_BYTES))
        return digest.hexdigest()


def real_shape() -> Shape:
    """Mixtral 8x7B."""
    return Shape(
        NAME.rpartition("/")[2], layers=32, hidden=4096, ffn=14336, heads=32, kv_heads=8,
        vocabulary=32000, shards=19,
    )  # fmt: skip


def make_files(facts: Path, shards: int | None = None) -> dict[str, Content]:
    """All files by name, made from the real index and config in the folder `facts`.

    With `shards`, the model ends with the last layer that the first so many hold whole.
    Raises ValueError if a size isn't the real one.
    """
    weight_map: dict[str, str] = json.loads((facts / INDEX).read_text())["weight_map"]
    config = json.loads((facts / "config.json").read_text())
    sizes = {entry["path"]: entry["size"] for entry in _read_sizes(facts)}
    if shards is not None:
        weight_map, config = _shorten(weight_map, config, shards)
    weights = Weights.make()
    files: dict[str, Content] = {
        "config.json": json.dumps(config).encode(),
        INDEX: json.dumps({"weight_map": weight_map}).encode(),
        "generation_config.json": (facts / "generation_config.json").read_bytes(),
        "tokenizer.model": TOKENIZER_PATH,
    }
    for number, name in enumerate(sorted(set(weight_map.values()))):
        header, size = _lay_out({t for t, file in weight_map.items() if file == name})
        if shards is None and size != sizes[name]:
            raise ValueError(f"{name} has {size} bytes, not {sizes[name]}")
        files[name] = Shard(number, header, size, weights)
    return files


def _read_sizes(facts: Path) -> list[dict[str, int | str]]:
    sizes: list[dict[str, int | str]] = json.loads((facts / "mixtral_files.json").read_text())[
        "shards"
    ]
    return sizes


def _shorten(
    weight_map: Mapping[str, str], config: Mapping[str, object], shards: int
) -> tuple[dict[str, str], dict[str, object]]:
    """The first layers, and what stands outside of them in a last shard of its own."""
    last = f"model-{shards:05}-of-00019.safetensors"
    later = {name for name, file in weight_map.items() if file > last and ".layers." in name}
    layers = min(int(name.split(".")[2]) for name in later)
    kept = {
        name: file
        for name, file in weight_map.items()
        if ".layers." not in name or int(name.split(".")[2]) < layers
    }
    return kept, {**config, "num_hidden_layers": layers}


def _lay_out(names: set[str]) -> tuple[bytes, int]:
    """A shard's header and its whole size, in alphabetical order as safetensors writes it."""
    shapes = tensor_shapes(real_shape())
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for name in sorted(names):
        end = offset + 2 * int(np.prod(shapes[name], dtype=np.int64))
        header[name] = {
            "dtype": "BF16", "shape": list(shapes[name]), "data_offsets": [offset, end],
        }  # fmt: skip
        offset = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text, 8 + len(text) + offset
