"""The keys in force: those of the table, or the user's own in settings.json.

Knows nothing of what keys do, nor of who listens for them.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QKeySequence

from app.core.settings import Settings
from app.ui.keys import ALL_KEYS, Deed, WindowKey

_KEY = "shortcuts"
_ROWS = {key.deed: key for key in ALL_KEYS}
_FIXED = ("Return", "Enter", "Shift+Return", "Ctrl+Return", "Esc", "Tab", "Shift+Tab", "Space")
_FIXED_ON_MESSAGE = ("Left", "Right", "Up", "Down", "Ctrl+C", "Ctrl+A")
_TEXT_KEYS = ("Ctrl+C", "Ctrl+V", "Ctrl+X", "Ctrl+A", "Home", "End", "Del", "Backspace")


class Shortcuts(QObject):
    """Which sequences do which deed. What changes them raises DataFolderError, and holds anyway.

    Signals:
        changed: some deed has other keys.
    """

    changed = Signal()

    def __init__(self, settings: Settings, *, is_mac: bool = sys.platform == "darwin") -> None:
        super().__init__()
        self._settings = settings
        self._is_mac = is_mac
        self._own: dict[Deed, tuple[str, ...]] = dict(self._read())

    def of(self, deed: Deed) -> tuple[str, ...]:
        """The sequences that do `deed`; none is possible."""
        return self._own.get(deed, self._defaults(deed))

    def shown(self, deed: Deed) -> str:
        """The same as the system writes keys: "Ctrl+N" or "⌘N"; "" for none."""
        native = QKeySequence.SequenceFormat.NativeText
        return " / ".join(QKeySequence(each).toString(native) for each in self.of(deed))

    def is_changed(self, deed: Deed) -> bool:
        """Whether the keys are the user's."""
        return deed in self._own

    @property
    def any_changed(self) -> bool:
        """Whether there is anything to reset."""
        return bool(self._own)

    def refusal(self, deed: Deed, sequence: str) -> str:
        """Why that sequence can't do it, as a sentence; "" if it can, or another deed has it."""
        on_message = _ROWS[deed].on_message
        fixed = (*_FIXED, *(_FIXED_ON_MESSAGE if on_message else _TEXT_KEYS))
        if _same(sequence, fixed):
            return "This key has a fixed use."
        if not on_message and not _leaves_writing(sequence):
            return "This key writes text. Take Ctrl or Alt with it, or a function key."
        return ""

    def owner_of(self, sequence: str, besides: Deed) -> WindowKey | None:
        """The other deed that has the sequence now; None if it is free."""
        for key in ALL_KEYS:
            if key.deed is not besides and _same(sequence, self.of(key.deed)):
                return key
        return None

    def change(self, deed: Deed, sequence: str) -> None:
        """Let `sequence` alone do `deed`, and no other deed any more.

        Raises ValueError for one that `refusal` speaks against.
        """
        reason = self.refusal(deed, sequence)
        if reason:
            raise ValueError(reason)
        owner = self.owner_of(sequence, deed)
        if owner is not None:
            left = tuple(each for each in self.of(owner.deed) if not _same(sequence, (each,)))
            self._put(owner.deed, left)
        self._put(deed, (_portable(sequence),))
        self._save()

    def clear(self, deed: Deed) -> None:
        """Let no key do `deed`."""
        self._put(deed, ())
        self._save()

    def reset(self, deed: Deed) -> None:
        """Back to the table's keys, which other deeds lose."""
        for sequence in self._defaults(deed):
            owner = self.owner_of(sequence, deed)
            if owner is not None:
                left = tuple(e for e in self.of(owner.deed) if not _same(sequence, (e,)))
                self._put(owner.deed, left)
        self._own.pop(deed, None)
        self._save()

    def reset_all(self) -> None:
        """All keys as Octet has them."""
        self._own.clear()
        self._save()

    def _defaults(self, deed: Deed) -> tuple[str, ...]:
        return _ROWS[deed].defaults(is_mac=self._is_mac)

    def _put(self, deed: Deed, sequences: tuple[str, ...]) -> None:
        if sequences == self._defaults(deed):
            self._own.pop(deed, None)
        else:
            self._own[deed] = sequences

    def _save(self) -> None:
        kept = [{"deed": deed.name, "keys": list(keys)} for deed, keys in self._own.items()]
        try:
            self._settings.set_list(_KEY, kept)
        finally:
            self.changed.emit()

    def _read(self) -> list[tuple[Deed, tuple[str, ...]]]:
        """What the file says, as far as it can be understood."""
        found = []
        for item in self._settings.get_list(_KEY):
            deed = Deed.__members__.get(str(item.get("deed"))) if isinstance(item, dict) else None
            keys = item.get("keys") if isinstance(item, dict) else None
            if deed is not None and deed in _ROWS and isinstance(keys, list):
                valid = (str(key) for key in keys if not QKeySequence(str(key)).isEmpty())
                found.append((deed, tuple(_portable(key) for key in valid)))
        return found


def _portable(sequence: str) -> str:
    return QKeySequence(sequence).toString(QKeySequence.SequenceFormat.PortableText)


def _same(sequence: str, others: Sequence[str]) -> bool:
    return any(QKeySequence(sequence) == QKeySequence(other) for other in others)


def _leaves_writing(sequence: str) -> bool:
    """Whether a window may take it from whoever writes."""
    keys = QKeySequence(sequence)
    if keys.isEmpty():
        return False
    first = keys.toString(QKeySequence.SequenceFormat.PortableText).split(", ")[0]
    *held, key = first.split("+") if not first.endswith("+") else (*first.split("+")[:-2], "+")
    is_function_key = key[:1] == "F" and key[1:].isdigit()
    return is_function_key or bool({"Ctrl", "Alt", "Meta"}.intersection(held))
