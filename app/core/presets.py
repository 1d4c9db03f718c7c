"""Styles of the replies: named sets of sampling values with instructions of their own.

Four come with Octet, the others are the user's and stand in settings.json. A style is in force
when all its values are. Knows nothing of windows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from app.core.reply_settings import PRESET_ROWS
from app.core.setting import Setting, SettingsView, Value
from app.core.settings import STYLE, Settings

_KEY = "presets"


@dataclass(frozen=True, slots=True)
class Preset:
    """A style. `changed` holds what differs from the table's defaults, by the rows' names."""

    name: str
    changed: Mapping[str, Value] = field(default_factory=dict)
    is_own: bool = False

    def value_of(self, setting: Setting[Any]) -> Value:
        """What the style sets that row to."""
        value: Value = self.changed.get(setting.name, setting.default)
        return value

    @property
    def values(self) -> dict[str, Value]:
        """All that it sets, by the rows' names."""
        return {setting.name: self.value_of(setting) for setting in PRESET_ROWS}

    def is_in_force(self, view: SettingsView) -> bool:
        """Whether all its values hold there."""
        return all(view.get(setting) == self.value_of(setting) for setting in PRESET_ROWS)


BUILT_IN = (
    Preset("Precise", {"temperature": 0.3, "top_p": 0.9}),
    Preset("Balanced"),
    Preset("Creative", {"temperature": 1.0, "top_k": 0, "top_p": 0.98, "min_p": 0.02}),
    Preset("Deterministic", {"temperature": 0.0}),
)
"""In the order in which they are shown; "Balanced" is the table's defaults."""


class Presets:
    """The styles there are, and the one in force.

    What changes them raises DataFolderError where the file can't be written; it holds all the same.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @property
    def own(self) -> tuple[Preset, ...]:
        """The user's, in the order in which they were made."""
        found = (_from_json(item) for item in self._settings.get_list(_KEY))
        return tuple(preset for preset in found if preset is not None)

    @property
    def all(self) -> tuple[Preset, ...]:
        """Octet's four, then the user's."""
        return (*BUILT_IN, *self.own)

    def find(self, name: str) -> Preset | None:
        """The style of that name."""
        return next((preset for preset in self.all if preset.name == name), None)

    def name_in_force(self, view: SettingsView | None = None) -> str:
        """The style whose values are all in force, or "" for own values.

        Of several with the same values the one that was chosen.
        """
        view = view or self._settings
        chosen = self.find(view.get(STYLE))
        if chosen is not None and chosen.is_in_force(view):
            return chosen.name
        return next((preset.name for preset in self.all if preset.is_in_force(view)), "")

    def choose(self, name: str) -> None:
        """Put a style's values in force for all chats. Raises ValueError if there is none."""
        self._settings.set_many({STYLE.name: name, **self._named(name).values})

    def options_of(self, name: str) -> dict[Setting[Any], Value]:
        """A style as a chat's own values. Raises ValueError if there is none."""
        preset = self._named(name)
        return {STYLE: name, **{setting: preset.value_of(setting) for setting in PRESET_ROWS}}

    def why_not(self, name: str, besides: str = "") -> str:
        """Why a style can't be called so, as a sentence; "" if it can. `besides` is its own."""
        name = " ".join(name.split())
        if not name:
            return "A style needs a name."
        others = {preset.name.casefold() for preset in self.all if preset.name != besides}
        if name.casefold() in others:
            return "There is a style of this name already."
        return ""

    def create(self, name: str, view: SettingsView | None = None) -> Preset:
        """Make a style of the values in force, and choose it. Raises ValueError for a bad name."""
        view = view or self._settings
        preset = Preset(self._clean(name), _changed_in(view), is_own=True)
        self._keep((*self.own, preset))
        return preset

    def update(self, name: str, view: SettingsView | None = None) -> None:
        """Let a style of the user's have the values in force."""
        values = _changed_in(view or self._settings)
        self._keep(
            tuple(replace(each, changed=values) if each.name == name else each for each in self.own)
        )

    def rename(self, name: str, new_name: str) -> None:
        """Another name for a style of the user's. Raises ValueError for a bad one."""
        new_name = self._clean(new_name, name)
        renamed = (replace(p, name=new_name) if p.name == name else p for p in self.own)
        self._keep(tuple(renamed))
        if self._settings.get(STYLE) == name:
            self._settings.set(STYLE, new_name)

    def delete(self, name: str) -> tuple[int, Preset]:
        """Take a style of the user's away; the result brings it back with `restore`.

        Its values stay in force. Raises ValueError if it isn't one of the user's.
        """
        for place, preset in enumerate(self.own):
            if preset.name == name:
                self._keep(tuple(other for other in self.own if other.name != name))
                return place, preset
        raise ValueError(f"{name!r} is no style of the user's")

    def restore(self, place: int, preset: Preset) -> None:
        """Undo `delete`; does nothing if its name has been given again."""
        if self.find(preset.name) is None:
            own = list(self.own)
            own.insert(place, preset)
            self._keep(tuple(own))

    def _named(self, name: str) -> Preset:
        preset = self.find(name)
        if preset is None:
            raise ValueError(f"no style is called {name!r}")
        return preset

    def _clean(self, name: str, besides: str = "") -> str:
        reason = self.why_not(name, besides)
        if reason:
            raise ValueError(reason)
        return " ".join(name.split())

    def _keep(self, own: tuple[Preset, ...]) -> None:
        self._settings.set_list(_KEY, [{"name": p.name, **p.changed} for p in own])


def _changed_in(view: SettingsView) -> dict[str, Value]:
    values: dict[str, Value] = {setting.name: view.get(setting) for setting in PRESET_ROWS}
    defaults = {setting.name: setting.default for setting in PRESET_ROWS}
    return {name: value for name, value in values.items() if value != defaults[name]}


def _from_json(item: object) -> Preset | None:
    """A style as it stands in the file; values that the table doesn't allow are the defaults."""
    if not isinstance(item, dict):
        return None
    name = item.get("name")
    if not isinstance(name, str) or not name.strip():
        return None
    if name.casefold() in {preset.name.casefold() for preset in BUILT_IN}:
        return None
    found = {s.name: s.from_json(item[s.name]) for s in PRESET_ROWS if s.name in item}
    changed = {key: value for key, value in found.items() if value is not None}
    return Preset(name, changed, is_own=True)
