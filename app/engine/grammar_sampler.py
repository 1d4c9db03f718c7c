"""Holds the choice of tokens to a grammar, through llama.cpp's own grammar sampler.

llama.cpp ends its process when a token is accepted that the grammar doesn't allow, and chooses such
a token when none is allowed. So the tokens that remain are looked at before one is chosen. The
grammar must have passed `app.core.gbnf_check`. Knows nothing of texts.
"""

from __future__ import annotations

import ctypes
import time
from typing import Any, Self

import numpy as np
from llama_cpp import llama_cpp as native
from numpy.typing import NDArray

from app.core.errors import EngineError, GrammarError
from app.core.gbnf_check import ROOT
from app.engine.vocabulary import Vocabulary

LONGEST_SECONDS = 3.0
"""Looking at all tokens takes milliseconds; a grammar that takes this long takes ever longer."""

_CANDIDATE = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])


class Candidates:
    """Tokens to choose from, in the layout of llama.cpp's `llama_token_data_array`."""

    def __init__(self, rows: NDArray[Any]) -> None:
        self.rows = rows

    @classmethod
    def of_logits(cls, context: Any, token_count: int) -> Self:  # noqa: ANN401  a bare pointer
        """Every token, with the last logits of `context`."""
        logits = np.ctypeslib.as_array(
            native.llama_get_logits_ith(context, -1), shape=(token_count,)
        )
        rows = np.zeros(token_count, _CANDIDATE)
        rows["id"] = np.arange(token_count, dtype=np.int32)
        rows["logit"] = logits
        return cls(rows)

    def apply(self, sampler: Any) -> int:  # noqa: ANN401  a bare pointer from ctypes
        """Let `sampler` change the logits; what it selected, as an index, or -1."""
        array = native.llama_token_data_array(
            data=self.rows.ctypes.data_as(ctypes.POINTER(native.llama_token_data)),
            size=len(self.rows),
            selected=-1,
            sorted=False,
        )
        native.llama_sampler_apply(sampler, ctypes.byref(array))
        selected: int = array.selected
        return selected

    def choose(self, chain: Any) -> int:  # noqa: ANN401  a bare pointer from ctypes
        """The token that the chain chooses."""
        return int(self.rows["id"][self.apply(chain)])


class GrammarSampler:
    """Where a reply stands in its grammar."""

    def __init__(self, grammar: str, vocabulary: Vocabulary) -> None:
        """Raises GrammarError if llama.cpp refuses it, which the check before should have seen."""
        self._vocabulary = vocabulary
        self._sampler: Any = native.llama_sampler_init_grammar(
            vocabulary.pointer, grammar.encode("utf-8", "replace"), ROOT.encode()
        )
        if not self._sampler:
            raise GrammarError("The grammar can't be used: llama.cpp refuses it.")

    def allows(self, token: int) -> bool:
        """Whether `token` may come next."""
        rows = np.zeros(1, _CANDIDATE)
        rows["id"] = token
        return len(self._narrowed(Candidates(rows)).rows) > 0

    def narrow(self, candidates: Candidates) -> Candidates:
        """Those that may come next. Raises EngineError if there is none, or it takes too long."""
        started_at = time.monotonic()
        allowed = self._narrowed(candidates)
        if not len(allowed.rows):
            raise EngineError(
                "The grammar allows no further text here, and the reply can't end either. "
                "Change the grammar."
            )
        if time.monotonic() - started_at > LONGEST_SECONDS:
            raise EngineError("The grammar takes too long to follow. Make it simpler.")
        return allowed

    def accept(self, token: int) -> None:
        """`token`, which is allowed, was chosen."""
        native.llama_sampler_accept(self._sampler, token)

    def close(self) -> None:
        """Free it."""
        native.llama_sampler_free(self._sampler)
        self._sampler = None

    def _narrowed(self, candidates: Candidates) -> Candidates:
        candidates.apply(self._sampler)
        rows = candidates.rows
        # Forbidden ones are at minus infinity; some samplers would count them, so they go.
        allowed = np.isfinite(rows["logit"])
        other_end = self._vocabulary.im_end_id
        if other_end is not None and not self._vocabulary.is_native_end(other_end):
            allowed &= rows["id"] != other_end  # it would end the reply in the middle of a text
        return Candidates(np.ascontiguousarray(rows[allowed]))
