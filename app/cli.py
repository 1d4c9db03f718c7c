"""The command line: `octet` opens the window, its commands work in a terminal.

Results go to stdout, progress and messages to stderr. Exit status 0: done; 1: failed, with one
sentence; 2: wrong usage; 130: interrupted. Knows nothing of widgets; the window is imported only
when it is opened.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

from app.bench import bench
from app.core.errors import OctetError, PromptError
from app.engine.protocol import PromptMessage, Sampling
from app.terminal import Terminal
from model_io import __main__ as model_commands

FAILED, INTERRUPTED = 1, 130


def run(words: Sequence[str]) -> int:
    """Do what the words ask for; returns the exit status. Errors are printed as one sentence."""
    arguments = _parser().parse_args(words)
    try:
        status: int = arguments.run(arguments)
        if sys.stdout is not None:
            sys.stdout.flush()
    except OctetError as error:
        print(error, file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print(file=sys.stderr)
        return INTERRUPTED
    except OSError as error:
        return _give_up_output(error)
    return status


def _give_up_output(error: OSError) -> int:
    """Nobody takes our output any more, or its disk is full. Only the latter is worth a word."""
    if not isinstance(error, BrokenPipeError):
        print(f"The output can't be written: {error.strerror}.", file=sys.stderr)
    # What is still in the buffer would raise once more when Python flushes it at the end.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="octet",
        description="Chat with Mixtral 8x7B on this computer. Without a command: the window.",
    )
    parser.add_argument("--offline", action="store_true", help="never use the network")
    _add_model_options(parser, default=None)
    parser.set_defaults(run=_open_window)
    commands = parser.add_subparsers(metavar="COMMAND")
    _add_ask(commands.add_parser("ask", help="chat in the terminal"))
    _add_tokens(commands.add_parser("tokens", help="token ids of the messages on stdin"))
    _add_bench(commands.add_parser("bench", help="how quickly a model works here, and why"))
    model = commands.add_parser("model", help="make model files and look at them")
    model_commands.add_commands(model.add_subparsers(required=True, metavar="COMMAND"))
    model.set_defaults(run=model_commands.run)
    return parser


def _add_model_options(
    parser: argparse.ArgumentParser, default: str | None = argparse.SUPPRESS
) -> None:
    # Suppressed, an option that stands before the command isn't overwritten by the command's own.
    parser.add_argument("--model", type=Path, metavar="F", default=default, help="a GGUF file")
    parser.add_argument(
        "--data-dir", type=Path, metavar="D", default=default, help="where chats and models are"
    )


def _add_ask(ask: argparse.ArgumentParser) -> None:
    _add_model_options(ask)
    ask.add_argument("prompt", nargs="?", metavar="PROMPT", help="without it: a chat, line by line")
    ask.add_argument("--system", default="", metavar="S", help="instructions for the model")
    ask.add_argument("--max-tokens", type=_count, default=0, metavar="N", help="0: no limit")
    ask.add_argument(
        "--temperature", type=_temperature, default=Sampling().temperature, metavar="T",
        help="0: always the likeliest word",
    )  # fmt: skip
    ask.add_argument("--seed", type=_count, metavar="N", help="the same seed, the same reply")
    ask.add_argument("--raw", action="store_true", help="continue the text, without any format")
    ask.add_argument("--json", action="store_true", help="print the result as JSON")
    ask.set_defaults(run=_ask)


def _add_tokens(tokens: argparse.ArgumentParser) -> None:
    _add_model_options(tokens)
    tokens.add_argument("--json", action="store_true", help="print the result as JSON")
    tokens.set_defaults(run=_print_tokens)


def _add_bench(parser: argparse.ArgumentParser) -> None:
    _add_model_options(parser)
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.set_defaults(run=_bench)


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) < 2**32):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0 to {2**32 - 1:,}")
    return int(text)


def _temperature(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 10:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 0 to 10")
    return number


def _open_window(arguments: argparse.Namespace) -> int:
    # The window's libraries may be missing where only the commands are used.
    from app.main import open_window

    return open_window(arguments.data_dir, arguments.model, is_offline=arguments.offline)


def _ask(arguments: argparse.Namespace) -> int:
    is_chat = arguments.prompt is None
    if is_chat and arguments.json:
        raise PromptError("--json needs a PROMPT. Put the question behind the options.")
    if not is_chat and not arguments.prompt.strip():
        raise PromptError("The message is empty. Write what is to be answered.")
    system = (PromptMessage("system", arguments.system),) if arguments.system else ()
    sampling = Sampling(
        temperature=arguments.temperature, seed=arguments.seed, max_tokens=arguments.max_tokens
    )
    with Terminal(arguments.data_dir, arguments.model) as terminal:
        if is_chat:
            return terminal.chat(system, sampling, raw=arguments.raw)
        said = (*system, PromptMessage("user", arguments.prompt))
        reply = terminal.ask(said, sampling, raw=arguments.raw, shows=not arguments.json)
        if arguments.json:
            print(json.dumps(reply.figures()))
    return 0


def _bench(arguments: argparse.Namespace) -> int:
    return bench(arguments.data_dir, arguments.model, as_json=arguments.json)


def _print_tokens(arguments: argparse.Namespace) -> int:
    messages, continue_last = _read_messages(sys.stdin)
    with Terminal(arguments.data_dir, arguments.model, vocabulary_only=True) as terminal:
        ids = terminal.token_ids(messages, continue_last=continue_last)
    print(json.dumps({"ids": ids}) if arguments.json else " ".join(map(str, ids)))
    return 0


def _read_messages(source: TextIO | None) -> tuple[tuple[PromptMessage, ...], bool]:
    """The messages in `source`, a JSON list of `{"role", "content"}`, as mistral-common has them.

    The other value tells whether the last one is a reply to go on with (`"prefix": true`).
    Raises PromptError.
    """
    try:
        found: Any = json.load(source) if source else []
        messages = tuple(PromptMessage(_text(m["role"]), _content(m["content"])) for m in found)
        return messages, bool(found) and found[-1].get("prefix") is True
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise PromptError(
            'stdin holds no list of messages. Write it like [{"role": "user", "content": "Hello"}].'
        ) from error


def _content(content: object) -> str:
    """A text, or chunks of text, which mistral-common joins by a blank line."""
    chunks = content if isinstance(content, list) else [{"type": "text", "text": content}]
    if any(chunk["type"] != "text" for chunk in chunks):
        raise ValueError("not a text")
    return "\n\n".join(_text(chunk["text"]) for chunk in chunks)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    value.encode()  # half a surrogate pair is no text
    return value
