"""Loads a model's weights and makes its context as a plan says; finds out how long a batch may be.

Knows nothing of vocabularies, prompts or chats, nor of how plans are chosen.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from llama_cpp import llama_cpp as native

from app.core.errors import EngineError
from app.engine.context import SMALLEST_BATCH_TOKENS, Context
from app.engine.model_file import read_ahead
from app.engine.protocol import EngineParameters
from model_io.errors import MissingDeviceError
from model_io.gguf_parts import GGUFModel
from model_io.memory import Placement, Working
from model_io.placing import Placing, context_parameters, honours_abort
from model_io.plan import Plan
from model_io.processor import physical_cores

OPERATION_SECONDS = 0.1
"""No operation of a prompt's evaluation shall take longer on the CPU: a stop waits for one."""

CHUNK_SECONDS = 0.5
"""On devices that can't be stopped in the middle of a batch, a stop waits for all of it."""

_WORTHWHILE_SHARE = 0.7
"""Half a batch that takes more of the time than this isn't worth it: the experts are the work."""

_PROBE_TOKENS = 64
_PROBE_SECONDS = 0.2
_PROBE_OPERATIONS = 40  # more than a layer of Mixtral has: its experts have to be among them

Report = Callable[[int, int], None]


def load_weights(
    model: GGUFModel,
    plan: Plan | None,
    on_progress: Report,
    should_stop: Callable[[], bool],
) -> Any | None:  # noqa: ANN401  a bare pointer from ctypes
    """The `llama_model_p` of a file or its parts, or None if stopped.

    Without a plan only the vocabulary is loaded. `on_progress` gets bytes done, in all. Raises
    ModelFileError if a file can't be read, and EngineError if a device is missing or llama.cpp
    refuses.
    """
    paths = [part.path for part in model.parts]
    total_bytes = sum(part.file_bytes for part in model.parts)
    is_mapped = native.llama_supports_mmap() and (plan is None or plan.uses_mmap)
    # What doesn't fit into the RAM would be gone again before llama.cpp comes to it.
    reads = plan is not None and is_mapped and total_bytes <= plan.ram_free_bytes
    if reads and not read_ahead(paths, on_progress, should_stop):
        return None

    def report(share: float, _: object) -> bool:
        if plan is not None and not reads:
            on_progress(int(share * total_bytes), total_bytes)
        return not should_stop()

    callback = native.llama_progress_callback(report)
    placing = _place(plan)
    parameters = _model_parameters(plan, placing, callback, is_mapped=is_mapped)
    pointer = native.llama_model_load_from_file(os.fsencode(paths[0]), parameters)
    if pointer is None and not should_stop():
        name = Path(paths[0]).name
        raise EngineError(f"{name} could not be loaded. Check the file, or choose another.")
    return pointer


def free_weights(pointer: Any) -> None:  # noqa: ANN401  a bare pointer from ctypes
    """Give back what `load_weights` took."""
    native.llama_model_free(pointer)


def choose_microbatch(pointer: Any, plan: Plan, parameters: EngineParameters) -> int:  # noqa: ANN401
    """How many ids of a prompt are evaluated at once, never more than the plan's.

    On the CPU, and if `parameters` leave it open, so few that a stop is heard.
    """
    limit_tokens = min(plan.working.microbatch_tokens, plan.working.context_tokens)
    if parameters.microbatch_tokens or plan.devices:
        return limit_tokens
    return _measure_microbatch(pointer, plan.working, choose_threads(parameters), limit_tokens)


def make_context(
    pointer: Any,  # noqa: ANN401  a bare pointer from ctypes
    plan: Plan,
    microbatch_tokens: int,
    threads: int,
    outputs: int = 1,
) -> Context:
    """A context on the model that gives the logits of so many ids of a batch, mostly the last's.

    Raises EngineError, mostly since memory doesn't suffice.
    """
    offloads = plan.placement.offloads_prompts
    made = _new_context(pointer, plan.working, microbatch_tokens, threads, offloads, outputs)
    return Context(made, microbatch_tokens)


def warm_up(context: Context, plan: Plan) -> None:
    """Let what fails only while it computes fail now, and shorten batches that take too long.

    Nothing is to be done for a plan without devices. Raises EngineError.
    """
    if not plan.devices:
        return
    try:
        _time_batch(context, context.microbatch_tokens)
        _time_batch(context, 1)
    except EngineError as error:
        raise EngineError("The graphics card could not compute.", error.details) from error
    if not honours_abort([device.name for device in plan.devices]):
        context.microbatch_tokens = _measure_chunk(context)


def choose_threads(parameters: EngineParameters) -> int:
    """How many threads compute: the physical cores that this process may use."""
    return parameters.threads or physical_cores()


def _place(plan: Plan | None) -> Placing:
    """What goes where; without a plan nothing on any GPU."""
    if plan is None:
        return Placing(Placement(), ())
    try:
        return Placing(plan.placement, [device.name for device in plan.devices])
    except MissingDeviceError as error:
        raise EngineError(f"The graphics card {error.path} is no longer there.") from error


def _model_parameters(
    plan: Plan | None,
    placing: Placing,
    progress_callback: Any,  # noqa: ANN401  a ctypes callback
    *,
    is_mapped: bool,
) -> Any:  # noqa: ANN401
    made = native.llama_model_default_params()
    placing.apply(made)
    made.load_mode = native.LLAMA_LOAD_MODE_MMAP if is_mapped else native.LLAMA_LOAD_MODE_NONE
    made.use_extra_bufts = plan is not None and plan.repacks
    made.vocab_only = plan is None
    made.progress_callback = progress_callback
    return made


def _new_context(
    model: Any,  # noqa: ANN401  a bare pointer from ctypes
    working: Working,
    microbatch_tokens: int,
    threads: int,
    offloads_prompts: bool,
    outputs: int = 1,
) -> Any:  # noqa: ANN401
    made = context_parameters(replace(working, microbatch_tokens=microbatch_tokens))
    made.op_offload = offloads_prompts
    made.n_outputs_max = outputs
    made.n_threads = made.n_threads_batch = threads
    made.no_perf = True
    pointer = native.llama_init_from_model(model, made)
    if pointer is None:
        raise EngineError(
            f"There is no memory for a context of {working.context_tokens:,} tokens. "
            "Choose a smaller one, or close other programs."
        )
    return pointer


def _measure_microbatch(
    pointer: Any,  # noqa: ANN401  a bare pointer from ctypes
    working: Working,
    threads: int,
    limit_tokens: int,
) -> int:
    """The largest power of two whose longest operation stays under `OPERATION_SECONDS`.

    Evaluates 64 ids, twice, and stops after the first layer if that took its time; the better
    time of each operation counts, since other programs disturb. On Mixtral's layers three tenths
    of the time with 64 ids don't depend on their number (the experts are read from memory).
    """
    small = Working(
        2 * _PROBE_TOKENS, _PROBE_TOKENS, working.kv_type, flash_attention=working.flash_attention
    )
    context = _new_context(pointer, small, _PROBE_TOKENS, threads, offloads_prompts=False)
    try:
        passes = [_time_operations(context) for _ in range(2)]
    finally:
        native.llama_free(context)
    longest = max(min(seconds) for seconds in zip(*passes, strict=False))
    tokens = SMALLEST_BATCH_TOKENS
    while 2 * tokens <= limit_tokens:
        if longest * (0.3 + 0.7 * 2 * tokens / _PROBE_TOKENS) > OPERATION_SECONDS:
            break
        tokens *= 2
    return min(tokens, limit_tokens)


def _time_operations(pointer: Any) -> list[float]:  # noqa: ANN401  a bare pointer from ctypes
    """The seconds of each operation, from the first on, as far as the time for it reaches."""
    times = [time.perf_counter()]

    def look_at_clock(_: object) -> bool:
        times.append(time.perf_counter())
        return len(times) > _PROBE_OPERATIONS and times[-1] - times[0] > _PROBE_SECONDS

    callback = native.ggml_abort_callback(look_at_clock)
    native.llama_set_abort_callback(pointer, callback, None)
    native.llama_memory_clear(native.llama_get_memory(pointer), False)
    _decode(pointer, _probe_ids(pointer, _PROBE_TOKENS))
    native.llama_set_abort_callback(pointer, native.ggml_abort_callback(), None)
    return [after - before for before, after in pairwise(times)]


def _measure_chunk(context: Context) -> int:
    """How many ids a device that can't be stopped shall evaluate at once; a stop waits for them.

    Halved while they take longer than `CHUNK_SECONDS` and half of them are notably quicker.
    """
    tokens = context.microbatch_tokens
    seconds = _time_batch(context, tokens)
    while tokens // 2 >= SMALLEST_BATCH_TOKENS and seconds > CHUNK_SECONDS:
        half_seconds = _time_batch(context, tokens // 2)
        if half_seconds > _WORTHWHILE_SHARE * seconds:
            break
        tokens, seconds = tokens // 2, half_seconds
    return tokens


def _time_batch(context: Context, tokens: int) -> float:
    """The seconds that so many ids take in one batch; nothing is held afterwards."""
    started_at = time.perf_counter()
    status = _decode(context.pointer, _probe_ids(context.pointer, tokens))
    native.llama_synchronize(context.pointer)
    seconds = time.perf_counter() - started_at
    context.forget()
    if status != 0:
        raise EngineError("The model could not be tried.", f"llama_decode returned {status}")
    return seconds


def _decode(pointer: Any, ids: Sequence[int]) -> int:  # noqa: ANN401  a bare pointer from ctypes
    tokens = (native.llama_token * len(ids))(*ids)
    status: int = native.llama_decode(pointer, native.llama_batch_get_one(tokens, len(ids)))
    return status


def _probe_ids(pointer: Any, count: int) -> list[int]:  # noqa: ANN401  a bare pointer from ctypes
    """Ids from all over the vocabulary, so that every expert has work."""
    vocabulary = native.llama_model_get_vocab(native.llama_get_model(pointer))
    tokens: int = native.llama_vocab_n_tokens(vocabulary)
    step = max(1, tokens // count)
    return [index * step % tokens for index in range(count)]
