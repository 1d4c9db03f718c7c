"""Checkpoints and files that many tests of model_io read and none changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from model_io.convert import convert
from tests.model_io.checkpoints import OTHER_DTYPES, SHAPES, make_checkpoint

TOY = "Toy-Mixtral-8x3M-Instruct-v0.1"


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds a checkpoint of each shape under its own name."""
    parent = tmp_path_factory.mktemp("checkpoints")
    for shape in (*SHAPES.values(), *OTHER_DTYPES.values()):
        make_checkpoint(shape, parent)
    return parent


@pytest.fixture(scope="session")
def toy(checkpoints: Path) -> Path:
    """The checkpoint that resembles the real one most: three shards, all describing files."""
    return checkpoints / TOY


@pytest.fixture(scope="session")
def bf16_files(checkpoints: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds NAME.gguf in BF16 for each shape of SHAPES."""
    folder = tmp_path_factory.mktemp("bf16")
    for name in SHAPES:
        convert(checkpoints / name, "BF16", folder / f"{name}.gguf", jobs=2)
    return folder


@pytest.fixture
def copied_toy(toy: Path, tmp_path: Path) -> Path:
    """A checkpoint of its own for a test that damages one; the weights are hard links."""
    folder = tmp_path / "source" / toy.name
    folder.mkdir(parents=True)
    for path in toy.iterdir():
        (folder / path.name).hardlink_to(path)
    return folder
