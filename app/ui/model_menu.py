"""The list of models under the chip, and the ways to another one. Knows nothing of the session."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from app.engine.protocol import LoadedModel
from app.runtime.facts import ModelChoice
from app.ui.model_chip import DEMO_NAME
from app.ui.popup_menu import PopupMenu
from app.ui.theme import Theme


class ModelMenu(PopupMenu):
    """Opens beneath its parent.

    Signals:
        model_chosen(str): the path of a model's file.
        open_file_requested, get_mixtral_requested: the entries beneath the list.
    """

    model_chosen = Signal(str)
    open_file_requested = Signal()
    get_mixtral_requested = Signal()

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(theme, parent)
        self._below = parent

    def show_models(self, models: Sequence[ModelChoice], loaded: LoadedModel | None) -> None:
        """List them, the loaded one with a check, and the device on which it runs."""
        for model in models:
            self._add_model(model, is_loaded=loaded is not None and loaded.path == model.path)
        if loaded is not None:
            self.addSeparator()
            threads = "1 thread" if loaded.threads == 1 else f"{loaded.threads} threads"
            line = self.addAction(f"Runs on {loaded.device}, {threads}")
            line.setEnabled(False)
        self.addSeparator()
        self.add("Open a model file…", self.open_file_requested.emit, icon="folder")
        self.add("Get Mixtral", self.get_mixtral_requested.emit, icon="download")
        self.popup_below(self._below)

    def _add_model(self, model: ModelChoice, *, is_loaded: bool) -> None:
        name = DEMO_NAME if model.is_demo else model.name
        icon = "check" if is_loaded else "warning" if model.problem else ""
        path = model.path
        action = self.add(
            f"{name}\t{model.detail}", lambda: self.model_chosen.emit(path), icon=icon
        )
        if model.problem:
            action.setText(f"{name}\tcan’t be loaded")
            action.setToolTip(model.problem)
            action.setEnabled(False)
