"""Finds out everything about a converted file before its first byte.

Joins the checkpoint, the tables, the vocabulary and the writer's layout; moves no weight.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from model_io.assembly import AssemblyPlan
from model_io.checkpoint import Checkpoint, Layout, check_convertible
from model_io.gguf_values import Metadata, uint32
from model_io.gguf_writer import TensorSpec, plan_file
from model_io.imatrix import ImportanceMatrix
from model_io.model_card import ParameterCounts, describe_model, rewrite_as_quantized
from model_io.model_shape import specify
from model_io.quant_types import (
    BF16,
    F16,
    F32,
    QUANTS,
    Quant,
    TensorType,
    find_type,
)  # fmt: skip
from model_io.quantize import Matrix
from model_io.stored_tensor import StoredTensor
from model_io.tensor_names import ModelTensor, sort_as_converted, sort_as_quantized
from model_io.tokenizer import read_vocabulary


@dataclass(frozen=True, slots=True)
class ConversionPlan:
    """What will be written: the file with its matrices, and what decides about each byte of it."""

    assembly: AssemblyPlan
    fingerprint: str

    @property
    def file_bytes(self) -> int:
        """The size of the result."""
        return self.assembly.file.file_bytes

    @property
    def source_bytes(self) -> int:
        """What has to be read for it."""
        return sum(matrix.source_bytes for matrix in self.assembly.matrices)


def plan_conversion(
    checkpoint: Checkpoint, quant: Quant, imatrix: ImportanceMatrix | None = None
) -> ConversionPlan:
    """Lay out `checkpoint` as a file of kind `quant`.

    Raises TensorError for weights that can't be converted, MetadataError, TokenizerError,
    MissingFileError without a vocabulary, and ImatrixError.
    """
    check_convertible(checkpoint)
    ordered = _order(checkpoint, quant)
    specs = [_specify(tensor, checkpoint, quant) for tensor in ordered]
    metadata = _adapt(_describe(checkpoint), checkpoint, quant)
    if imatrix is not None:
        metadata |= imatrix.describe()
    via = _intermediate(checkpoint) if quant.is_quantized else None
    return lay_out(checkpoint, ordered, specs, metadata, via=via, imatrix=imatrix)


def result_sizes(checkpoint: Checkpoint) -> dict[str, int]:
    """The bytes of the file of each kind of QUANTS; raises what `plan_conversion` does."""
    check_convertible(checkpoint)
    metadata = _describe(checkpoint)
    sizes = {}
    for name, quant in QUANTS.items():
        specs = [_specify(tensor, checkpoint, quant) for tensor in checkpoint.tensors]
        sizes[name] = plan_file(_adapt(metadata, checkpoint, quant), specs).file_bytes
    return sizes


def lay_out(
    checkpoint: Checkpoint,
    tensors: Sequence[ModelTensor],
    specs: Sequence[TensorSpec],
    metadata: Metadata,
    *,
    via: TensorType | None = None,
    imatrix: ImportanceMatrix | None = None,
) -> ConversionPlan:
    """Say where each matrix of `tensors` goes in a file with these specs and entries."""
    file = plan_file(metadata, specs)
    matrices = tuple(
        matrix
        for tensor, spec, offset in zip(tensors, specs, file.offsets, strict=True)
        for matrix in _matrices(tensor, spec, offset, checkpoint.stored, via, imatrix)
    )
    digest = hashlib.sha256(file.header)
    for matrix in matrices:
        via_name = matrix.via.name if matrix.via else None
        place = (matrix.target_offset, matrix.source_offset, matrix.is_transposed, via_name)
        digest.update(repr((matrix.name, matrix.source_type.name, *place)).encode())
    digest.update(imatrix.sha256.encode() if imatrix else b"")
    return ConversionPlan(AssemblyPlan(file, matrices), digest.hexdigest())


def _order(checkpoint: Checkpoint, quant: Quant) -> list[ModelTensor]:
    if quant.is_converted and checkpoint.layout is not Layout.GGUF:
        return sort_as_converted(checkpoint.tensors, list(checkpoint.stored))
    return sort_as_quantized(checkpoint.tensors)


def _describe(checkpoint: Checkpoint) -> Metadata:
    """The entries of every kind of file but for what `_adapt` changes."""
    if checkpoint.model is not None:
        return checkpoint.model.metadata()
    counts, config = _count_parameters(checkpoint.tensors), checkpoint.config
    metadata = describe_model(checkpoint.path, config, counts, file_type=0)
    return metadata | read_vocabulary(checkpoint.path, config.vocab_size)


def _adapt(metadata: Metadata, checkpoint: Checkpoint, quant: Quant) -> Metadata:
    if quant.is_converted and checkpoint.model is None:
        return metadata | {"general.file_type": uint32(quant.file_type)}
    return rewrite_as_quantized(metadata, quant.file_type)


def _intermediate(checkpoint: Checkpoint) -> TensorType | None:
    """The 16-bit type that llama.cpp's two steps pass through: convert's `--outtype auto`.

    That of the first matrix in one of them, else F16 (conversion/base.py, `ModelBase.__init__`).
    A GGUF has no first step.
    """
    if checkpoint.layout is Layout.GGUF:
        return None
    for tensor in checkpoint.stored.values():
        if len(tensor.shape) >= 2 and tensor.dtype in ("BF16", "F16"):
            return BF16 if tensor.dtype == "BF16" else F16
    return F16


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
    return specify(tensor, checkpoint.config, quant, has_output=checkpoint.has_output)


def _matrices(
    tensor: ModelTensor,
    spec: TensorSpec,
    offset: int,
    stored: Mapping[str, StoredTensor],
    via: TensorType | None,
    imatrix: ImportanceMatrix | None,
) -> Iterator[Matrix]:
    columns = tensor.shape[-1]
    rows = math.prod(tensor.source_shape[:-1])
    count = len(tensor.sources)
    weights = imatrix.importance_of(tensor.name, columns, count) if imatrix else None
    for index, name in enumerate(tensor.sources):
        source = stored[name]
        yield Matrix(
            tensor=tensor.name,
            expert=index if count > 1 else None,
            name=name,
            path=source.path,
            source_offset=source.offset,
            source_type=find_type(source.dtype) or F32,
            rows=rows,
            columns=columns,
            type=spec.type,
            target_offset=offset + index * rows * spec.type.row_bytes(columns),
            permuted_heads=tensor.permuted_heads,
            is_transposed=source.transposed,
            via=via if spec.type is not F32 else None,
            importance=None if weights is None else weights[index],
        )
