"""A conversion that was cut off goes on where it was, and gives the same file."""

from __future__ import annotations

import errno
import itertools
import os
import shutil
from pathlib import Path

import pytest

from model_io import assembly, file_lock
from model_io.convert import Conversion, convert
from model_io.errors import BusyError, JournalError, NoRoomError, OutputError, SourceReadError
from model_io.journal import journal_path, part_path
from model_io.progress import Cancelled, Progress

SECOND = "model-00002-of-00003.safetensors"


@pytest.fixture(scope="module")
def whole(toy: Path, tmp_path_factory: pytest.TempPathFactory) -> Conversion:
    """The toy, converted without any interruption."""
    return convert(toy, "Q4_K_M", tmp_path_factory.mktemp("whole") / "out.gguf", jobs=2)


def cut_off(source: Path, target: Path, chunks: int = 50) -> None:
    """Leave a conversion that was stopped after some of its 117 chunks."""
    questions = itertools.count()
    with pytest.raises(Cancelled):
        convert(source, "Q4_K_M", target, jobs=1, should_stop=lambda: next(questions) > chunks)
    assert not target.exists()
    assert part_path(target).exists()
    assert journal_path(target).exists()


@pytest.mark.parametrize("chunks", [5, 60, 110])
def test_a_stopped_conversion_goes_on(
    chunks: int, toy: Path, whole: Conversion, tmp_path: Path
) -> None:
    """The second run begins where the first ended, and the file is the same."""
    target = tmp_path / "out.gguf"
    cut_off(toy, target, chunks)
    reports: list[Progress] = []
    made = convert(toy, "Q4_K_M", target, jobs=2, on_progress=reports.append)
    assert made.sha256 == whole.sha256
    assert target.read_bytes() == whole.path.read_bytes()
    assert reports[0].done_bytes > 0
    assert reports[-1].done_bytes == reports[-1].total_bytes
    assert {path.name for path in tmp_path.iterdir()} == {"out.gguf", "out.gguf.sha256"}


def test_a_part_of_another_size_is_begun_anew(toy: Path, whole: Conversion, tmp_path: Path) -> None:
    """Whatever happened to it, it isn't what the journal speaks of."""
    target = tmp_path / "out.gguf"
    cut_off(toy, target)
    part_path(target).write_bytes(b"GGUF")
    assert convert(toy, "Q4_K_M", target, jobs=2).sha256 == whole.sha256


def test_a_part_that_is_gone_is_begun_anew(toy: Path, whole: Conversion, tmp_path: Path) -> None:
    """Somebody removed it to begin anew."""
    target = tmp_path / "out.gguf"
    cut_off(toy, target)
    part_path(target).unlink()
    reports: list[Progress] = []
    made = convert(toy, "Q4_K_M", target, jobs=2, on_progress=reports.append)
    assert (made.sha256, reports[0].done_bytes) == (whole.sha256, 0)


def test_a_death_before_the_rename_costs_nothing(
    toy: Path, whole: Conversion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All is done and hashed; the next run only gives the file its name."""
    target = tmp_path / "out.gguf"

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", die)
        with pytest.raises(KeyboardInterrupt):
            convert(toy, "Q4_K_M", target, jobs=2)
    reports: list[Progress] = []
    made = convert(toy, "Q4_K_M", target, jobs=2, on_progress=reports.append)
    assert made.sha256 == whole.sha256
    assert reports == []


def test_a_death_after_the_rename_costs_nothing(
    toy: Path, whole: Conversion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file has its name, the journal is still there: nothing is converted again."""
    target = tmp_path / "out.gguf"

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(assembly, "_publish", die)
        with pytest.raises(KeyboardInterrupt):
            convert(toy, "Q4_K_M", target, jobs=2)
    assert target.exists()
    made = convert(toy, "Q4_K_M", target, jobs=2, on_progress=lambda _: die())
    assert made.sha256 == whole.sha256
    assert {path.name for path in tmp_path.iterdir()} == {"out.gguf", "out.gguf.sha256"}


def test_another_kind_is_refused_until_the_first_is_removed(toy: Path, tmp_path: Path) -> None:
    """Half a Q4_K_M is no beginning of a Q6_K."""
    target = tmp_path / "out.gguf"
    cut_off(toy, target)
    with pytest.raises(JournalError, match=r"remove out\.gguf\.part and out\.gguf\.journal"):
        convert(toy, "Q6_K", target, jobs=2)
    part_path(target).unlink()
    journal_path(target).unlink()
    assert convert(toy, "Q6_K", target, jobs=2).bytes


def test_another_source_of_the_same_shape_is_refused(
    toy: Path, copied_toy: Path, tmp_path: Path
) -> None:
    """The files are others, although names and sizes agree."""
    for path in copied_toy.glob("model-*"):
        content = path.read_bytes()
        path.unlink()
        path.write_bytes(content[:-2] + b"\0\0")
    target = tmp_path / "out.gguf"
    cut_off(toy, target)
    with pytest.raises(JournalError, match="is half made from other files"):
        convert(copied_toy, "Q4_K_M", target, jobs=2)


def test_a_file_that_was_mended_is_read_again(
    copied_toy: Path, tmp_path: Path, whole: Conversion
) -> None:
    """What came of the others stays; the result is that of the mended model."""
    path = copied_toy / SECOND
    good = path.read_bytes()
    path.unlink()
    path.write_bytes(good[:-1000] + bytes(1000))
    target = tmp_path / "out.gguf"
    cut_off(copied_toy, target, 90)
    path.write_bytes(good)
    os.utime(path, ns=(1, 1))
    reports: list[Progress] = []
    made = convert(copied_toy, "Q4_K_M", target, jobs=2, on_progress=reports.append)
    assert made.sha256 == whole.sha256
    assert reports[0].done_bytes > 0


def test_a_source_that_changes_meanwhile_is_noticed(copied_toy: Path, tmp_path: Path) -> None:
    """Its size is the same, its time is not."""
    path = copied_toy / SECOND
    shutil.copyfile(path, path.with_name("copy"))
    path.with_name("copy").replace(path)

    def touch(progress: Progress) -> None:
        os.utime(path, ns=(2, 2))

    with pytest.raises(SourceReadError, match="changed while it was read; leave it alone"):
        convert(copied_toy, "Q8_0", tmp_path / "out.gguf", jobs=2, on_progress=touch)
    assert not (tmp_path / "out.gguf").exists()


def test_a_second_converter_of_the_same_file_refuses(
    toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the first one isn't disturbed by it."""
    monkeypatch.setattr(file_lock, "_PATIENCE_SECONDS", 0.0)
    refusals: list[BusyError] = []

    def try_too(progress: Progress) -> None:
        if not refusals:
            with pytest.raises(BusyError) as caught:
                convert(toy, "Q4_K_M", tmp_path / "out.gguf", jobs=1)
            refusals.append(caught.value)

    made = convert(toy, "Q4_K_M", tmp_path / "out.gguf", jobs=1, on_progress=try_too)
    assert made.path.exists()
    assert len(refusals) == 1


def test_a_disk_that_becomes_full_is_a_pause(
    toy: Path, whole: Conversion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others write to the disk, too: what is done stays, and the same command goes on."""
    target, count = tmp_path / "out.gguf", 0
    sync = os.fsync

    def refuse(descriptor: int) -> None:
        nonlocal count
        count += 1
        if count > 8:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", refuse)
        with pytest.raises(NoRoomError, match=r"became full while out\.gguf was written; free"):
            convert(toy, "Q4_K_M", target, jobs=1)
    assert part_path(target).exists()
    assert convert(toy, "Q4_K_M", target, jobs=2).sha256 == whole.sha256


def test_a_failure_before_anything_is_done_leaves_nothing(
    toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There would be nothing to go on from."""

    def refuse(descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr("os.fsync", refuse)
    with pytest.raises(Exception, match="can't be written: Input/output error"):
        convert(toy, "Q4_K_M", tmp_path / "out.gguf", jobs=1)
    assert not list(tmp_path.iterdir())


def test_the_progress_reports_are_few(toy: Path, tmp_path: Path) -> None:
    """At most ten a second, but for the first and the last."""
    reports: list[Progress] = []
    made = convert(toy, "F32", tmp_path / "out.gguf", jobs=2, on_progress=reports.append)
    assert len(reports) <= 2 + 10 * made.seconds


@pytest.mark.parametrize("name", ["out.gguf.part", "out.gguf.journal"])
def test_no_link_leads_the_writing_elsewhere(name: str, toy: Path, tmp_path: Path) -> None:
    """Whoever laid it there: nothing outside of the folder is touched."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(b"precious")
    (tmp_path / name).symlink_to(elsewhere)
    with pytest.raises(OutputError):
        convert(toy, "Q8_0", tmp_path / "out.gguf", jobs=1)
    assert elsewhere.read_bytes() == b"precious"
