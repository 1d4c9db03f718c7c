"""What a damaged checkpoint gets: one sentence that names the file, and no file."""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from model_io.convert import convert
from model_io.errors import (
    ConfigError,
    MetadataError,
    MissingFileError,
    ModelIOError,
    NotFiniteError,
    NotMixtralError,
    SafetensorsError,
    SourceError,
    SourceReadError,
    TensorError,
    TokenizerError,
)

SECOND = "model-00002-of-00003.safetensors"
INDEX = "model.safetensors.index.json"
Header = dict[str, dict[str, list[int] | str]]


def edit_json(path: Path, change: Callable[[dict[str, object]], object]) -> None:
    """Change a JSON file; its hard-linked original stays as it is."""
    content = json.loads(path.read_text())
    change(content)
    path.unlink()
    path.write_text(json.dumps(content))


def own_copy(path: Path) -> Path:
    """Cut the hard link of a file that is to be damaged."""
    copy = path.with_name("copy")
    shutil.copyfile(path, copy)
    return copy.replace(path)


def edit_header(path: Path, change: Callable[[Header], object]) -> None:
    """Change the header of a safetensors file and leave its data."""
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    change(header)
    text = json.dumps(header).encode()
    path.unlink()
    path.write_bytes(struct.pack("<Q", len(text)) + text + content[8 + length :])


def some_name(header: Header) -> str:
    """A tensor that is not the first one."""
    return [name for name in header if name != "__metadata__"][3]


def set_entry(key: str, value: list[int] | str) -> Callable[[Header], object]:
    """Give one tensor another value for `key`."""
    return lambda header: header[some_name(header)].update({key: value})


def remove(name: str) -> Callable[[Path], object]:
    """Take one file away."""
    return lambda folder: (folder / name).unlink()


def replace(name: str, content: bytes) -> Callable[[Path], object]:
    """Put something else in a file's place."""

    def change(folder: Path) -> None:
        (folder / name).unlink(missing_ok=True)
        (folder / name).write_bytes(content)

    return change


def configure(**settings: object) -> Callable[[Path], object]:
    """Change config.json."""
    return lambda folder: edit_json(folder / "config.json", lambda c: c.update(settings))


def header(change: Callable[[Header], object]) -> Callable[[Path], object]:
    """Change the second shard's header."""
    return lambda folder: edit_header(folder / SECOND, change)


def cut_off(folder: Path) -> None:
    """Lose the last 100 bytes of the second shard."""
    path = own_copy(folder / SECOND)
    with path.open("rb+") as file:
        file.truncate(path.stat().st_size - 100)


def append(folder: Path) -> None:
    """Add bytes that no tensor explains."""
    path = own_copy(folder / SECOND)
    with path.open("ab") as file:
        file.write(b"more")


def overlap(entries: Header) -> None:
    """Let one tensor begin where its predecessor does."""
    one, other = [name for name in entries if entries[name].get("shape") == [512, 256]][:2]
    entries[other]["data_offsets"] = entries[one]["data_offsets"]


def double(folder: Path) -> None:
    """Hold one shard's tensors a second time."""
    for path in folder.glob("model-*"):
        path.rename(folder / path.name.replace("model-", "model_"))
    (folder / INDEX).unlink()
    shutil.copyfile(folder / SECOND.replace("model-", "model_"), folder / "model_again.safetensors")


def rename_tensor(entries: Header) -> None:
    """Give a tensor a name that no Mixtral has."""
    entries["model.layers.0.adapter.weight"] = entries.pop(some_name(entries))


def put_word(word: int, tensor: str) -> Callable[[Path], object]:
    """Overwrite the last weight of a tensor with the bf16 number `word`."""

    def change(folder: Path) -> None:
        weight_map = json.loads((folder / INDEX).read_text())["weight_map"]
        path = own_copy(folder / weight_map[tensor])
        content = bytearray(path.read_bytes())
        length = int.from_bytes(content[:8], "little")
        end = json.loads(content[8 : 8 + length])[tensor]["data_offsets"][1] + 8 + length
        content[end - 2 : end] = struct.pack("<H", word)
        path.write_bytes(content)

    return change


Q_PROJ = "model.layers.2.self_attn.q_proj.weight"
EXPERT = "model.layers.1.block_sparse_moe.experts.5.w2.weight"

CASES = {
    "no config": (remove("config.json"), MissingFileError, "has no config.json"),
    "config is no JSON": (
        replace("config.json", b"{"), ConfigError, "config.json is not valid JSON",
    ),
    "config is a list": (replace("config.json", b"[]"), ConfigError, "does not hold a JSON object"),
    "config is binary": (replace("config.json", b"\xff\xfe\x00"), ConfigError, "is not valid JSON"),
    "config is deep": (replace("config.json", b"[" * 10**6), ConfigError, "is not valid JSON"),
    "another model": (
        configure(model_type="llama"), NotMixtralError, "of type 'llama', not Mixtral",
    ),
    "another head": (
        configure(architectures=["MixtralForSequenceClassification"]),
        NotMixtralError, "not a Mixtral",
    ),
    "quantized": (
        configure(quantization_config={"quant_method": "awq"}),
        NotMixtralError, "quantized already",
    ),
    "no size": (configure(hidden_size=None), ConfigError, "does not say hidden_size"),
    "size is a text": (configure(hidden_size="256"), ConfigError, "for hidden_size"),
    "no layers": (configure(num_hidden_layers=0), ConfigError, "for num_hidden_layers"),
    "absurd layers": (configure(num_hidden_layers=10**12), ConfigError, "for num_hidden_layers"),
    "a million layers": (configure(num_hidden_layers=10**6), ConfigError, "num_hidden_layers"),
    "a million experts": (configure(num_local_experts=10**6), ConfigError, "num_local_experts"),
    "a vocabulary of millions": (configure(vocab_size=10**8), ConfigError, "for vocab_size"),
    "heads don't divide": (configure(num_attention_heads=3), ConfigError, "num_attention_heads"),
    "scaled rope": (
        configure(rope_parameters={"rope_type": "yarn", "factor": 4}),
        ConfigError, "'yarn' for rope_type",
    ),
    "other activation": (configure(hidden_act="gelu"), ConfigError, "'gelu' for hidden_act"),
    "more experts used than there are": (configure(num_experts_per_tok=9), ConfigError, "per_tok"),
    "no tokenizer": (remove("tokenizer.model"), MissingFileError, "has no tokenizer.model"),
    "tokenizer is garbage": (
        replace("tokenizer.model", b"\x0a\x05garbage" * 99), TokenizerError, "not a SentencePiece",
    ),
    "tokenizer is empty": (replace("tokenizer.model", b""), TokenizerError, "not a SentencePiece"),
    "tokenizer config": (
        replace("tokenizer_config.json", b"no"), TokenizerError, "is not valid JSON",
    ),
    "decoder": (
        replace("tokenizer_config.json", b'{"added_tokens_decoder": {"x": 1}}'),
        TokenizerError, "'x'",
    ),
    "added tokens": (replace("added_tokens.json", b'{"a": -1}'), TokenizerError, "'a' no valid id"),
    "half a character in the template": (
        replace("tokenizer_config.json", b'{"chat_template": "\\ud800"}'),
        TokenizerError, "tokenizer_config.json holds half of a character",
    ),
    "half a character in a token": (
        replace("added_tokens.json", b'{"\\udfff": 3}'),
        TokenizerError, "added_tokens.json holds half of a character",
    ),
    "half a character in a file's name": (
        replace(INDEX, b'{"weight_map": {"a": "\\udc80"}}'),
        SafetensorsError, f"{INDEX} holds half of a character",
    ),
    "half a character in the card": (
        replace("README.md", b'---\nauthor: "\\ud800"\n---\n'),
        MetadataError, "can't be understood",
    ),
    "tokenizer.json": (replace("tokenizer.json", b"[1]"), TokenizerError, "can't be understood"),
    "card": (replace("README.md", b"---\na: [\n---\n"), MetadataError, "remove its README.md"),
    "card is binary": (replace("README.md", b"---\n\xff"), MetadataError, "README.md"),
    "sampling": (
        replace("generation_config.json", b'{"temperature": "hot"}'), MetadataError, "understood",
    ),
    "sampling of another size": (
        replace("generation_config.json", b'{"top_k": 1e99}'), MetadataError, "can't be understood",
    ),
    "generation config is a list": (
        replace("generation_config.json", b"[]"), MetadataError, "can't be understood",
    ),
    "no shard": (remove(SECOND), MissingFileError, f"{SECOND} is missing; download it"),
    "no index, no shard": (
        lambda folder: (remove(INDEX)(folder), remove(SECOND)(folder)), MissingFileError, SECOND,
    ),
    "index is no JSON": (replace(INDEX, b"\x00"), SafetensorsError, "is not valid JSON"),
    "index is empty": (replace(INDEX, b"{}"), SafetensorsError, "has no weight_map"),
    "index leads away": (
        replace(INDEX, b'{"weight_map": {"a": "../x"}}'), SafetensorsError, "no file beside it",
    ),
    "index knows more": (
        lambda f: edit_json(f / INDEX, lambda c: c["weight_map"].update(more=SECOND)),
        TensorError, f"{SECOND} does not hold more",
    ),
    "index knows less": (
        lambda f: edit_json(f / INDEX, lambda c: c["weight_map"].pop(EXPERT)),
        TensorError, f"holds {EXPERT}, which",
    ),
    "no weights": (
        lambda folder: [path.unlink() for path in folder.glob("model*")],
        MissingFileError, "has no model.safetensors",
    ),
    "only PyTorch weights": (
        lambda folder: [
            [path.unlink() for path in folder.glob("model*")],
            (folder / "pytorch_model.bin").write_bytes(b"PK"),
        ],
        MissingFileError, "has its weights only as PyTorch files",
    ),
    "shard is a folder": (
        lambda folder: (remove(SECOND)(folder), (folder / SECOND).mkdir()),
        SafetensorsError, "can't be read: Is a directory",
    ),
    "shard cut off": (cut_off, SafetensorsError, "is cut off: 100 of its"),
    "shard too long": (append, SafetensorsError, "holds bytes that belong to no tensor"),
    "shard empty": (replace(SECOND, b""), SafetensorsError, "is cut off in its first bytes"),
    "shard header cut off": (
        replace(SECOND, struct.pack("<Q", 5000) + b"{}"), SafetensorsError, "middle of its header",
    ),
    "absurd header": (
        replace(SECOND, b"<!DOCTYPE html>" * 99), SafetensorsError, "is not a safetensors file",
    ),
    "header is no JSON": (
        replace(SECOND, struct.pack("<Q", 4) + b"abcd"), SafetensorsError, "not valid JSON",
    ),
    "header is a list": (
        replace(SECOND, struct.pack("<Q", 2) + b"[]"), SafetensorsError, "not a JSON object",
    ),
    "offsets past the end": (
        header(set_entry("data_offsets", [10**12, 10**12 + 262144])),
        SafetensorsError, "is cut off",
    ),
    "offsets backwards": (
        header(set_entry("data_offsets", [64, 0])), SafetensorsError, "not its size",
    ),
    "offsets negative": (header(set_entry("data_offsets", [-2, 0])), SafetensorsError, "no sense"),
    "offsets overlap": (header(overlap), SafetensorsError, "over each other"),
    "shape lies": (header(set_entry("shape", [1, 2])), SafetensorsError, "not its size"),
    "shape is absurd": (header(set_entry("shape", [2**62, 2**62])), SafetensorsError, "no sense"),
    "unknown dtype": (header(set_entry("dtype", "Q7")), SafetensorsError, "unknown type 'Q7'"),
    "unusable dtype": (header(set_entry("dtype", "I16")), TensorError, "as I16"),
    "tensor missing": (
        lambda f: (remove(INDEX)(f), edit_header(f / SECOND, rename_tensor)),
        TensorError, "lacks model.",
    ),
    "tensor unknown": (
        lambda f: (remove(INDEX)(f), configure(num_hidden_layers=3)(f)),
        TensorError, "no part of a Mixtral",
    ),
    "tensor doubled": (double, TensorError, "model_again.safetensors holds"),
    "tensor of another shape": (
        configure(vocab_size=700),
        TensorError, "of shape (768, 256) where config.json says (700, 256)",
    ),
    "NaN": (put_word(0x7FC0, Q_PROJ), NotFiniteError, f"NaN or infinity in {Q_PROJ}"),
    "infinity": (put_word(0xFF80, EXPERT), NotFiniteError, f"NaN or infinity in {EXPERT}"),
    "NaN in a norm": (
        put_word(0x7F81, "model.norm.weight"), NotFiniteError, "in model.norm.weight",
    ),
    "too large": (put_word(0x7F00, EXPERT), NotFiniteError, f"{EXPERT} that is too large for Q4_K"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_damaged_checkpoint_gets_a_sentence(case: str, copied_toy: Path, tmp_path: Path) -> None:
    """The right class, the right words, a path in front, and no file under the final name."""
    damage, error, words = CASES[case]
    damage(copied_toy)
    with pytest.raises(SourceError) as caught:
        convert(copied_toy, "Q4_K_M", tmp_path / "out.gguf", jobs=2)
    sentence = str(caught.value)
    assert type(caught.value) is error
    assert words in sentence
    assert sentence.startswith(str(copied_toy))
    assert sentence.endswith(".")
    assert not (tmp_path / "out.gguf").exists()
    left = {path.name for path in tmp_path.iterdir()} - {"source"}
    assert not left or left == {"out.gguf.part", "out.gguf.journal"}  # to go on from


@pytest.mark.parametrize("name", ["nowhere", "file"])
def test_a_source_that_is_no_folder(name: str, tmp_path: Path) -> None:
    """A path that leads nowhere or to a file."""
    (tmp_path / "file").touch()
    with pytest.raises(MissingFileError, match="choose the folder that holds the whole model"):
        convert(tmp_path / name, "Q8_0", tmp_path / "out.gguf")


def test_doubled_inside_one_file(copied_toy: Path, tmp_path: Path) -> None:
    """JSON would silently keep the last of two entries of one name."""
    path = copied_toy / SECOND
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    text = content[8 : 8 + length].rstrip()
    name = some_name(json.loads(text))
    text = text[:-1] + b', "' + name.encode() + b'": {}}'
    path.unlink()
    path.write_bytes(struct.pack("<Q", len(text)) + text + content[8 + length :])
    with pytest.raises(TensorError, match=f"holds '{name}' twice"):
        convert(copied_toy, "Q8_0", tmp_path / "out.gguf")


def test_a_shard_that_shrinks_while_it_is_read(copied_toy: Path, tmp_path: Path) -> None:
    """Someone else's writing is noticed, not converted."""
    path = own_copy(copied_toy / "model-00003-of-00003.safetensors")

    def shrink(progress: object) -> None:
        with path.open("rb+") as file:
            file.truncate(4096)

    with pytest.raises(SourceReadError, match="became shorter while it was read"):
        convert(copied_toy, "F32", tmp_path / "out.gguf", jobs=1, on_progress=shrink)


def test_a_nan_hidden_in_any_place_is_found(copied_toy: Path, tmp_path: Path) -> None:
    """The embeddings' very last weight, with the sign bit set."""
    put_word(np.uint16(0xFFFF).item(), "lm_head.weight")(copied_toy)
    for quant in ("BF16", "F32", "Q8_0"):
        with pytest.raises(ModelIOError, match=r"in lm_head\.weight"):
            convert(copied_toy, quant, tmp_path / f"{quant}.gguf", jobs=2)
