"""Has the model summarise the beginning of a chat, in parts that fit its context.

The request to summarise follows the turns that it is about, so what the cache holds of them isn't
read again. A summary that is there already stands before them, and the new one takes its place.
Knows nothing of llama.cpp: who builds prompts and makes replies is handed in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from app.core.context_fit import EarlierCut, FittedPrompt, turn_after, with_summary
from app.core.prompt import Prompt
from app.engine.protocol import (
    Event,
    Finished,
    PromptMessage,
    Sampling,
    StoppedBy,
    Summarise,
    TextGenerated,
)
from app.engine.stop_flag import StopFlag

LONGEST_SUMMARY_TOKENS = 800
_CONTEXT_SHARE = 16
_WORDS_PER_TOKEN = 0.6
_SHORTEST_TEXT = 40  # characters; shorter texts aren't shortened any further


def summary_token_limit(context_tokens: int) -> int:
    """A sixteenth of the context, at most 800."""
    return max(1, min(LONGEST_SUMMARY_TOKENS, context_tokens // _CONTEXT_SHARE))


class Reply(Protocol):
    """A reply that can be made, as `app.engine.replying.ReplyUnderWay` is one."""

    def produce(self, emit: Callable[[Event], None], stop: StopFlag) -> Finished:
        """Tell it, and return the closing event."""


class Summarising:
    """One `Summarise`."""

    def __init__(
        self,
        request: Summarise,
        context_tokens: int,
        build: Callable[[Sequence[PromptMessage]], Prompt],
        reply_to: Callable[[FittedPrompt, Sampling], Reply],
    ) -> None:
        self._system = [m for m in request.messages if m.role == "system"]
        said = [m for m in request.messages if m.role != "system"]
        self._said = said[: request.message_count]
        self._cut = request.earlier_cut
        self._limit = summary_token_limit(context_tokens)
        self._room = context_tokens - self._limit - 1
        self._build = build
        self._reply_to = reply_to
        words = max(10, int(self._limit * _WORDS_PER_TOKEN))
        self._wish = PromptMessage(
            "user",
            f"Summarise our whole conversation up to here in at most {words} words, in its "
            "language, so that it can go on from the summary alone. Keep names, numbers, "
            "decisions and open questions. Write the summary only.",
        )

    def run(self, emit: Callable[[Event], None], stop: StopFlag) -> Finished:
        """One part after the other; tells the text of the last."""
        while True:
            end, prompt = self._next_part()
            first_turn = turn_after(prompt, self._cut.message_count)
            fitted = FittedPrompt(tuple(prompt.ids(first_turn)), 0)
            sampling = Sampling(temperature=0.0, max_tokens=self._limit)
            pieces: list[str] = []
            is_last = end == len(self._said)

            def tell(event: Event, pieces: list[str] = pieces, *, is_last: bool = is_last) -> None:
                if isinstance(event, TextGenerated):
                    pieces.append(event.text)
                    event = replace(event, token_ids=())
                if is_last or not isinstance(event, TextGenerated):
                    emit(event)

            finished = self._reply_to(fitted, sampling).produce(tell, stop)
            if is_last or finished.stopped_by is StoppedBy.STOP:
                return finished
            self._cut = EarlierCut(end, "".join(pieces))

    def _next_part(self) -> tuple[int, Prompt]:
        """How far the next part reaches, in messages, and its prompt."""
        for end in self._ends():
            prompt = self._ask(end)
            if self._fits(prompt):
                return end, prompt
        end = min(self._ends())
        while not self._fits(prompt := self._ask(end)) and self._shorten(end):
            pass
        return end, prompt

    def _ends(self) -> list[int]:
        """Where a part may end, in front of a user's message; the furthest comes first."""
        begin, end = self._cut.message_count, len(self._said)
        inner = [i for i in range(begin + 1, end) if self._said[i].role == "user"]
        return [end, *reversed(inner)]

    def _ask(self, end: int) -> Prompt:
        prompt = self._build([*self._system, *self._said[:end], self._wish])
        return with_summary(prompt, self._cut.summary)

    def _fits(self, prompt: Prompt) -> bool:
        first_turn = turn_after(prompt, self._cut.message_count)
        return prompt.read_token_count(first_turn) <= self._room

    def _shorten(self, end: int) -> bool:
        """Halve the longest text of a part that is too long by itself; False if none is long."""
        part = range(self._cut.message_count, end)
        longest = max(part, key=lambda index: len(self._said[index].text))
        text = self._said[longest].text
        if len(text) <= _SHORTEST_TEXT:
            return False
        shorter = f"{text[: len(text) // 2]}…"
        self._said[longest] = PromptMessage(self._said[longest].role, shorter)
        return True
