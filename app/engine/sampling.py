"""Chooses the next token with llama.cpp's own chain of samplers.

The order is llama.cpp's (common/sampling.cpp): penalties, top-k, top-p, min-p, temperature, and
the draw. Knows nothing of texts.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from llama_cpp import llama_cpp as native

from app.engine.protocol import Sampling

_RANDOM_SEED = 0xFFFFFFFF  # LLAMA_DEFAULT_SEED: llama.cpp draws one itself, and doesn't tell


def choose_seed(sampling: Sampling) -> int:
    """The seed that `sampling` asks for, or a fresh one; 32 bits."""
    if sampling.seed is None:
        return secrets.randbelow(_RANDOM_SEED)
    return sampling.seed % _RANDOM_SEED


class SamplerChain:
    """A chain for one reply; a context manager, since it holds native memory."""

    def __init__(
        self, sampling: Sampling, seed: int, prompt_ids: Sequence[int], token_count: int
    ) -> None:
        """`prompt_ids`: repetition counts from their end on; `token_count`: the vocabulary's."""
        parameters = native.llama_sampler_chain_default_params()
        parameters.no_perf = True
        self._chain: Any = native.llama_sampler_chain_init(parameters)
        if sampling.repeat_penalty != 1.0 and sampling.repeat_last_tokens > 0:
            self._add_penalties(sampling, prompt_ids, token_count)
        if sampling.temperature <= 0:
            self._add(native.llama_sampler_init_greedy())
        else:
            self._add_random(sampling, seed)

    def sample(self, context: Any) -> int:  # noqa: ANN401  a bare pointer from ctypes
        """The next id, from the last logits of `context`; it counts as said from now on."""
        token: int = native.llama_sampler_sample(self._chain, context, -1)
        return token

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        native.llama_sampler_free(self._chain)  # and with it all that was added
        self._chain = None

    def _add_penalties(
        self, sampling: Sampling, prompt_ids: Sequence[int], token_count: int
    ) -> None:
        last_tokens = sampling.repeat_last_tokens
        self._add(
            native.llama_sampler_init_penalties(
                token_count, last_tokens, sampling.repeat_penalty, 0.0, 0.0
            )
        )
        for token in prompt_ids[-last_tokens:]:
            native.llama_sampler_accept(self._chain, token)

    def _add_random(self, sampling: Sampling, seed: int) -> None:
        if sampling.top_k > 0:
            self._add(native.llama_sampler_init_top_k(sampling.top_k))
        if sampling.top_p < 1.0:
            self._add(native.llama_sampler_init_top_p(sampling.top_p, 1))
        if sampling.min_p > 0.0:
            self._add(native.llama_sampler_init_min_p(sampling.min_p, 1))
        self._add(native.llama_sampler_init_temp(sampling.temperature))
        self._add(native.llama_sampler_init_dist(seed))

    def _add(self, sampler: Any) -> None:  # noqa: ANN401  a bare pointer from ctypes
        native.llama_sampler_chain_add(self._chain, sampler)
