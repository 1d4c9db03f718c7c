"""One loaded model and what it has read: answers conversations, and counts their tokens.

`load`, `generate`, `summarise`, `measure` and `close` belong to one thread. `count_tokens`,
`count_prompt` and `tokenize_prompt` may be called from another at any time. Knows nothing of
processes and pipes.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.core.context_fit import FittedPrompt, fit_prompt
from app.core.errors import EngineError, PromptError
from app.core.prompt import ChatMessage, Prompt, build_prompt
from app.core.prompt_format import PromptFormat, choose_prompt_format
from app.core.prompt_parts import CountedMessage, PromptParts, count_parts
from app.engine.loading import choose_threads
from app.engine.model_file import check_model_file, read_shape
from app.engine.planned_load import PlannedLoad, load_planned, load_vocabulary
from app.engine.planned_model import PlannedModel
from app.engine.protocol import (
    CountPrompt,
    EngineParameters,
    Finished,
    Generate,
    LoadedModel,
    Measure,
    Measured,
    MemoryFull,
    PromptMessage,
    Sampling,
    Summarise,
    WhenFull,
)
from app.engine.replying import EmitEvent, ReplyUnderWay, checked_grammar
from app.engine.speed_trial import time_speeds
from app.engine.stop_flag import StopFlag
from app.engine.summarising import Summarising
from app.engine.surroundings import swapped_bytes
from app.engine.vocabulary import Vocabulary
from model_io.device_words import describe_place
from model_io.gguf_parts import GGUFModel
from model_io.native_log import NativeLog
from model_io.plan import Plan
from model_io.speed import active_bytes

TellPlan = Callable[[Plan, tuple[str, ...]], None]


@dataclass(frozen=True, slots=True)
class _Loaded:
    """Everything that begins and ends with one model; `planned` is None without weights."""

    load: PlannedLoad
    vocabulary: Vocabulary
    prompt_format: PromptFormat
    planned: PlannedModel | None


class Session:
    """Holds at most one model."""

    def __init__(self, log: NativeLog | None = None) -> None:
        """`log` is what llama.cpp's words are heard with: without it, a refusal has no reason."""
        self._log = log
        self._loaded: _Loaded | None = None
        self._counted: tuple[PromptMessage, ...] = ()  # of the last `CountPrompt` that had some
        # Guards the vocabulary, which another thread asks while this one may free it.
        self._lock = threading.Lock()

    def load(
        self,
        parameters: EngineParameters,
        on_progress: Callable[[int, int], None],
        stop: StopFlag,
        tell_plan: TellPlan = lambda plan, sentences: None,
    ) -> LoadedModel:
        """Load a model in place of the one that is loaded; if that fails, none is.

        `on_progress` gets the bytes done and the bytes in all, `tell_plan` each plan before it is
        tried. Raises ModelFileError or EngineError with a sentence; the latter also when stopped.
        """
        self.close()
        file = check_model_file(parameters.model_path, needs_weights=not parameters.vocabulary_only)
        if parameters.vocabulary_only:
            load = load_vocabulary(file, on_progress, stop)
            planned = None
        else:
            planned = PlannedModel(parameters, read_shape(file))
            load = load_planned(
                file, parameters, planned.planning, on_progress, stop, tell_plan, self._log
            )
        choice = choose_prompt_format(file.header.metadata)
        try:
            vocabulary = Vocabulary(load.model)
        except BaseException:
            load.free()
            raise
        with self._lock:
            self._loaded = _Loaded(load, vocabulary, choice.prompt_format, planned)
        if planned is not None:
            planned.note()
        return _describe(parameters, file, self._loaded, choice.sentence)

    def close(self) -> None:
        """Free the model, if there is one."""
        with self._lock:
            loaded, self._loaded = self._loaded, None
            if loaded is not None:
                loaded.load.free()
                if loaded.planned is not None:
                    loaded.planned.leave()

    def forget(self) -> None:
        """Forget what was read, after an error that may have left it in disorder."""
        if self._loaded is not None and self._loaded.load.context is not None:
            self._loaded.load.context.forget()

    def count_tokens(self, messages: Sequence[PromptMessage]) -> int:
        """How many ids `messages` take, nothing dropped; a last reply counts as closed.

        Raises PromptError, or EngineError if no model is loaded.
        """
        with self._lock:
            ends_in_reply = bool(messages) and messages[-1].role == "assistant"
            prompt = self._build(messages, continue_last=ends_in_reply, is_strict=False)
            return len(prompt.ids()) + prompt.continues

    def tokenize_prompt(
        self, messages: Sequence[PromptMessage], *, continue_last: bool, raw: bool
    ) -> list[int]:
        """The ids of `messages`; what the format refuses raises PromptError."""
        with self._lock:
            return self._build(messages, continue_last=continue_last, raw=raw).ids()

    def count_prompt(self, request: CountPrompt) -> PromptParts:
        """What the prompt would be made of if the draft were sent now; see `CountPrompt`.

        Raises PromptError, or EngineError if no model is loaded.
        """
        with self._lock:
            if request.messages is not None:
                self._counted = request.messages
            if self._loaded is None:
                raise EngineError("No model is loaded. Choose one first.")
            vocabulary, context = self._loaded.vocabulary, self._loaded.load.context

            def build(messages: Sequence[CountedMessage], continue_last: bool) -> Prompt:
                return self._build(
                    messages, continue_last=continue_last, raw=request.raw, is_strict=False
                )

            return count_parts(
                self._counted,
                PromptMessage("user", request.draft) if request.draft else None,
                build,
                lambda text: len(vocabulary.tokenize(text)),
                context.context_tokens if context else sys.maxsize,
                request.earlier_cut,
            )

    def generate(self, request: Generate, emit: EmitEvent, stop: StopFlag) -> Finished | MemoryFull:
        """Answer `request`, sending `PromptProgressed` and `TextGenerated` to `emit`.

        Raises PromptError if it can't be put into a prompt or is too long, GrammarError if no reply
        can be held to its grammar, EngineError if there is no model or it fails.
        """
        loaded = self._loaded
        if loaded is None or (context := loaded.load.context) is None:
            raise EngineError("No model is loaded. Choose one first.")
        grammar = checked_grammar(request.sampling)
        prompt = self._build(
            request.messages,
            continue_last=request.continue_last,
            raw=request.raw,
            is_strict=False,
        )
        fitted = fit_prompt(prompt, context.context_tokens, request.earlier_cut)
        if fitted.exceeds_cut and request.when_full is not WhenFull.DROP:
            return MemoryFull(
                request.job_id,
                fitted.dropped_messages,
                fitted.excess_tokens,
                fitted.outside_messages,
            )
        is_v1 = not request.raw and loaded.prompt_format is PromptFormat.MISTRAL_V1
        reply = ReplyUnderWay(request.job_id, request.sampling, fitted, context, loaded.vocabulary)
        reply.strips_space = is_v1 and not prompt.continues
        reply.grammar = grammar
        reply.text_before = request.messages[-1].text if prompt.continues else ""
        return reply.produce(emit, stop)

    def summarise(self, request: Summarise, emit: EmitEvent, stop: StopFlag) -> Finished:
        """Have the model summarise a chat's beginning; what is raised is as of `generate`."""
        loaded = self._loaded
        if loaded is None or (context := loaded.load.context) is None:
            raise EngineError("No model is loaded. Choose one first.")
        if loaded.prompt_format is PromptFormat.RAW:
            raise PromptError("This model continues texts and can't summarise a chat.")

        def build(messages: Sequence[PromptMessage]) -> Prompt:
            return self._build(messages, continue_last=False, is_strict=False)

        def reply_to(fitted: FittedPrompt, sampling: Sampling) -> ReplyUnderWay:
            reply = ReplyUnderWay(request.job_id, sampling, fitted, context, loaded.vocabulary)
            reply.strips_space = loaded.prompt_format is PromptFormat.MISTRAL_V1
            return reply

        return Summarising(request, context.context_tokens, build, reply_to).run(emit, stop)

    def measure(self, request: Measure, stop: StopFlag) -> Measured:
        """Time the loaded model; raises EngineError if there is none, and when stopped."""
        loaded = self._loaded
        if loaded is None or loaded.planned is None or (context := loaded.load.context) is None:
            raise EngineError("No model is loaded. Choose one first.")
        planned = loaded.planned
        speeds = time_speeds(
            context,
            loaded.vocabulary.token_count,
            request.prompt_tokens,
            request.decode_tokens,
            stop,
        )
        best = planned.keep_speeds(speeds)
        if not speeds.is_disturbed:
            planned.try_repacking()
        machine = planned.surroundings.look_anew()
        return Measured(
            job_id=request.job_id,
            prefill_tokens_per_second=speeds.prefill_tokens_per_second,
            decode_tokens_per_second=speeds.decode_tokens_per_second,
            prompt_tokens=speeds.prompt_tokens,
            decode_tokens=speeds.decode_tokens,
            ram_bandwidth=machine.ram.bandwidth,
            machine=machine,
            swapped_bytes=swapped_bytes(),
            active_bytes_per_token=active_bytes(planned.shape),
            best_tokens_per_second=best,
            others_share=speeds.others_share,
        )

    def _build(
        self,
        messages: Sequence[ChatMessage],
        *,
        continue_last: bool,
        raw: bool = False,
        is_strict: bool = True,
    ) -> Prompt:
        if self._loaded is None:
            raise EngineError("No model is loaded. Choose one first.")
        return build_prompt(
            messages,
            self._loaded.vocabulary,
            PromptFormat.RAW if raw else self._loaded.prompt_format,
            continue_last=continue_last,
            skip_empty_replies=not is_strict,
        )


def _describe(
    parameters: EngineParameters, file: GGUFModel, loaded: _Loaded, notice: str
) -> LoadedModel:
    header, context, planned = file.header, loaded.load.context, loaded.planned
    planning = planned.planning if planned else None
    return LoadedModel(
        path=parameters.model_path,
        name=header.name or header.path.stem,
        quant=header.quant or "",
        file_bytes=sum(part.file_bytes for part in file.parts),
        context_tokens=context.context_tokens if context else header.context_tokens or 0,
        vocabulary_hash=loaded.vocabulary.vocabulary_hash,
        prompt_format=loaded.prompt_format,
        threads=choose_threads(parameters) if context else 0,
        microbatch_tokens=context.microbatch_tokens if context else 0,
        device=describe_place(planned.planning.plan, planned.shape.layers) if planned else "CPU",
        notice=notice,
        plan=planning.plan if planning else None,
        taken=loaded.load.taken,
        steps=tuple(planning.steps) if planning else (),
        problems=planning.machine.problems if planning else (),
        machine=planning.machine if planning else None,
    )
