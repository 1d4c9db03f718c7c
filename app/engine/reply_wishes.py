"""What a reply is asked for with: messages, how tokens are chosen, what a full context means;
and why it ended.

Knows nothing of jobs and pipes; `protocol` does.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class StoppedBy(StrEnum):
    """Why a reply ended."""

    END = "end"  # the model closed its reply
    STOP = "stop"  # the user asked
    LENGTH = "length"  # `max_tokens` were made
    CONTEXT = "context"  # the context is full
    STOP_STRING = "stop string"  # one of `stop_strings` came; the reply ends before it


class WhenFull(StrEnum):
    """What is done when a chat no longer fits the context."""

    DROP = "drop"  # the oldest turns are left out
    ASK = "ask"  # nothing is read; `MemoryFull` says what would have to go
    SUMMARISE = "summarise"  # the same: the parent has it summarised first


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is chosen. `temperature` 0 is greedy; `seed` None is a fresh one.

    The samplers and their neutral values are llama.cpp's (common/common.h); `mirostat` 1 or 2
    takes the place of all that narrow the choice. A reply ends before the first of `stop_strings`
    that would stand in it. `grammar` is GBNF, `json_schema` a JSON schema as text: every reply is
    held to it; `grammar` comes first if there are both.
    """

    temperature: float = 0.7
    top_k: int = 40
    top_p: float = 0.95
    min_p: float = 0.05
    repeat_penalty: float = 1.0
    repeat_last_tokens: int = 64
    seed: int | None = None
    max_tokens: int = 0  # 0: until the model ends or the context is full
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    typical_p: float = 1.0
    top_n_sigma: float = -1.0  # not above 0: off
    temperature_range: float = 0.0  # the temperature moves so far both ways, with the certainty
    xtc_probability: float = 0.0
    xtc_threshold: float = 0.1
    dry_multiplier: float = 0.0
    dry_base: float = 1.75
    dry_allowed_tokens: int = 2
    dry_last_tokens: int = 64
    mirostat: int = 0
    mirostat_tau: float = 5.0
    mirostat_eta: float = 0.1
    stop_strings: tuple[str, ...] = ()
    grammar: str = ""
    json_schema: str = ""


@dataclass(frozen=True, slots=True)
class PromptMessage:
    """One message for the model.

    `token_ids` are what the model itself produced for a reply (without the end token); they are
    used in place of the text when `vocabulary_hash` is the loaded model's. The turn of a message
    that `is_pinned` stays when older turns are left out. The first `attached_characters` of the
    text are files'.
    """

    role: str
    text: str
    token_ids: tuple[int, ...] = ()
    vocabulary_hash: str = ""
    is_pinned: bool = False
    attached_characters: int = 0
