"""The one table of settings, and their values in settings.json.

Only what differs from the default is written. A value that the table doesn't allow counts as the
default; a name that it doesn't know (a newer Octet's) is kept. Knows nothing of windows.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from app.core.paths import write_private_file

Value = bool | int | float | str | tuple[str, ...]
T = TypeVar("T", bool, int, float, str, tuple[str, ...])


@dataclass(frozen=True, slots=True)
class Setting(Generic[T]):
    """One row of the table.

    `title` and `sentence` are what a person reads; both are empty for what the program remembers
    by itself. `choices` lists all allowed values, `lowest` and `highest` are inclusive bounds.
    """

    name: str
    default: T
    title: str = ""
    sentence: str = ""
    choices: tuple[T, ...] = ()
    lowest: float | None = None
    highest: float | None = None

    def accepts(self, value: Value) -> bool:
        """Whether `value` is of the right type, one of the choices and within the bounds."""
        if type(value) is not type(self.default):
            return False
        if self.choices and value not in self.choices:
            return False
        if not isinstance(value, (int, float)):
            return True
        above = self.lowest is None or value >= self.lowest
        return above and (self.highest is None or value <= self.highest)

    def from_json(self, value: object) -> T | None:
        """The value as it stands in the file, or None if the table doesn't allow it."""
        kind = type(self.default)
        found: Any = value
        if kind is float and type(value) is int:
            found = float(value)
        elif kind is tuple and isinstance(value, list):
            found = tuple(str(item) for item in value)
        return found if self.accepts(found) else None


THEME = Setting(
    "theme",
    "system",
    "Theme",
    "Follows the system unless you choose.",
    choices=("system", "light", "dark"),
)
TEXT_SIZE_PERCENT = Setting(
    "text_size_percent",
    100,
    "Text size",
    "Ctrl+Plus and Ctrl+Minus do the same anywhere.",
    lowest=80,
    highest=200,
)
SEND_KEY = Setting(
    "send_key",
    "enter",
    "Send with",
    "The other combination starts a new line.",
    choices=("enter", "ctrl+enter"),
)
INSTRUCTIONS = Setting(
    "instructions",
    "",
    "Instructions for every new chat",
    "Read before each conversation, so short ones are quicker.",
)
TEMPERATURE = Setting(
    "temperature",
    0.7,
    "Temperature",
    "How freely words are chosen; at 0 the likeliest one always wins.",
    lowest=0.0,
    highest=2.0,
)
TOP_K = Setting(
    "top_k",
    40,
    "Top-k",
    "Only this many of the likeliest tokens are considered; 0 considers all.",
    lowest=0,
    highest=1000,
)
TOP_P = Setting(
    "top_p",
    0.95,
    "Top-p",
    "Only the likeliest tokens that together reach this share are considered.",
    lowest=0.0,
    highest=1.0,
)
MIN_P = Setting(
    "min_p",
    0.05,
    "Min-p",
    "Tokens below this share of the likeliest one are left out.",
    lowest=0.0,
    highest=1.0,
)
REPEAT_PENALTY = Setting(
    "repeat_penalty",
    1.0,
    "Repetition penalty",
    "Above 1, tokens that came lately are chosen less often.",
    lowest=0.5,
    highest=2.0,
)
REPEAT_LAST_TOKENS = Setting(
    "repeat_last_tokens",
    64,
    "Repetition window",
    "So many of the last tokens count for the repetition penalties; 0 switches them off.",
    lowest=0,
    highest=8192,
)
FREQUENCY_PENALTY = Setting(
    "frequency_penalty",
    0.0,
    "Frequency penalty",
    "Above 0, a token is chosen less often the more often it came lately.",
    lowest=-2.0,
    highest=2.0,
)
PRESENCE_PENALTY = Setting(
    "presence_penalty",
    0.0,
    "Presence penalty",
    "Above 0, tokens that came at all lately are chosen less often.",
    lowest=-2.0,
    highest=2.0,
)
TYPICAL_P = Setting(
    "typical_p",
    1.0,
    "Typical-p",
    "Below 1, only tokens that are about as surprising as expected are considered.",
    lowest=0.0,
    highest=1.0,
)
SEED = Setting(
    "seed",
    -1,
    "Seed",
    "The same seed gives the same reply again; -1 takes a fresh one each time.",
    lowest=-1,
    highest=2**32 - 2,
)
MAX_TOKENS = Setting(
    "max_tokens",
    0,
    "Longest reply",
    "A reply stops after so many tokens; 0 sets no limit.",
    lowest=0,
    highest=131_072,
)
STOP_STRINGS: Setting[tuple[str, ...]] = Setting(
    "stop_strings", (), "Stop strings", "A reply ends before any of these texts."
)
GRAMMAR = Setting("grammar", "", "Grammar", "Every reply follows this grammar, written in GBNF.")
JSON_SCHEMA = Setting(
    "json_schema", "", "JSON schema", "Every reply is JSON that follows this schema."
)
WHEN_FULL = Setting(
    "when_full",
    "drop",
    "When the model's memory is full",
    "The oldest messages leave it; they always stay in the chat.",
    choices=("drop", "ask", "summarise"),
)
PREFERENCE = Setting(
    "preference",
    "balanced",
    "Prefer",
    "What there is to be most of, where memory doesn't suffice for everything.",
    choices=("balanced", "quality", "speed", "context"),
)
CONTEXT_TOKENS = Setting(
    "context_tokens",
    0,
    "Context",
    "How many tokens of a chat the model remembers. More take memory, also while they are empty.",
    lowest=0,
    highest=131_072,
)
KV_TYPE = Setting(
    "kv_type",
    "",
    "Precision of the context",
    "q8_0 takes half the memory of f16, and reads long chats a little more slowly.",
    choices=("", "f16", "q8_0"),
)
USES_GPUS = Setting(
    "uses_gpus",
    True,
    "Graphics card",
    "Without it the processor does all the work, more slowly.",
)
LAST_MODEL = Setting("last_model", "")
OTHER_MODELS: Setting[tuple[str, ...]] = Setting("other_models", ())
WINDOW_GEOMETRY = Setting("window_geometry", "")
SIDEBAR_SHOWN = Setting("sidebar_shown", True)

TABLE: tuple[Setting[Any], ...] = (
    THEME,
    TEXT_SIZE_PERCENT,
    SEND_KEY,
    INSTRUCTIONS,
    TEMPERATURE,
    TOP_K,
    TOP_P,
    MIN_P,
    REPEAT_PENALTY,
    REPEAT_LAST_TOKENS,
    FREQUENCY_PENALTY,
    PRESENCE_PENALTY,
    TYPICAL_P,
    SEED,
    MAX_TOKENS,
    STOP_STRINGS,
    GRAMMAR,
    JSON_SCHEMA,
    WHEN_FULL,
    PREFERENCE,
    CONTEXT_TOKENS,
    KV_TYPE,
    USES_GPUS,
    LAST_MODEL,
    OTHER_MODELS,
    WINDOW_GEOMETRY,
    SIDEBAR_SHOWN,
)
"""Every setting there is. 0 `context_tokens` and an empty `kv_type` leave the choice to the plan.

`last_model` and `other_models` hold absolute paths of GGUF files, `window_geometry` what the window
writes there (base64 of Qt's bytes)."""


@dataclass(frozen=True, slots=True)
class Style:
    """A named set of sampling values."""

    name: str
    temperature: float
    top_k: int
    top_p: float
    min_p: float
    repeat_penalty: float


STYLES = (
    Style("Precise", 0.3, 40, 0.9, 0.05, 1.0),
    Style("Balanced", 0.7, 40, 0.95, 0.05, 1.0),
    Style("Creative", 1.0, 0, 0.98, 0.02, 1.0),
    Style("Deterministic", 0.0, 40, 0.95, 0.05, 1.0),
)
"""The presets, in the order in which they are shown; "Balanced" is the table's defaults."""


class Settings:
    """The values in force. Reads its file once, and writes it whole at each change.

    `write` puts bytes in place of a file; the window gives one that doesn't wait for the disk.
    `problem` is a sentence if the file was there but could not be understood, else empty.
    """

    def __init__(
        self, path: Path, write: Callable[[Path, bytes], None] = write_private_file
    ) -> None:
        self._path = path
        self._write = write
        self.problem = ""
        self._values: dict[str, object] = dict(self._read())

    def get(self, setting: Setting[T]) -> T:
        """The setting's value, or its default."""
        value = setting.from_json(self._values.get(setting.name))
        return setting.default if value is None else value

    def set(self, setting: Setting[T], value: T) -> None:
        """Change a setting and write the file, if this changes it.

        Raises ValueError for a value that the table doesn't allow, and what `write` raises.
        """
        before = dict(self._values)
        self._put(setting, value)
        if self._values != before:
            self._save()

    def reset(self, setting: Setting[Any]) -> None:
        """Back to the default."""
        self.set(setting, setting.default)

    def is_changed(self, setting: Setting[Any]) -> bool:
        """Whether the value differs from the default."""
        return bool(self.get(setting) != setting.default)

    @property
    def style(self) -> str:
        """The name of the preset whose values are all in force, or "" for own values."""
        in_force = tuple(self.get(setting) for setting in _STYLE_SETTINGS)
        return next((s.name for s in STYLES if _style_values(s) == in_force), "")

    def choose_style(self, name: str) -> None:
        """Put a preset's values in force. Raises ValueError if there is none of that name."""
        style = next((style for style in STYLES if style.name == name), None)
        if style is None:
            raise ValueError(f"no style is called {name!r}")
        for setting, value in zip(_STYLE_SETTINGS, _style_values(style), strict=True):
            self._put(setting, value)
        self._save()

    def _put(self, setting: Setting[Any], value: Value) -> None:
        if setting not in TABLE:
            raise ValueError(f"{setting.name} stands in no table")
        if not setting.accepts(value):
            raise ValueError(f"{setting.name} can't be {value!r}")
        if value == setting.default:
            self._values.pop(setting.name, None)
        else:
            self._values[setting.name] = value

    def _save(self) -> None:
        # Escaped, since a path may hold bytes that are no UTF-8.
        text = json.dumps(self._values, indent=2, sort_keys=True)
        self._write(self._path, f"{text}\n".encode("ascii"))

    def _read(self) -> Mapping[str, object]:
        try:
            values = json.loads(self._path.read_bytes())
        except FileNotFoundError:
            return {}
        except OSError as error:
            self.problem = (
                f"The settings could not be read: {self._path} ({error.strerror}). "
                "The defaults are in force."
            )
            return {}
        except ValueError:
            return self._set_aside()
        return values if isinstance(values, dict) else self._set_aside()

    def _set_aside(self) -> Mapping[str, object]:
        kept = self._path.with_name(f"settings.damaged-{time.strftime('%Y%m%d-%H%M%S')}.json")
        self.problem = (
            "The settings could not be understood and the defaults are in force. "
            f"The old file is kept as {kept.name}."
        )
        try:
            self._path.replace(kept)
        except OSError:
            self.problem = "The settings could not be understood; the defaults are in force."
        return {}


_STYLE_SETTINGS: tuple[Setting[Any], ...] = (TEMPERATURE, TOP_K, TOP_P, MIN_P, REPEAT_PENALTY)


def _style_values(style: Style) -> tuple[float, ...]:
    return tuple(getattr(style, setting.name) for setting in _STYLE_SETTINGS)
