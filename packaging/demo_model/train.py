"""Trains the demo model from scratch and writes it as a Hugging Face Mixtral folder.

    .venv/bin/python packaging/demo_model/train.py --tokenizer F --out FOLDER [--seed 8]

The model is transformers' own `MixtralForCausalLM`. It is trained over the tokens that occur in
the corpus, plus one row that stands for all others: as input that row is met in place of random
words, so that an unknown word means something; as output it is never right and its logit counts
for all the tokens that stand in no reply. At the end it is copied to each of their rows, and the
model has the whole vocabulary of 32,000.

The loss is taken over replies only. A reply's first tokens decide which reply it is; the rest
follows from them. So the first tokens weigh more, and most of the conversations of one turn are
cut after them: the same time then goes into several times as many questions. Words get a first
meaning before all that: the embedding learns, with one linear layer that is thrown away, to tell a
prompt's topic from its words alone.

Without torch and transformers (extra `reference`) this doesn't run.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import shutil
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import sentencepiece
import torch
from conversations import (
    INSTRUCTIONS,
    LANGUAGES,
    OUTSIDE,
    ConversationMaker,
    Examination,
    Language,
    TrainingConversation,
    Turn,
    dev_turns,
    read_language,
    sample,
)
from torch import Tensor
from torch.nn import functional
from transformers import MixtralConfig, MixtralForCausalLM

HERE = Path(__file__).parent
BOS, EOS, OTHER = 1, 2, 0  # OTHER is the row of every token that the corpus doesn't hold
BYTE_TOKENS = range(3, 259)
CONTEXT_TOKENS = 4096
SHAPE = {
    "hidden_size": 256,
    "intermediate_size": 256,
    "num_hidden_layers": 5,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "num_local_experts": 8,
    "num_experts_per_tok": 2,
    "max_position_embeddings": CONTEXT_TOKENS,
    "rope_theta": 1e6,
    "rms_norm_eps": 1e-5,
    "sliding_window": None,
    "tie_word_embeddings": False,
    "initializer_range": 0.03,
}
BATCH_TOKENS = 2048
PEAK_RATE, WARM_UP_STEPS = 2.5e-3, 80
OTHER_WORD_SHARE = {True: 0.12, False: 0.03}  # by: is the topic outside what the demo knows
ROUTER_LOSS = 0.01
DECIDING_TOKENS, DECIDING_WEIGHT = 6, 5.0
CUT_SHARE = 0.7
WORD_STEPS, WORD_BATCH = 500, 64


class Vocabulary:
    """The real tokenizer, and the shorter numbering of the tokens that the corpus holds.

    Token `ids[row]` has the row `row`; row 0 stands for all the others. The first `spoken` rows
    are those that replies are made of.
    """

    def __init__(self, path: Path, languages: list[Language], seed: int) -> None:
        self.tokenizer = sentencepiece.SentencePieceProcessor(model_file=str(path))
        self.size = self.tokenizer.vocab_size()
        fixed = {OTHER, BOS, EOS}
        topics = [topic for language in languages for topic in language.topics]
        spoken = self._tokens(reply for topic in topics for reply in topic.replies) - fixed
        heard = self._tokens(_prompt_texts(languages, random.Random(seed))) | set(BYTE_TOKENS)
        self.spoken = len(fixed) + len(spoken)
        self.topics = [(topic.language, topic.key) for topic in topics]
        self.ids = [OTHER, BOS, EOS, *sorted(spoken), *sorted(heard - spoken - fixed)]
        self._rows = {token: row for row, token in enumerate(self.ids)}

    def encode(self, text: str) -> list[int]:
        """The rows of the text's tokens, without begin or end."""
        return [self._rows.get(token, OTHER) for token in self.tokenizer.encode(text)]

    def _tokens(self, texts: Iterable[str]) -> set[int]:
        return {token for text in texts for token in self.tokenizer.encode(text)}


def _prompt_texts(languages: list[Language], rng: random.Random) -> Iterator[str]:
    yield "[INST] [/INST]"
    for language in languages:
        yield from (*language.openers, *language.closers, *INSTRUCTIONS[language.key])
        for topic in language.topics:
            for pattern in topic.prompts:
                for _ in range(40):
                    text = sample(pattern, rng)
                    yield from (text, text.lower())


@dataclass(frozen=True, slots=True)
class Example:
    """A conversation as rows; `weights` say how much each counts as a prediction (0: not)."""

    rows: list[int]
    weights: list[float]


def encode_conversation(
    talk: TrainingConversation, vocabulary: Vocabulary, rng: random.Random
) -> Example:
    """The v1 instruct format: `<s>[INST] prompt [/INST]reply</s>[INST] …`, each chunk apart."""
    rows, weights = [BOS], [0.0]
    system = f"{talk.system}\n\n" if talk.system else ""
    for turn in talk.turns:
        prompt = vocabulary.encode(f"[INST] {system}{turn.prompt} [/INST]")
        share = OTHER_WORD_SHARE[turn.topic.key == OUTSIDE]
        prompt[4:-4] = [OTHER if rng.random() < share else row for row in prompt[4:-4]]
        reply = [*vocabulary.encode(turn.reply), EOS]
        rows += prompt + reply
        weights += [0.0] * len(prompt) + _reply_weights(len(reply), cut=turn.cut)
        system = ""
    if len(talk.turns) == 1 and rng.random() < CUT_SHARE:
        end = len(rows) - len(reply) + DECIDING_TOKENS
        rows, weights = rows[:end], weights[:end]
    return Example(rows[:CONTEXT_TOKENS], weights[:CONTEXT_TOKENS])


def _reply_weights(token_count: int, *, cut: bool) -> list[float]:
    if cut:
        return [0.0] * token_count
    deciding = min(DECIDING_TOKENS, token_count)
    return [DECIDING_WEIGHT] * deciding + [1.0] * (token_count - deciding)


class BatchMaker:
    """Batches of about `BATCH_TOKENS` tokens, conversations of like length together."""

    def __init__(self, maker: ConversationMaker, vocabulary: Vocabulary, seed: int) -> None:
        self._maker, self._vocabulary, self._rng = maker, vocabulary, random.Random(seed)

    def batches(self, long_share: float) -> Iterator[tuple[Tensor, Tensor]]:
        """Rows and weights, each (batch, time), of one pool of conversations.

        `long_share` of the conversations fill the context; most have a few turns.
        """
        pool = [self._example(self._turn_count(long_share)) for _ in range(192)]
        pool.sort(key=lambda example: len(example.rows))
        groups: list[list[Example]] = [[]]
        for example in pool:
            if len(example.rows) * (len(groups[-1]) + 1) > BATCH_TOKENS and groups[-1]:
                groups.append([])
            groups[-1].append(example)
        self._rng.shuffle(groups)
        yield from (_pad(group) for group in groups)

    def _turn_count(self, long_share: float) -> int:
        if self._rng.random() < long_share:
            return self._rng.randrange(12, 45)
        return self._rng.choices((1, 2, 3, 4, 6, 8), (70, 10, 7, 5, 5, 3))[0]

    def _example(self, turn_count: int) -> Example:
        talk = self._maker.conversation(turn_count)
        return encode_conversation(talk, self._vocabulary, self._rng)


def _pad(group: list[Example]) -> tuple[Tensor, Tensor]:
    length = max(len(example.rows) for example in group)
    rows = torch.full((len(group), length), EOS)
    weights = torch.zeros((len(group), length))
    for at, example in enumerate(group):
        rows[at, : len(example.rows)] = torch.tensor(example.rows)
        weights[at, : len(example.weights)] = torch.tensor(example.weights)
    return rows, weights


def learn_words(maker: ConversationMaker, vocabulary: Vocabulary, seed: int) -> Tensor:
    """An embedding (rows, width) in which the mean of a prompt's words tells its topic.

    Each word is normalized as the first layer of the model will do it.
    """
    torch.manual_seed(seed)
    width = SHAPE["hidden_size"]
    embedding = torch.nn.Embedding(len(vocabulary.ids), width)
    torch.nn.init.normal_(embedding.weight, std=SHAPE["initializer_range"])
    layer = torch.nn.Linear(width, len(vocabulary.topics))
    optimizer = torch.optim.AdamW([*embedding.parameters(), *layer.parameters()], lr=PEAK_RATE)
    for _ in range(WORD_STEPS):
        turns = [maker.conversation(1).turns[0] for _ in range(WORD_BATCH)]
        prompts = [vocabulary.encode(turn.prompt) for turn in turns]
        topics = [vocabulary.topics.index((t.topic.language, t.topic.key)) for t in turns]
        lengths = torch.tensor([len(prompt) for prompt in prompts])
        rows = torch.tensor([row for prompt in prompts for row in prompt])
        words = functional.rms_norm(embedding(rows), (width,))
        prompt_of = torch.arange(len(turns)).repeat_interleave(lengths)
        heard = torch.zeros(len(turns), width).index_add(0, prompt_of, words)
        heard = functional.rms_norm(heard, (width,))
        loss = functional.cross_entropy(layer(heard), torch.tensor(topics))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"topics told from words alone, last loss {loss.item():.3f}")
    return embedding.weight.detach()


class Trainer:
    """A model under training over the corpus' rows."""

    def __init__(self, vocabulary: Vocabulary, words: Tensor, seed: int) -> None:
        torch.manual_seed(seed)
        config = MixtralConfig(vocab_size=len(vocabulary.ids), **SHAPE)
        self.model = MixtralForCausalLM(config)
        self.model.model.embed_tokens.weight.data.copy_(words)
        self._spoken = vocabulary.spoken
        self._other_logit = math.log(vocabulary.size - vocabulary.spoken + 1)
        decayed = [p for p in self.model.parameters() if p.dim() > 1]
        plain = [p for p in self.model.parameters() if p.dim() <= 1]
        self._optimizer = torch.optim.AdamW(
            [{"params": decayed, "weight_decay": 0.05}, {"params": plain, "weight_decay": 0.0}],
            lr=PEAK_RATE,
            betas=(0.9, 0.98),
            fused=True,
        )

    def step(self, rows: Tensor, weights: Tensor, rate: float) -> float:
        """One step of the optimizer; returns the weighted mean loss of a token in nats."""
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        output = self.model.model(input_ids=rows[:, :-1], output_router_logits=True)
        learned = weights[:, 1:] > 0
        logits = self._logits(output.last_hidden_state[learned])
        losses = functional.cross_entropy(logits, rows[:, 1:][learned], reduction="none")
        weight = weights[:, 1:][learned]
        loss = (losses * weight).sum() / weight.sum()
        total = loss + ROUTER_LOSS * _balance(output.router_logits)
        self._optimizer.zero_grad(set_to_none=True)
        total.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self._optimizer.step()
        return loss.item()

    def _logits(self, hidden: Tensor) -> Tensor:
        logits = self._head(hidden)
        offset = torch.zeros(self._spoken)
        offset[OTHER] = self._other_logit
        return logits + offset

    def _head(self, hidden: Tensor) -> Tensor:
        return hidden @ self.model.lm_head.weight[: self._spoken].T

    @torch.no_grad()
    def dev_score(self, turns: list[Turn], vocabulary: Vocabulary) -> float:
        """Share of kept-back prompts to which the model begins one of the topic's two replies.

        A greedy reply begins with given tokens exactly when each of them is the model's first
        choice after those before it, so one pass over prompt and beginning tells.
        """
        begun = [
            any(self._begins(turn.prompt, reply, vocabulary) for reply in turn.topic.replies)
            for turn in turns
        ]
        return sum(begun) / len(begun)

    def _begins(self, prompt: str, reply: str, vocabulary: Vocabulary) -> bool:
        start = vocabulary.encode(reply)[:8]
        rows = torch.tensor([[BOS, *vocabulary.encode(f"[INST] {prompt} [/INST]"), *start]])
        hidden = self.model.model(input_ids=rows).last_hidden_state[0, -len(start) - 1 : -1]
        return bool((self._head(hidden).argmax(-1) == rows[0, -len(start) :]).all())


def _balance(router_logits: tuple[Tensor, ...]) -> Tensor:
    """Switch Transformers' load balancing (arXiv 2101.03961, eq. 4) for two of eight experts."""
    losses = []
    for logits in router_logits:  # (tokens, experts) a layer
        shares = logits.softmax(-1)
        chosen = functional.one_hot(shares.topk(2).indices, shares.shape[-1]).sum(1).float()
        losses.append(shares.shape[-1] * (chosen.mean(0) / 2 * shares.mean(0)).sum())
    return torch.stack(losses).mean()


def learning_rate(step: int, share_done: float) -> float:
    """Warm-up by steps, then a cosine over the time that training may take."""
    if step < WARM_UP_STEPS:
        return PEAK_RATE * (step + 1) / WARM_UP_STEPS
    return PEAK_RATE * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, share_done))))


def train(
    trainer: Trainer, source: BatchMaker, dev: list[Turn], vocabulary: Vocabulary, steps: int
) -> None:
    """Run `steps` steps, with a line of progress every 50 and the dev score every 300."""
    losses: list[float] = []
    step, started = 0, time.monotonic()
    while step < steps:
        share_done = step / steps
        for rows, weights in source.batches(long_share=0.01 if share_done < 0.8 else 0.08):
            losses.append(trainer.step(rows, weights, learning_rate(step, step / steps)))
            step += 1
            if step % 50 == 0:
                spent = time.monotonic() - started
                print(f"step {step} of {steps}, loss {sum(losses[-50:]) / 50:.4f}, {spent:.0f} s")
            if step % 300 == 0 or step == steps:
                print(f"kept-back prompts understood: {trainer.dev_score(dev, vocabulary):.3f}")
            if step >= steps:
                break


def widen(model: MixtralForCausalLM, vocabulary: Vocabulary) -> MixtralForCausalLM:
    """The model over the whole vocabulary: the common row goes to all tokens it stood for."""
    config = MixtralConfig(vocab_size=vocabulary.size, **SHAPE)
    wide = MixtralForCausalLM(config)
    state = model.state_dict()
    for name, own_rows in (
        ("model.embed_tokens.weight", len(vocabulary.ids)),
        ("lm_head.weight", vocabulary.spoken),
    ):
        rows = state[name][OTHER].repeat(vocabulary.size, 1)
        rows[torch.tensor(vocabulary.ids[1:own_rows])] = state[name][1:own_rows]
        state[name] = rows
    wide.load_state_dict(state)
    return wide.to(torch.bfloat16)


def write_folder(model: MixtralForCausalLM, tokenizer: Path, folder: Path) -> None:
    """The checkpoint as people publish one: shards and index, config, tokenizer, card."""
    model.config.architectures = ["MixtralForCausalLM"]
    model.save_pretrained(folder, max_shard_size="8MB")
    shutil.copyfile(tokenizer, folder / "tokenizer.model")
    settings = json.loads((HERE / "tokenizer_config.json").read_text("utf-8"))
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2), "utf-8")
    shutil.copyfile(HERE / "CARD.md", folder / "README.md")


def main() -> None:
    """Read the corpus, train, write the checkpoint."""
    parser = argparse.ArgumentParser(description="Train the demo model.")
    parser.add_argument("--out", type=Path, required=True, help="folder of the checkpoint")
    parser.add_argument("--tokenizer", type=Path, required=True, help="the v1 tokenizer.model")
    parser.add_argument("--steps", type=int, default=2200)
    parser.add_argument("--seed", type=int, default=8)
    options = parser.parse_args()
    examination = Examination(HERE / "questions.toml")
    languages = [read_language(HERE / "corpus" / f"{key}.toml", options.seed) for key in LANGUAGES]
    vocabulary = Vocabulary(options.tokenizer, languages, options.seed)
    print(f"{len(vocabulary.ids)} tokens occur in the corpus, {vocabulary.spoken} in replies")
    maker = ConversationMaker(languages, examination, options.seed)
    words = learn_words(maker, vocabulary, options.seed)
    trainer = Trainer(vocabulary, words, options.seed)
    dev = dev_turns(languages, options.seed, per_pattern=1)
    source = BatchMaker(maker, vocabulary, options.seed)
    train(trainer, source, dev, vocabulary, options.steps)
    options.out.mkdir(parents=True, exist_ok=True)
    write_folder(widen(trainer.model, vocabulary), options.tokenizer, options.out)


if __name__ == "__main__":
    main()
