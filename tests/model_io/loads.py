"""Real loads of real-size layers, in a child process, and what llama.cpp says that it took."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from model_io.memory import Placement, Working

Buffers = dict[tuple[str, str], int]


def load(
    path: Path,
    placement: Placement,
    working: Working,
    devices: Sequence[str] = (),
    *,
    uses_mmap: bool = True,
) -> Buffers:
    """For a child: load the file so, and return the bytes by buffer and kind."""
    from model_io import ggml
    from model_io.backends import load_backends
    from model_io.buffer_lines import read_buffers
    from model_io.native_log import NativeLog
    from model_io.placing import Placing, context_parameters

    if devices:
        load_backends()
    native = ggml.llama()
    placing = Placing(placement, devices)
    with NativeLog() as log, log.record() as lines:
        parameters = native.llama_model_default_params()
        placing.apply(parameters)
        parameters.use_extra_bufts = False
        modes = (native.LLAMA_LOAD_MODE_NONE, native.LLAMA_LOAD_MODE_MMAP)
        parameters.load_mode = modes[uses_mmap]
        model = native.llama_model_load_from_file(os.fsencode(path), parameters)
        assert model, lines
        wanted = context_parameters(working)
        wanted.op_offload = placement.offloads_prompts
        context = native.llama_init_from_model(model, wanted)
        assert context, lines
        native.llama_free(context)
        native.llama_model_free(model)
        return read_buffers(lines)
