"""The settings as they hold in one chat: its own values, and the general ones beneath.

A chat's own values are a mapping by the rows' names, as it is kept with the chat. What the table
doesn't allow, or doesn't let a chat have, counts as not there; names that it doesn't know are kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.core.setting import Setting, SettingsView, T, Value
from app.core.settings_table import TABLE

CHAT_ROWS: tuple[Setting[Any], ...] = tuple(setting for setting in TABLE if setting.per_chat)
"""What a chat may have of its own, in the table's order."""


class ChatOptions:
    """One chat's view of the settings. Doesn't change; `with_value` and `without` give mappings."""

    def __init__(self, general: SettingsView, options: Mapping[str, object]) -> None:
        """`general` are the settings of the program, asked anew each time."""
        self._general = general
        self._options = dict(options)

    @property
    def options(self) -> dict[str, object]:
        """What is kept with the chat."""
        return dict(self._options)

    @property
    def has_own(self) -> bool:
        """Whether anything in this chat is other than in the settings."""
        return any(self.is_own(setting) for setting in CHAT_ROWS)

    def get(self, setting: Setting[T]) -> T:
        """The chat's own value, or else the general one."""
        value = self._own(setting)
        return self._general.get(setting) if value is None else value

    def is_own(self, setting: Setting[Any]) -> bool:
        """Whether the chat has its own value, be it the same as the general one."""
        return self._own(setting) is not None

    def with_value(self, setting: Setting[T], value: T) -> dict[str, object]:
        """The chat's options with another value of its own.

        Raises ValueError for one that the table doesn't allow, or that no chat may have.
        """
        if not setting.per_chat or setting not in TABLE:
            raise ValueError(f"{setting.name} can't be a chat's own")
        if not setting.accepts(value):
            raise ValueError(f"{setting.name} can't be {value!r}")
        return {**self._options, setting.name: value}

    def with_values(self, values: Mapping[Setting[Any], Value]) -> dict[str, object]:
        """The same for several; raises ValueError, too."""
        options = self._options
        for setting, value in values.items():
            options = ChatOptions(self._general, options).with_value(setting, value)
        return dict(options)

    def without(self, *settings: Setting[Any]) -> dict[str, object]:
        """The chat's options where these are as in the settings again."""
        names = {setting.name for setting in settings}
        return {name: value for name, value in self._options.items() if name not in names}

    def _own(self, setting: Setting[T]) -> T | None:
        if not setting.per_chat or setting.name not in self._options:
            return None
        return setting.from_json(self._options[setting.name])
