"""What belongs to a model that was loaded by a plan: that, the computer, and what is kept.

Knows nothing of prompts and replies.
"""

from __future__ import annotations

from pathlib import Path

from app.core.errors import EngineError
from app.engine.loading import choose_threads
from app.engine.planning import Planning
from app.engine.protocol import EngineParameters
from app.engine.speed_trial import Speeds
from app.engine.surroundings import Surroundings
from model_io.holdings import forget_holdings, note_holdings, read_holdings
from model_io.machine import RAM
from model_io.memory import repacked_bytes
from model_io.model_shape import ModelShape
from model_io.plan_words import gigabytes
from model_io.records import Records
from model_io.repack_trial import try_repacking

_WORTH_REPACKING_BYTES = 2 * 2**30
"""Smaller models are quick either way."""


class PlannedModel:
    """What a model was loaded by, and what its speed is kept with."""

    def __init__(self, parameters: EngineParameters, shape: ModelShape) -> None:
        """Looks at the computer. Raises EngineError if nothing fits."""
        path = Path(parameters.records_path) if parameters.records_path else None
        records = Records(path) if path else None
        self._folder = path.parent if path else None
        self._threads = choose_threads(parameters)
        self.shape = shape
        self.records = records
        self.surroundings = Surroundings(
            uses_gpus=parameters.uses_gpus, records=records, data=self._folder
        )
        try:
            self.planning = Planning(parameters, shape, self.surroundings.look(), records)
        except EngineError as error:
            raise EngineError(f"{error}{self._name_holder()}", error.details) from error

    def _name_holder(self) -> str:
        """Who has the memory, if it is another engine of Octet."""
        held = read_holdings(self._folder) if self._folder is not None else {}
        size_bytes = sum(held.values())
        if not size_bytes:
            return ""
        return f" Another window or command of Octet holds {gigabytes(size_bytes)}; close it first."

    def note(self) -> None:
        """Let other programs know what is taken now."""
        if self._folder is not None:
            plan = self.planning.plan
            held = {device.name: device.total_bytes for device in plan.devices}
            # The system counts a mapped file's pages as free.
            note_holdings(self._folder, held | {RAM: plan.ram_bytes - plan.mapped_bytes})

    def leave(self) -> None:
        """Nothing is taken any more."""
        if self._folder is not None:
            forget_holdings(self._folder)

    def try_repacking(self) -> None:
        """Find out, once for a type, whether repacked weights would be quicker; a few seconds."""
        would_copy = repacked_bytes(self.shape, self.planning.plan.placement)
        if self.records is None or would_copy < _WORTH_REPACKING_BYTES:
            return
        machine = self.planning.machine
        if self.records.recall_repacking(self.shape, machine) is None:
            trial = try_repacking(self.shape, self._threads)
            if trial is not None:
                self.records.remember_repacking(self.shape, machine, pays=trial.pays)

    def keep_speeds(self, speeds: Speeds) -> float:
        """Remember what was measured, for later plans; returns the best speed of writing so far.

        What other programs have slowed down says nothing of the computer, and isn't kept.
        """
        decode = speeds.decode_tokens_per_second
        if self.records is None:
            return decode
        machine, plan = self.planning.machine, self.planning.plan
        if not speeds.is_disturbed:
            prefill = speeds.prefill_tokens_per_second
            self.records.remember_speed(self.shape, machine, plan, prefill, decode)
        kept = self.records.recall_speed(self.shape, machine, plan.placement, plan.working)
        return max(decode, kept.best_tokens_per_second if kept else 0.0)
