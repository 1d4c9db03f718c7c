"""A GGUF from before April 2024, with each expert apart, becomes one that llama.cpp loads.

Copies blocks and computes nothing, so no quality is lost. Knows nothing of how a file is filled.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from model_io.assembly import LocalFiles, assemble
from model_io.checkpoint import Checkpoint, read_mixtral
from model_io.conversion_plan import ConversionPlan, lay_out
from model_io.convert import (
    NATIVE_VERSION,
    Conversion,
    check_apart,
    outstanding_bytes,
    processors,
)
from model_io.disk import check_folder, check_target
from model_io.errors import GGUFError, NotGGUFError, TensorError
from model_io.gguf_writer import TensorSpec
from model_io.journal import Task
from model_io.progress import ProgressCallback, StopCallback, ignore_progress, never_stop
from model_io.quant_types import find_type
from model_io.stored_tensor import StoredTensor
from model_io.tensor_names import ModelTensor, sort_as_quantized


def repair(
    source: Path,
    target: Path,
    *,
    jobs: int | None = None,
    on_progress: ProgressCallback = ignore_progress,
    should_stop: StopCallback = never_stop,
) -> Conversion:
    """Make `target` of the old GGUF file at `source` (of several parts, any one).

    Can be cut off and goes on like a conversion. Raises NotGGUFError, GGUFError if there is
    nothing to repair, TensorError for experts of one layer in different types, an OutputError,
    or Cancelled.
    """
    started = time.monotonic()
    check_folder(target)
    checkpoint = read_mixtral(source)
    check_apart(target, checkpoint)
    plan = plan_repair(checkpoint)
    check_target(target, outstanding_bytes(target, plan))
    task = Task(str(source), "repair", plan.fingerprint, plan.file_bytes, NATIVE_VERSION)
    digest = assemble(
        target, plan.assembly, task, LocalFiles(checkpoint.files),
        jobs=jobs or processors(), on_progress=on_progress, should_stop=should_stop,
    )  # fmt: skip
    return Conversion(target, plan.file_bytes, digest, time.monotonic() - started)


def plan_repair(checkpoint: Checkpoint) -> ConversionPlan:
    """Lay the same tensors out with the experts of each layer together.

    Raises NotGGUFError, GGUFError or TensorError, see `repair`.
    """
    model = checkpoint.model
    if model is None:
        problem = "is a model's source and no GGUF file"
        raise NotGGUFError(checkpoint.path, problem, "octet model convert makes one of it")
    if not model.is_split_expert:
        problem = "has the experts of each layer together already"
        raise GGUFError(model.header.path, problem, "use it as it is")
    tensors = sort_as_quantized(checkpoint.tensors)
    specs = [_specify(tensor, checkpoint.stored) for tensor in tensors]
    return lay_out(checkpoint, tensors, specs, model.metadata())


def _specify(tensor: ModelTensor, stored: Mapping[str, StoredTensor]) -> TensorSpec:
    kinds = {stored[name].dtype for name in tensor.sources}
    kind = find_type(kinds.pop())
    if kinds or kind is None:
        raise _mixed(tensor, stored)
    return TensorSpec(tensor.name, tensor.shape, kind)


def _mixed(tensor: ModelTensor, stored: Mapping[str, StoredTensor]) -> TensorError:
    kinds: dict[str, int] = {}
    for name in tensor.sources:
        kinds[stored[name].dtype] = kinds.get(stored[name].dtype, 0) + 1
    listed = " and ".join(f"{count} as {kind}" for kind, count in kinds.items())
    problem = f"stores the experts of {tensor.name} in different types ({listed})"
    remedy = "such a file can't be repaired without loss: convert the model's original weights"
    return TensorError(stored[tensor.sources[0]].path, problem, remedy)
