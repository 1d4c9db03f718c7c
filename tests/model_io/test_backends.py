"""GPU backends are found, checked and loaded; a module that can't be used costs a sentence."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from model_io import backends
from model_io.backends import BackendProblem, backend_folders, load_backends
from tests.vulkan import FOLDER, MODULE, in_child, load_from, requires_vulkan, use_software_driver

NAME = "ggml-vulkan.dll" if os.name == "nt" else "libggml-vulkan.so"
OURS = (backends._ggml_version(), backends._runtime_version())


def put_module(folder: Path, content: bytes = b"no library at all", **facts: object) -> Path:
    """A file in a module's place, with a sidecar that fits unless `facts` say otherwise."""
    folder.mkdir(exist_ok=True)
    path = folder / NAME
    path.write_bytes(content)
    fitting = {"ggml": OURS[0], "llama_cpp_python": OURS[1], "bytes": len(content)}
    path.with_suffix(".json").write_text(json.dumps(fitting | facts), encoding="utf-8")
    return path


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[BackendProblem, ...]]:
    """Loads from the given folders alone, in this process: for what is refused."""

    def load_here(*folders: Path) -> tuple[BackendProblem, ...]:
        monkeypatch.setattr(backends, "backend_folders", lambda data=None: list(folders))
        return load_backends.__wrapped__()

    return load_here


Load = Callable[..., tuple[BackendProblem, ...]]


def test_without_modules_there_is_nothing_to_say(load: Load, tmp_path: Path) -> None:
    """Neither an empty folder nor one that is missing is a problem."""
    assert load(tmp_path, tmp_path / "missing", tmp_path / ("x" * 5000)) == ()


def test_another_version_is_refused_by_name(load: Load, tmp_path: Path) -> None:
    """The sentence says which, where, and what to do."""
    path = put_module(tmp_path, ggml="0.1.2")

    (problem,) = load(tmp_path)

    assert str(problem) == (
        f"{NAME} in {tmp_path} was built for ggml 0.1.2, and this Octet has {OURS[0]}; "
        "build it again with packaging/backends/vulkan. The processor goes on alone."
    )
    assert (problem.path, problem.is_worth_a_notice) == (path, True)


def test_another_llama_cpp_python_is_refused(load: Load, tmp_path: Path) -> None:
    """ggml's number doesn't change with each change of its structures."""
    put_module(tmp_path, llama_cpp_python="0.3.1")

    (problem,) = load(tmp_path)

    assert f"was built for llama-cpp-python 0.3.1, and this Octet has {OURS[1]};" in str(problem)


@pytest.mark.parametrize(
    "sidecar", [None, b"", b"\xff{", b"[]", b"[" * 60_000, b'{"ggml": 5}', b'{"ggml": "1\\n2"}']
)
def test_a_module_must_say_what_it_is_for(
    load: Load, tmp_path: Path, sidecar: bytes | None
) -> None:
    """Without a sidecar that can be understood nothing is loaded."""
    path = put_module(tmp_path).with_suffix(".json")
    path.unlink()
    if sidecar is not None:
        path.write_bytes(sidecar)

    (problem,) = load(tmp_path)

    assert "has no libggml-vulkan.json beside it that says what it was built" in str(problem)


def test_half_a_module_is_not_opened(load: Load, tmp_path: Path) -> None:
    """The system would end the process as soon as it reads behind the file's end."""
    put_module(tmp_path, bytes=1000)

    (problem,) = load(tmp_path)

    assert "has another size than libggml-vulkan.json says; build it again" in str(problem)


def test_bytes_that_are_no_library_are_refused(load: Load, tmp_path: Path) -> None:
    """Whatever the sidecar says."""
    put_module(tmp_path, os.urandom(4096))

    (problem,) = load(tmp_path)

    assert f"{NAME} in {tmp_path} can't be loaded (" in str(problem)
    assert problem.is_worth_a_notice


@pytest.fixture
def lack(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Makes every library that is opened from now on want one that is not there."""

    def lack_library(name: str) -> None:
        def open_library(path: str) -> None:
            raise OSError(f"{name}: cannot open shared object file: No such file or directory")

        monkeypatch.setattr(ctypes, "CDLL", open_library)

    return lack_library


def test_a_machine_without_a_driver_gets_no_notice(
    load: Load, tmp_path: Path, lack: Callable[[str], None]
) -> None:
    """The module came with Octet, and a computer without a card has no Vulkan."""
    path = put_module(tmp_path / "one")
    put_module(tmp_path / "two")
    lack("libvulkan.so.1")

    (problem,) = load(tmp_path / "one", tmp_path / "two")

    assert str(problem) == f"Vulkan: no driver found ({path})."
    assert not problem.is_worth_a_notice


def test_a_missing_library_is_named(
    load: Load, tmp_path: Path, lack: Callable[[str], None]
) -> None:
    """As CUDA's, when the module was made on another computer."""
    put_module(tmp_path)
    lack("libcublas.so.13")

    (problem,) = load(tmp_path)

    assert (
        "needs libcublas.so.13, which this computer lacks; "
        "install that, or build the module again with packaging/backends/vulkan."
    ) in str(problem)


def test_a_backend_of_the_library_itself_is_left_alone(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A module beside a build with the same backend isn't looked at."""
    monkeypatch.setattr(backends, "_KINDS", {"vulkan": "CPU"})
    put_module(tmp_path, ggml="0.1.2")

    assert load(tmp_path) == ()


def test_a_folder_name_cannot_forge_a_line(load: Load, tmp_path: Path) -> None:
    """The sentence stays one line."""
    folder = tmp_path / "a\nb"
    put_module(folder, ggml="0.1.2")

    (problem,) = load(folder)

    assert "a\\nb was built" in str(problem)


def test_the_users_folders_come_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The named ones, the data folder's, the checkout's, the wheel's."""
    monkeypatch.setenv("OCTET_BACKENDS", os.pathsep.join([str(tmp_path / "one"), "", "~/two"]))

    assert backend_folders(tmp_path / "data") == [
        tmp_path / "one",
        Path.home() / "two",
        tmp_path / "data" / "backends",
        FOLDER,
        Path(sys.prefix) / "share" / "octet" / "backends",
    ]


def test_the_data_folder_is_known_without_being_told(own_data_folder: Path) -> None:
    """OCTET_DATA_DIR says it."""
    assert backend_folders()[0] == own_data_folder / "backends"


def test_a_bundle_brings_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """PyInstaller's folder stands for checkout and wheel."""
    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path), raising=False)

    assert backend_folders(tmp_path / "data")[1:] == [tmp_path / "backends"]


@requires_vulkan
@pytest.mark.parametrize(
    ("count", "names"), [(1, ("CPU", "Vulkan0")), (2, ("CPU", "Vulkan0", "Vulkan1"))]
)
def test_devices_join_the_right_registry(
    monkeypatch: pytest.MonkeyPatch, count: int, names: tuple[str, ...]
) -> None:
    """llama.cpp itself sees them: in a second registry it would go on without."""
    use_software_driver(monkeypatch, count)

    seen = in_child(load_from, [FOLDER])

    assert (seen.devices, seen.can_offload, seen.sentences) == (names, True, ())


@requires_vulkan
def test_the_first_of_two_folders_serves(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The second one's module is not even looked at."""
    use_software_driver(monkeypatch)
    put_module(tmp_path, ggml="0.1.2")

    seen = in_child(load_from, [FOLDER, tmp_path])

    assert (seen.devices, seen.sentences) == (("CPU", "Vulkan0"), ())


@requires_vulkan
def test_a_module_that_fits_replaces_one_that_does_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What was refused is told to who asks, and is no notice since nothing is missing."""
    use_software_driver(monkeypatch)
    put_module(tmp_path, ggml="0.1.2")

    seen = in_child(load_from, [tmp_path, FOLDER])

    assert (seen.devices, seen.notices) == (("CPU", "Vulkan0"), (False,))


@requires_vulkan
def test_no_driver_is_told_without_a_notice(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loader is there, and finds nothing to load."""
    use_software_driver(monkeypatch)
    for name in ("VK_DRIVER_FILES", "VK_ICD_FILENAMES"):
        monkeypatch.setenv(name, "/nowhere.json")

    seen = in_child(load_from, [FOLDER])

    assert (seen.devices, seen.can_offload) == (("CPU",), False)
    assert (seen.sentences, seen.notices) == ((f"Vulkan: no driver found ({MODULE}).",), (False,))


@requires_vulkan
def test_no_card_is_told_without_a_notice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A software driver alone is no card, and the module isn't tried from another folder."""
    use_software_driver(monkeypatch)
    monkeypatch.delenv("GGML_VK_VISIBLE_DEVICES")
    for name in (NAME, "libggml-vulkan.json"):
        shutil.copy(FOLDER / name, tmp_path / name)

    seen = in_child(load_from, [FOLDER, tmp_path])

    assert (seen.devices, seen.can_offload) == (("CPU",), False)
    assert seen.sentences == (f"Vulkan: no graphics processor found ({MODULE}).",)
