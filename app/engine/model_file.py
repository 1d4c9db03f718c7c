"""A model's file before llama.cpp sees it: is it one that can be run, and is it in memory yet.

Knows nothing of llama.cpp.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from io import FileIO
from pathlib import Path

from app.core.errors import ModelFileError
from model_io.errors import GGUFError, SourceError
from model_io.gguf_parts import GGUFModel, read_model
from model_io.gguf_reader import GGUFHeader, read_header
from model_io.model_shape import ModelShape, shape_of_gguf

_CHUNK_BYTES = 8 * 1024 * 1024
_PROBES = 4  # looks into a chunk that tell whether it is in memory already


def check_model_file(path: str, *, needs_weights: bool = True) -> GGUFModel:
    """Read and check the header of the file at `path`, and those of all parts if it is one of them.

    Raises ModelFileError with a sentence: not a GGUF, truncated, a part missing, another kind of
    model, or of the layout before April 2024.
    """
    try:
        header = read_header(path)
        if needs_weights and _is_part(header):
            model = read_model(Path(path))
            _check_kind(model.header)
        else:
            model = GGUFModel((header,))
            _check_kind(header)
    except (GGUFError, SourceError) as error:
        raise ModelFileError(str(error)) from error
    if needs_weights:
        _check_weights(model)
    return model


def read_shape(model: GGUFModel) -> ModelShape:
    """The tensors of `model` as memory sees them; raises ModelFileError if its sizes are absurd."""
    try:
        return shape_of_gguf(model)
    except (GGUFError, SourceError) as error:
        raise ModelFileError(str(error)) from error


def read_ahead(
    paths: Sequence[Path], on_progress: Callable[[int, int], None], should_stop: Callable[[], bool]
) -> bool:
    """Read the whole files once, so that llama.cpp finds them in memory; False if stopped.

    `on_progress` gets the bytes done and the bytes in all. What is in memory already is passed
    over. Raises ModelFileError if a file can't be read.
    """
    done_bytes = 0
    buffer = bytearray(_CHUNK_BYTES)
    try:
        total_bytes = sum(path.stat().st_size for path in paths)
        for path in paths:
            with path.open("rb", buffering=0) as file:
                for start in range(0, os.fstat(file.fileno()).st_size, _CHUNK_BYTES):
                    on_progress(done_bytes + start, total_bytes)
                    if should_stop():
                        return False
                    _bring_to_memory(file, start, buffer)
                done_bytes += file.seek(0, os.SEEK_END)
        on_progress(total_bytes, total_bytes)
    except OSError as error:
        name = Path(error.filename or paths[0]).name
        reason = error.strerror or "it can't be read"
        raise ModelFileError(f"{name} can't be read: {reason}.") from error
    return True


def _is_part(header: GGUFHeader) -> bool:
    count = header.metadata.get("split.count")
    return type(count) is int and count > 1


def _check_kind(header: GGUFHeader) -> None:
    if header.architecture != "llama":
        kind = header.architecture or "unknown"
        raise ModelFileError(
            f"{header.path.name} holds a model of the kind “{kind}”, which Octet does not run. "
            "Choose a Mixtral file."
        )


def _check_weights(model: GGUFModel) -> None:
    name = model.header.path.name
    if model.is_split_expert:
        raise ModelFileError(
            f"{name} was written before April 2024, with each expert apart. "
            "“octet model repair” makes a file of it that works; the original stays as it is."
        )
    if not any(part.tensors for part in model.parts):
        raise ModelFileError(f"{name} holds no weights. Choose another file.")
    if model.header.missing_bytes:
        raise ModelFileError(
            f"{name} is not complete: {model.header.missing_bytes:,} bytes are missing at its end. "
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
