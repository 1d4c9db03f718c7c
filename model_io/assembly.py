"""Puts a planned file together while its source arrives, so that it can be cut off anywhere.

Four activities side by side: the quantizer's threads fill `F.part` in any order; one thread syncs
what is finished and notes it in the journal; one takes the sha256 of what is complete from the
beginning; the caller's own thread counts and can stop them all. Knows no layout of a source.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from model_io.disk import explain_refusal, sync_folder
from model_io.errors import OutputError, SourceReadError
from model_io.gguf_writer import FilePlan
from model_io.journal import Journal, Task, Unit, open_journal, part_path
from model_io.progress import Cancelled, Meter, ProgressCallback, StopCallback
from model_io.quantize import Matrix, quantize
from model_io.settling import Hasher, Keeper


class Supply(Protocol):
    """The source's files: when they are there, and when they are needed no longer."""

    @property
    def states(self) -> Mapping[str, str]:
        """The state of each file by its name: another state means other content."""

    @property
    def fetched_bytes(self) -> int | None:
        """How much has come from elsewhere so far; None if all of it was here."""

    def expect(self, matrices: Sequence[Matrix]) -> None:
        """These are all that the file is made of, an earlier run's included."""

    def deliver(self, matrices: Sequence[Matrix]) -> Iterator[Matrix]:
        """The same matrices in the order in which their bytes are there; may wait for them."""

    def settle(self, matrices: Sequence[Matrix]) -> None:
        """What was made of `matrices` is safe."""

    def stop(self) -> None:
        """Let nobody wait any longer."""

    def check(self) -> None:
        """Raise SourceReadError if a file isn't any more what it was."""


class LocalFiles:
    """Files that lie in a folder, whose states are their sizes and times."""

    fetched_bytes: int | None = None

    def __init__(self, paths: Sequence[Path]) -> None:
        """Raises SourceReadError if one of them is not there."""
        self._paths = {path.name: path for path in paths}
        self.states: Mapping[str, str] = {n: _state(path) for n, path in self._paths.items()}

    def expect(self, matrices: Sequence[Matrix]) -> None:
        """All of them are there."""

    def deliver(self, matrices: Sequence[Matrix]) -> Iterator[Matrix]:
        """In the order of the result, so that its sha256 can follow."""
        return iter(matrices)

    def settle(self, matrices: Sequence[Matrix]) -> None:
        """The files stay."""

    def stop(self) -> None:
        """Nobody waits."""

    def check(self) -> None:
        """Raise SourceReadError for a file that was written to meanwhile."""
        for name, path in self._paths.items():
            if _state(path) != self.states[name]:
                problem = "changed while it was read"
                raise SourceReadError(path, problem, "leave it alone and run the same again")


def _state(path: Path) -> str:
    try:
        status = path.stat()
    except OSError as error:
        problem = f"can't be read: {error.strerror or type(error).__name__}"
        raise SourceReadError(path, problem, "check the disk it is on") from None
    return f"{status.st_size} {status.st_mtime_ns}"


@dataclass(frozen=True, slots=True)
class AssemblyPlan:
    """A file that can be written now: its layout, and what moves where, in the file's order."""

    file: FilePlan
    matrices: tuple[Matrix, ...]


def unit_of(matrix: Matrix) -> Unit:
    """What the journal calls a matrix."""
    return Unit(matrix.tensor, matrix.expert)


def assemble(
    target: Path,
    plan: AssemblyPlan,
    task: Task,
    supply: Supply,
    *,
    jobs: int,
    on_progress: ProgressCallback,
    should_stop: StopCallback,
) -> str:
    """Make `target`, going on where an earlier run stopped; returns its sha256.

    Nothing is seen at `target` before the file is whole. Raises BusyError, JournalError,
    OutputError, Cancelled, and what the quantizer and `supply` raise; what was done stays.
    """
    try:
        with open_journal(target, task, supply.states) as journal:
            digest = journal.digest
            if not (digest and _is_renamed(target, plan)):
                with _prepare(target, plan, journal) as part:
                    digest = _Assembly(part, plan, journal, supply).run(
                        jobs, on_progress, should_stop
                    )
                journal.finish(digest)
                part.replace(target)
            _publish(target, digest)
            journal.forget()
    except OSError as error:
        raise explain_refusal(target, error) from error
    return digest


def _is_renamed(target: Path, plan: AssemblyPlan) -> bool:
    """A run was cut off between giving the file its name and removing the journal."""
    if part_path(target).exists() or not target.is_file():
        return False
    return target.stat().st_size == plan.file.file_bytes


def note_path(target: Path) -> Path:
    """Where the sha256 that a file was born with is kept, in the format of sha256sum."""
    return target.with_name(f"{target.name}.sha256")


def _publish(target: Path, digest: str) -> None:
    with note_path(target).open("w", encoding="utf-8", errors="surrogateescape") as note:
        note.write(f"{digest}  {target.name}\n")
        note.flush()
        os.fsync(note.fileno())
    sync_folder(target.parent)


@contextmanager
def _prepare(target: Path, plan: AssemblyPlan, journal: Journal) -> Iterator[Path]:
    """The growing file, with its header and its final size; removed if nothing in it is done."""
    part = part_path(target)
    if part.is_symlink():
        raise OutputError(part, "is a link to another place", "remove it")
    if journal.has_entries and not _fits(part, plan.file):
        journal.begin_anew()
    try:
        if not journal.has_entries:
            with part.open("wb") as file:
                file.write(plan.file.header)
                file.truncate(plan.file.file_bytes)
        yield part
    finally:
        if not journal.has_entries:
            with suppress(OSError):  # the error under way says more
                part.unlink(missing_ok=True)
            journal.forget()


def _fits(part: Path, file: FilePlan) -> bool:
    try:
        with part.open("rb") as data:
            is_header = data.read(len(file.header)) == file.header
        return is_header and part.stat().st_size == file.file_bytes
    except OSError:
        return False


class _Assembly:
    """One run over everything that is not done yet."""

    def __init__(self, part: Path, plan: AssemblyPlan, journal: Journal, supply: Supply) -> None:
        self._part = part
        self._plan = plan
        self._journal = journal
        self._supply = supply
        self._todo = [m for m in plan.matrices if unit_of(m) not in journal.done]

    def run(self, jobs: int, report: ProgressCallback, should_stop: StopCallback) -> str:
        if self._journal.digest:
            return self._journal.digest
        with (
            Keeper(self._part, self._settle) as keeper,
            Hasher(self._part, self._plan.matrices, self._plan.file.file_bytes) as hasher,
        ):
            waiting = set(self._todo)
            hasher.advance(m for m in self._plan.matrices if m not in waiting)
            for matrix in self._work(jobs, report, should_stop):
                keeper.check()
                hasher.check()
                if matrix is not None:
                    keeper.put(matrix)
                    hasher.advance([matrix])
            keeper.finish()
            self._supply.check()
            return self._finish_hash(hasher, report, should_stop)

    def _work(
        self, jobs: int, report: ProgressCallback, should_stop: StopCallback
    ) -> Iterator[Matrix | None]:
        self._supply.expect(self._plan.matrices)
        total = sum(matrix.source_bytes for matrix in self._plan.matrices)
        todo = sum(matrix.source_bytes for matrix in self._todo)
        fetched = self._supply.fetched_bytes
        meter = Meter("convert", total, report, done_bytes=total - todo, fetched_bytes=fetched)
        steps = quantize(self._supply.deliver(self._todo), self._part, jobs)
        try:
            if should_stop():
                raise Cancelled
            for step in steps:
                if should_stop():
                    raise Cancelled
                meter.add(step.source_bytes, self._supply.fetched_bytes)
                yield step.finished
        finally:
            self._supply.stop()
            steps.close()

    def _settle(self, matrices: Sequence[Matrix]) -> None:
        self._journal.add((unit_of(matrix), matrix.path.name) for matrix in matrices)
        self._supply.settle(matrices)

    def _finish_hash(
        self, hasher: Hasher, report: ProgressCallback, should_stop: StopCallback
    ) -> str:
        """Wait for the rest of the sha256; after a resumption that may be most of the file."""
        if (digest := hasher.wait()) is not None:
            return digest
        done = hasher.done_bytes
        meter = Meter("hash", self._plan.file.file_bytes, report, done_bytes=done)
        while (digest := hasher.wait()) is None:
            if should_stop():
                raise Cancelled
            meter.add(hasher.done_bytes - done)
            done = hasher.done_bytes
        return digest
