"""Measures whether this processor computes more quickly with repacked weights.

llama.cpp can copy weights in RAM into another order (`use_extra_bufts`). On some processors prompts
are read more quickly so, on others at less than half the speed; the copies take their memory a
second time in any case. So it is tried, with one small layer of the same types, for a second or
two. Runs in child processes: it loads models.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from model_io import ggml
from model_io.memory import Placement, Working
from model_io.model_config import MixtralConfig
from model_io.model_shape import MIXTRAL, ModelShape, shape_of_config
from model_io.placing import Placing, context_parameters
from model_io.quant_types import QUANTS
from model_io.random_weights import write_random_model

_WORKING = Working(512, 256)
_VOCABULARY, _FEED_FORWARD = 512, 1792
_ROUNDS, _STEPS = 3, 12
_GAIN, _LOSS = 1.15, 0.95
"""Repacking pays with prompts so much quicker, and replies hardly slower."""


@dataclass(frozen=True, slots=True)
class RepackTrial:
    """Tokens a second, of a prompt and of a reply, as the weights lie in the file and repacked."""

    prompt: tuple[float, float]
    reply: tuple[float, float]

    @property
    def pays(self) -> bool:
        """Whether repacking is worth its memory."""
        plain, repacked = self.prompt
        is_no_loss = self.reply[1] >= _LOSS * self.reply[0]
        return is_no_loss and repacked >= _GAIN * plain


def try_repacking(shape: ModelShape, threads: int) -> RepackTrial | None:
    """The speeds with one layer like those of `shape`; None for types that Octet doesn't make.

    Writes 130 MB to a temporary folder; where there is no room for that, None too.
    """
    if shape.quant not in QUANTS or not shape.experts:
        return None
    small = shape_of_config(_small_config(shape), QUANTS[shape.quant])
    try:
        with tempfile.TemporaryDirectory(prefix="octet-") as folder:
            path = Path(folder) / "layer.gguf"
            write_random_model(path, small, small.metadata())
            with _context(path, threads) as plain, _context(path, threads, repacks=True) as other:
                return _compare(plain, other)
    except OSError:
        return None


def _small_config(shape: ModelShape) -> MixtralConfig:
    return replace(
        MIXTRAL,
        hidden_size=shape.hidden,
        intermediate_size=min(_FEED_FORWARD, shape.feed_forward),
        num_hidden_layers=1,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        head_dim=shape.head_size,
        num_local_experts=shape.experts,
        num_experts_per_tok=shape.experts_used,
        vocab_size=_VOCABULARY,
    )


def _compare(plain: Any, repacked: Any) -> RepackTrial:  # noqa: ANN401  bare pointers
    """Both in turn, so that other programs disturb both alike; the best of a few rounds counts."""
    ids = [1 + index % (_VOCABULARY - 1) for index in range(_WORKING.microbatch_tokens)]
    prompts: tuple[list[float], list[float]] = ([], [])
    steps: tuple[list[float], list[float]] = ([], [])
    native = ggml.llama()
    for _ in range(_ROUNDS):
        for place, context in enumerate((plain, repacked)):
            native.llama_memory_clear(native.llama_get_memory(context), True)
            prompts[place].append(_seconds(context, ids))
            steps[place].extend(_seconds(context, [token]) for token in ids[:_STEPS])
    return RepackTrial(
        (len(ids) / min(prompts[0]), len(ids) / min(prompts[1])),
        (1 / min(steps[0]), 1 / min(steps[1])),
    )


@contextmanager
def _context(path: Path, threads: int, *, repacks: bool = False) -> Iterator[Any]:
    native = ggml.llama()
    placing = Placing(Placement(), ())
    parameters = native.llama_model_default_params()
    placing.apply(parameters)
    parameters.use_extra_bufts = repacks
    model = native.llama_model_load_from_file(os.fsencode(path), parameters)
    if not model:
        raise OSError("llama.cpp can't load the layer")
    try:
        made = context_parameters(_WORKING)
        made.n_outputs_max = _WORKING.microbatch_tokens  # the layer's work is done for all then
        made.n_threads = made.n_threads_batch = threads
        context = native.llama_init_from_model(model, made)
        if not context:
            raise OSError("llama.cpp has no room for the layer's context")
        try:
            yield context
        finally:
            native.llama_free(context)
    finally:
        native.llama_model_free(model)


def _seconds(context: Any, ids: Sequence[int]) -> float:  # noqa: ANN401  a bare pointer
    native = ggml.llama()
    batch = native.llama_batch_init(len(ids), 0, 1)
    batch.n_tokens = len(ids)
    memory = native.llama_get_memory(context)
    start = native.llama_memory_seq_pos_max(memory, 0) + 1
    for index, token in enumerate(ids):
        batch.token[index], batch.pos[index] = token, start + index
        batch.n_seq_id[index], batch.seq_id[index][0], batch.logits[index] = 1, 0, True
    started = time.perf_counter()
    native.llama_decode(context, batch)
    native.llama_synchronize(context)
    seconds = time.perf_counter() - started
    native.llama_batch_free(batch)
    return seconds
