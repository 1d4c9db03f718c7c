"""Loads a model by its plan, and by smaller ones as long as llama.cpp or a driver refuses.

Joins the choice of plans and the loading, and compares what was taken with what was planned.
Knows nothing of vocabularies, prompts or chats.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from app.core.errors import EngineError
from app.engine.context import Context
from app.engine.load_report import compare, read_taken, tells_of_memory
from app.engine.loading import (
    choose_microbatch,
    choose_threads,
    free_weights,
    load_weights,
    make_context,
    warm_up,
)
from app.engine.planning import NO_MEMORY, LoadRefusedError, Planning
from app.engine.protocol import EngineParameters, Taken
from app.engine.stop_flag import StopFlag
from model_io import child
from model_io.gguf_parts import GGUFModel
from model_io.native_log import NativeLog
from model_io.plan import Plan

Report = Callable[[int, int], None]
TellPlan = Callable[[Plan, tuple[str, ...]], None]


@dataclass(frozen=True, slots=True)
class PlannedLoad:
    """A model with its context (None with the vocabulary alone), and what was taken for them."""

    model: Any
    context: Context | None = None
    taken: tuple[Taken, ...] = ()

    def free(self) -> None:
        """Give it all back."""
        if self.context is not None:
            self.context.close()
        free_weights(self.model)


def load_planned(
    file: GGUFModel,
    parameters: EngineParameters,
    planning: Planning,
    on_progress: Report,
    stop: StopFlag,
    tell_plan: TellPlan,
    log: NativeLog | None,
) -> PlannedLoad:
    """Try the plans of `planning` until one can be loaded.

    `tell_plan` hears of each before it is tried, since the process may die of it. Raises
    EngineError or ModelFileError when none can be loaded; EngineError also when stopped.
    """
    attempt = _Attempt(file, parameters, on_progress, stop, log)
    while True:
        tell_plan(planning.plan, planning.sentences)
        try:
            load = attempt.load(planning.plan)
        except LoadRefusedError as refusal:
            planning.step_down(refusal)
            continue
        planning.keep()
        if log is not None:
            for line in compare(planning.plan, load.taken):
                child.write_log(f"{line}\n")
        return load


def load_vocabulary(file: GGUFModel, on_progress: Report, stop: StopFlag) -> PlannedLoad:
    """The vocabulary alone; raises EngineError, also when stopped."""
    return PlannedLoad(_load_weights(file, None, on_progress, stop))


def _load_weights(file: GGUFModel, plan: Plan | None, on_progress: Report, stop: StopFlag) -> Any:  # noqa: ANN401
    pointer = load_weights(file, plan, on_progress, lambda: stop.is_set)
    if pointer is None:
        raise EngineError("Loading the model was stopped.")
    return pointer


class _Attempt:
    """Loads one model, as often as is asked, by one plan after the other."""

    def __init__(
        self,
        file: GGUFModel,
        parameters: EngineParameters,
        on_progress: Report,
        stop: StopFlag,
        log: NativeLog | None,
    ) -> None:
        self._file = file
        self._parameters = parameters
        self._on_progress = on_progress
        self._stop = stop
        self._log = log

    def load(self, plan: Plan) -> PlannedLoad:
        """Raises LoadRefusedError, ModelFileError, and EngineError when stopped."""
        with self._record() as weights_lines:
            pointer = _load_weights(self._file, plan, self._on_progress, self._stop)
        try:
            context, context_lines = self._make_context(pointer, plan)
        except BaseException:
            free_weights(pointer)
            raise
        return PlannedLoad(pointer, context, read_taken([*weights_lines, *context_lines]))

    def _make_context(self, pointer: Any, plan: Plan) -> tuple[Context, list[str]]:  # noqa: ANN401
        wanted = self._parameters
        with self._record():
            microbatch_tokens = choose_microbatch(pointer, plan, wanted)
        with self._record() as lines:
            context = make_context(pointer, plan, microbatch_tokens, choose_threads(wanted))
        try:
            with self._record():
                warm_up(context, plan)
        except BaseException:
            context.close()
            raise
        return context, lines

    @contextlib.contextmanager
    def _record(self) -> Iterator[list[str]]:
        """Collect llama.cpp's words; what it refuses becomes a LoadRefusedError that says why."""
        silent: contextlib.AbstractContextManager[list[str]] = contextlib.nullcontext([])
        recording = self._log.record() if self._log else silent
        with recording as lines:
            try:
                yield lines
            except EngineError as error:
                if self._stop.is_set:
                    raise
                is_memory = tells_of_memory(lines)
                sentence = NO_MEMORY if is_memory else str(error)
                details = error.details or "\n".join(lines[-30:])
                raise LoadRefusedError(sentence, details, is_memory=is_memory) from error
