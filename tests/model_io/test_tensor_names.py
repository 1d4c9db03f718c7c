"""Names and orders of a Mixtral's tensors."""

from __future__ import annotations

from model_io.tensor_names import is_ignored, list_tensors, sort_as_quantized
from tests.model_io.test_quant_types import REAL


def test_the_real_model_has_995_sources_and_323_tensors() -> None:
    """As the real repository's index, and llama.cpp's file."""
    tensors = list_tensors(REAL, has_output=True)
    sources = [name for tensor in tensors for name in tensor.sources]
    assert (len(tensors), len(set(sources)), len(sources)) == (323, 995, 995)


def test_the_order_of_a_quantized_file() -> None:
    """Outside the layers first, then layer by layer, each by name."""
    names = [tensor.name for tensor in sort_as_quantized(list_tensors(REAL, has_output=True))]
    assert names[:4] == [
        "output.weight", "output_norm.weight", "token_embd.weight", "blk.0.attn_k.weight",
    ]  # fmt: skip
    assert names[12] == "blk.0.ffn_up_exps.weight"
    assert names[13] == "blk.1.attn_k.weight"
    assert names[-1] == "blk.31.ffn_up_exps.weight"


def test_tied_embeddings_have_no_output() -> None:
    """One tensor less."""
    assert len(list_tensors(REAL, has_output=False)) == 322


def test_rotary_frequencies_are_no_weights() -> None:
    """Some old checkpoints store them."""
    assert is_ignored("model.layers.0.self_attn.rotary_emb.inv_freq")
    assert not is_ignored("model.norm.weight")
