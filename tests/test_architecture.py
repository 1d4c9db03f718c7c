"""The house keeps its own rules: layers, sizes, names, and a map that tells the truth."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QObject

CHECKOUT = Path(__file__).resolve().parents[1]
PACKAGES = ("app", "model_io")
FORBIDDEN_NAMES = {"utils", "helpers", "common", "misc", "base", "manager"}
MODULE_LINES, CLASS_LINES, FUNCTION_LINES = 400, 250, 50


def modules() -> list[Path]:
    """All modules of the two packages, packages' own files left out."""
    found = (path for package in PACKAGES for path in (CHECKOUT / package).rglob("*.py"))
    return sorted(path for path in found if path.name != "__init__.py")


def too_long(path: Path) -> Iterator[str]:
    """The name and length of each class and function of a module that exceeds its limit."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.ClassDef():
                limit = CLASS_LINES
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                limit = FUNCTION_LINES
            case _:
                continue
        lines = (node.end_lineno or 0) - node.lineno + 1
        if lines > limit:
            yield f"{node.name}: {lines} lines, {limit} allowed"


def mapped_paths() -> set[str]:
    """Every path of README's map: two spaces of indentation a level, the name, a few words."""
    readme = (CHECKOUT / "README.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^## The map\n.*?^```\n(.*?)^```", readme, re.DOTALL | re.MULTILINE)
    paths: set[str] = set()
    parents: list[str] = []
    for line in filter(str.strip, block.splitlines()):
        depth = (len(line) - len(line.lstrip())) // 2
        parents[depth:] = [line.split()[0]]
        paths.add("".join(parents))
    return paths


def test_layers_hold() -> None:
    """Import-linter's contracts in pyproject.toml: who may know whom."""
    program = Path(sys.executable).with_name("lint-imports")
    finished = subprocess.run(
        [program, "--no-cache"], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )

    assert finished.returncode == 0, finished.stdout


def test_readme_maps_every_module() -> None:
    """A newcomer finds each module in the map, with a few words."""
    ours = {path.relative_to(CHECKOUT).as_posix() for path in modules()}

    assert ours - mapped_paths() == set()


def test_readme_maps_nothing_else() -> None:
    """No line of the map names what is gone."""
    gone = {path for path in mapped_paths() if not (CHECKOUT / path).exists()}

    assert gone == set()


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.stem)
def test_a_module_fits_the_head(path: Path) -> None:
    """At most 400 lines a module, 250 a class, 50 a function."""
    lines = len(path.read_text(encoding="utf-8").splitlines())

    assert lines <= MODULE_LINES
    assert list(too_long(path)) == []


def test_no_module_is_a_drawer() -> None:
    """A module named after nothing collects everything."""
    assert {path.stem for path in modules()} & FORBIDDEN_NAMES == set()


def test_every_package_says_what_it_is() -> None:
    """`resources` and `packaging` are folders, not packages; the others have a docstring."""
    unsaid = [
        str(path)
        for package in PACKAGES
        for path in (CHECKOUT / package).rglob("__init__.py")
        if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]

    assert unsaid == []
    assert not (CHECKOUT / "packaging" / "__init__.py").exists()
    assert not (CHECKOUT / "resources" / "__init__.py").exists()


def test_qt_keeps_none_alive() -> None:
    """PySide6 6.12.0 on Python 3.11 loses a reference to None in each call that returns nothing.

    Python then aborts after some thousands of calls. Immortal from 3.12 on, None hides it.
    """
    thing = QObject()
    before = sys.getrefcount(None)
    for _ in range(200):
        thing.setObjectName("name")

    assert sys.getrefcount(None) > before - 100
