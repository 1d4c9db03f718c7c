"""The least that can decode: llama.cpp's functions in a loop, for comparison with the engine.

A child process, as the engine is, so that both have the machine to themselves in turn. Nothing of
`app` is in the loop.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from llama_cpp import llama_cpp as native

from app.engine.protocol import LoadedModel, Sampling
from model_io.native_log import NativeLog


@dataclass(frozen=True, slots=True)
class BareRequest:
    """Decode after `prompt_ids`, with the engine's settings of the chain, and `seed`."""

    prompt_ids: tuple[int, ...]
    sampling: Sampling
    seed: int


@dataclass(frozen=True, slots=True)
class BareReply:
    """`seconds` from the first sample to the last decode."""

    ids: tuple[int, ...]
    seconds: float


def serve(connection: Connection) -> None:
    """Take a `LoadedModel`, load it likewise, then answer requests until the pipe ends."""
    with NativeLog():
        context, vocabulary = _load(connection.recv())
        connection.send(None)
        while True:
            try:
                request: BareRequest = connection.recv()
            except EOFError:
                return
            connection.send(_decode(context, vocabulary, request))


def _load(engine_model: LoadedModel) -> tuple[Any, Any]:
    parameters = native.llama_model_default_params()
    parameters.use_extra_bufts = False
    model = native.llama_model_load_from_file(engine_model.path.encode(), parameters)
    settings = native.llama_context_default_params()
    settings.n_ctx = engine_model.context_tokens
    settings.n_batch = settings.n_ubatch = engine_model.microbatch_tokens
    settings.n_threads = settings.n_threads_batch = engine_model.threads
    settings.flash_attn_type = 1
    settings.no_perf = True
    settings.n_outputs_max = 1
    return native.llama_init_from_model(model, settings), native.llama_model_get_vocab(model)


def _make_chain(sampling: Sampling, seed: int) -> Any:  # noqa: ANN401  a bare pointer
    parameters = native.llama_sampler_chain_default_params()
    parameters.no_perf = True
    chain = native.llama_sampler_chain_init(parameters)
    for sampler in (
        native.llama_sampler_init_top_k(sampling.top_k),
        native.llama_sampler_init_top_p(sampling.top_p, 1),
        native.llama_sampler_init_min_p(sampling.min_p, 1),
        native.llama_sampler_init_temp(sampling.temperature),
        native.llama_sampler_init_dist(seed),
    ):
        native.llama_sampler_chain_add(chain, sampler)
    return chain


def _decode(context: Any, vocabulary: Any, request: BareRequest) -> BareReply:  # noqa: ANN401
    native.llama_memory_clear(native.llama_get_memory(context), False)
    *beginning, last = request.prompt_ids
    for ids in (beginning, [last]):
        tokens = (native.llama_token * len(ids))(*ids)
        native.llama_decode(context, native.llama_batch_get_one(tokens, len(ids)))
    chain = _make_chain(request.sampling, request.seed)
    token = (native.llama_token * 1)()
    batch = native.llama_batch_get_one(token, 1)
    ids = []
    started_at = time.perf_counter()
    while True:
        token[0] = native.llama_sampler_sample(chain, context, -1)
        if native.llama_vocab_is_eog(vocabulary, token[0]):
            break
        ids.append(token[0])
        if len(ids) == request.sampling.max_tokens:
            break
        native.llama_decode(context, batch)
    seconds = time.perf_counter() - started_at
    native.llama_sampler_free(chain)
    return BareReply(tuple(ids), seconds)
