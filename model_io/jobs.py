"""What the process of its own can be asked to do: each job a value, performed by its pipeline.

The pipelines are imported where a job is performed, so that whoever asks loads none of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from model_io.machine import Machine
from model_io.model_shape import ModelShape
from model_io.plan import Plan, Wish
from model_io.progress import ProgressCallback, StopCallback
from model_io.records import Records

if TYPE_CHECKING:
    from model_io.convert import Conversion
    from model_io.forecast import Forecast
    from model_io.verify import Verification


@dataclass(frozen=True, slots=True)
class ConvertJob:
    """`source`, a path or `hub:owner/name`, becomes `target` as `quant`; see `convert`."""

    source: str
    quant: str
    target: Path
    imatrix: Path | None = None
    jobs: int | None = None

    @property
    def subject(self) -> Path:
        """The file that is made."""
        return self.target

    def perform(self, on_progress: ProgressCallback, should_stop: StopCallback) -> Conversion:
        """In the child."""
        from model_io.convert import convert

        return convert(
            self.source, self.quant, self.target, imatrix=self.imatrix, jobs=self.jobs,
            on_progress=on_progress, should_stop=should_stop,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class ForecastJob:
    """What a conversion will take, without doing it; see `forecast`."""

    conversion: ConvertJob

    @property
    def subject(self) -> Path:
        """The file that would be made."""
        return self.conversion.target

    def perform(self, on_progress: ProgressCallback, should_stop: StopCallback) -> Forecast:
        """In the child."""
        from model_io.forecast import forecast

        wanted = self.conversion
        return forecast(
            wanted.source, wanted.quant, wanted.target,
            imatrix=wanted.imatrix, jobs=wanted.jobs, should_stop=should_stop,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class RepairJob:
    """The old GGUF `source` becomes `target`; see `repair`."""

    source: Path
    target: Path
    jobs: int | None = None

    @property
    def subject(self) -> Path:
        """The file that is made."""
        return self.target

    def perform(self, on_progress: ProgressCallback, should_stop: StopCallback) -> Conversion:
        """In the child."""
        from model_io.repair import repair

        return repair(
            self.source, self.target, jobs=self.jobs,
            on_progress=on_progress, should_stop=should_stop,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class VerifyJob:
    """The whole of the GGUF file at `path` is read and judged; see `verify`."""

    path: Path
    jobs: int | None = None

    @property
    def subject(self) -> Path:
        """The file that is read."""
        return self.path

    def perform(self, on_progress: ProgressCallback, should_stop: StopCallback) -> Verification:
        """In the child."""
        from model_io.verify import verify

        return verify(self.path, jobs=self.jobs, on_progress=on_progress, should_stop=should_stop)


@dataclass(frozen=True, slots=True)
class DevicesJob:
    """What this computer has; see `devices.read_machine`."""

    held: Mapping[str, int] = field(default_factory=dict)
    ram_bandwidth: float | None = None
    data: Path | None = None

    @property
    def subject(self) -> Path:
        """No file: what sentences about the process name."""
        return Path("devices")

    def perform(self, on_progress: ProgressCallback, should_stop: StopCallback) -> Machine:
        """In the child."""
        from model_io.devices import read_machine

        return read_machine(self.held, self.ram_bandwidth, self.data)


@dataclass(frozen=True, slots=True)
class ProofJob:
    """The best plan for this computer, held against a simulation; see `make_proven_plan`."""

    shapes: tuple[ModelShape, ...]
    machine: Machine
    wish: Wish
    records: Records | None = None
    data: Path | None = None

    @property
    def subject(self) -> Path:
        """No file: what sentences about the process name."""
        return Path("the plan")

    def perform(self, on_progress: ProgressCallback, should_stop: StopCallback) -> Plan:
        """In the child."""
        from model_io.backends import load_backends
        from model_io.proof import make_proven_plan

        if self.machine.devices:
            load_backends(self.data)
        return make_proven_plan(self.shapes, self.machine, self.wish, self.records)
