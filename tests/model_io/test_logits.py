"""The F32 file computes what transformers' MixtralForCausalLM computes on the same checkpoint."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from llama_cpp import llama_cpp

from model_io.convert import convert
from tests.model_io.checkpoints import SHAPES
from tests.model_io.make_golden import FIRST_TOKENS, LAST_POSITIONS, PROMPT, reference_logits

Logits = npt.NDArray[np.float32]
TOLERANCE = 1e-3


@pytest.fixture(scope="module")
def golden() -> dict[str, Logits]:
    """Logits that make_golden.py took from transformers."""
    with np.load(Path(__file__).parent / "data" / "golden_logits.npz") as arrays:
        return dict(arrays)


@contextmanager
def loaded(path: Path) -> Iterator[tuple[object, object]]:
    """Model and context of a file, computing in F32 throughout."""
    silent = llama_cpp.llama_log_callback(lambda level, text, data: None)
    llama_cpp.llama_log_set(silent, ctypes.c_void_p(0))
    model = llama_cpp.llama_model_load_from_file(
        str(path).encode(), llama_cpp.llama_model_default_params()
    )
    parameters = llama_cpp.llama_context_default_params()
    parameters.n_ctx = 64
    parameters.n_threads = parameters.n_threads_batch = 2
    parameters.type_k = parameters.type_v = llama_cpp.GGML_TYPE_F32
    parameters.flash_attn_type = 0
    context = llama_cpp.llama_init_from_model(model, parameters)
    yield model, context
    llama_cpp.llama_free(context)
    llama_cpp.llama_model_free(model)
    llama_cpp.llama_log_set(llama_cpp.llama_log_callback(), ctypes.c_void_p(0))


def computed_logits(path: Path) -> Logits:
    """What llama.cpp computes from the file, for the golden positions and tokens."""
    with loaded(path) as (model, context):
        batch = llama_cpp.llama_batch_init(len(PROMPT), 0, 1)
        for index, token in enumerate(PROMPT):
            batch.token[index], batch.pos[index] = token, index
            batch.n_seq_id[index], batch.seq_id[index][0] = 1, 0
            batch.logits[index] = True
        batch.n_tokens = len(PROMPT)
        assert llama_cpp.llama_decode(context, batch) == 0
        size = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(model))
        pointer = llama_cpp.llama_get_logits(context)
        logits = np.ctypeslib.as_array(pointer, (len(PROMPT), size))
        found: Logits = logits[-LAST_POSITIONS:, :FIRST_TOKENS].copy()
        llama_cpp.llama_batch_free(batch)
    return found


@pytest.mark.parametrize("name", SHAPES)
def test_f32_logits_equal_the_golden_ones(
    name: str, checkpoints: Path, tmp_path: Path, golden: dict[str, Logits]
) -> None:
    """Permutation, expert order, router, norms and head sizes are right for every shape."""
    convert(checkpoints / name, "F32", tmp_path / "f32.gguf", jobs=2)
    assert np.abs(computed_logits(tmp_path / "f32.gguf") - golden[name]).max() < TOLERANCE


@pytest.mark.parametrize("name", SHAPES)
def test_golden_logits_are_those_of_transformers(
    name: str, checkpoints: Path, golden: dict[str, Logits]
) -> None:
    """The stored values are still what the reference computes."""
    pytest.importorskip("torch", reason="needs the extra `reference`")
    pytest.importorskip("transformers", reason="needs the extra `reference`")
    assert np.abs(reference_logits(checkpoints / name) - golden[name]).max() < 1e-4
