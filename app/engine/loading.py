"""Loads a model's weights and makes its context, with parameters that suit this machine.

Knows nothing of vocabularies, prompts or chats.
"""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil
from llama_cpp import llama_cpp as native

from app.core.errors import EngineError
from app.engine.context import SMALLEST_BATCH_TOKENS, Context
from app.engine.model_file import read_ahead
from app.engine.protocol import EngineParameters
from model_io import ggml
from model_io.gguf_reader import GGUFHeader

DEFAULT_CONTEXT_TOKENS = 16384
DEFAULT_BATCH_TOKENS = 512
OPERATION_SECONDS = 0.1
"""No operation of a prompt's evaluation shall take longer on the CPU: a stop waits for one."""

_KV_TYPES = {
    "f16": (native.GGML_TYPE_F16, 2.0),
    "q8_0": (native.GGML_TYPE_Q8_0, 34 / 32),
    "q4_0": (native.GGML_TYPE_Q4_0, 18 / 32),
}  # bytes per number beside
_PROBE_TOKENS = 64
_PROBE_SECONDS = 0.2
_PROBE_OPERATIONS = 40  # more than a layer of Mixtral has: its experts have to be among them


@dataclass(frozen=True, slots=True)
class Device:
    """Where the weights are: its description, and whether a stop reaches into a batch there."""

    description: str
    honours_abort: bool


def load_weights(
    parameters: EngineParameters,
    header: GGUFHeader,
    on_progress: Callable[[int, int], None],
    should_stop: Callable[[], bool],
) -> Any | None:  # noqa: ANN401  a bare pointer from ctypes
    """The `llama_model_p` of the file, or None if stopped; `on_progress` gets bytes done, in all.

    Raises ModelFileError if the file can't be read, EngineError if llama.cpp refuses it.
    """
    total_bytes = header.file_bytes
    is_mapped = parameters.use_mmap and native.llama_supports_mmap()
    needs_reading = is_mapped and not parameters.vocabulary_only
    if needs_reading and not read_ahead(parameters.model_path, on_progress, should_stop):
        return None

    def report(share: float, _: object) -> bool:
        if not is_mapped:
            on_progress(int(share * total_bytes), total_bytes)
        return not should_stop()

    callback = native.llama_progress_callback(report)
    native_parameters = _model_parameters(parameters, callback)
    model = native.llama_model_load_from_file(os.fsencode(parameters.model_path), native_parameters)
    if model is None and not should_stop():
        name = Path(parameters.model_path).name
        raise EngineError(f"{name} could not be loaded. Check the file, or choose another.")
    return model


def make_context(model: Any, parameters: EngineParameters, header: GGUFHeader) -> Context:  # noqa: ANN401
    """A context on `model`, its microbatch chosen by measurement if `parameters` leave it open.

    Raises EngineError, mostly since memory doesn't suffice.
    """
    if parameters.kv_type != "f16" and not parameters.flash_attention:
        raise EngineError(
            f"A cache of the type {parameters.kv_type} needs flash attention. "
            "Switch it on, or choose f16."
        )
    context_tokens = parameters.context_tokens or min(
        native.llama_model_n_ctx_train(model), DEFAULT_CONTEXT_TOKENS
    )
    _check_memory(parameters, header, context_tokens)
    batch_tokens = min(parameters.batch_tokens or DEFAULT_BATCH_TOKENS, context_tokens)
    device = find_device(parameters.gpu_layers)
    microbatch_tokens = parameters.microbatch_tokens
    if not microbatch_tokens and device.honours_abort:
        microbatch_tokens = _measure_microbatch(model, parameters, batch_tokens)
    microbatch_tokens = min(microbatch_tokens or batch_tokens, batch_tokens)
    pointer = _new_context(model, parameters, context_tokens, microbatch_tokens)
    context = Context(pointer, microbatch_tokens)
    if not device.honours_abort:
        context.microbatch_tokens = _measure_chunk(context)
    return context


def choose_threads(parameters: EngineParameters) -> int:
    """How many threads compute: the physical cores that this process may use."""
    if parameters.threads:
        return parameters.threads
    physical = psutil.cpu_count(logical=False) or os.cpu_count() or 1
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else physical
    return max(1, min(physical, allowed))


def find_device(gpu_layers: int) -> Device:
    """The device for `gpu_layers` layers: the first GPU, or the CPU if there is none."""
    if gpu_layers == 0 or not native.llama_supports_gpu_offload():
        return Device("CPU", honours_abort=True)
    address, text = ctypes.c_void_p, ctypes.c_char_p
    count = ggml.function("ggml_backend_dev_count", ctypes.c_size_t)
    device_at = ggml.function("ggml_backend_dev_get", address, ctypes.c_size_t)
    kind_of = ggml.function("ggml_backend_dev_type", ctypes.c_int, address)
    description_of = ggml.function("ggml_backend_dev_description", text, address)
    registry_of = ggml.function("ggml_backend_dev_backend_reg", address, address)
    procedure = ggml.function("ggml_backend_reg_get_proc_address", address, address, text)
    for index in range(count()):
        device = device_at(index)
        if kind_of(device) in (1, 2):  # ggml-backend.h: a GPU, with its own memory or without
            setter = procedure(registry_of(device), b"ggml_backend_set_abort_callback")
            return Device(description_of(device).decode("utf-8", "replace"), setter is not None)
    return Device("CPU", honours_abort=True)


def _model_parameters(parameters: EngineParameters, progress_callback: Any) -> Any:  # noqa: ANN401
    made = native.llama_model_default_params()
    made.n_gpu_layers = parameters.gpu_layers
    made.load_mode = (
        native.LLAMA_LOAD_MODE_MMAP if parameters.use_mmap else native.LLAMA_LOAD_MODE_NONE
    )
    made.use_extra_bufts = parameters.use_extra_bufts
    made.vocab_only = parameters.vocabulary_only
    made.progress_callback = progress_callback
    return made


def _new_context(
    model: Any,  # noqa: ANN401  a bare pointer from ctypes
    parameters: EngineParameters,
    context_tokens: int,
    microbatch_tokens: int,
) -> Any:  # noqa: ANN401
    made = native.llama_context_default_params()
    made.n_ctx = context_tokens
    made.n_batch = made.n_ubatch = microbatch_tokens
    made.n_outputs_max = 1  # the logits of one id are asked for at a time
    made.n_threads = made.n_threads_batch = choose_threads(parameters)
    made.flash_attn_type = 1 if parameters.flash_attention else 0
    made.type_k = made.type_v = _KV_TYPES[parameters.kv_type][0]
    made.no_perf = True
    pointer = native.llama_init_from_model(model, made)
    if pointer is None:
        raise EngineError(
            f"There is no memory for a context of {context_tokens:,} tokens. "
            "Choose a smaller one, or close other programs."
        )
    return pointer


def _check_memory(parameters: EngineParameters, header: GGUFHeader, context_tokens: int) -> None:
    """Refuse what would only make the system end this process a moment later."""
    needed_bytes = _kv_bytes(header, parameters.kv_type, context_tokens)
    is_copied = not parameters.use_mmap or parameters.use_extra_bufts
    if is_copied and parameters.gpu_layers == 0:
        needed_bytes += header.file_bytes
    free_bytes = psutil.virtual_memory().available
    if parameters.gpu_layers == 0 and needed_bytes > free_bytes:
        raise EngineError(
            f"This needs {needed_bytes / 1e9:,.1f} GB of memory and {free_bytes / 1e9:,.1f} GB "
            "are free. Choose a smaller context, or close other programs."
        )


def _kv_bytes(header: GGUFHeader, kv_type: str, context_tokens: int) -> int:
    """Two caches of every layer: `head_count_kv` heads of a head's size for each token."""

    def number(key: str) -> int:
        value = header.metadata.get(f"{header.architecture}.{key}")
        return value if isinstance(value, int) else 0

    heads = number("attention.head_count")
    head_size = number("attention.key_length") or number("embedding_length") // max(1, heads)
    kv_heads = number("attention.head_count_kv") or heads
    row_bytes = kv_heads * head_size * _KV_TYPES[kv_type][1]
    return int(2 * number("block_count") * row_bytes * context_tokens)


def _measure_microbatch(model: Any, parameters: EngineParameters, limit_tokens: int) -> int:  # noqa: ANN401
    """The largest power of two whose longest operation stays under `OPERATION_SECONDS`.

    Evaluates 64 ids, twice, and stops after the first layer if that took its time; the better
    time of each operation counts, since other programs disturb. On Mixtral's layers three tenths
    of the time with 64 ids don't depend on their number (the experts are read from memory).
    """
    pointer = _new_context(model, parameters, 2 * _PROBE_TOKENS, _PROBE_TOKENS)
    try:
        passes = [_time_operations(pointer) for _ in range(2)]
    finally:
        native.llama_free(pointer)
    longest = max(min(seconds) for seconds in zip(*passes, strict=False))
    tokens = SMALLEST_BATCH_TOKENS
    while 2 * tokens <= limit_tokens:
        if longest * (0.3 + 0.7 * 2 * tokens / _PROBE_TOKENS) > OPERATION_SECONDS:
            break
        tokens *= 2
    return tokens


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
    """How many ids such a device evaluates in half a second; a stop waits for so many."""
    ids = _probe_ids(context.pointer, context.microbatch_tokens)
    seconds = 0.0
    for _ in range(2):  # the first time a device compiles and allocates
        started = time.perf_counter()
        _decode(context.pointer, ids)
        native.llama_synchronize(context.pointer)
        seconds = time.perf_counter() - started
        context.forget()
    tokens = len(ids)
    while tokens > SMALLEST_BATCH_TOKENS and seconds * tokens / len(ids) > 0.5:
        tokens //= 2
    return tokens


def _decode(pointer: Any, ids: Sequence[int]) -> None:  # noqa: ANN401  a bare pointer from ctypes
    tokens = (native.llama_token * len(ids))(*ids)
    native.llama_decode(pointer, native.llama_batch_get_one(tokens, len(ids)))


def _probe_ids(pointer: Any, count: int) -> list[int]:  # noqa: ANN401  a bare pointer from ctypes
    """Ids from all over the vocabulary, so that every expert has work."""
    vocabulary = native.llama_model_get_vocab(native.llama_get_model(pointer))
    step = max(1, native.llama_vocab_n_tokens(vocabulary) // count)
    return [index * step for index in range(count)]
