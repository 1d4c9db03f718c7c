"""The layout of the file to write."""

from __future__ import annotations

from pathlib import Path

from model_io.gguf_reader import read_header
from model_io.gguf_values import MetadataValue, ValueKind, boolean, float32, string, uint32
from model_io.gguf_writer import TensorSpec, plan_file
from model_io.quant_types import BF16, F32, Q4_K

METADATA = {
    "general.architecture": string("llama"),
    "an.integer": uint32(7),
    "a.real": float32(0.5),
    "a.switch": boolean(True),
    "some.texts": MetadataValue(ValueKind.STRING, (b"\xff", "ü")),
    "some.numbers": MetadataValue(ValueKind.INT32, [1, -1]),
}
TENSORS = [
    TensorSpec("a", (3,), F32),
    TensorSpec("b", (2, 5, 256), Q4_K),
    TensorSpec("c", (1, 1), BF16),
]


def test_a_planned_file_reads_back(tmp_path: Path) -> None:
    """Entries, shapes (reversed), and places that fill the file with padding to 32 bytes."""
    plan = plan_file(METADATA, TENSORS)
    content = plan.header + bytes(plan.file_bytes - len(plan.header))
    (tmp_path / "x").write_bytes(content)
    header = read_header(tmp_path / "x")
    assert dict(header.metadata) == {
        "general.architecture": "llama",
        "an.integer": 7,
        "a.real": 0.5,
        "a.switch": True,
        "some.texts": ("\udcff", "ü"),
        "some.numbers": (1, -1),
    }
    assert dict(header.kinds) == {key: value.kind for key, value in METADATA.items()}
    assert [(t.name, t.dims) for t in header.tensors] == [
        ("a", (3,)), ("b", (256, 5, 2)), ("c", (1, 1)),
    ]  # fmt: skip
    assert tuple(header.data_offset + t.offset for t in header.tensors) == plan.offsets
    assert header.data_offset == len(plan.header)
    assert (plan.file_bytes - len(plan.header), header.missing_bytes) == (32 + 1440 + 32, 0)
