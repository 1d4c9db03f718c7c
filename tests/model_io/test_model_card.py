"""The entries that describe a model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from model_io.errors import MetadataError
from model_io.gguf_values import string, uint32
from model_io.model_card import ParameterCounts, describe_model, rewrite_as_quantized
from tests.model_io.test_quant_types import REAL

COUNTS = ParameterCounts(46_702_792_704, 1_604_587_520, 45_097_156_608 // 8, 8)


def describe(folder: Path, card: str) -> dict[str, object]:
    """What the entries of a model with this README.md say."""
    folder.mkdir()
    (folder / "README.md").write_text(card, encoding="utf-8")
    return {key: value.items for key, value in describe_model(folder, REAL, COUNTS, 15).items()}


def test_the_folder_names_the_model(tmp_path: Path) -> None:
    """As llama.cpp takes a name apart."""
    found = describe(tmp_path / "Mixtral-8x7B-Instruct-v0.1", "No card.")
    assert found["general.name"] == "Mixtral 8x7B Instruct v0.1"
    assert found["general.basename"] == "Mixtral"
    assert found["general.size_label"] == "8x7B"
    assert found["general.finetune"] == "Instruct"
    assert found["general.version"] == "v0.1"


def test_the_card_overrules_the_folder(tmp_path: Path) -> None:
    """Its front matter carries name, author, description and licence into the file."""
    lines = ["---", "name: Octet demo", "author: Octet", "description: A small one", "license: mit"]
    found = describe(tmp_path / "x", "\n".join([*lines, "---"]))
    keys = ("name", "author", "description", "license")
    assert [found[f"general.{key}"] for key in keys] == [
        "Octet demo", "Octet", "A small one", "mit",
    ]  # fmt: skip


def test_cards_in_the_wrong_types_mean_texts(tmp_path: Path) -> None:
    """Numbers, lists, and the language that YAML takes for a no."""
    card = "---\nversion: 2\nauthor: [Ada, Bo]\nlanguages: [en, no]\n---\n"
    found = describe(tmp_path / "x", card)
    assert found["general.version"] == "2"
    assert found["general.author"] == "Ada, Bo"
    assert found["general.languages"] == ("en", "no")


def test_quantizing_moves_two_entries_to_the_end() -> None:
    """As llama-quantize removes them and sets them again."""
    before = {
        "general.file_type": uint32(32),
        "general.quantization_version": uint32(2),
        "tokenizer.ggml.model": string("llama"),
    }
    after = rewrite_as_quantized(before, 15)
    assert list(after) == [
        "tokenizer.ggml.model", "general.quantization_version", "general.file_type",
    ]  # fmt: skip
    assert after["general.file_type"] == uint32(15)


LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join(['*' + last] * 9)}]\n"
    for last, name in zip("abcdefgh", "bcdefghi", strict=True)
)
"""Nine lists of nine lists, nine times: 4 GB of text if it were written out."""

CARDS = {
    "laughs": (LAUGHS + "license: *i\n", "the settings in README.md have no end"),
    "laughing models": (LAUGHS + "base_model: *i\n", "the settings in README.md have no end"),
    "a list in itself": ("license: &a [*a]\n", "the settings in README.md have no end"),
    "long": ("tags:\n" + "- a\n" * 50_000, "before the text of README.md are too long"),
    "many models": ("base_model: [" + "x/y, " * 1000 + "]\n", "names too many models"),
    "deep": ("tags: " + "[" * 5000 + "\n", "values in values without end"),
    "a program": (
        "tags: !!python/object/apply:os.system ['true']\n",
        "for the tag 'tag:yaml.org,2002:python/object/apply:os.system', line 2 of README.md",
    ),
}


@pytest.mark.parametrize("case", CARDS)
def test_a_card_without_end_is_refused(case: str, tmp_path: Path) -> None:
    """At once, and the sentence says why."""
    settings, words = CARDS[case]
    with pytest.raises(MetadataError, match="can't be understood") as caught:
        describe(tmp_path / "x", f"---\n{settings}---\n")
    assert words in str(caught.value)


def test_a_name_without_end_is_refused(tmp_path: Path) -> None:
    """Taking it apart would last for minutes."""
    (tmp_path / "config.json").write_text(json.dumps({"_name_or_path": "a--" * 500_000}))
    with pytest.raises(MetadataError, match=r"the name in config\.json is too long"):
        describe_model(tmp_path, REAL, COUNTS, 15)


@pytest.mark.parametrize("name", ["README.md", "config.json", "generation_config.json"])
def test_a_file_without_end_is_refused(name: str, tmp_path: Path) -> None:
    """A gigabyte of holes takes no place on the disk."""
    with (tmp_path / name).open("wb") as file:
        file.truncate(2**30)
    with pytest.raises(MetadataError, match=f"{name} is far too long"):
        describe_model(tmp_path, REAL, COUNTS, 15)
