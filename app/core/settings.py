"""The values of the settings, in settings.json.

Only what differs from the default is written. A value that the table doesn't allow counts as the
default; a name that it doesn't know (a newer Octet's) is kept. Knows nothing of windows.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from app.core.engine_settings import *  # noqa: F403  the rows are asked for from here
from app.core.paths import write_private_file
from app.core.reply_settings import *  # noqa: F403
from app.core.setting import Setting as Setting
from app.core.setting import SettingsView as SettingsView
from app.core.setting import T as T
from app.core.setting import Value as Value
from app.core.settings_table import *  # noqa: F403
from app.core.settings_table import TABLE as TABLE
from app.core.settings_table import row_named as row_named


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

    @property
    def folder(self) -> Path:
        """Where the file stands: the data folder."""
        return self._path.parent

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

    def set_many(self, values: Mapping[str, Value]) -> None:
        """Change several settings, by their names, and write the file once.

        Raises ValueError for a name or value that the table doesn't allow, and what `write` raises.
        """
        before = dict(self._values)
        for name, value in values.items():
            setting = row_named(name)
            if setting is None:
                raise ValueError(f"{name} stands in no table")
            self._put(setting, value)
        if self._values != before:
            self._save()

    def get_list(self, name: str) -> list[object]:
        """What stands under `name`, which is no row of the table; empty if it isn't a list."""
        found = self._values.get(name)
        return list(found) if isinstance(found, list) and row_named(name) is None else []

    def set_list(self, name: str, items: Sequence[object]) -> None:
        """Keep a list that is no row of the table, and write the file; raises what `write` does."""
        before = self._values.get(name)
        if items:
            self._values[name] = list(items)
        else:
            self._values.pop(name, None)
        if self._values.get(name) != before:
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
