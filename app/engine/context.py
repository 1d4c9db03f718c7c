"""A llama.cpp context together with the ids that its cache holds.

Evaluates ids in batches, keeps what a new prompt shares with the last one, and leaves a
half-evaluated prompt in a state that can be gone on from. Knows nothing of texts or chats.

The same ids cut into other batches give slightly other logits. So a prompt's last id is always
evaluated alone: answering the same prompt again, when only that id is left to evaluate, starts
from exactly the same logits.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from llama_cpp import llama_cpp as native

from app.core.errors import EngineError
from app.engine.stop_flag import StopFlag

SMALLEST_BATCH_TOKENS = 32
"""Smaller batches of a prompt would read every expert for hardly any ids."""

ATTENTION_REACH_TOKENS = 8192
"""From here on batches shrink: attention, whose time grows with every id that stands before,
takes longer than the experts, by which the microbatch is measured (on Mixtral's layers it is
level with them at 5,000 ids)."""

_ABORTED = 2  # llama.h, llama_decode: aborted, its microbatch is removed from the cache again
_NO_CALLBACK = native.ggml_abort_callback()  # NULL


class Context:
    """What the model has read, and the means to read on.

    Attributes:
        pointer: the `llama_context_p`; it holds the logits of the id evaluated last.
        context_tokens: how many ids the cache can hold.
        microbatch_tokens: how many ids of a prompt are evaluated at once.
    """

    def __init__(self, pointer: Any, microbatch_tokens: int) -> None:  # noqa: ANN401  bare pointer
        """Takes over `pointer`, a `llama_context_p`."""
        self.pointer = pointer
        self.context_tokens: int = native.llama_n_ctx(pointer)
        self.microbatch_tokens = microbatch_tokens
        self._memory = native.llama_get_memory(pointer)
        self._ids: list[int] = []
        self._cell = (native.llama_token * 1)()
        self._single = native.llama_batch_get_one(self._cell, 1)

    @property
    def used_tokens(self) -> int:
        """How many ids the cache holds."""
        return len(self._ids)

    def keep_prefix(self, ids: Sequence[int]) -> int:
        """Forget what isn't the beginning of `ids`; how many of them are held then.

        At least the last of `ids` is left to evaluate, since its logits are what is wanted.
        """
        limit = min(len(self._ids), len(ids) - 1)
        shared = 0
        while shared < limit and self._ids[shared] == ids[shared]:
            shared += 1
        self._forget_from(shared)
        return len(self._ids)

    def read(self, ids: Sequence[int], stop: StopFlag, on_progress: Callable[[int], None]) -> bool:
        """Evaluate `ids` after what is held; False if stopped, and then a part of them is held.

        `on_progress` gets the number of ids held after each batch. Raises EngineError.
        """
        callback, data = stop.native_callback()
        native.llama_set_abort_callback(
            self.pointer, ctypes.cast(callback, native.ggml_abort_callback), data
        )
        try:
            for batch in self._cut(ids):
                if stop.is_set or not self._evaluate(batch):
                    return False
                on_progress(len(self._ids))
        finally:
            native.llama_set_abort_callback(self.pointer, _NO_CALLBACK, None)
        return True

    def append(self, token: int) -> None:
        """Evaluate one more id; raises EngineError."""
        self._cell[0] = token
        status = native.llama_decode(self.pointer, self._single)
        if status != 0:
            self._fail(status)
        self._ids.append(token)

    def wait(self) -> None:
        """Let a device finish what was given to it; evaluating returns earlier there."""
        native.llama_synchronize(self.pointer)

    def forget(self) -> None:
        """Hold nothing any more."""
        native.llama_memory_clear(self._memory, False)
        self._ids.clear()

    def close(self) -> None:
        """Free it; it can't be used afterwards."""
        native.llama_free(self.pointer)
        self.pointer = self._memory = None

    def _cut(self, ids: Sequence[int]) -> Iterator[Sequence[int]]:
        """`ids` in batches, the last id alone."""
        start, last = 0, len(ids) - 1
        while start < last:
            end = min(last, start + self._batch_tokens(len(self._ids)))
            yield ids[start:end]
            start = end
        yield ids[last:]

    def _batch_tokens(self, position: int) -> int:
        """How many ids to evaluate at once after `position` others: fewer, far into a context."""
        tokens = self.microbatch_tokens
        reach = self.microbatch_tokens * ATTENTION_REACH_TOKENS
        while tokens > SMALLEST_BATCH_TOKENS and tokens * position > reach:
            tokens //= 2
        return tokens

    def _evaluate(self, ids: Sequence[int]) -> bool:
        tokens = (native.llama_token * len(ids))(*ids)
        status = native.llama_decode(self.pointer, native.llama_batch_get_one(tokens, len(ids)))
        if status == _ABORTED:
            native.llama_memory_seq_rm(self._memory, 0, len(self._ids), -1)
            return False
        if status != 0:
            self._fail(status)
        self._ids += ids
        return True

    def _forget_from(self, position: int) -> None:
        if position == len(self._ids):
            return
        if native.llama_memory_seq_rm(self._memory, 0, position, -1):
            del self._ids[position:]
        else:
            self.forget()

    def _fail(self, status: int) -> None:
        self.forget()
        raise EngineError(
            "The model could not go on with this text. Try again, or load the model again.",
            f"llama_decode returned {status}",
        )
