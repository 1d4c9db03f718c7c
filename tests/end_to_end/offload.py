"""For a child process: loads models on the software device, and computes logits with them.

A backend that was loaded can't be unloaded, so pytest's own process must not do it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gguf
import gguf.quants
import numpy as np
import numpy.typing as npt
from llama_cpp import llama_cpp as native

from app.engine.load_report import read_taken
from app.engine.loading import free_weights, load_weights, make_context
from app.engine.model_file import check_model_file, read_shape
from app.engine.protocol import Taken
from model_io import backends, child
from model_io.gguf_reader import read_header
from model_io.gguf_writer import TensorSpec
from model_io.memory import Placement, Working
from model_io.native_log import NativeLog
from model_io.plan import Plan
from model_io.quant_types import F32
from tests.app.engine.plans import plan_on
from tests.model_io.small_models import entries_of, gguf_of, tensors_of

Logits = npt.NDArray[np.float32]
Placements = Mapping[str, tuple[Sequence[str], Placement]]
POSITIONS, PROMPT_POSITIONS = 200, 100
WORKING = Working(512, POSITIONS)
ON_CPU = "CPU"


@dataclass(frozen=True, slots=True)
class Trial:
    """One placement of one model: what was taken where, and how far the logits are from the CPU's.

    `differences` are the largest of each position, and `agreement` the share of positions whose
    first choice is the CPU's.
    """

    plan: Plan
    taken: tuple[Taken, ...]
    differences: tuple[float, ...]
    agreement: float

    @property
    def median(self) -> float:
        """Of the differences."""
        return float(np.median(self.differences))

    @property
    def high(self) -> float:
        """The 95th percentile of the differences."""
        return float(np.percentile(self.differences, 95))


def try_models(
    models: Mapping[str, Path],
    placements: Mapping[str, Placements],
    ids: Mapping[str, Sequence[int]],
) -> dict[str, dict[str, Trial]]:
    """`try_placements` for several models, in one process, which compiles its shaders once."""
    return {
        name: try_placements(path, placements[name], ids[name]) for name, path in models.items()
    }


def try_placements(path: Path, placements: Placements, ids: Sequence[int]) -> dict[str, Trial]:
    """A trial of each placement, and the CPU's own: all ids in one batch against one by one.

    For the others `ids` are read as a prompt at first, and one by one towards their end.
    """
    child.write_log = lambda text: None
    backends.load_backends()
    shape = read_shape(check_model_file(str(path)))
    with NativeLog() as log:
        cpu = plan_on([], Placement(), WORKING, shape)
        taken, singles = _run(path, cpu, ids, log, 0)
        trials = {ON_CPU: _compare(cpu, taken, singles, _run(path, cpu, ids, log, POSITIONS)[1])}
        _, expected = _run(path, cpu, ids, log, PROMPT_POSITIONS)
        for name, (devices, placement) in placements.items():
            plan = plan_on(devices, placement, WORKING, shape)
            taken, logits = _run(path, plan, ids, log, PROMPT_POSITIONS)
            trials[name] = _compare(plan, taken, logits, expected)
    return trials


def errors(path: Path, in_full: Path, ids: Sequence[int], device: str) -> dict[str, float]:
    """How far the CPU and a device are from the same weights computed in 32 bits throughout.

    The 95th percentile of the positions' largest differences; `in_full` is `write_in_full`'s.
    """
    child.write_log = lambda text: None
    backends.load_backends()
    shape = read_shape(check_model_file(str(path)))
    whole = Placement((shape.layers,))
    with NativeLog() as log:
        exact = plan_on([], Placement(), WORKING, read_shape(check_model_file(str(in_full))))
        _, truth = _run(in_full, exact, ids, log, PROMPT_POSITIONS)
        found = {}
        for name, plan in (
            (ON_CPU, plan_on([], Placement(), WORKING, shape)),
            (device, plan_on([device], whole, WORKING, shape)),
        ):
            _, logits = _run(path, plan, ids, log, PROMPT_POSITIONS)
            found[name] = float(np.percentile(np.abs(logits - truth).max(axis=1), 95))
    return found


def write_in_full(path: Path, target: Path) -> Path:
    """The same weights as F32, as gguf-py widens them."""
    widened = []
    for spec, data in tensors_of(path):
        kind = gguf.GGMLQuantizationType(spec.type.id)
        rows = np.frombuffer(data, np.uint8).reshape(math.prod(spec.shape[:-1]), -1)
        values = gguf.quants.dequantize(rows, kind).astype("<f4")
        widened.append((TensorSpec(spec.name, spec.shape, F32), values.tobytes()))
    target.write_bytes(gguf_of(entries_of(read_header(path)), widened))
    return target


def greedy_ids(path: Path, prompts: Sequence[Sequence[int]]) -> list[int]:
    """The prompts, each with the CPU's own reply to it, up to `POSITIONS` ids in all."""
    child.write_log = lambda text: None
    ids: list[int] = []
    with NativeLog() as log, _loaded(path, plan_on([], Placement(), WORKING), log) as (context, _):
        for prompt in prompts:
            for token in prompt:
                row = _decode(context, [token])[-1]
                ids.append(token)
            while (token := int(np.argmax(row))) != 2 and len(ids) < POSITIONS:
                row = _decode(context, [token])[-1]
                ids.append(token)
    return ids[:POSITIONS]


def _compare(plan: Plan, taken: tuple[Taken, ...], logits: Logits, expected: Logits) -> Trial:
    differences = np.abs(logits - expected).max(axis=1)
    agreement = float(np.mean(logits.argmax(axis=1) == expected.argmax(axis=1)))
    return Trial(plan, taken, tuple(map(float, differences)), agreement)


def _run(
    path: Path, plan: Plan, ids: Sequence[int], log: NativeLog, batch: int
) -> tuple[tuple[Taken, ...], Logits]:
    """What was taken, and the logits of all positions: `batch` of them at once, then singles."""
    with _loaded(path, plan, log) as (context, taken):
        rows = [_decode(context, ids[:batch])] if batch else []
        rows += [_decode(context, [token]) for token in ids[batch:]]
    return taken, np.concatenate(rows)


@contextmanager
def _loaded(path: Path, plan: Plan, log: NativeLog) -> Iterator[tuple[Any, tuple[Taken, ...]]]:
    """A context that gives the logits of every position, on a model loaded as the engine does.

    What was taken is told of the engine's own, which asks for one position's at a time.
    """
    batch = plan.working.microbatch_tokens
    with log.record() as weights_lines:
        model = load_weights(check_model_file(str(path)), plan, lambda *_: None, lambda: False)
    with log.record() as context_lines:
        make_context(model, plan, batch, 2).close()
    context = make_context(model, plan, batch, 2, outputs=POSITIONS)
    yield context.pointer, read_taken([*weights_lines, *context_lines])
    context.close()
    free_weights(model)


def _decode(context: Any, ids: Sequence[int]) -> Logits:  # noqa: ANN401
    batch = native.llama_batch_init(len(ids), 0, 1)
    first = native.llama_memory_seq_pos_max(native.llama_get_memory(context), 0) + 1
    for index, token in enumerate(ids):
        batch.token[index], batch.pos[index] = token, first + index
        batch.n_seq_id[index], batch.seq_id[index][0] = 1, 0
        batch.logits[index] = True
    batch.n_tokens = len(ids)
    assert native.llama_decode(context, batch) == 0
    model = native.llama_get_model(context)
    size = native.llama_vocab_n_tokens(native.llama_model_get_vocab(model))
    pointer = native.llama_get_logits(context)
    rows = np.ctypeslib.as_array(pointer, shape=(len(ids), size)).copy()
    native.llama_batch_free(batch)
    return rows
