"""A Hugging Face Mixtral folder becomes a GGUF file, in one pass.

Joins the readers, the tables, the quantizer and the writer, which don't know one another. For
bf16 weights the file is byte for byte the one that llama.cpp makes: BF16 is what its convert
script writes, every other kind what llama-quantize then makes of that.
"""

from __future__ import annotations

import hashlib
import math
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from model_io.checkpoint import Checkpoint, read_mixtral
from model_io.errors import OutputError
from model_io.gguf_writer import FilePlan, TensorSpec, check_target, plan_file, write_file
from model_io.model_card import ParameterCounts, describe_model, rewrite_as_quantized
from model_io.progress import (
    Cancelled,
    Progress,
    ProgressCallback,
    StopCallback,
    ignore_progress,
    never_stop,
)
from model_io.quant_types import QUANTS, Quant, choose_tensor_type
from model_io.quantize import Matrix, quantize
from model_io.safetensors_reader import StoredTensor
from model_io.tensor_names import ModelTensor, sort_as_converted, sort_as_quantized
from model_io.tokenizer import read_vocabulary

_HASH_STEP_BYTES = 8 * 1024 * 1024
_SYNC_STEP_BYTES = 64 * 1024 * 1024

_SOURCE_SUFFIXES = {".safetensors", ".bin", ".pt", ".json", ".model", ".jinja", ".txt", ".md"}
"""What the files of a downloaded model end in; a GGUF made before may lie beside them."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """What was made; `sha256` is of the whole file."""

    path: Path
    bytes: int
    sha256: str
    seconds: float


@dataclass(frozen=True, slots=True)
class ConversionPlan:
    """A file that can be written now: its layout, and what moves where, in the file's order."""

    file: FilePlan
    matrices: tuple[Matrix, ...]


def convert(
    source: Path,
    quant: str,
    target: Path,
    *,
    jobs: int | None = None,
    on_progress: ProgressCallback = ignore_progress,
    should_stop: StopCallback = never_stop,
) -> Conversion:
    """Convert the checkpoint in the folder `source` to `target` as `quant`, a key of QUANTS.

    `jobs` threads compute (all processors when None). Nothing is seen at `target` before the
    file is complete. Raises a SourceError, an OutputError, or Cancelled.
    """
    started = time.monotonic()
    checkpoint = read_mixtral(source)
    _check_apart(target, checkpoint)
    plan = plan_conversion(checkpoint, QUANTS[quant])
    check_target(target, plan.file.file_bytes)
    if should_stop():
        raise Cancelled
    with write_file(target, plan.file) as part:
        digest = _fill(part, plan.matrices, jobs or _processors(), on_progress, should_stop)
    seconds = time.monotonic() - started
    return Conversion(target, plan.file.file_bytes, digest, seconds)


def _check_apart(target: Path, checkpoint: Checkpoint) -> None:
    """The result must not take the place of what it is made of, under whatever name."""
    for path in _list_sources(checkpoint):
        with suppress(OSError):  # one of the two is not there
            if target.samefile(path):
                problem = "is one of the files to be converted"
                raise OutputError(target, problem, "choose another name for --out")


def _list_sources(checkpoint: Checkpoint) -> Iterator[Path]:
    yield from {tensor.path for tensor in checkpoint.stored.values()}
    with suppress(OSError):  # a folder that may be entered but not listed
        for path in checkpoint.folder.iterdir():
            if path.suffix.lower() in _SOURCE_SUFFIXES or path.name == "LICENSE":
                yield path


def plan_conversion(checkpoint: Checkpoint, quant: Quant) -> ConversionPlan:
    """Find out everything about the file before its first byte.

    Raises MetadataError, TokenizerError, or MissingFileError without a vocabulary.
    """
    tensors = checkpoint.tensors
    metadata = describe_model(
        checkpoint.folder, checkpoint.config, _count_parameters(tensors), quant.file_type
    ) | read_vocabulary(checkpoint.folder, checkpoint.config.vocab_size)
    if quant.is_converted:
        ordered = sort_as_converted(tensors, list(checkpoint.stored))
    else:
        ordered = sort_as_quantized(tensors)
        metadata = rewrite_as_quantized(metadata, quant.file_type)
    specs = [_specify(tensor, checkpoint, quant) for tensor in ordered]
    file = plan_file(metadata, specs)
    matrices = tuple(
        matrix
        for tensor, spec, offset in zip(ordered, specs, file.offsets, strict=True)
        for matrix in _matrices(tensor, spec, offset, checkpoint.stored)
    )
    return ConversionPlan(file, matrices)


def _count_parameters(tensors: Sequence[ModelTensor]) -> ParameterCounts:
    """gguf-py's `get_total_parameter_count`."""
    stacks = [tensor.shape for tensor in tensors if len(tensor.shape) == 3]
    shared = sum(math.prod(tensor.shape) for tensor in tensors if len(tensor.shape) < 3)
    return ParameterCounts(
        total=shared + sum(map(math.prod, stacks)),
        shared=shared,
        expert=sum(rows * columns for _, rows, columns in stacks),
        experts=stacks[0][0],
    )


def _specify(tensor: ModelTensor, checkpoint: Checkpoint, quant: Quant) -> TensorSpec:
    kind = choose_tensor_type(
        quant,
        tensor.name,
        tensor.shape[-1],
        len(tensor.shape),
        layer=tensor.layer,
        layers=checkpoint.config.num_hidden_layers,
        experts=checkpoint.config.num_local_experts,
        has_output=checkpoint.has_output,
    )
    return TensorSpec(tensor.name, tensor.shape, kind)


def _matrices(
    tensor: ModelTensor, spec: TensorSpec, offset: int, stored: Mapping[str, StoredTensor]
) -> Iterator[Matrix]:
    columns = tensor.shape[-1]
    rows = math.prod(tensor.source_shape[:-1])
    for index, name in enumerate(tensor.sources):
        source = stored[name]
        yield Matrix(
            name=name,
            path=source.path,
            source_offset=source.offset,
            dtype=source.dtype,
            rows=rows,
            columns=columns,
            type=spec.type,
            target_offset=offset + index * rows * spec.type.row_bytes(columns),
            permuted_heads=tensor.permuted_heads,
        )


def _fill(
    part: Path,
    matrices: Sequence[Matrix],
    jobs: int,
    on_progress: ProgressCallback,
    should_stop: StopCallback,
) -> str:
    """Put all data into the file at `part` and return its sha256, taken on the way."""
    total = sum(matrix.source_bytes for matrix in matrices)
    digest = hashlib.sha256()
    on_progress(Progress("convert", 0, total))
    with part.open("rb+") as file, closing(quantize(matrices, part, jobs)) as steps:
        for step in steps:
            if should_stop():
                raise Cancelled
            on_progress(Progress("convert", step.source_bytes, total))
            while step.target_end - file.tell() >= _HASH_STEP_BYTES:
                digest.update(file.read(_HASH_STEP_BYTES))
                if file.tell() % _SYNC_STEP_BYTES == 0:
                    # Else gigabytes would wait in memory, and the disk for the end of the job.
                    os.fsync(file.fileno())
        while piece := file.read(_HASH_STEP_BYTES):
            digest.update(piece)
    return digest.hexdigest()


def _processors() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
