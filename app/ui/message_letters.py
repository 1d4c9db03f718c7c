"""The letters that act on the message with the focus, as they are in force.

Knows nothing of messages, nor of where the letters come from.
"""

from __future__ import annotations

from PySide6.QtGui import QKeyEvent, QKeySequence

from app.ui.keys import MESSAGE_KEYS, Deed


class MessageLetters:
    """One for a transcript; the table's letters until others are given."""

    def __init__(self) -> None:
        self._deeds: dict[str, Deed] = {}
        self.set_keys({key.deed: key.sequences for key in MESSAGE_KEYS})

    def set_keys(self, keys: dict[Deed, tuple[str, ...]]) -> None:
        """Other letters."""
        self._deeds = {
            QKeySequence(sequence).toString(): deed
            for deed, sequences in keys.items()
            for sequence in sequences
        }

    def deed_of(self, event: QKeyEvent) -> Deed | None:
        """What the pressed key stands for."""
        return self._deeds.get(QKeySequence(event.keyCombination()).toString())
