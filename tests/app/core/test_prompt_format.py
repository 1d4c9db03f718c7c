"""The file decides the format; a template that isn't known is named, never guessed."""

from __future__ import annotations

import pytest

from app.core.prompt_format import PromptFormat, choose_prompt_format

V1_TOKENS = ("<unk>", "<s>", "</s>", "a")
CURRENT_MIXTRAL = (
    "{{- bos_token }}{%- for message in loop_messages %}{{- ' [INST] ' + system_message + "
    "'\\n\\n' + message['content'] + ' [/INST]' }}{{- ' ' + message['content'] + eos_token}}"
)
OLD_MIXTRAL = "{{ '[INST] ' + message['content'] + ' [/INST]' }}{{ message['content'] + eos_token}}"
CHATML = "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' }}"


def metadata(template: str | None, tokens: tuple[str, ...] = V1_TOKENS) -> dict[str, object]:
    """A header's metadata."""
    made: dict[str, object] = {"tokenizer.ggml.model": "llama", "tokenizer.ggml.tokens": tokens}
    if template is not None:
        made["tokenizer.chat_template"] = template
    return made


@pytest.mark.parametrize("template", [CURRENT_MIXTRAL, OLD_MIXTRAL])
def test_mixtral_instruct_is_known(template: str) -> None:
    """By its template and a vocabulary in which `[INST]` is ordinary text."""
    choice = choose_prompt_format(metadata(template))

    assert choice.prompt_format is PromptFormat.MISTRAL_V1
    assert choice.sentence == ""


@pytest.mark.parametrize("template", [None, "", "  \n"])
def test_without_a_template_text_is_continued(template: str | None) -> None:
    """A base model; there is nothing to tell."""
    choice = choose_prompt_format(metadata(template))

    assert choice.prompt_format is PromptFormat.RAW
    assert choice.sentence == ""


def test_chatml_is_known_by_its_tokens() -> None:
    """Both of them, in the template and in the vocabulary."""
    choice = choose_prompt_format(metadata(CHATML, (*V1_TOKENS, "<|im_end|>", "<|im_start|>")))

    assert choice.prompt_format is PromptFormat.CHATML


FOREIGN = {
    "with “{{ '<|im": metadata(CHATML),  # the vocabulary lacks its tokens
    "of Llama 2": metadata("[INST] <<SYS>> [/INST]"),
    "of Llama 3": metadata("<|start_header_id|>"),
    "of Mistral v3": metadata("[AVAILABLE_TOOLS] [INST] [/INST]"),
    "of Zephyr": metadata("<|user|>\n"),
    "with “[INST] x [/INST]”": metadata("[INST] x [/INST]", (*V1_TOKENS, "[INST]")),
    "with “{{ unheard of }}”": metadata("{{ unheard\n  of }}"),
}


@pytest.mark.parametrize(("named", "header"), FOREIGN.items())
def test_another_template_is_named(named: str, header: dict[str, object]) -> None:
    """And offered as a base model."""
    choice = choose_prompt_format(header)

    assert choice.prompt_format is PromptFormat.RAW
    assert named in choice.sentence
    assert "base model" in choice.sentence


def test_nonsense_in_the_header_is_no_format() -> None:
    """Values of another type than the format has."""
    choice = choose_prompt_format({"tokenizer.chat_template": 3, "tokenizer.ggml.tokens": 1})

    assert choice.prompt_format is PromptFormat.RAW
