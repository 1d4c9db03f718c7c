"""Finds the GPU backends that stand beside Octet as modules of ggml, and loads them.

A module is a file that packaging/backends builds, with a JSON file beside it that says which ggml
it belongs to: modules share structures with ggml, so another version's could crash anywhere.
Loading can't be undone, and a driver may hang or end the process, so only child processes load.
Knows nothing of devices and of what is computed on them.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import sys
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from model_io import ggml
from model_io.folders import data_folder

FOLDERS_VARIABLE = "OCTET_BACKENDS"

_KINDS = {"cuda": "CUDA", "hip": "ROCm", "sycl": "SYCL", "vulkan": "Vulkan"}
"""Part of the file's name, and the backend's name in ggml; a maker's own before the general one.

llama.cpp takes a card from the backend that came first (`llama_prepare_model_devices`).
"""
_DRIVERS = re.compile(r"lib(?:vulkan|cuda)\.so|libze_loader\.so|libamdhip64\.so", re.IGNORECASE)
"""The libraries that come with a driver: where one is missing, there is no such card."""
_MISSING = re.compile(r"([\w.+-]+): cannot open shared object file")  # as glibc says it
_SIDECAR_BYTES = 1 << 16
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+-]{0,40}")
_ALONE = "The processor goes on alone."


@dataclass(frozen=True, slots=True)
class BackendProblem:
    """A module that can't be used, and why."""

    path: Path
    sentence: str
    is_worth_a_notice: bool
    """False where nothing is broken: there is no such card or driver, or another module serves."""

    def __str__(self) -> str:
        """The sentence on one line, safe to print whatever bytes the folder's name has."""
        return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in self.sentence)


class _RefusedError(Exception):
    """Why a module isn't loaded: a clause, what helps, and whether it is told unasked."""

    def __init__(
        self, problem: str, remedy: str = "build it again", *, is_worth_a_notice: bool = True
    ) -> None:
        super().__init__(problem)
        self.remedy = remedy
        self.is_worth_a_notice = is_worth_a_notice


def backend_folders(data: Path | None = None) -> list[Path]:
    """Where modules are looked for, first things first; `data` is the data folder if known.

    The folders of OCTET_BACKENDS, `backends` in the data folder, and the ones that came with
    Octet: the bundle's, or the checkout's and the wheel's. Some may not exist.
    """
    named = os.environ.get(FOLDERS_VARIABLE, "").split(os.pathsep)
    bundle = getattr(sys, "_MEIPASS", None)  # set by PyInstaller's boot loader
    if bundle is not None:
        own = [Path(bundle) / "backends"]
    else:
        beside_packages = Path(__file__).absolute().parents[1]
        own = [beside_packages / "backends", Path(sys.prefix) / "share" / "octet" / "backends"]
    user = (data or data_folder()) / "backends"
    return [*(Path(name).expanduser().absolute() for name in named if name), user, *own]


@cache
def load_backends(data: Path | None = None) -> tuple[BackendProblem, ...]:
    """Load the modules that are there, one for each backend, once in a process.

    A backend that the library already has is left alone. Returns what could not be used; nothing
    is raised for a module, whatever it is, but NativeLibraryError if llama.cpp itself is missing.
    """
    folders = backend_folders(data)
    return tuple(problem for kind in _KINDS for problem in _load_kind(kind, folders))


def _load_kind(kind: str, folders: list[Path]) -> list[BackendProblem]:
    """Load the first module of a backend that can be used."""
    by_name = ggml.function("ggml_backend_reg_by_name", ctypes.c_void_p, ctypes.c_char_p)
    if by_name(_KINDS[kind].encode()):
        return []
    problems: list[BackendProblem] = []
    for path in _modules(kind, folders):
        try:
            _load(kind, path)
        except _RefusedError as refusal:
            problems.append(_problem(kind, path, refusal))
            if not refusal.is_worth_a_notice:
                break  # without a driver the next folder's would fare no better
        else:
            return [replace(problem, is_worth_a_notice=False) for problem in problems]
    return problems


def _modules(kind: str, folders: list[Path]) -> list[Path]:
    """The files with this backend's name; ggml-backend-reg.cpp: `backend_filename_extension`."""
    name = f"ggml-{kind}.dll" if os.name == "nt" else f"libggml-{kind}.so"
    found = []
    for path in (folder / name for folder in folders):
        try:
            if path.is_file():
                found.append(path)
        except OSError:
            continue  # a folder that may not be read has nothing for us
    return found


def _problem(kind: str, path: Path, refusal: _RefusedError) -> BackendProblem:
    if refusal.is_worth_a_notice:
        remedy = f"{refusal.remedy} with packaging/backends/{kind}"
        sentence = f"{path.name} in {path.parent} {refusal}; {remedy}. {_ALONE}"
    else:
        sentence = f"{_KINDS[kind]}: {refusal} ({path})."
    return BackendProblem(path, sentence, refusal.is_worth_a_notice)


def _load(kind: str, path: Path) -> None:
    """Load one module into the registry that llama.cpp asks. Raises _RefusedError."""
    _check_sidecar(path)
    try:
        # First by hand: ggml says only in its log why a library can't be opened.
        ctypes.CDLL(str(path))
    except OSError as error:
        reason = str(error).removeprefix(f"{path}: ")
        if _DRIVERS.match(reason):
            raise _RefusedError("no driver found", is_worth_a_notice=False) from None
        if missing := _MISSING.match(reason):
            problem = f"needs {missing[1]}, which this computer lacks"
            raise _RefusedError(problem, "install that, or build the module again") from None
        raise _RefusedError(f"can't be loaded ({reason})") from None
    load = ggml.function("ggml_backend_load", ctypes.c_void_p, ctypes.c_char_p)
    registry = load(os.fsencode(path))
    if not registry:
        raise _RefusedError("no driver found", is_worth_a_notice=False)
    count = ggml.function("ggml_backend_reg_dev_count", ctypes.c_size_t, ctypes.c_void_p)
    if not count(registry):
        raise _RefusedError("no graphics processor found", is_worth_a_notice=False)


def _check_sidecar(path: Path) -> None:
    """Refuse a module that isn't, version for version and whole, for the ggml we run."""
    sidecar = path.with_suffix(".json")
    facts = _read_sidecar(sidecar)
    built_for, runtime = _version_in(facts, "ggml"), _version_in(facts, "llama_cpp_python")
    if not built_for or not runtime:
        raise _RefusedError(f"has no {sidecar.name} beside it that says what it was built for")
    if (ours := _ggml_version()) != built_for:
        raise _RefusedError(f"was built for ggml {built_for}, and this Octet has {ours}")
    if (ours := _runtime_version() or runtime) != runtime:
        raise _RefusedError(f"was built for llama-cpp-python {runtime}, and this Octet has {ours}")
    if path.stat().st_size != facts.get("bytes"):  # half a module can end the process
        raise _RefusedError(f"has another size than {sidecar.name} says")


def _read_sidecar(path: Path) -> dict[str, object]:
    """What the JSON file says; nothing if it can't be read or is no object."""
    try:
        with path.open("rb") as file:
            facts = json.loads(file.read(_SIDECAR_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    return facts if isinstance(facts, dict) else {}


def _version_in(facts: dict[str, object], key: str) -> str:
    """The version that stands under `key`; empty if nothing does that could be one."""
    value = facts.get(key)
    return value if isinstance(value, str) and _VERSION.fullmatch(value) else ""


def _ggml_version() -> str:
    """The version of the library in this process."""
    text: bytes = ggml.function("ggml_version", ctypes.c_char_p)()
    return text.decode("ascii", "replace")


def _runtime_version() -> str | None:
    """The installed llama-cpp-python's version; None in a bundle without its metadata."""
    try:
        return version("llama-cpp-python")
    except PackageNotFoundError:
        return None
