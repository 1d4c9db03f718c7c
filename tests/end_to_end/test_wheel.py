"""The wheel, installed into a bare environment, carries everything and answers a question.

Nothing is compiled or fetched: the libraries come from the environment that runs the tests.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
SOURCES = ("app", "model_io", "resources", "pyproject.toml", "README.md", "LICENSE", "NOTICE")
RESOURCES_IN_WHEEL = "data/share/octet/resources/"


def run(*command: str | Path, folder: Path) -> str:
    """The command's standard output; a failure shows what it said on standard error."""
    finished = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from a copy of the sources, since building leaves traces beside them."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in SOURCES:
        copy = shutil.copytree if (CHECKOUT / name).is_dir() else shutil.copy
        copy(CHECKOUT / name, folder / name)
    pip = (sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index")
    run(*pip, "--wheel-dir", "dist", ".", folder=folder)
    (built,) = (folder / "dist").glob("octet-*.whl")
    return built


@pytest.fixture(scope="module")
def octet(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program `octet` of an environment that holds the wheel, and sees our libraries."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder, with_pip=False)
    pip = (sys.executable, "-m", "pip", "--python", folder / "bin" / "python")
    run(*pip, "install", "--no-deps", "--no-index", wheel, folder=folder)
    (site_packages,) = folder.glob("lib/python*/site-packages")
    # A path in a .pth file doesn't run the .pth files there, so the checkout stays out of sight.
    (site_packages / "libraries.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    return folder / "bin" / "octet"


def test_every_resource_is_in_the_wheel(wheel: Path) -> None:
    """Each folder of resources/ stands in pyproject.toml, but for README's pictures."""
    ours = {
        path.relative_to(CHECKOUT / "resources").as_posix()
        for path in (CHECKOUT / "resources").rglob("*")
        if path.is_file() and path.parent.name != "pictures"
    }
    packed = {
        name.partition(RESOURCES_IN_WHEEL)[2]
        for name in zipfile.ZipFile(wheel).namelist()
        if RESOURCES_IN_WHEEL in name
    }

    assert packed == ours


def test_the_wheel_holds_no_other_package(wheel: Path) -> None:
    """Neither tests nor packaging are installed: both names belong to others on PyPI."""
    names = zipfile.ZipFile(wheel).namelist()
    folders = {name.partition("/")[0] for name in names}

    assert {name for name in folders if not name.startswith("octet-")} == {"app", "model_io"}


def test_the_installed_program_answers_a_question(octet: Path, tmp_path: Path) -> None:
    """`octet ask` finds the demo model in the wheel's data files and its engine starts."""
    answer = run(octet, "ask", "--json", "--temperature", "0", "What is Octet?", folder=tmp_path)
    reply = json.loads(answer)

    assert "Octet" in reply["text"]
    assert reply["stopped_by"] == "end"
