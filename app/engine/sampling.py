"""Chooses the next token with llama.cpp's own chain of samplers.

The order is llama.cpp's (common/sampling.cpp): penalties, DRY, top-n-sigma, top-k, typical-p,
top-p, min-p, XTC, temperature, and the draw; or temperature and mirostat alone. Samplers that would
change nothing are left out, which gives the same tokens. Knows nothing of texts.
"""

from __future__ import annotations

import ctypes
import secrets
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from llama_cpp import llama_cpp as native

from app.core.errors import GrammarError
from app.engine.grammar_sampler import Candidates, GrammarSampler
from app.engine.protocol import Sampling
from app.engine.vocabulary import Vocabulary

_RANDOM_SEED = 0xFFFFFFFF  # LLAMA_DEFAULT_SEED: llama.cpp draws one itself, and doesn't tell
_DRY_BREAKERS = (b"\n", b":", b'"', b"*")  # common.h's: a repetition doesn't reach over them
_MIROSTAT_TOKENS = 100  # mirostat 1 estimates from so many, as common/sampling.cpp has it
_SMALLEST_PENALTY = 1e-3


def choose_seed(sampling: Sampling) -> int:
    """The seed that `sampling` asks for, or a fresh one; 32 bits."""
    if sampling.seed is None:
        return secrets.randbelow(_RANDOM_SEED)
    return sampling.seed % _RANDOM_SEED


class SamplerChain:
    """A chain for one reply; a context manager, since it holds native memory."""

    def __init__(
        self,
        sampling: Sampling,
        seed: int,
        prompt_ids: Sequence[int],
        vocabulary: Vocabulary,
        grammar: str = "",
    ) -> None:
        """`prompt_ids`: repetition counts from their end on; `grammar`: checked GBNF or nothing.

        Raises GrammarError if llama.cpp refuses the grammar.
        """
        self._vocabulary = vocabulary
        self._grammar = GrammarSampler(grammar, vocabulary) if grammar else None
        parameters = native.llama_sampler_chain_default_params()
        parameters.no_perf = True
        self._chain: Any = native.llama_sampler_chain_init(parameters)
        self._add_memory(sampling, prompt_ids)
        if sampling.temperature <= 0:
            self._add(native.llama_sampler_init_greedy())
        elif sampling.mirostat in (1, 2):
            self._add_mirostat(sampling, seed)
        else:
            self._add_random(sampling, seed)

    def sample(self, context: Any) -> int:  # noqa: ANN401  a bare pointer from ctypes
        """The next id, from the last logits of `context`; it counts as said from now on.

        Raises EngineError where a grammar allows no token at all.
        """
        if self._grammar is None:
            token: int = native.llama_sampler_sample(self._chain, context, -1)
            return token
        # As common_sampler_sample: most often the free choice is allowed, and that is quickly seen.
        everything = Candidates.of_logits(context, self._vocabulary.token_count)
        token = everything.choose(self._chain)
        if not self._grammar.allows(token):
            allowed = Candidates.of_logits(context, self._vocabulary.token_count)
            token = self._grammar.narrow(allowed).choose(self._chain)
        native.llama_sampler_accept(self._chain, token)
        self._grammar.accept(token)
        return token

    def follow(self, ids: Sequence[int]) -> None:
        """A reply's beginning, which the grammar has to allow; raises GrammarError else."""
        for token in ids if self._grammar is not None else ():
            if self._grammar is None or not self._grammar.allows(token):
                raise GrammarError(
                    "What the reply says so far doesn't follow the grammar. "
                    "Let the model answer once more, or take the grammar away."
                )
            self._grammar.accept(token)

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
        if self._grammar is not None:
            self._grammar.close()

    def _add_memory(self, sampling: Sampling, prompt_ids: Sequence[int]) -> None:
        """What looks back at the tokens before: those of the prompt's end are told to it."""
        last_tokens = 0
        if sampling.repeat_last_tokens > 0 and _has_penalties(sampling):
            last_tokens = sampling.repeat_last_tokens
            self._add(
                native.llama_sampler_init_penalties(
                    self._vocabulary.token_count,
                    last_tokens,
                    max(sampling.repeat_penalty, _SMALLEST_PENALTY),
                    sampling.frequency_penalty,
                    sampling.presence_penalty,
                )
            )
        if sampling.dry_multiplier > 0 and sampling.dry_last_tokens > 0 and not sampling.mirostat:
            last_tokens = max(last_tokens, sampling.dry_last_tokens)
            self._add_dry(sampling)
        for token in prompt_ids[-last_tokens:] if last_tokens else ():
            native.llama_sampler_accept(self._chain, token)

    def _add_dry(self, sampling: Sampling) -> None:
        breakers = (ctypes.c_char_p * len(_DRY_BREAKERS))(*_DRY_BREAKERS)
        self._add(
            native.llama_sampler_init_dry(
                self._vocabulary.pointer,
                sampling.dry_multiplier,
                sampling.dry_base,
                sampling.dry_allowed_tokens,
                sampling.dry_last_tokens,
                breakers,
                len(_DRY_BREAKERS),
            )
        )

    def _add_random(self, sampling: Sampling, seed: int) -> None:
        if sampling.top_n_sigma > 0:
            self._add(native.llama_sampler_init_top_n_sigma(sampling.top_n_sigma))
        if sampling.top_k > 0:
            self._add(native.llama_sampler_init_top_k(sampling.top_k))
        if sampling.typical_p < 1.0:
            self._add(native.llama_sampler_init_typical(sampling.typical_p, 1))
        if sampling.top_p < 1.0:
            self._add(native.llama_sampler_init_top_p(sampling.top_p, 1))
        if sampling.min_p > 0.0:
            self._add(native.llama_sampler_init_min_p(sampling.min_p, 1))
        if sampling.xtc_probability > 0.0:
            self._add(
                native.llama_sampler_init_xtc(
                    sampling.xtc_probability, sampling.xtc_threshold, 1, seed
                )
            )
        self._add(
            native.llama_sampler_init_temp_ext(
                sampling.temperature, sampling.temperature_range, 1.0
            )
        )
        self._add(native.llama_sampler_init_dist(seed))

    def _add_mirostat(self, sampling: Sampling, seed: int) -> None:
        tau, eta = sampling.mirostat_tau, sampling.mirostat_eta
        self._add(native.llama_sampler_init_temp(sampling.temperature))
        if sampling.mirostat == 1:
            count = self._vocabulary.token_count
            self._add(native.llama_sampler_init_mirostat(count, seed, tau, eta, _MIROSTAT_TOKENS))
        else:
            self._add(native.llama_sampler_init_mirostat_v2(seed, tau, eta))

    def _add(self, sampler: Any) -> None:  # noqa: ANN401  a bare pointer from ctypes
        native.llama_sampler_chain_add(self._chain, sampler)


def _has_penalties(sampling: Sampling) -> bool:
    """Mirostat replaces them, too, in llama.cpp's own chain."""
    is_neutral = (
        sampling.repeat_penalty == 1.0
        and sampling.frequency_penalty == 0.0
        and sampling.presence_penalty == 0.0
    )
    return not is_neutral and not sampling.mirostat
