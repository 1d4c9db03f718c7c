"""The list of models under the chip, and the ways to another one. Knows nothing of the session."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from app.engine.protocol import LoadedModel
from app.runtime.facts import ModelChoice, SpeedFacts
from app.ui.model_chip import DEMO_NAME
from app.ui.popup_menu import PopupMenu
from app.ui.speed_words import device_text, short_speed
from app.ui.theme import Theme


class ModelMenu(PopupMenu):
    """Opens beneath its parent.

    Signals:
        model_chosen(str): the path of a model's file.
        speed_requested: the line that says where the model computes.
        unload_requested: give the model's memory back.
        open_file_requested, get_mixtral_requested: the entries beneath the list.
    """

    model_chosen = Signal(str)
    speed_requested = Signal()
    unload_requested = Signal()
    open_file_requested = Signal()
    get_mixtral_requested = Signal()

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(theme, parent)
        self._below = parent

    def show_models(
        self,
        models: Sequence[ModelChoice],
        loaded: LoadedModel | None,
        speed: SpeedFacts | None = None,
        *,
        can_unload: bool = False,
    ) -> None:
        """List them, the loaded one with a check and its speed, and the device on which it runs."""
        for model in models:
            is_loaded = loaded is not None and loaded.path == model.path
            self._add_model(model, speed if is_loaded else None, is_loaded=is_loaded)
        if loaded is not None:
            self.addSeparator()
            uses_gpu = loaded.plan is not None and loaded.plan.devices
            line = f"{device_text(loaded)}\tWhy this speed?"
            icon = "gpu" if uses_gpu else "cpu"
            self.add(line, self.speed_requested.emit, icon=icon)
        if can_unload:
            self.add("Unload it now", self.unload_requested.emit, icon="ram")
        self.addSeparator()
        self.add("Open a model file…", self.open_file_requested.emit, icon="folder")
        self.add("Get Mixtral", self.get_mixtral_requested.emit, icon="download")
        self.popup_below(self._below)

    def _add_model(self, model: ModelChoice, speed: SpeedFacts | None, *, is_loaded: bool) -> None:
        name = DEMO_NAME if model.is_demo else model.name
        icon = "check" if is_loaded else "warning" if model.problem else ""
        path, detail = model.path, model.detail
        if speed is not None:
            detail = f"{detail.partition(',')[0]}, {short_speed(speed)}"
        action = self.add(f"{name}\t{detail}", lambda: self.model_chosen.emit(path), icon=icon)
        if model.problem:
            action.setText(f"{name}\tcan’t be loaded")
            action.setToolTip(model.problem)
            action.setEnabled(False)
