"""From a hub into a file: the same bytes as from a folder, and never more than two shards here."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from model_io import connection, file_lock, hub_source
from model_io.convert import Conversion, convert
from model_io.errors import (
    BusyError,
    HubAccessError,
    HubDamageError,
    HubMissingError,
    JournalError,
    NoRoomError,
    SafetensorsError,
)
from model_io.forecast import forecast
from model_io.hub_source import downloads_path
from model_io.journal import journal_path, part_path
from model_io.progress import Cancelled, Progress
from model_io.shard_window import Shard
from tests.hub_server import (
    Content,
    Cut,
    Expired,
    FakeHub,
    Fine,
    Flip,
    IgnoreRange,
    NewEtag,
    Status,
)
from tests.model_io.checkpoints import SHAPES
from tests.model_io.conftest import TOY
from tests.model_io.layouts import make_consolidated
from tests.model_io.small_models import tensors_of

NAME = f"toys/{TOY}"
SOURCE = f"hub:{NAME}"
SHARDS = [f"model-{number:05}-of-00003.safetensors" for number in (1, 2, 3)]


def files_of(folder: Path) -> dict[str, Content]:
    """A folder's files as a hub has them."""
    return {path.name: path if path.suffix == ".safetensors" else path.read_bytes()
            for path in folder.iterdir()}  # fmt: skip


@pytest.fixture(autouse=True)
def quick_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test waits between two attempts."""
    monkeypatch.setattr(connection, "BACK_OFF_LIMIT_SECONDS", 0.0)


@pytest.fixture
def hub(toy: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """A hub with the toy."""
    with FakeHub(files_of(toy), name=NAME) as running:
        monkeypatch.setenv("HF_ENDPOINT", running.endpoint)
        yield running


@pytest.fixture(scope="module")
def whole(toy: Path, tmp_path_factory: pytest.TempPathFactory) -> Conversion:
    """The toy, converted from its folder."""
    return convert(toy, "Q4_K_M", tmp_path_factory.mktemp("whole") / "out.gguf", jobs=2)


def shards_here(target: Path) -> list[str]:
    """The shards on the disk, whole or in part."""
    found = downloads_path(target).rglob("model-*.safetensors*")
    return sorted({path.name.removesuffix(".part") for path in found})


def test_the_file_is_the_one_of_the_folder(hub: FakeHub, whole: Conversion, tmp_path: Path) -> None:
    """Its sha256 too, and nothing else is left."""
    made = convert(SOURCE, "Q4_K_M", tmp_path / "out.gguf", jobs=2)
    assert made.sha256 == whole.sha256
    assert {path.name for path in tmp_path.iterdir()} == {"out.gguf", "out.gguf.sha256"}


def test_at_most_two_shards_are_on_the_disk(hub: FakeHub, tmp_path: Path) -> None:
    """Looked at after every report; each shard is fetched once."""
    target = tmp_path / "out.gguf"
    most: list[int] = []
    convert(
        SOURCE, "F32", target, jobs=1,
        on_progress=lambda _: most.append(len(shards_here(target))),
    )  # fmt: skip
    assert max(most) <= 2
    asked = [request.path for request in hub.asked("hub") if SHARDS[1] in request.path]
    assert len(asked) == 2  # its header, and all of it


def test_progress_never_falls_and_ends_whole(hub: FakeHub, tmp_path: Path) -> None:
    """Neither what is done nor what has come, also when a shard has to come twice."""
    hub.fail(SHARDS[0], *[Flip(5_000_000)] * 2)
    reports: list[Progress] = []
    convert(SOURCE, "Q4_K_M", tmp_path / "out.gguf", jobs=2, on_progress=reports.append)
    for amounts in (
        [report.done_bytes for report in reports],
        [report.fetched_bytes for report in reports],
        [report.fraction for report in reports],
    ):
        assert amounts == sorted(amounts)
    assert reports[-1].fraction == 1


@pytest.mark.parametrize(
    "faults",
    [
        [Cut(3_000_000), Cut(200_000), Cut(0)],
        [Cut(2_000_000), IgnoreRange()],
        [Cut(2_000_000), NewEtag('"other"')],
        [Cut(2_000_000), Expired()],
        [Cut(2_000_000), Status(416)],
        [Status(429, {"Retry-After": "0"}), Status(500), Status(503)],
        [Flip(5_000_000)],
    ],
    ids=lambda faults: " ".join(type(fault).__name__ for fault in faults),
)
def test_faults_of_the_hub_cost_only_time(
    faults: list[Cut], hub: FakeHub, whole: Conversion, tmp_path: Path
) -> None:
    """While a shard comes, in the middle of a conversion."""
    hub.fail(SHARDS[1], Fine(), *faults)  # its header comes as it should
    made = convert(SOURCE, "Q4_K_M", tmp_path / "out.gguf", jobs=2)
    assert made.sha256 == whole.sha256


def cut_off(target: Path, chunks: int) -> None:
    """Stop a conversion from the hub after some chunks."""
    asked = 0

    def should_stop() -> bool:
        return asked > chunks

    def count(progress: Progress) -> None:
        nonlocal asked
        asked = progress.done_bytes

    with pytest.raises(Cancelled):
        convert(SOURCE, "Q4_K_M", target, jobs=1, on_progress=count, should_stop=should_stop)


@pytest.mark.parametrize("done_bytes", [1, 12_000_000, 20_000_000])
def test_a_stopped_conversion_goes_on(
    done_bytes: int, hub: FakeHub, whole: Conversion, tmp_path: Path
) -> None:
    """Nothing is asked for again but what was not finished."""
    target = tmp_path / "out.gguf"
    cut_off(target, done_bytes)
    assert downloads_path(target).exists()
    reports: list[Progress] = []
    made = convert(SOURCE, "Q4_K_M", target, jobs=2, on_progress=reports.append)
    assert made.sha256 == whole.sha256
    assert reports[0].done_bytes > 0
    assert {path.name for path in tmp_path.iterdir()} == {"out.gguf", "out.gguf.sha256"}


def test_a_model_that_moved_on_stays_the_one_that_was_begun(
    hub: FakeHub, whole: Conversion, tmp_path: Path
) -> None:
    """The revision was looked up once; the commit counts."""
    target = tmp_path / "out.gguf"
    cut_off(target, 12_000_000)
    before = len(hub.requests)
    made = convert(SOURCE, "Q4_K_M", target, jobs=2)
    assert made.sha256 == whole.sha256
    assert f"/revision/{hub.commit}" in hub.requests[before].path


def test_a_shard_with_other_bytes_than_its_header_promised(hub: FakeHub, tmp_path: Path) -> None:
    """The hub names a hash that its bytes don't have, whatever is tried: one sentence."""
    hub.fail(SHARDS[2], *[Flip(4_000_000)] * 9)
    with pytest.raises(HubDamageError, match=f"{SHARDS[2]} arrived 3 times with other bytes"):
        convert(SOURCE, "Q4_K_M", tmp_path / "out.gguf", jobs=2)
    assert not (tmp_path / "out.gguf").exists()


def test_a_shard_that_disagrees_with_the_index(
    toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Known from the headers, before anything large is fetched."""
    files = files_of(toy)
    files[SHARDS[0]], files[SHARDS[1]] = files[SHARDS[1]], files[SHARDS[0]]
    with FakeHub(files, name=NAME) as running:
        monkeypatch.setenv("HF_ENDPOINT", running.endpoint)
        with pytest.raises(Exception, match="does not hold") as caught:
            convert(SOURCE, "Q4_K_M", tmp_path / "out.gguf", jobs=2)
    assert "00003.safetensors" in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_an_index_that_leads_away(
    toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No file outside the output's folder, whatever a hub says."""
    files = files_of(toy) | {"model.safetensors.index.json": b'{"weight_map": {"a": "../../x"}}'}
    with FakeHub(files, name=NAME) as running:
        monkeypatch.setenv("HF_ENDPOINT", running.endpoint)
        with pytest.raises(SafetensorsError, match="which is no file beside it"):
            convert(SOURCE, "Q4_K_M", tmp_path / "out.gguf", jobs=2)
    assert not list(tmp_path.iterdir())


def test_a_gated_model_gets_a_sentence(
    toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What to do, and nothing is left."""
    with FakeHub(files_of(toy), name=NAME, token="secret", is_gated=True) as running:
        monkeypatch.setenv("HF_ENDPOINT", running.endpoint)
        with pytest.raises(HubAccessError, match="then set HF_TOKEN to a token of your account"):
            convert(SOURCE, "Q4_K_M", tmp_path / "out.gguf", jobs=2)
        assert not list(tmp_path.iterdir())
        monkeypatch.setenv("HF_TOKEN", "secret")
        assert convert(SOURCE, "Q4_K_M", tmp_path / "out.gguf", jobs=2).bytes
        stored = running.asked("store")
    assert stored
    assert not any("authorization" in request.headers for request in stored)


def test_a_model_without_safetensors(
    toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A repository of GGUF files, for instance."""
    files: dict[str, Content] = {"config.json": (toy / "config.json").read_bytes()}
    with FakeHub(files, name=NAME) as running:
        monkeypatch.setenv("HF_ENDPOINT", running.endpoint)
        with pytest.raises(HubMissingError, match="has no weights in safetensors; choose"):
            convert(SOURCE, "Q4_K_M", tmp_path / "out.gguf", jobs=2)
    assert not list(tmp_path.iterdir())


def test_mistrals_own_layout_comes_from_a_hub_too(
    whole: Conversion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same tensors."""
    folder = make_consolidated(SHAPES[TOY], tmp_path / "source")
    with FakeHub(files_of(folder), name=NAME) as running:
        monkeypatch.setenv("HF_ENDPOINT", running.endpoint)
        convert(SOURCE, "Q4_K_M", tmp_path / "out.gguf", jobs=2)
    assert tensors_of(tmp_path / "out.gguf") == tensors_of(whole.path)


def test_a_disk_without_room_for_two_shards_is_known_before(
    hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The result alone would fit."""
    monkeypatch.setattr("model_io.disk.shutil.disk_usage", lambda _: Disk(20_000_000))
    with pytest.raises(NoRoomError, match="too little space for the result"):
        convert(SOURCE, "Q4_K_M", tmp_path / "out.gguf", jobs=2)
    assert not list(tmp_path.iterdir())


class Disk:
    """What shutil.disk_usage gives."""

    def __init__(self, free: int) -> None:
        self.free = free


def test_a_journal_of_another_source_is_refused(hub: FakeHub, toy: Path, tmp_path: Path) -> None:
    """A folder's half file isn't gone on with from the hub, since its files were others."""
    target = tmp_path / "out.gguf"
    questions = iter(range(10**6))
    with pytest.raises(Cancelled):
        convert(toy, "Q4_K_M", target, jobs=1, should_stop=lambda: next(questions) > 50)
    with pytest.raises(JournalError, match="is half made from other files"):
        convert(SOURCE, "Q4_K_M", target, jobs=1)
    assert part_path(target).exists()
    assert journal_path(target).exists()


def test_a_forecast_knows_everything_and_fetches_little(
    hub: FakeHub, whole: Conversion, tmp_path: Path
) -> None:
    """Exact sizes, two shards beside the result, and the time that fetching takes."""
    expected = forecast(SOURCE, "Q4_K_M", tmp_path / "out.gguf", jobs=2)
    sizes = sorted(hub.files[name].size_bytes for name in SHARDS)
    assert expected.bytes == whole.bytes
    assert expected.source_bytes == sum(file.bytes for file in expected.files)
    assert [file.path for file in expected.files] == SHARDS
    assert whole.bytes + sum(sizes[:2]) <= expected.disk_bytes <= whole.bytes + sum(sizes[1:])
    assert expected.link_seconds is not None
    assert expected.seconds >= expected.link_seconds
    assert expected.fits
    assert not list(tmp_path.iterdir())


def test_a_second_converter_is_refused_before_it_fetches(
    hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would only be in the way of the first one."""
    monkeypatch.setattr(file_lock, "_PATIENCE_SECONDS", 0.0)
    refusals: list[int] = []

    def try_too(progress: Progress) -> None:
        if not refusals:
            before = len(hub.asked("hub"))
            with pytest.raises(BusyError, match="is being made by another process"):
                convert(SOURCE, "Q8_0", tmp_path / "out.gguf", jobs=1)
            refusals.append(len(hub.asked("hub")) - before)

    convert(SOURCE, "Q8_0", tmp_path / "out.gguf", jobs=1, on_progress=try_too)
    assert len(refusals) == 1


def test_shards_that_are_there_need_no_room_again(tmp_path: Path) -> None:
    """Of an earlier run, whole or in part."""
    shards = [Shard(tmp_path / name, 1_000_000, "") for name in SHARDS]
    assert hub_source._window_bytes(shards) == 2_000_000
    (tmp_path / SHARDS[1]).write_bytes(bytes(1_000_000))
    (tmp_path / f"{SHARDS[2]}.part").write_bytes(bytes(400_000))
    assert hub_source._window_bytes(shards) == pytest.approx(600_000, abs=8192)


def test_a_folder_that_went_away_with_its_lock_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its owner removed it at its end, while this process waited for the lock in it."""
    target = tmp_path / "out.gguf"
    folder = downloads_path(target)
    waits = iter([lambda: shutil.rmtree(folder), lambda: None])
    monkeypatch.setattr(hub_source, "lock_for", lambda descriptor, path: next(waits)())
    descriptor = hub_source._lock(folder, target)
    assert os.path.samestat(os.fstat(descriptor), (folder / "lock").stat())
    os.close(descriptor)
