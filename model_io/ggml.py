"""The one door to the native library's C functions, for both packages.

Importing this module loads llama.cpp's libraries into the process, so only child processes and
command lines do. It knows the functions' signatures and nothing of files, models or threads.
Everything goes through the handle that llama-cpp-python itself opened: a second copy of a
library would bring a second device registry.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from model_io.errors import NativeLibraryError

CFunction = Callable[..., Any]

_F16, _BF16 = 1, 30  # ggml.h: enum ggml_type


@cache
def _libraries() -> tuple[ctypes.CDLL, ...]:
    """The loaded libraries to look for functions in, libllama first."""
    try:
        from llama_cpp import llama_cpp
    except (ImportError, OSError, RuntimeError) as error:
        problem = f"can't be loaded: {error}"
        raise NativeLibraryError("llama_cpp", problem, "install llama-cpp-python again") from error
    library: ctypes.CDLL = llama_cpp._lib  # noqa: SLF001  the handle has no public name
    if os.name != "nt":
        return (library,)  # looking up a name in a library also searches what it depends on
    folder = Path(llama_cpp.__file__).parent / "lib"
    names = ("ggml-base.dll", "ggml.dll", "ggml-cpu.dll")
    return (library, *(ctypes.CDLL(str(folder / name)) for name in names))


def llama() -> Any:  # noqa: ANN401  a module without types
    """llama-cpp-python's own low-level functions and structures. Raises NativeLibraryError."""
    _libraries()
    from llama_cpp import llama_cpp

    return llama_cpp


@cache
def function(name: str, result: Any, *arguments: Any) -> CFunction:  # noqa: ANN401  ctypes types
    """The C function `name`, taking `arguments` and returning `result` (ctypes types).

    It runs without Python's lock. Raises NativeLibraryError if no library has it.
    """
    for library in _libraries():
        try:
            pointer = library[name]
        except AttributeError:
            continue
        pointer.restype = result
        pointer.argtypes = arguments
        return pointer
    raise NativeLibraryError("llama_cpp", f"lacks {name}", "install llama-cpp-python 0.3.36")


def quantize_rows(
    type_id: int, source: int, target: int, rows: int, columns: int, importance: int = 0
) -> int:
    """Quantize `rows` x `columns` floats at address `source` to `target`; returns the bytes made.

    `columns` is a multiple of the type's block. At address `importance` are `columns` floats that
    say how much each column matters; 0 for none. ggml.h: `ggml_quantize_chunk`.
    """
    quantize = function(
        "ggml_quantize_chunk", ctypes.c_size_t, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p,
        ctypes.c_int64, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p,
    )  # fmt: skip
    made: int = quantize(type_id, source, target, 0, rows, columns, importance)
    return made


def is_valid_data(type_id: int, data: int, size_bytes: int) -> bool:
    """Whether no block at address `data` has a NaN or infinite scale; `ggml_validate_row_data`."""
    validate = function(
        "ggml_validate_row_data", ctypes.c_bool, ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t
    )
    valid: bool = validate(type_id, data, size_bytes)
    return valid


def widen(type_id: int, source: int, target: int, elements: int) -> None:
    """Turn 16-bit numbers (F16 or BF16) at address `source` into floats at `target`."""
    name = {_F16: "ggml_fp16_to_fp32_row", _BF16: "ggml_bf16_to_fp32_row"}[type_id]
    function(name, None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)(source, target, elements)
