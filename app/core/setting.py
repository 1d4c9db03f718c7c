"""What a row of the settings' table is: a value, its bounds, and the words that explain it.

Knows no row, no file and no window.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Generic, Protocol, TypeVar

Value = bool | int | float | str | tuple[str, ...]
T = TypeVar("T", bool, int, float, str, tuple[str, ...])


class Kind(Enum):
    """What a value is, which decides by what control it is changed."""

    SWITCH = auto()
    CHOICE = auto()
    NUMBER = auto()
    TEXT = auto()
    LONG_TEXT = auto()
    LIST = auto()  # of texts
    STYLE = auto()  # the name of a preset
    FOLDER = auto()  # shown and opened, not changed


@dataclass(frozen=True, slots=True)
class Group:
    """A page of the settings."""

    name: str
    title: str
    sentence: str
    icon: str


@dataclass(frozen=True, slots=True)
class Choice(Generic[T]):
    """One of the values that are allowed, its word, and a sentence where the word is not enough."""

    value: T
    label: str
    sentence: str = ""


@dataclass(frozen=True, slots=True)
class Setting(Generic[T]):
    """One row of the table.

    What the program remembers by itself has no `group`, and neither title nor sentence.

    Attributes:
        choices: all allowed values; none for a value within bounds.
        lowest, highest: inclusive bounds.
        step: what an arrow adds to a number.
        unit: what a number counts, after it.
        lowest_label: the word for the lowest number where that one is special: "Automatic".
        placeholder: an example for a text.
        synonyms: words by which the search finds it, beside those that are shown.
        is_long: a text of several lines.
        is_code: letters of a text stand one below the other.
        is_essential: among the few that most people need.
        per_chat: may have another value in a chat.
        chat_title: the title there, where it is another.
        needs_load: takes effect when a model is loaded.
        special: what no type tells.
    """

    name: str
    default: T
    title: str = ""
    sentence: str = ""
    group: Group | None = None
    choices: tuple[Choice[T], ...] = ()
    lowest: float | None = None
    highest: float | None = None
    step: float = 1
    unit: str = ""
    lowest_label: str = ""
    placeholder: str = ""
    synonyms: tuple[str, ...] = ()
    is_long: bool = False
    is_code: bool = False
    is_essential: bool = False
    per_chat: bool = False
    chat_title: str = ""
    needs_load: bool = False
    special: Kind | None = None

    @property
    def kind(self) -> Kind:
        """What the value is."""
        if self.special is not None:
            return self.special
        if self.choices:
            return Kind.CHOICE
        if isinstance(self.default, bool):
            return Kind.SWITCH
        if isinstance(self.default, (int, float)):
            return Kind.NUMBER
        if isinstance(self.default, tuple):
            return Kind.LIST
        return Kind.LONG_TEXT if self.is_long else Kind.TEXT

    def accepts(self, value: object) -> bool:
        """Whether `value` is of the right type, one of the choices and within the bounds."""
        if type(value) is not type(self.default):
            return False
        if self.choices and value not in [choice.value for choice in self.choices]:
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
        elif kind is tuple and isinstance(value, (list, tuple)):
            found = tuple(str(item) for item in value)
        return found if self.accepts(found) else None

    def words_of(self, value: Value) -> str:
        """The value as a person reads it."""
        for choice in self.choices:
            if choice.value == value:
                return choice.label
        if isinstance(value, bool):
            return "On" if value else "Off"
        if isinstance(value, tuple):
            return ", ".join(value) or "None"
        if self.lowest_label and value == self.lowest:
            return self.lowest_label
        if isinstance(value, (int, float)):
            return f"{value:,} {self.unit}".strip() if self.unit else f"{value:,}"
        return value or "Empty"


class SettingsView(Protocol):
    """Whoever can be asked for a setting's value: the settings, or a chat's own over them."""

    def get(self, setting: Setting[T]) -> T:
        """The value in force."""
