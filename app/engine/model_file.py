"""A model's file before llama.cpp sees it: is it one that can be run, and is it in memory yet.

Knows nothing of llama.cpp.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from io import FileIO
from pathlib import Path

from app.core.errors import ModelFileError
from model_io.errors import GGUFError
from model_io.gguf_reader import GGUFHeader, read_header

_CHUNK_BYTES = 8 * 1024 * 1024
_PROBES = 4  # looks into a chunk that tell whether it is in memory already


def check_model_file(path: str, *, needs_weights: bool = True) -> GGUFHeader:
    """Read and check the header of the file at `path`.

    Raises ModelFileError with a sentence: not a GGUF, truncated, another kind of model, or of the
    layout before April 2024.
    """
    try:
        header = read_header(path)
    except GGUFError as error:
        raise ModelFileError(str(error)) from error
    name = Path(path).name
    if header.architecture != "llama":
        kind = header.architecture or "unknown"
        raise ModelFileError(
            f"{name} holds a model of the kind “{kind}”, which Octet does not run. "
            "Choose a Mixtral file."
        )
    if needs_weights:
        _check_weights(header, name)
    return header


def read_ahead(
    path: str, on_progress: Callable[[int, int], None], should_stop: Callable[[], bool]
) -> bool:
    """Read the whole file once, so that llama.cpp finds it in memory; False if stopped.

    `on_progress` gets the bytes done and the bytes in all. What is in memory already is passed
    over. Raises ModelFileError if the file can't be read.
    """
    buffer = bytearray(_CHUNK_BYTES)
    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123  it needs `buffering`
            total_bytes = os.fstat(file.fileno()).st_size
            for start in range(0, total_bytes, _CHUNK_BYTES):
                on_progress(start, total_bytes)
                if should_stop():
                    return False
                _bring_to_memory(file, start, buffer)
            on_progress(total_bytes, total_bytes)
    except OSError as error:
        reason = error.strerror or "it can't be read"
        raise ModelFileError(f"{Path(path).name} can't be read: {reason}.") from error
    return True


def _check_weights(header: GGUFHeader, name: str) -> None:
    if header.is_split_expert:
        raise ModelFileError(
            f"{name} was written before April 2024, with each expert apart. "
            "“octet model repair” makes a file of it that works; the original stays as it is."
        )
    if not header.tensors:
        raise ModelFileError(f"{name} holds no weights. Choose another file.")
    if header.missing_bytes:
        raise ModelFileError(
            f"{name} is not complete: {header.missing_bytes:,} bytes are missing at its end. "
            "Fetch or convert it again."
        )


def _bring_to_memory(file: FileIO, start: int, buffer: bytearray) -> None:
    if not _is_in_memory(file, start):
        file.seek(start)
        file.readinto(buffer)


def _is_in_memory(file: FileIO, start: int) -> bool:
    if not hasattr(os, "preadv"):
        return False
    flag = getattr(os, "RWF_NOWAIT", None)  # Linux alone can be asked
    if flag is None:
        return False
    step = _CHUNK_BYTES // _PROBES
    try:
        return all(
            os.preadv(file.fileno(), [bytearray(1)], start + step * probe + step - 1, flag) >= 0
            for probe in range(_PROBES)
        )
    except OSError:
        return False
