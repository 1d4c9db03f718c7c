"""Finds out why the loaded model is as quick as it is: measures, and gathers what decides it.

Knows nothing of chats. A measurement gives way to whatever else the engine is asked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from PySide6.QtCore import QObject, Signal, Slot

from app.core.graphics_cards import find_card_makers
from app.core.memory_parts import divide_memory
from app.core.power_supply import is_on_battery
from app.core.settings import USES_GPUS, Settings
from app.engine.protocol import Event, Failed, Finished, LoadedModel, Measure, Measured
from app.engine.speed_advice import Circumstances, advise
from app.engine.speed_report import SpeedReport, read_shape
from app.runtime.context_gauge import ContextGauge
from app.runtime.engine_thread import EngineThread
from app.runtime.facts import SpeedFacts
from app.runtime.model_loader import ModelLoader
from app.runtime.store_thread import StoreThread
from model_io.machine import Machine, Memory
from model_io.model_shape import ModelShape
from model_io.system_memory import read_memory

LEAST_TOKENS = 8
"""A reply shorter than this says nothing about the speed."""


@dataclass(frozen=True, slots=True)
class _Found:
    """What was read beside the window's thread."""

    shape: ModelShape | None
    memory: Memory
    card_makers: tuple[str, ...]


class SpeedMeter(QObject):
    """The speed of the model that is loaded.

    Attributes:
        is_free: tells whether the engine has nothing to do that a measurement would keep waiting.

    Signals:
        facts_changed(object): `SpeedFacts`, or None when no model is loaded.
    """

    facts_changed = Signal(object)

    def __init__(
        self,
        settings: Settings,
        store: StoreThread,
        engine: EngineThread,
        loader: ModelLoader,
        gauge: ContextGauge,
    ) -> None:
        super().__init__()
        self.is_free: Callable[[], bool] = lambda: loader.is_loaded
        self._settings = settings
        self._store = store
        self._engine = engine
        self._loader = loader
        self._gauge = gauge
        self._facts: SpeedFacts | None = None
        self._found: _Found | None = None
        self._job_id = 0
        self._is_stopped = False
        loader.model_changed.connect(self._take_model)

    @property
    def facts(self) -> SpeedFacts | None:
        """What is known now; None if no model is loaded."""
        return self._facts

    @property
    def is_measuring(self) -> bool:
        """Whether a measurement is under way."""
        return self._job_id != 0

    @Slot()
    def look(self) -> None:
        """Gather anew what can be known without measuring."""
        facts = self._facts
        self._tell()
        if facts is not None:
            shape = self._found.shape if self._found is not None else None
            find = partial(_find, facts.model.path, shape)
            self._store.run_apart(find, partial(self._take_found, facts.model))

    @Slot()
    def measure(self) -> None:
        """Measure for some ten seconds; the next message reads its chat anew."""
        if not self.is_measuring and self._facts is not None and self.is_free():
            self._is_stopped = False
            self._job_id = self._engine.new_job_id()
            self._engine.send(Measure(self._job_id), self._receive)
            self._tell(failure="")

    @Slot()
    def stop(self) -> None:
        """Give up the measurement that is under way."""
        if self.is_measuring:
            self._is_stopped = True
            self._engine.stop(self._job_id)

    @Slot()
    def note_state(self) -> None:
        """Something else may be wanted of the engine now."""
        if not self.is_free():
            self.stop()
        self._tell()

    @Slot(object, object)
    def note_reply(self, _message: object, event: Finished | Failed) -> None:
        """A reply has ended."""
        if not isinstance(event, Finished) or event.decode_seconds <= 0:
            return
        if event.completion_tokens >= LEAST_TOKENS:
            self._tell(last_reply_speed=event.completion_tokens / event.decode_seconds)

    # --- what the parts tell -----------------------------------------------------------------

    def _take_model(self, model: LoadedModel | None) -> None:
        self._engine.forget(self._job_id)
        self._job_id = 0
        self._found = None  # another model may be in the same place now
        self._facts = SpeedFacts(model) if model is not None and model.plan is not None else None
        self._tell()

    def _take_found(self, model: LoadedModel, found: _Found) -> None:
        if self._facts is not None and self._facts.model is model:
            self._found = found
            self._tell()

    def _receive(self, event: Event) -> None:
        self._job_id = 0
        if isinstance(event, Failed) and event.fatal:
            self._loader.lose_at_work()
        if isinstance(event, Measured) and not self._is_stopped:
            self._keep(event)
        elif isinstance(event, Failed) and not self._is_stopped:
            self._tell(failure=event.sentence)
        self.look()

    def _keep(self, measured: Measured) -> None:
        model = self._loader.model
        if model is None or model.plan is None:
            return
        shape = self._found.shape if self._found is not None else None
        report = SpeedReport(model, model.plan, measured, shape)
        self._tell(report=report, advice=advise(report, self._circumstances()))

    # --- pieces ------------------------------------------------------------------------------

    def _circumstances(self) -> Circumstances:
        wants_gpus = self._settings.get(USES_GPUS)
        return Circumstances(
            card_makers=self._found.card_makers if self._found is not None else (),
            setting_leaves_gpus_out=not wants_gpus,
            gpus_failed=wants_gpus and not self._loader.uses_gpus,
            used_tokens=self._gauge.used_tokens,
            is_on_battery=is_on_battery(),
        )

    def _tell(self, **changes: object) -> None:
        facts = self._facts
        if facts is not None:
            facts = replace(facts, **changes)  # type: ignore[arg-type]
            facts = replace(facts, is_measuring=self.is_measuring, can_measure=self.is_free())
            facts = self._with_memory(facts)
        self._facts = facts
        self.facts_changed.emit(facts)

    def _with_memory(self, facts: SpeedFacts) -> SpeedFacts:
        found, plan = self._found, facts.model.plan
        if found is None or found.shape is None or plan is None:
            return facts
        is_loaded = self._loader.is_loaded
        if facts.report is not None:
            machine = facts.report.measured.machine
        else:
            machine = _after(facts.model, is_loaded=is_loaded) or Machine(found.memory)
        machine = replace(machine, ram=found.memory)
        uses = divide_memory(found.shape, plan, machine, is_loaded=is_loaded)
        used_swap = found.memory.swap_total_bytes - found.memory.swap_free_bytes
        return replace(facts, layers=found.shape.layers, uses=uses, swap_used_bytes=used_swap)


def _after(model: LoadedModel, *, is_loaded: bool) -> Machine | None:
    """The computer as the loaded model leaves it, by the plan; None if nobody has looked."""
    if model.machine is None or model.plan is None or not is_loaded:
        return model.machine
    taken = {device.name: device.total_bytes for device in model.plan.devices}
    devices = tuple(
        replace(device, free_bytes=max(0, device.free_bytes - taken.get(device.name, 0)))
        for device in model.machine.devices
    )
    return replace(model.machine, devices=devices)


def _find(model_path: str, shape: ModelShape | None) -> _Found:
    return _Found(shape or read_shape(model_path), read_memory(), find_card_makers())
