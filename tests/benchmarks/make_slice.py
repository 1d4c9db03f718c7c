"""Writes a checkpoint of two real-size Mixtral layers, seeded random weights, 6.3 GB of bf16.

    python -m tests.benchmarks.make_slice FOLDER

FOLDER becomes a Hugging Face folder of two shards that `octet model convert` accepts; the sizes
are those of Mixtral 8x7B (4096 / 14336 / 32000, 32 heads, 8 for keys and values, 8 experts).
"""

from __future__ import annotations

import argparse
from pathlib import Path

from tests.model_io.checkpoints import Shape, chat_companions, make_checkpoint


def slice_shape(folder: str) -> Shape:
    """Two layers of Mixtral 8x7B."""
    return Shape(
        folder,
        layers=2,
        hidden=4096,
        ffn=14336,
        heads=32,
        kv_heads=8,
        vocabulary=32000,
        shards=2,
        companions=chat_companions(),
        seed=20231211,
    )


def main() -> None:
    """Write the checkpoint that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where to write it; must not exist")
    folder: Path = parser.parse_args().folder.absolute()
    print(make_checkpoint(slice_shape(folder.name), folder.parent))


if __name__ == "__main__":
    main()
