"""What the process of its own can be asked to do: each job a value, performed by its pipeline.

The pipelines are imported where a job is performed, so that whoever asks loads none of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from model_io.progress import ProgressCallback, StopCallback

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
