"""The rows of the settings' table about how the model chooses its words.

Their names are the samplers' own, as in llama.cpp; so people find them who know them.
"""

from __future__ import annotations

from typing import Any

from app.core.setting import Choice, Setting
from app.core.setting_groups import REPLIES

STYLE_INSTRUCTIONS = Setting(
    "style_instructions",
    "",
    "Instructions of the style",
    "Belong to the style and follow those for every chat.",
    REPLIES,
    placeholder="Write like a teacher of ten-year-olds.",
    synonyms=("system prompt", "preset"),
    is_long=True,
    per_chat=True,
)
TEMPERATURE = Setting(
    "temperature",
    0.7,
    "Temperature",
    "How freely words are chosen; at 0 the likeliest one always wins.",
    REPLIES,
    lowest=0.0,
    highest=2.0,
    step=0.05,
    synonyms=("creativity", "randomness", "sampling"),
    per_chat=True,
)
TOP_K = Setting(
    "top_k",
    40,
    "Top-k",
    "Only this many of the likeliest tokens are considered.",
    REPLIES,
    lowest=0,
    highest=1000,
    lowest_label="All",
    synonyms=("sampling", "topk"),
    per_chat=True,
)
TOP_P = Setting(
    "top_p",
    0.95,
    "Top-p",
    "Only the likeliest tokens that together reach this share are considered; 1 considers all.",
    REPLIES,
    lowest=0.0,
    highest=1.0,
    step=0.01,
    synonyms=("sampling", "nucleus", "topp"),
    per_chat=True,
)
MIN_P = Setting(
    "min_p",
    0.05,
    "Min-p",
    "Tokens below this share of the likeliest one are left out.",
    REPLIES,
    lowest=0.0,
    highest=1.0,
    step=0.01,
    synonyms=("sampling", "minp"),
    per_chat=True,
)
TYPICAL_P = Setting(
    "typical_p",
    1.0,
    "Typical-p",
    "Prefers tokens that surprise as much as usual; 1 switches it off.",
    REPLIES,
    lowest=0.0,
    highest=1.0,
    step=0.01,
    synonyms=("sampling", "locally typical"),
    per_chat=True,
)
REPEAT_PENALTY = Setting(
    "repeat_penalty",
    1.0,
    "Repetition penalty",
    "Above 1, tokens that came lately are chosen less often.",
    REPLIES,
    lowest=0.5,
    highest=2.0,
    step=0.05,
    synonyms=("repeat", "loop", "sampling"),
    per_chat=True,
)
REPEAT_LAST_TOKENS = Setting(
    "repeat_last_tokens",
    64,
    "Look back for repetition",
    "How far back the three penalties look; 0 switches them off.",
    REPLIES,
    lowest=0,
    highest=131_072,
    step=16,
    unit="tokens",
    synonyms=("repeat", "last n", "window"),
    per_chat=True,
)
FREQUENCY_PENALTY = Setting(
    "frequency_penalty",
    0.0,
    "Frequency penalty",
    "Above 0, a token is chosen less often with each time that it came.",
    REPLIES,
    lowest=-2.0,
    highest=2.0,
    step=0.05,
    synonyms=("repeat", "sampling"),
    per_chat=True,
)
PRESENCE_PENALTY = Setting(
    "presence_penalty",
    0.0,
    "Presence penalty",
    "Above 0, a token that came at all is chosen less often.",
    REPLIES,
    lowest=-2.0,
    highest=2.0,
    step=0.05,
    synonyms=("repeat", "sampling", "topic"),
    per_chat=True,
)
TEMPERATURE_RANGE = Setting(
    "temperature_range",
    0.0,
    "Temperature range",
    "The temperature moves so far both ways, with how certain the model is; 0 keeps it.",
    REPLIES,
    lowest=0.0,
    highest=2.0,
    step=0.05,
    synonyms=("dynamic temperature", "dynatemp"),
    per_chat=True,
)
TOP_N_SIGMA = Setting(
    "top_n_sigma",
    -1.0,
    "Top-n-sigma",
    "Only tokens so many standard deviations below the likeliest are considered.",
    REPLIES,
    lowest=-1.0,
    highest=10.0,
    step=0.1,
    lowest_label="Off",
    synonyms=("sampling", "nsigma"),
    per_chat=True,
)
XTC_PROBABILITY = Setting(
    "xtc_probability",
    0.0,
    "XTC probability",
    "How often the likeliest tokens are left out, so that others come; 0 never does it.",
    REPLIES,
    lowest=0.0,
    highest=1.0,
    step=0.05,
    synonyms=("sampling", "exclude top choices"),
    per_chat=True,
)
XTC_THRESHOLD = Setting(
    "xtc_threshold",
    0.1,
    "XTC threshold",
    "Only tokens at least so likely are left out by XTC.",
    REPLIES,
    lowest=0.0,
    highest=1.0,
    step=0.05,
    synonyms=("sampling", "exclude top choices"),
    per_chat=True,
)
DRY_MULTIPLIER = Setting(
    "dry_multiplier",
    0.0,
    "DRY strength",
    "Makes it unlikely that whole passages come again; 0 switches it off.",
    REPLIES,
    lowest=0.0,
    highest=5.0,
    step=0.1,
    synonyms=("repeat", "loop", "sampling"),
    per_chat=True,
)
DRY_BASE = Setting(
    "dry_base",
    1.75,
    "DRY growth",
    "How much stronger DRY gets with each repeated token.",
    REPLIES,
    lowest=1.0,
    highest=4.0,
    step=0.05,
    synonyms=("repeat", "sampling"),
    per_chat=True,
)
DRY_ALLOWED_TOKENS = Setting(
    "dry_allowed_tokens",
    2,
    "DRY allowance",
    "Repeated passages up to this length are left alone.",
    REPLIES,
    lowest=0,
    highest=64,
    step=1,
    unit="tokens",
    synonyms=("repeat", "sampling"),
    per_chat=True,
)
DRY_LAST_TOKENS = Setting(
    "dry_last_tokens",
    64,
    "DRY look back",
    "How far back DRY looks for passages.",
    REPLIES,
    lowest=0,
    highest=131072,
    step=16,
    unit="tokens",
    synonyms=("repeat", "sampling", "window"),
    per_chat=True,
)
MIROSTAT = Setting(
    "mirostat",
    0,
    "Mirostat",
    "Keeps replies about equally surprising; it takes the place of all that narrow the choice.",
    REPLIES,
    choices=(Choice(0, "Off"), Choice(1, "Version 1"), Choice(2, "Version 2")),
    synonyms=("sampling", "entropy"),
    per_chat=True,
)
MIROSTAT_TAU = Setting(
    "mirostat_tau",
    5.0,
    "Mirostat surprise",
    "How surprising replies are with Mirostat.",
    REPLIES,
    lowest=0.0,
    highest=20.0,
    step=0.5,
    synonyms=("sampling", "tau", "entropy"),
    per_chat=True,
)
MIROSTAT_ETA = Setting(
    "mirostat_eta",
    0.1,
    "Mirostat pace",
    "How quickly Mirostat corrects itself.",
    REPLIES,
    lowest=0.0,
    highest=1.0,
    step=0.05,
    synonyms=("sampling", "eta", "learning rate"),
    per_chat=True,
)
SEED = Setting(
    "seed",
    -1,
    "Seed",
    "The same seed, settings and words give the same reply on the same computer.",
    REPLIES,
    lowest=-1,
    highest=4_294_967_294,
    lowest_label="A fresh one each time",
    synonyms=("random", "reproducible", "again"),
    per_chat=True,
)
MAX_TOKENS = Setting(
    "max_tokens",
    0,
    "Longest reply",
    "A longer reply is cut off and can be continued.",
    REPLIES,
    lowest=0,
    highest=131_072,
    step=64,
    unit="tokens",
    lowest_label="No limit",
    synonyms=("length", "limit", "max tokens"),
    per_chat=True,
)
STOP_STRINGS: Setting[tuple[str, ...]] = Setting(
    "stop_strings",
    (),
    "Stop at",
    "A reply ends before any of these texts, one a line.",
    REPLIES,
    placeholder="User:",
    synonyms=("stop string", "stop sequence", "end"),
    is_code=True,
    per_chat=True,
)
GRAMMAR = Setting(
    "grammar",
    "",
    "Grammar",
    "Replies can only be what this GBNF grammar allows.",
    REPLIES,
    placeholder='root ::= "yes" | "no"',
    synonyms=("GBNF", "structured output", "format", "constrain"),
    is_long=True,
    is_code=True,
    per_chat=True,
)
JSON_SCHEMA = Setting(
    "json_schema",
    "",
    "JSON schema",
    "Replies are JSON of this form, unless there is a grammar.",
    REPLIES,
    placeholder='{"type": "object"}',
    synonyms=("structured output", "format", "constrain"),
    is_long=True,
    is_code=True,
    per_chat=True,
)

PRESET_ROWS: tuple[Setting[Any], ...] = (
    TEMPERATURE,
    TOP_K,
    TOP_P,
    MIN_P,
    TYPICAL_P,
    REPEAT_PENALTY,
    REPEAT_LAST_TOKENS,
    FREQUENCY_PENALTY,
    PRESENCE_PENALTY,
    TEMPERATURE_RANGE,
    TOP_N_SIGMA,
    XTC_PROBABILITY,
    XTC_THRESHOLD,
    DRY_MULTIPLIER,
    DRY_BASE,
    DRY_ALLOWED_TOKENS,
    DRY_LAST_TOKENS,
    MIROSTAT,
    MIROSTAT_TAU,
    MIROSTAT_ETA,
    STYLE_INSTRUCTIONS,
)
"""What a style sets together."""

REPLY_ROWS: tuple[Setting[Any], ...] = (
    STYLE_INSTRUCTIONS,
    *PRESET_ROWS[:-1],
    SEED,
    MAX_TOKENS,
    STOP_STRINGS,
    GRAMMAR,
    JSON_SCHEMA,
)
"""In the order of the page."""
