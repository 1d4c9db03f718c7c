"""Which models there are on this computer, and which of them can be loaded.

Reads headers only, a few megabytes of each file. Knows nothing of engines or memory.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from app.core.prompt_format import choose_prompt_format
from model_io.errors import ModelIOError
from model_io.gguf_reader import GGUFHeader, read_header

DEMO_PATTERN = "octet-demo-*.gguf"

_LATER_PART = re.compile(r"-(?!00001-of-)\d{5}-of-\d{5}\.gguf$")


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A GGUF file as the list of models shows it.

    Attributes:
        name: the file's own name for the model, or the file's name.
        quant: what people call its kind, e.g. "Q4_K_M"; empty if it can't be read.
        problem: one sentence why it can't be loaded; empty if it can.
        note: one sentence that one has to know before using it; usually empty.
    """

    path: Path
    name: str
    quant: str
    file_bytes: int
    is_demo: bool = False
    problem: str = ""
    note: str = ""

    @property
    def detail(self) -> str:
        """Its kind and its size on the disk, e.g. "Q4_K_M, 28.4 GB"."""
        size = size_text(self.file_bytes)
        return f"{self.quant}, {size}" if self.quant else size


def find_models(
    models_folder: Path, resources_folder: Path, other_paths: Iterable[Path] = ()
) -> tuple[ModelFile, ...]:
    """The models in the user's folder, those remembered from elsewhere, and the demo.

    In this order, each once, by name within the folder. `other_paths` that are gone are left out.
    """
    in_folder = sorted(models_folder.glob("**/*.gguf"), key=lambda path: path.name.lower())
    # os.path's never raises; a folder on the way may have become unreadable.
    elsewhere = [path for path in other_paths if os.path.isfile(path)]  # noqa: PTH113
    demo = demo_model(resources_folder)
    paths = dict.fromkeys(path.resolve() for path in [*in_folder, *elsewhere])
    models = [read_model(path) for path in paths if not _LATER_PART.search(path.name)]
    if demo is not None:
        models = [model for model in models if model.path != demo.resolve()]
        models.append(read_model(demo.resolve(), is_demo=True))
    return tuple(models)


def demo_model(resources_folder: Path) -> Path | None:
    """The demo model's file; None if this copy of Octet has none."""
    return next(iter(sorted((resources_folder / "models").glob(DEMO_PATTERN))), None)


def read_model(path: Path, is_demo: bool = False) -> ModelFile:
    """What the file at `path` is. Never raises: what is wrong is told by `problem`."""
    try:
        header = read_header(path)
    except ModelIOError as error:
        return ModelFile(path, path.stem, "", _file_bytes(path), is_demo, str(error))
    return ModelFile(
        path=path,
        name=header.name or path.stem,
        quant=header.quant or "",
        file_bytes=header.file_bytes,
        is_demo=is_demo,
        problem=_problem(header),
        note=choose_prompt_format(header.metadata).sentence,
    )


def size_text(size_bytes: int) -> str:
    """A size on the disk, in units of a thousand: "19 MB", "28.4 GB"."""
    if size_bytes >= 1_000_000_000:
        return f"{size_bytes / 1e9:.1f} GB"
    return f"{max(1, round(size_bytes / 1e6))} MB"


def _problem(header: GGUFHeader) -> str:
    name = header.path.name
    if header.is_split_expert:
        return (
            f"{name} was written before April 2024, with each expert apart. "
            "octet model repair makes a file of it that can be loaded; the original stays."
        )
    if header.architecture != "llama":
        kind = header.architecture or "an unnamed kind"
        return f"{name} holds a model of the architecture {kind}; Octet runs Mixtral only."
    if header.missing_bytes and not header.metadata.get("split.count"):
        missing = size_text(header.missing_bytes)
        return f"{name} is incomplete: {missing} are missing at its end. Download it again."
    return ""


def _file_bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
