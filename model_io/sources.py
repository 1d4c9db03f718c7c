"""Opens what a conversion is made of: a folder, a GGUF file, or a model on the hub.

Stands between the pipelines and the two kinds of supply; moves no weight.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from model_io.assembly import LocalFiles, Supply
from model_io.checkpoint import Checkpoint, read_mixtral
from model_io.hub_name import HUB_PREFIX
from model_io.progress import StopCallback


@dataclass(frozen=True, slots=True)
class Source:
    """A checkpoint, and who brings its files.

    `name` is what people call it; `beside_bytes` is the most that files of the source take up
    beside the result, at the same time, and aren't there yet.
    """

    name: str
    checkpoint: Checkpoint
    supply: Supply
    beside_bytes: int = 0
    link_bytes_per_second: float | None = None


@contextmanager
def open_source(
    source: str | Path, target: Path, should_stop: StopCallback, *, measures: bool = False
) -> Iterator[Source]:
    """Read what `source` is; of a model on the hub, all but its weights is fetched.

    `measures` how quick the hub is. Raises a SourceError, a GGUFError or a HubError.
    """
    text = str(source)
    if not text.startswith(HUB_PREFIX):
        checkpoint = read_mixtral(Path(source))
        yield Source(text, checkpoint, LocalFiles(checkpoint.files))
        return
    from model_io.hub_source import (
        open_hub,
    )  # the HTTP library takes a while, and isn't needed above

    with open_hub(text, target, should_stop) as opened:
        speed = opened.measure_link() if measures else None
        yield Source(opened.name, opened.checkpoint, opened.window, opened.window_bytes, speed)
