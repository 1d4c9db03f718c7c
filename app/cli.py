"""The command line: `octet` opens the window, its commands work in a terminal.

Results go to stdout, progress and messages to stderr. Exit status 0: done; 1: failed, with one
sentence; 2: wrong usage; 130: interrupted. Knows nothing of widgets; the window is imported only
when it is opened.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO, TypeVar

from app.core.errors import EngineError, ModelFileError, OctetError, PromptError
from app.core.model_library import demo_model, size_text
from app.core.paths import DataFolder, data_dir, open_data_folder, resources
from app.core.settings import LAST_MODEL, Settings
from app.engine.client import EngineClient
from app.engine.protocol import (
    EngineParameters,
    Event,
    Failed,
    Finished,
    Generate,
    Load,
    Loaded,
    LoadedModel,
    LoadProgressed,
    PromptMessage,
    PromptTokenized,
    Request,
    Sampling,
    TextGenerated,
    TokenizePrompt,
)
from model_io import __main__ as model_commands

FAILED, INTERRUPTED = 1, 130

Closing = TypeVar("Closing", Loaded, Finished, PromptTokenized)


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
    with _Terminal(arguments) as terminal:
        if is_chat:
            return terminal.chat()
        said = (*terminal.instructions, PromptMessage("user", arguments.prompt))
        reply = terminal.ask(said, shows=not arguments.json)
        if arguments.json:
            print(json.dumps(reply.figures()))
    return 0


def _print_tokens(arguments: argparse.Namespace) -> int:
    messages, continue_last = _read_messages(sys.stdin)
    with _Terminal(arguments, vocabulary_only=True) as terminal:
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


@dataclass(frozen=True, slots=True)
class _Reply:
    """A whole reply, and the engine's figures."""

    text: str
    token_ids: tuple[int, ...]
    finished: Finished

    def figures(self) -> dict[str, object]:
        """What `--json` prints. Times are seconds."""
        return {
            "text": self.text,
            "prompt_tokens": self.finished.prompt_tokens,
            "completion_tokens": self.finished.completion_tokens,
            "prefill_seconds": self.finished.prefill_seconds,
            "decode_seconds": self.finished.decode_seconds,
            "stopped_by": self.finished.stopped_by.value,
            "seed": self.finished.seed,
        }


def _remembered_model(folder: DataFolder) -> Path:
    """The model that the window used last, else the demo. Raises ModelFileError."""
    last = Settings(folder.settings).get(LAST_MODEL)
    if last and Path(last).is_file():
        return Path(last)
    demo = demo_model(resources())
    if demo is None:
        raise ModelFileError("There is no model yet. Name a GGUF file with --model.")
    return demo


class _Terminal:
    """An engine with the model that the command line asks for, used from the terminal."""

    def __init__(self, arguments: argparse.Namespace, *, vocabulary_only: bool = False) -> None:
        self._arguments = arguments
        self._folder = open_data_folder(data_dir(arguments.data_dir))
        path = arguments.model or _remembered_model(self._folder)
        self._parameters = EngineParameters(str(path), vocabulary_only=vocabulary_only)

    @property
    def instructions(self) -> tuple[PromptMessage, ...]:
        """What `--system` says, as a message; none without it."""
        system = self._arguments.system
        return (PromptMessage("system", system),) if system else ()

    def __enter__(self) -> _Terminal:
        try:
            self._engine = EngineClient.start(self._folder.logs / "engine-terminal.log")
        except OSError as error:
            raise EngineError(f"The engine could not be started: {error.strerror}.") from error
        try:
            self._model = self._load()
        except BaseException:
            self._engine.kill()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self._engine.close()

    def ask(self, messages: tuple[PromptMessage, ...], *, shows: bool) -> _Reply:
        """One reply to `messages`, printed as it comes if `shows`. Raises OctetError."""
        job_id = self._engine.new_job_id()
        request = Generate(job_id, messages, self._sampling(), self._arguments.raw)
        pieces: list[TextGenerated] = []

        def take(event: Event) -> None:
            if isinstance(event, TextGenerated):
                pieces.append(event)
                if shows:
                    print(event.text, end="", flush=True)

        finished = self._finish(request, Finished, take)
        if shows:
            print(flush=True)
        token_ids = tuple(id_ for piece in pieces for id_ in piece.token_ids)
        return _Reply("".join(piece.text for piece in pieces), token_ids, finished)

    def chat(self) -> int:
        """A chat, a line for each message, until the input ends."""
        if sys.stdin.isatty():
            print(f"{self._model.name}. Ctrl-C stops a reply, Ctrl-D ends.", file=sys.stderr)
        said = list(self.instructions)
        for line in _lines():
            said.append(PromptMessage("user", line))
            with _interrupt_stops(self._engine):
                reply = self.ask(tuple(said), shows=True)
            said.append(
                PromptMessage("assistant", reply.text, reply.token_ids, self._model.vocabulary_hash)
            )
        return 0

    def token_ids(
        self, messages: tuple[PromptMessage, ...], *, continue_last: bool
    ) -> tuple[int, ...]:
        """The prompt's ids. Raises EngineError for what the model's format can't express."""
        request = TokenizePrompt(self._engine.new_job_id(), messages, continue_last)
        return self._finish(request, PromptTokenized, lambda event: None).ids

    def _load(self) -> LoadedModel:
        line = _ProgressLine(sys.stderr)

        def show(event: Event) -> None:
            if isinstance(event, LoadProgressed):
                line.show(event)

        load = Load(self._engine.new_job_id(), self._parameters)
        try:
            return self._finish(load, Loaded, show).model
        finally:
            line.clear()

    def _finish(
        self, request: Request, closing: type[Closing], take: Callable[[Event], None]
    ) -> Closing:
        """Send `request`; its events go to `take` up to the closing one. Raises EngineError."""
        self._engine.send(request)
        for event in self._engine.events():
            if isinstance(event, Failed):
                raise EngineError(event.sentence, event.details)
            if isinstance(event, closing):
                return event
            take(event)
        raise EngineError("The engine stopped. Try again.")

    def _sampling(self) -> Sampling:
        given = self._arguments
        return Sampling(temperature=given.temperature, seed=given.seed, max_tokens=given.max_tokens)


class _ProgressLine:
    """One line on a terminal that says how much of a model is read. Elsewhere it is silent."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._is_shown = False

    def show(self, event: LoadProgressed) -> None:
        """Replace what the line says."""
        if self._stream.isatty() and event.total_bytes:
            self._is_shown = True
            done, total = size_text(event.done_bytes), size_text(event.total_bytes)
            print(f"\rLoading: {done} of {total} ", end="", file=self._stream, flush=True)

    def clear(self) -> None:
        """Leave the line empty."""
        if self._is_shown:
            print("\r\x1b[K", end="", file=self._stream, flush=True)


@contextmanager
def _interrupt_stops(engine: EngineClient) -> Iterator[None]:
    """Ctrl-C ends the reply under way and not the program; a second one does.

    The stop is sent from a thread of its own: a signal's handler runs between any two steps of
    the main thread, which may just hold the client's lock.
    """

    def stop(*_: object) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        threading.Thread(target=engine.stop_all).start()

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _lines() -> Iterator[str]:
    """The lines that a person types, without those that say nothing."""
    if sys.stdin is None:
        return
    prompt = "> " if sys.stdin.isatty() else ""
    while True:
        try:
            line = input(prompt).strip()
        except EOFError:
            return
        if line:
            yield line
