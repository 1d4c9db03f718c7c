"""What stands in a vocabulary's companions, and what keeps them from being read."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from model_io.errors import TokenizerError
from model_io.gguf_values import ValueKind
from model_io.tokenizer import read_vocabulary
from tests.model_io.checkpoints import TOKENIZER_PATH


def write(folder: Path, **files: object) -> Path:
    """A folder with the real vocabulary, and these companions as JSON."""
    shutil.copyfile(TOKENIZER_PATH, folder / "tokenizer.model")
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    return folder


def make_hole(path: Path) -> None:
    """A gigabyte that takes no place on the disk."""
    with path.open("ab") as file:
        file.truncate(2**30)


def lay_pipe(path: Path) -> None:
    """A pipe that nobody writes into, as a chat template."""
    path.parent.mkdir()
    os.mkfifo(path)


DAMAGES: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "huge model": ("tokenizer.model", make_hole, "tokenizer.model is far too long"),
    "huge json": ("tokenizer.json", make_hole, "tokenizer.json is far too long"),
    "huge template": ("chat_template.jinja", make_hole, "chat_template.jinja is far too long"),
    "deep json": (
        "tokenizer.json", lambda path: path.write_text("[" * 10**5 + "]" * 10**5),
        "can't be understood",
    ),
    "pipe": ("additional_chat_templates/x.jinja", lay_pipe, "x.jinja is not a file"),
    "half a character": (
        "chat_template.json", lambda path: path.write_text('{"chat_template": "\\ud800"}'),
        "can't be understood",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", DAMAGES)
def test_companions_that_can_not_be_read(case: str, tmp_path: Path) -> None:
    """One sentence, and nothing is waited for."""
    name, damage, words = DAMAGES[case]
    write(tmp_path, tokenizer_config={"add_bos_token": True})
    damage(tmp_path / name)
    with pytest.raises(TokenizerError) as caught:
        read_vocabulary(tmp_path, 300)
    assert words in str(caught.value)


def test_a_token_with_a_number_too_long_to_be_one(tmp_path: Path) -> None:
    """Python itself refuses to read it."""
    decoder = {"9" * 5000: {"content": "x"}}
    write(tmp_path, tokenizer_config={"added_tokens_decoder": decoder})
    with pytest.raises(TokenizerError, match="has no valid token under '9999"):
        read_vocabulary(tmp_path, 300)


def test_true_as_the_id_of_a_token_is_a_number(tmp_path: Path) -> None:
    """As in llama.cpp's own converter, whose loader takes nothing else."""
    entries = read_vocabulary(write(tmp_path, config={"bos_token_id": True}), 300)
    entry = entries["tokenizer.ggml.bos_token_id"]
    assert (entry.kind, entry.items) == (ValueKind.UINT32, True)
