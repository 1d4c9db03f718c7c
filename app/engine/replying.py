"""One reply on its way: reads the prompt, then chooses id after id.

The ids that are told are those of the text that is told, always. A stop string that begins in the
middle of an id leaves a rest of that id's text, which gets ids of its own from the tokenizer. The
cache holds what the model had said instead: the next prompt is read from there on.

Knows nothing of chats: the prompt is fitted already.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from app.core.context_fit import FittedPrompt
from app.core.errors import GrammarError
from app.core.gbnf_check import check_grammar
from app.core.prompt import continued_ids
from app.engine.context import Context
from app.engine.json_grammar import grammar_of_schema
from app.engine.protocol import (
    Event,
    Finished,
    PromptProgressed,
    Sampling,
    StoppedBy,
    TextGenerated,
)
from app.engine.reply_text import ReplyText
from app.engine.sampling import SamplerChain, choose_seed
from app.engine.stop_flag import StopFlag
from app.engine.vocabulary import Vocabulary

EmitEvent = Callable[[Event], None]


def checked_grammar(sampling: Sampling) -> str:
    """The grammar that holds the reply, or an empty text; raises GrammarError with a sentence."""
    if sampling.grammar.strip():
        check_grammar(sampling.grammar)
        return sampling.grammar
    if not sampling.json_schema.strip():
        return ""
    grammar = grammar_of_schema(sampling.json_schema)
    try:
        check_grammar(grammar)
    except GrammarError as error:
        # The place is one in the grammar, which nobody has written.
        raise GrammarError("The JSON schema makes too large or too vague a grammar.") from error
    return grammar


class ReplyUnderWay:
    """Attributes:
    strips_space: SentencePiece's space at the beginning is left out of the text.
    grammar: checked GBNF that holds the reply; empty for none.
    text_before: what the reply has said already, if this goes on with it.
    """

    def __init__(
        self,
        job_id: int,
        sampling: Sampling,
        fitted: FittedPrompt,
        context: Context,
        vocabulary: Vocabulary,
    ) -> None:
        self.strips_space = False
        self.grammar = ""
        self.text_before = ""
        self._job_id = job_id
        self._sampling = sampling
        self._prompt_ids = fitted.ids
        self._fitted = fitted
        self._context = context
        self._vocabulary = vocabulary
        self._text = ReplyText()
        self._completion_tokens = 0
        self._sent_tokens = 0

    def produce(self, emit: EmitEvent, stop: StopFlag) -> Finished:
        """Send events to `emit`; returns the closing one.

        Raises GrammarError before anything is read, EngineError later.
        """
        self._text = ReplyText(
            strips_space=self.strips_space, stop_strings=self._sampling.stop_strings
        )
        seed = choose_seed(self._sampling)
        with SamplerChain(
            self._sampling, seed, self._prompt_ids, self._vocabulary, self.grammar
        ) as chain:
            chain.follow(continued_ids(self._vocabulary, self.text_before))
            return self._produce(chain, seed, emit, stop)

    def _produce(self, chain: SamplerChain, seed: int, emit: EmitEvent, stop: StopFlag) -> Finished:
        started_at = time.perf_counter()
        reused_tokens = self._context.keep_prefix(self._prompt_ids)
        is_read = self._read_prompt(reused_tokens, emit, stop)
        read_at = time.perf_counter()
        stopped_by = self._write(chain, emit, stop) if is_read else StoppedBy.STOP
        return Finished(
            job_id=self._job_id,
            stopped_by=stopped_by,
            prompt_tokens=len(self._prompt_ids),
            reused_tokens=reused_tokens,
            completion_tokens=self._sent_tokens,
            prefill_seconds=read_at - started_at,
            decode_seconds=time.perf_counter() - read_at,
            seed=seed,
            dropped_messages=self._fitted.dropped_messages,
            context_used_tokens=len(self._prompt_ids) + self._sent_tokens,
            outside_messages=self._fitted.outside_messages,
        )

    def _read_prompt(self, reused_tokens: int, emit: EmitEvent, stop: StopFlag) -> bool:
        def report(done_tokens: int) -> None:
            emit(
                PromptProgressed(
                    self._job_id,
                    done_tokens,
                    len(self._prompt_ids),
                    reused_tokens,
                    self._fitted.dropped_messages,
                    self._fitted.outside_messages,
                )
            )

        report(reused_tokens)
        return self._context.read(self._prompt_ids[reused_tokens:], stop, report)

    def _write(self, chain: SamplerChain, emit: EmitEvent, stop: StopFlag) -> StoppedBy:
        try:
            stopped_by = self._choose_tokens(chain, emit, stop)
        except BaseException:
            self._text.give_up_partial()
            self._send_text(emit)  # what was said is kept, whatever went wrong
            raise
        if stopped_by is StoppedBy.END:
            self._text.end()
        elif stopped_by is not StoppedBy.STOP_STRING:
            self._text.give_up_partial()
        self._send_text(emit)
        if rest := self._text.rest:
            self._send_rest(rest, emit)
        return stopped_by

    def _choose_tokens(self, chain: SamplerChain, emit: EmitEvent, stop: StopFlag) -> StoppedBy:
        context, vocabulary, text = self._context, self._vocabulary, self._text
        room_tokens = context.context_tokens - len(self._prompt_ids)
        limit_tokens = self._sampling.max_tokens or room_tokens
        while True:
            if stop.is_set:
                return StoppedBy.STOP
            token = chain.sample(context.pointer)
            if vocabulary.is_end(token):
                return StoppedBy.END
            text.add(token, vocabulary.piece(token))
            self._completion_tokens += 1
            if text.is_stopped:
                return StoppedBy.STOP_STRING
            if text.is_due:
                self._send_text(emit)
            if self._completion_tokens >= limit_tokens:
                return StoppedBy.LENGTH if self._sampling.max_tokens else StoppedBy.CONTEXT
            if self._completion_tokens >= room_tokens:
                return StoppedBy.CONTEXT
            context.append(token)

    def _send_text(self, emit: EmitEvent) -> None:
        text, ids = self._text.take()
        if not ids and not text:
            return
        self._tell(text, ids, emit)

    def _send_rest(self, rest: str, emit: EmitEvent) -> None:
        """Text that the model said in one id with a stop string gets ids that say it alone.

        Without any, it is left out: text and ids belong together.
        """
        is_beginning = self.strips_space and not self._sent_tokens
        ids = self._vocabulary.tokenize(rest) if is_beginning else []
        ids = ids or continued_ids(self._vocabulary, rest)
        said = b"".join(map(self._vocabulary.piece, ids)).decode("utf-8", "replace")
        if (said.removeprefix(" ") if is_beginning else said) == rest:
            self._tell(rest, tuple(ids), emit)

    def _tell(self, text: str, ids: tuple[int, ...], emit: EmitEvent) -> None:
        self._sent_tokens += len(ids)
        used_tokens = len(self._prompt_ids) + self._sent_tokens
        emit(TextGenerated(self._job_id, text, ids, used_tokens))
