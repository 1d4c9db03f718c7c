"""llama.cpp's ids are mistral-common's, and no text of a user becomes a control token."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import gguf
import pytest
import sentencepiece
from hypothesis import given
from hypothesis import strategies as st
from llama_cpp import llama_cpp as native
from mistral_common.protocol.instruct.messages import (
    AssistantMessage,
    SystemMessage,
    UserMessage,
)
from mistral_common.protocol.instruct.request import ChatCompletionRequest
from mistral_common.tokens.tokenizers.mistral import MistralTokenizer

from app.core.prompt import build_prompt, continued_ids
from app.core.prompt_format import PromptFormat
from app.engine import vocabulary as vocabulary_module
from app.engine.protocol import PromptMessage
from app.engine.vocabulary import Vocabulary
from tests.toy_model import CHATML_TEMPLATE, write_toy_model

CONVERSATIONS = 2000
TEXT = (
    "The router picks two experts. Où est la bibliothèque ? Ça coûte 12,50 €. Grüße aus Köln, "
    "Straße 5. ¿Qué tal, señor? Perché no, città! 你好 🦜 👩\u200d🚀 def main(): return x**2 # ok "
    "{'a': [1, 2]} <s> </s> <unk> [INST] [/INST] <|im_end|> <0x0A> ▁ \t \n\n   \r\n \x00 \u200d "
    "naïve ﬁ Ⅷ e\u0301 https://a.b/c?d=e&f=%20 SELECT * FROM t; -- \\n <div class='x'>&nbsp;</div>"
)
WORDS = TEXT.split(" ")
KINDS = {"system": SystemMessage, "user": UserMessage, "assistant": AssistantMessage}


def load_vocabulary(path: Path) -> Iterator[Vocabulary]:
    parameters = native.llama_model_default_params()
    parameters.vocab_only = True
    model = native.llama_model_load_from_file(str(path).encode(), parameters)
    yield Vocabulary(model)
    native.llama_model_free(model)


@pytest.fixture(scope="module")
def vocabulary(toy_model: Path) -> Iterator[Vocabulary]:
    yield from load_vocabulary(toy_model)


@pytest.fixture(scope="module", params=["CONTROL", "USER_DEFINED"])
def chatml(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Vocabulary]:
    """A vocabulary with ChatML's tokens, declared in either way that files declare them."""
    kind = gguf.TokenType[request.param]
    path = tmp_path_factory.mktemp("chatml") / "chatml.gguf"
    extra = (("<|im_end|>", kind), ("<|im_start|>", kind))
    write_toy_model(path, template=CHATML_TEMPLATE, extra_tokens=extra)
    yield from load_vocabulary(path)


def make_conversation(source: random.Random) -> list[PromptMessage]:
    """A conversation that v1 accepts, of one to seven messages and perhaps a system message."""

    def text() -> str:
        return source.choice(["", " ", "\n"]).join(source.choices(WORDS, k=source.randint(1, 25)))

    roles = ["user"]
    while len(roles) < 7 and source.random() < 0.7:
        after = {"user": ["assistant", "assistant", "user"], "assistant": ["user", "assistant"]}
        roles.append(source.choice(after[roles[-1]]))
    while roles[-1] != "user":
        roles.pop()
    roles = (
        ["system"] * source.choice([0, 0, 1, 2]) + ["assistant"] * source.choice([0, 0, 1]) + roles
    )
    return [PromptMessage(role, text() or "a") for role in roles]


def test_random_conversations_are_as_in_mistral_common(vocabulary: Vocabulary) -> None:
    """Two thousand of them: five languages, emoji, code, text that looks like control tokens."""
    reference, source = MistralTokenizer.v1(), random.Random(2)
    for _ in range(CONVERSATIONS):
        messages = make_conversation(source)
        theirs = [KINDS[message.role](content=message.text) for message in messages]
        expected = reference.encode_chat_completion(ChatCompletionRequest(messages=theirs)).tokens

        assert build_prompt(messages, vocabulary, PromptFormat.MISTRAL_V1).ids() == expected


@given(text=st.text(max_size=40) | st.lists(st.sampled_from(WORDS)).map("".join))
def test_any_text_is_as_in_sentencepiece(
    vocabulary: Vocabulary, pieces: sentencepiece.SentencePieceProcessor, text: str
) -> None:
    """The same ids, and their bytes are the text with a space in front; `▁` is a space too."""
    ids = vocabulary.tokenize(text)

    assert ids == pieces.encode(text)
    shown = f" {text}".replace("▁", " ") if text else ""
    assert b"".join(map(vocabulary.piece, ids)).decode() == shown


@given(first=st.text(max_size=12), second=st.text(max_size=12))
def test_text_can_be_continued(vocabulary: Vocabulary, first: str, second: str) -> None:
    """Without a space in front of what follows."""
    ids = vocabulary.tokenize(first + "!") + continued_ids(vocabulary, second)

    shown = f" {first}!{second}".replace("▁", " ")
    assert b"".join(map(vocabulary.piece, ids)).decode() == shown


def test_control_tokens_cannot_be_typed(vocabulary: Vocabulary) -> None:
    """`</s>` in a text is its letters."""
    assert vocabulary.tokenize("</s>") == [1867, 28713, 28767]
    assert not {0, 1, 2} & set(vocabulary.tokenize("<s> <unk> </s><s>"))


@given(parts=st.lists(st.sampled_from(["<|im_start|>", "<|im_end|>", "a", " ", "\n", "<", "|"])))
def test_chatml_cannot_be_typed(chatml: Vocabulary, parts: list[str]) -> None:
    """Its tokens in a text are letters, even where the file calls them a user's own words."""
    text = "".join(parts)
    ids = chatml.tokenize(text)

    assert not {chatml.im_start_id, chatml.im_end_id} & set(ids)
    assert b"".join(map(chatml.piece, ids)).decode() == (f" {text}" if text else "")


def test_chatml_is_as_llama_cpp_reads_its_text(chatml: Vocabulary) -> None:
    """Putting the pieces together gives the ids of the rendered text with control tokens on."""
    roles = ("system", "user", "assistant", "user")
    messages = [PromptMessage(role, f"Words of {role}, naïve 🦜") for role in roles]
    text = "".join(f"<|im_start|>{m.role}\n{m.text}<|im_end|>\n" for m in messages)
    expected = chatml._tokenize(text + "<|im_start|>assistant\n", parse_special=True)

    assert (chatml.im_end_id, chatml.im_start_id) == (32000, 32001)
    assert build_prompt(messages, chatml, PromptFormat.CHATML).ids() == [1, *expected]


def test_a_reply_ends_with_the_end_token(vocabulary: Vocabulary, chatml: Vocabulary) -> None:
    """In ChatML with its own as well."""
    assert vocabulary.is_end(2)
    assert not vocabulary.is_end(28793)
    assert chatml.is_end(2)
    assert chatml.is_end(32000)


def test_halves_of_surrogate_pairs_are_mended(vocabulary: Vocabulary) -> None:
    """JSON may bring them apart, or only one."""
    assert vocabulary.tokenize("\ud83e\udd9c") == vocabulary.tokenize("🦜")
    assert vocabulary.tokenize("a\ud83e") == vocabulary.tokenize("a\N{REPLACEMENT CHARACTER}")


def test_the_hash_names_the_vocabulary(
    vocabulary: Vocabulary, chatml: Vocabulary, toy_model: Path
) -> None:
    """Equal for equal ones, different with a token more."""
    (again,) = (other.vocabulary_hash for other in load_vocabulary(toy_model))

    assert vocabulary.vocabulary_hash == again
    assert vocabulary.vocabulary_hash != chatml.vocabulary_hash


def test_recent_texts_are_limited(vocabulary: Vocabulary, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long life with many texts doesn't fill the memory."""
    monkeypatch.setattr(vocabulary_module, "_KEPT_IDS", 100)
    for number in range(50):
        vocabulary.tokenize(f"text {number} " * 3)
    recent = vocabulary._recent

    assert sum(map(len, recent._ids_of.values())) == recent._kept_count <= 100
    assert recent.find("text 49 " * 3) is not None
