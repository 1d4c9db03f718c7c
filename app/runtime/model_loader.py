"""Which models there are, which one is loaded, and loading another.

Knows nothing of chats. A load that is given up ends with the engine's process; one that an engine
dies of is asked of the next one as `Recovery` decides.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal

from app.core.model_library import ModelFile, demo_model, find_models
from app.core.paths import DataFolder
from app.core.settings import LAST_MODEL, OTHER_MODELS, Settings
from app.engine.load_settings import parameters_of
from app.engine.protocol import (
    EngineParameters,
    Event,
    Failed,
    Load,
    Loaded,
    LoadedModel,
    LoadProgressed,
)
from app.engine.recovery import DRIVER_SECONDS, Recovery
from app.runtime import notices
from app.runtime.engine_thread import EngineThread
from app.runtime.facts import LoadingProgress, ModelChoice
from app.runtime.progress_clock import ProgressClock
from app.runtime.store_thread import StoreThread

_SILENT = "The engine did not answer, most likely because a driver hangs. Restart the computer."


class ModelLoader(QObject):
    """At most one model, loaded or being loaded.

    Signals:
        load_began(): a model is being loaded from now on.
        load_ended(): it is loaded, or could not be, or loading was cancelled.
        model_changed(object): the `LoadedModel`, or None when there is none any more.
        model_unloaded(): the model's memory is free again; it stays the one that answers, and
            `reload` brings it back.
        loading_progressed(object): `LoadingProgress`, many times while one is loaded.
        models_changed(object): tuple of `ModelChoice`, when the list has been read anew.
        notice_raised(object), notice_cleared(str): as those of the session.
    """

    load_began = Signal()
    load_ended = Signal()
    model_changed = Signal(object)
    model_unloaded = Signal()
    loading_progressed = Signal(object)
    models_changed = Signal(object)
    notice_raised = Signal(object)
    notice_cleared = Signal(str)

    def __init__(
        self,
        folder: DataFolder,
        resources_folder: Path,
        settings: Settings,
        store: StoreThread,
        engine: EngineThread,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self.model: LoadedModel | None = None
        self.load_seconds = 0.0
        self.is_loaded = False  # False as well when the engine with the model in it has died
        self.uses_gpus = True  # False as well when they failed
        self._folder = folder
        self._resources_folder = resources_folder.resolve()
        self._settings = settings
        self._store = store
        self._engine = engine
        self._files: tuple[ModelFile, ...] = ()
        self._path = ""
        self._wanted: EngineParameters | None = None
        self._recovery = Recovery()
        self._told_problems: set[str] = set()
        self._job_id = 0
        self._progress = ProgressClock(clock)
        self._patience = QTimer(self, singleShot=True, interval=round(1000 * DRIVER_SECONDS))
        self._patience.timeout.connect(self._end_silence)

    @property
    def is_loading(self) -> bool:
        """Whether a load is under way."""
        return self._job_id != 0

    @property
    def is_outdated(self) -> bool:
        """Whether the settings want the loaded model loaded otherwise than it was."""
        return self.is_loaded and self._wanted != self._parameters()

    @property
    def model_name(self) -> str:
        """What replies are signed with."""
        return self.model.name if self.model else ""

    @property
    def is_demo(self) -> bool:
        """Whether it is the demo that answers."""
        return self.model is not None and self._is_demo(self.model.path)

    def start(self, path: str = "") -> None:
        """List the models and load `path`, else the last time's model, else the demo."""
        last_path = self._settings.get(LAST_MODEL)
        if path:
            self.load(path)
            self._list_models(self._show_models)
        else:
            self._list_models(self._show_models)
            self._store.run_apart(
                partial(os.path.isfile, last_path), partial(self._load_first, last_path)
            )

    def load(self, path: str) -> None:
        """Load the model at `path` in place of the one there is; a load under way is given up."""
        if self.is_loading:
            self._engine.forget(self._job_id)
            self._engine.kill()
        self._path = path
        self.is_loaded = False
        self._job_id = self._engine.new_job_id()
        self._wanted = self._parameters()
        for key in (notices.MODEL, notices.PLAN):
            self.notice_cleared.emit(key)
        self.load_began.emit()
        self._send(self._recovery.begin(self._wanted))

    def reload(self) -> bool:
        """Load again what was loaded or tried last; False if there is nothing."""
        if self._path and not self.is_loading:
            self.load(self._path)
        return bool(self._path)

    def trust_devices(self) -> str:
        """Give devices that failed another chance; the path of what was loaded or tried last."""
        self._recovery.trust_devices()
        return self._path

    def cancel(self) -> None:
        """Give up the load that is under way; no model is loaded then."""
        if self.is_loading:
            self._engine.forget(self._job_id)
            self._engine.kill()
            self._end(None)

    def unload(self) -> None:
        """End the engine, so that all its memory returns to the system."""
        if self.is_loaded and not self.is_loading:
            self.is_loaded = False
            self._engine.kill()
            self.model_unloaded.emit()

    def lose_engine(self) -> None:
        """The engine has died, and the model with it; `reload` brings both back."""
        self.is_loaded = False

    def lose_at_work(self) -> None:
        """It has died while it answered or measured, which may be the fault of a device."""
        self._recovery.lose_at_work()
        self.lose_engine()

    # --- pieces ------------------------------------------------------------------------------

    def _parameters(self) -> EngineParameters:
        return parameters_of(self._path, self._settings, self._folder)

    def _send(self, parameters: EngineParameters) -> None:
        self.uses_gpus = parameters.uses_gpus
        self._progress.start()
        self.loading_progressed.emit(LoadingProgress(self._name_of(self._path), 0, 0))
        self._engine.send(Load(self._job_id, parameters), self._receive)
        self._patience.start()

    def _end_silence(self) -> None:
        """The engine hasn't said a word: a driver that it asked hangs."""
        if self.is_loading:
            self._engine.forget(self._job_id)
            self._engine.kill()
            self._fail(Failed(self._job_id, _SILENT, fatal=True))

    def _list_models(self, then: Callable[[tuple[ModelFile, ...]], None]) -> None:
        others = [Path(path) for path in self._settings.get(OTHER_MODELS)]
        find = partial(find_models, self._folder.models, self._resources_folder, others)
        self._store.run_apart(find, then)

    def _show_models(self, files: tuple[ModelFile, ...]) -> None:
        self._files = files
        self.models_changed.emit(
            tuple(
                ModelChoice(str(file.path), file.name, file.detail, file.is_demo, file.problem)
                for file in files
            )
        )

    def _load_first(self, last_path: str, is_there: bool) -> None:
        if self.is_loading or self.is_loaded:  # the user was quicker
            return
        if is_there:
            self.load(last_path)
            return
        demo = demo_model(self._resources_folder)
        if demo is not None:
            self.load(str(demo))
        if last_path:
            name = Path(last_path).name
            self.notice_raised.emit(notices.last_model_lost(name, answers=demo is not None))

    def _receive(self, event: Event) -> None:
        self._patience.stop()
        self._recovery.hear(event)
        if isinstance(event, LoadProgressed):
            seconds_left = self._progress.seconds_left(event.done_bytes, event.total_bytes)
            name = self._name_of(self._path)
            self.loading_progressed.emit(
                LoadingProgress(name, event.done_bytes, event.total_bytes, seconds_left)
            )
        elif isinstance(event, Loaded):
            self.load_seconds = event.seconds
            self.is_loaded = True
            self._remember(event.model.path)
            self._tell_of(event.model)
            self._end(event.model)
        elif isinstance(event, Failed):
            self._fail(event)

    def _fail(self, event: Failed) -> None:
        again = self._recovery.next_attempt() if event.fatal else None
        if again is not None:
            self._job_id = self._engine.new_job_id()
            self._send(again)
            return
        name = self._name_of(self._path)
        self._end(None)
        self.notice_raised.emit(notices.load_failed(name, event.sentence, event.details))

    def _tell_of(self, model: LoadedModel) -> None:
        if model.notice:
            self.notice_raised.emit(notices.model_noted(model.notice))
        news = tuple(problem for problem in model.problems if problem not in self._told_problems)
        self._told_problems.update(news)
        setback = self._recovery.setback(model)
        if setback is not None:
            self.notice_raised.emit(notices.load_changed(setback))
        if news and not (setback and setback.offers_again):  # which tells of the devices itself
            self.notice_raised.emit(notices.hardware_unused(news))

    def _end(self, model: LoadedModel | None) -> None:
        self._patience.stop()
        self._job_id = 0
        self.model = model
        self.model_changed.emit(model)
        self.load_ended.emit()

    def _remember(self, path: str) -> None:
        self._settings.set(LAST_MODEL, "" if self._is_demo(path) else path)
        if path not in {str(file.path) for file in self._files} and not self._is_demo(path):
            others = (path, *(p for p in self._settings.get(OTHER_MODELS) if p != path))
            self._settings.set(OTHER_MODELS, others)
            self._list_models(self._show_models)

    def _is_demo(self, path: str) -> bool:
        return Path(path).parent == self._resources_folder / "models"

    def _name_of(self, path: str) -> str:
        names = {str(file.path): file.name for file in self._files}
        return names.get(path, Path(path).stem)
