"""The one table of settings. The window, its search and `SETTINGS.md` are made from it.

A setting is one row, here or in `reply_settings` and `engine_settings`; whoever honours it asks for
it by the row. Knows no values in force.
"""

from __future__ import annotations

from typing import Any

from app.core.engine_settings import ENGINE_ROWS, MEMORY_ROWS
from app.core.reply_settings import REPLY_ROWS
from app.core.setting import Choice, Group, Kind, Setting
from app.core.setting_groups import ESSENTIALS, PROGRAM, READING

THEME = Setting(
    "theme",
    "system",
    "Theme",
    "Follows the system unless you choose.",
    ESSENTIALS,
    choices=(Choice("system", "System"), Choice("light", "Light"), Choice("dark", "Dark")),
    synonyms=("colour", "color", "night", "black", "white", "appearance"),
    is_essential=True,
)
TEXT_SIZE_PERCENT = Setting(
    "text_size_percent",
    100,
    "Text size",
    "Ctrl+Plus and Ctrl+Minus do the same anywhere.",
    ESSENTIALS,
    lowest=80,
    highest=200,
    step=10,
    unit="%",
    synonyms=("font", "zoom", "scale", "larger", "smaller"),
    is_essential=True,
)
LANGUAGE = Setting(
    "language",
    "system",
    "Language",
    "For the window, from the next start on. The model answers in the language you write.",
    ESSENTIALS,
    choices=(
        Choice("system", "As the system"),
        Choice("en", "English"),
        Choice("fr", "Français"),
        Choice("de", "Deutsch"),
        Choice("es", "Español"),
        Choice("it", "Italiano"),
    ),
    synonyms=("translation", "French", "German", "Spanish", "Italian", "locale"),
    is_essential=True,
)
SEND_KEY = Setting(
    "send_key",
    "enter",
    "Send with",
    "The other combination starts a new line.",
    ESSENTIALS,
    choices=(Choice("enter", "Enter"), Choice("ctrl+enter", "Ctrl+Enter")),
    synonyms=("return", "new line", "shortcut"),
    is_essential=True,
)
STYLE = Setting(
    "style",
    "Balanced",
    "Style of the replies",
    "Precise answers much the same each time, creative varies most. "
    "All of it can be changed under Replies.",
    ESSENTIALS,
    synonyms=("preset", "creativity", "precise", "balanced", "creative", "deterministic"),
    is_essential=True,
    per_chat=True,
    special=Kind.STYLE,
)
INSTRUCTIONS = Setting(
    "instructions",
    "",
    "Instructions for every new chat",
    "Read before each conversation, so short ones are quicker. A chat can have its own.",
    ESSENTIALS,
    placeholder="Answer briefly. Say when you are not sure.",
    synonyms=("system prompt", "system message", "role", "persona", "custom"),
    is_long=True,
    is_essential=True,
    per_chat=True,
    chat_title="Instructions for this chat",
)

REDUCE_MOTION = Setting(
    "reduce_motion",
    False,
    "Reduce motion",
    "The mark stays still, and nothing slides or fades.",
    READING,
    synonyms=("animation", "accessibility", "movement"),
)
CODE_WRAP = Setting(
    "code_wrap",
    False,
    "Wrap long lines of code",
    "Else they scroll sideways. Each block has a switch of its own.",
    READING,
    synonyms=("line break", "word wrap"),
)

ON_CLOSE = Setting(
    "on_close",
    "quit",
    "Closing during a reply",
    "What has arrived of the reply is kept either way.",
    PROGRAM,
    choices=(
        Choice("quit", "Quit at once", "The reply is cut off and can be continued."),
        Choice("finish", "Finish it first", "The window goes; Octet quits when the reply ends."),
    ),
    synonyms=("quit", "exit", "background"),
)
DATA_FOLDER = Setting(
    "data_folder",
    "",
    "Data folder",
    "Chats, models and settings. To use another one, start Octet with --data-dir.",
    PROGRAM,
    synonyms=("path", "disk", "storage", "location", "move"),
    special=Kind.FOLDER,
)

# What the program remembers by itself: absolute paths of GGUF files, and the base64 of what Qt
# tells of the window's place.
LAST_MODEL = Setting("last_model", "")
OTHER_MODELS: Setting[tuple[str, ...]] = Setting("other_models", ())
WINDOW_GEOMETRY = Setting("window_geometry", "")
SIDEBAR_SHOWN = Setting("sidebar_shown", True)

TABLE: tuple[Setting[Any], ...] = (
    THEME,
    TEXT_SIZE_PERCENT,
    LANGUAGE,
    SEND_KEY,
    STYLE,
    INSTRUCTIONS,
    *REPLY_ROWS,
    REDUCE_MOTION,
    CODE_WRAP,
    *MEMORY_ROWS,
    *ENGINE_ROWS,
    ON_CLOSE,
    DATA_FOLDER,
    LAST_MODEL,
    OTHER_MODELS,
    WINDOW_GEOMETRY,
    SIDEBAR_SHOWN,
)
"""Every setting there is, in the order in which the pages show them."""


def rows_of(group: Group) -> tuple[Setting[Any], ...]:
    """The rows of a page."""
    return tuple(setting for setting in TABLE if setting.group is group)


def row_named(name: str) -> Setting[Any] | None:
    """The row of that name."""
    return next((setting for setting in TABLE if setting.name == name), None)
