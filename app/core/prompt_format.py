"""Which prompt format a model's file asks for, read from its header.

A template is recognised by what only it contains, or it is named and offered as a base model;
it is never guessed. Knows nothing of files: the header's metadata is handed in.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum


class PromptFormat(StrEnum):
    """How messages become ids."""

    MISTRAL_V1 = "mistral-v1"
    CHATML = "chatml"
    RAW = "raw"  # a base model: text is continued, there are no roles


@dataclass(frozen=True, slots=True)
class FormatChoice:
    """The format to use, and a sentence for the user when the file asks for one we don't speak."""

    prompt_format: PromptFormat
    sentence: str = ""


# What only one format's template contains, the more particular first.
_FOREIGN_TEMPLATES = (
    ("<|start_header_id|>", "Llama 3"),
    ("<|header_start|>", "Llama 4"),
    ("<<SYS>>", "Llama 2"),
    ("[SYSTEM_PROMPT]", "Mistral v7"),
    ("[AVAILABLE_TOOLS]", "Mistral v3"),
    ("<start_of_turn>", "Gemma"),
    ("<|START_OF_TURN_TOKEN|>", "Command R"),
    ("<｜User｜>", "DeepSeek"),
    ("<|im_middle|>", "Kimi"),
    ("<|start|>", "gpt-oss"),
    ("GPT4 Correct User", "OpenChat"),
    ("### Instruction", "Alpaca"),
    ("<|user|>", "Zephyr"),
    ("USER:", "Vicuna"),
)


def choose_prompt_format(metadata: Mapping[str, object]) -> FormatChoice:
    """The format for a model whose GGUF header holds `metadata` (keys as in docs/gguf.md).

    Mixtral Instruct v1 is known by `[INST]` in the template together with a SentencePiece
    vocabulary in which `[INST]` is ordinary text; ChatML by its two control tokens in both.
    """
    template = metadata.get("tokenizer.chat_template")
    if not isinstance(template, str) or not template.strip():
        return FormatChoice(PromptFormat.RAW)
    tokens = metadata.get("tokenizer.ggml.tokens")
    vocabulary = tokens if isinstance(tokens, Sequence) else ()
    foreign_name = _name_foreign_template(template)
    if not foreign_name and _is_chatml(template, vocabulary):
        return FormatChoice(PromptFormat.CHATML)
    is_sentencepiece = metadata.get("tokenizer.ggml.model") == "llama"
    if not foreign_name and is_sentencepiece and _is_mistral_v1(template, vocabulary):
        return FormatChoice(PromptFormat.MISTRAL_V1)
    return FormatChoice(PromptFormat.RAW, _refusal(foreign_name, template))


def _is_chatml(template: str, vocabulary: Container[object]) -> bool:
    needed = ("<|im_start|>", "<|im_end|>")
    return all(text in template and text in vocabulary for text in needed)


def _is_mistral_v1(template: str, vocabulary: Sequence[object]) -> bool:
    in_template = "[INST]" in template and "[/INST]" in template
    # From v2 on `[INST]` is a control token, and the same words become other ids.
    as_v1 = tuple(vocabulary[:3]) == ("<unk>", "<s>", "</s>") and "[INST]" not in vocabulary
    return in_template and as_v1


def _name_foreign_template(template: str) -> str:
    for mark, name in _FOREIGN_TEMPLATES:
        if mark in template:
            return name
    return ""


def _refusal(foreign_name: str, template: str) -> str:
    beginning = " ".join(template.split())[:40]
    known_as = f"of {foreign_name}" if foreign_name else f"that begins with “{beginning}”"
    return (
        f"This model asks for the chat format {known_as}, which Octet does not speak. "
        "It is used as a base model: it continues text and knows no roles."
    )
