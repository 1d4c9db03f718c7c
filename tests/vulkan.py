"""The software driver: what a test needs to run ggml's Vulkan backend without a graphics card.

packaging/setup brings both parts: Mesa's driver lavapipe, and the module from packaging/backends.
The driver computes correctly and slowly. Shaders are compiled in the first run, which takes about
a minute; Mesa keeps them in the cache of whoever runs the tests.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import ParamSpec, TypeVar

import pytest

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

FOLDER = Path(__file__).resolve().parents[1] / "backends"
MODULE = FOLDER / "libggml-vulkan.so"
CHILD_SECONDS = 400  # the shaders' first compilation included

_DRIVER_FOLDERS = (Path("/usr/share/vulkan/icd.d"), Path("/usr/local/share/vulkan/icd.d"))
# Not $HOME, which is an empty folder while the tests run.
_SHADER_CACHE = Path(pwd.getpwuid(os.getuid()).pw_dir) / ".cache" / "octet" / "shaders"


# Mesa 22.3's lavapipe binds what a descriptor set last held, though the shader doesn't use it, and
# counts references to buffers that were destroyed meanwhile; it dies when their memory is in use
# again. (A count goes up and down in what has become another object.) So it stays unused.
_KEEPER_SOURCE = """
#include <malloc.h>
extern void __libc_free(void *);
void free(void *block) {
    size_t size = block ? malloc_usable_size(block) : 0;
    if (size < 256 || size > 1100) __libc_free(block);
}
"""


@cache
def _keeper() -> Path:
    """A library that lets a process keep its blocks of the size of lavapipe's buffers."""
    folder = Path(tempfile.mkdtemp(prefix="octet-keeper-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    command = ["cc", "-shared", "-fPIC", "-O1", "-x", "c", "-", "-o", str(folder / "keep.so")]
    subprocess.run(command, input=_KEEPER_SOURCE, text=True, check=True)
    return folder / "keep.so"


def _driver() -> Path | None:
    """Lavapipe's manifest."""
    found = (path for folder in _DRIVER_FOLDERS for path in folder.glob("lvp_icd*.json"))
    return next(found, None)


def _lack() -> str:
    """What is missing for these tests; empty if nothing is."""
    if _driver() is None:
        return "Mesa's software driver is missing (package mesa-vulkan-drivers)"
    if not MODULE.is_file() or not MODULE.with_suffix(".json").is_file():
        return "the Vulkan module is missing (packaging/backends/vulkan builds it)"
    if shutil.which("cc") is None:
        return "a C compiler is missing (package gcc)"
    return ""


requires_vulkan = pytest.mark.skipif(bool(_lack()), reason=_lack())
"""Marks a test that runs on the software driver."""


def environment(devices: int = 1) -> dict[str, str]:
    """The variables with which a child sees the software driver `devices` times and no card."""
    driver = str(_driver())
    _SHADER_CACHE.mkdir(parents=True, exist_ok=True)  # Mesa makes no folder's parents
    return {
        "OCTET_BACKENDS": str(FOLDER),
        "GGML_VK_VISIBLE_DEVICES": ",".join(["0"] * devices),  # ggml hides processors otherwise
        "VK_DRIVER_FILES": driver,
        "VK_ICD_FILENAMES": driver,  # the loader's older name for the same
        "MESA_SHADER_CACHE_DIR": str(_SHADER_CACHE),
        "LD_PRELOAD": str(_keeper()),
    }


def use_software_driver(patch: pytest.MonkeyPatch, devices: int = 1) -> None:
    """Let the children that this test starts see the software driver as `devices` cards."""
    for name, value in environment(devices).items():
        patch.setenv(name, value)


def in_child(
    function: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs
) -> Result:
    """What `function` returns in a new process: a loaded backend can't be unloaded."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *args, **kwargs).result(CHILD_SECONDS)


@dataclass(frozen=True, slots=True)
class Registry:
    """What a process has after it has loaded backends from some folders."""

    devices: tuple[str, ...]
    can_offload: bool
    sentences: tuple[str, ...]
    notices: tuple[bool, ...]


def load_from(folders: list[Path]) -> Registry:
    """For a child: load from these folders only, and ask llama.cpp's own registry."""
    from model_io import backends, ggml

    backends.backend_folders = lambda data=None: folders
    problems = backends.load_backends()
    assert backends.load_backends() is problems
    count = ggml.function("ggml_backend_dev_count", ctypes.c_size_t)()
    get = ggml.function("ggml_backend_dev_get", ctypes.c_void_p, ctypes.c_size_t)
    name = ggml.function("ggml_backend_dev_name", ctypes.c_char_p, ctypes.c_void_p)
    return Registry(
        tuple(name(get(number)).decode() for number in range(count)),
        ggml.function("llama_supports_gpu_offload", ctypes.c_bool)(),
        tuple(str(problem) for problem in problems),
        tuple(problem.is_worth_a_notice for problem in problems),
    )
