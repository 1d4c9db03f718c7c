"""The settings that take effect when a model is loaded, and the button that loads it again.

Knows the table of settings, and nothing of plans or of who loads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.core.settings import CONTEXT_TOKENS, KV_TYPE, PREFERENCE, USES_GPUS, Setting, Settings
from app.ui.buttons import Button
from app.ui.labels import Label, Paragraph
from app.ui.segmented import Segmented
from app.ui.setting_row import SettingRow
from app.ui.theme import Theme, TypeRole

_SETTINGS: tuple[Setting[Any], ...] = (USES_GPUS, PREFERENCE, CONTEXT_TOKENS, KV_TYPE)
"""In the order of their rows."""

_AUTOMATIC = "Automatic"
_CONTEXTS = (4096, 8192, 16_384, 32_768)
_NOTE = "They take effect when the model is loaded; automatic is what suits this computer."


class EngineSettings(QWidget):
    """Graphics card, preference, context, its precision.

    Signals:
        value_chosen(object, object): a `Setting`, and the value that the user wants.
        load_requested: load the model by what is in force now.
    """

    value_chosen = Signal(object, object)
    load_requested = Signal()

    def __init__(self, theme: Theme, settings: Settings, is_outdated: Callable[[], bool]) -> None:
        """`is_outdated` tells whether the loaded model was loaded by other values."""
        super().__init__()
        self._theme = theme
        self._settings = settings
        self._is_outdated = is_outdated
        self._gpus = Segmented(theme, USES_GPUS.title, (("on", "Use it"), ("off", "Leave it out")))
        self._preference = Segmented(
            theme, PREFERENCE.title, tuple((name, name.title()) for name in PREFERENCE.choices)
        )
        contexts = tuple((str(tokens), f"{tokens // 1024}k") for tokens in _CONTEXTS)
        self._context = Segmented(theme, CONTEXT_TOKENS.title, (("0", _AUTOMATIC), *contexts))
        self._kv_type = Segmented(
            theme, KV_TYPE.title, tuple((name, name or _AUTOMATIC) for name in KV_TYPE.choices)
        )
        self._load = Button(theme, "Load again", small=True)
        controls = (self._gpus, self._preference, self._context, self._kv_type)
        self._rows = [
            SettingRow(theme, setting.title, setting.sentence, control)
            for setting, control in zip(_SETTINGS, controls, strict=True)
        ]
        self._offer = SettingRow(
            theme, "The model was loaded with other values", "Loading again reads the chat anew.",
            self._load,
        )  # fmt: skip
        self._build()
        self._connect()

    @property
    def rows(self) -> list[SettingRow]:
        """All rows, for whoever knows how much room there is."""
        return [*self._rows, self._offer]

    @Slot()
    def show_values(self) -> None:
        """Show what is in force, and what may be done about it."""
        settings = self._settings
        self._gpus.show_value("on" if settings.get(USES_GPUS) else "off")
        self._preference.show_value(settings.get(PREFERENCE))
        self._context.show_value(str(settings.get(CONTEXT_TOKENS)))
        self._kv_type.show_value(settings.get(KV_TYPE))
        for row, setting in zip(self._rows, _SETTINGS, strict=True):
            row.show_changed(settings.is_changed(setting))
        self._offer.setVisible(self._is_outdated())

    def _build(self) -> None:
        theme = self._theme
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, theme.gap(24), 0, 0)
        layout.setSpacing(0)
        layout.addWidget(Label(theme, "Engine", TypeRole.H1))
        layout.addWidget(Paragraph(theme, _NOTE, TypeRole.BODY, "text2"))
        for row in self.rows:
            layout.addWidget(row)
        self._offer.hide()

    def _connect(self) -> None:
        self._gpus.chosen.connect(self._choose_gpus)
        self._preference.chosen.connect(self._choose_preference)
        self._context.chosen.connect(self._choose_context)
        self._kv_type.chosen.connect(self._choose_kv_type)
        self._load.clicked.connect(self.load_requested)

    @Slot(str)
    def _choose_gpus(self, value: str) -> None:
        self.value_chosen.emit(USES_GPUS, value == "on")

    @Slot(str)
    def _choose_preference(self, value: str) -> None:
        self.value_chosen.emit(PREFERENCE, value)

    @Slot(str)
    def _choose_context(self, value: str) -> None:
        self.value_chosen.emit(CONTEXT_TOKENS, int(value))

    @Slot(str)
    def _choose_kv_type(self, value: str) -> None:
        self.value_chosen.emit(KV_TYPE, value)
