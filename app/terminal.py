"""The engine as it is used from a terminal: loads by the plan, answers, measures, comes back.

Results go to stdout, progress and messages to stderr. Knows the command line's options no more
than the window, and nothing of Qt.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO, TypeVar

from app.core.errors import EngineError, ModelFileError
from app.core.model_library import demo_model, size_text
from app.core.paths import data_dir, open_data_folder, resources
from app.core.settings import LAST_MODEL, Settings
from app.engine.client import EngineClient
from app.engine.load_settings import parameters_of
from app.engine.protocol import (
    EngineParameters,
    Event,
    Failed,
    Finished,
    Generate,
    Load,
    Loaded,
    LoadProgressed,
    Measure,
    Measured,
    PromptMessage,
    PromptTokenized,
    Request,
    Sampling,
    TextGenerated,
    TokenizePrompt,
)
from app.engine.recovery import DRIVER_SECONDS, Recovery

Closing = TypeVar("Closing", Loaded, Finished, PromptTokenized, Measured)


class EngineDiedError(EngineError):
    """The engine's process is gone, and the job with it."""


@dataclass(frozen=True, slots=True)
class Reply:
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


class Terminal:
    """An engine with a model, for as long as the `with` block lasts.

    Attributes:
        loaded: the model, and how long loading it took.
        settings: the user's, which decide how it is loaded.
    """

    loaded: Loaded

    def __init__(
        self, data_folder: Path | None, model: Path | None, *, vocabulary_only: bool = False
    ) -> None:
        """Without `model`: the one that the window used last, else the demo.

        Raises DataFolderError, and ModelFileError if there is none.
        """
        self._folder = open_data_folder(data_dir(data_folder))
        self.settings = Settings(self._folder.settings)
        path = str(model or _remembered_model(self.settings))
        self._wanted = parameters_of(path, self.settings, self._folder)
        if vocabulary_only:
            self._wanted = EngineParameters(path, vocabulary_only=True)
        self._recovery = Recovery()
        self._pieces: list[TextGenerated] = []

    def __enter__(self) -> Terminal:
        self._load()
        return self

    def __exit__(self, *exception: object) -> None:
        self._engine.close()

    @property
    def uses_gpus(self) -> bool:
        """Whether the engine was allowed to use GPUs, in the end."""
        return self._uses_gpus

    def ask(
        self,
        messages: tuple[PromptMessage, ...],
        sampling: Sampling,
        *,
        raw: bool = False,
        shows: bool = True,
    ) -> Reply:
        """One reply to `messages`, printed as it comes if `shows`. Raises OctetError."""
        request = Generate(self._engine.new_job_id(), messages, sampling, raw)
        self._pieces.clear()

        def take(event: Event) -> None:
            if isinstance(event, TextGenerated):
                self._pieces.append(event)
                if shows:
                    print(event.text, end="", flush=True)

        try:
            finished = self._finish(request, Finished, take)
        except EngineError:
            if shows and self._pieces:
                print(flush=True)
            raise
        if shows:
            print(flush=True)
        return Reply(*self._heard(), finished)

    def chat(
        self, instructions: tuple[PromptMessage, ...], sampling: Sampling, *, raw: bool = False
    ) -> int:
        """A chat, a line for each message, until the input ends."""
        if sys.stdin.isatty():
            name = self.loaded.model.name
            print(f"{name}. Ctrl-C stops a reply, Ctrl-D ends.", file=sys.stderr)
        said = list(instructions)
        for line in _lines():
            said.append(PromptMessage("user", line))
            if not self._engine.is_alive:
                self._load()
            try:
                with _interrupt_stops(self._engine):
                    self.ask(tuple(said), sampling, raw=raw)
            except EngineDiedError as death:
                self._recovery.lose_at_work()
                print(death, file=sys.stderr)
            text, ids = self._heard()
            if text:
                vocabulary_hash = self.loaded.model.vocabulary_hash
                said.append(PromptMessage("assistant", text, ids, vocabulary_hash))
        return 0

    def token_ids(
        self, messages: tuple[PromptMessage, ...], *, continue_last: bool
    ) -> tuple[int, ...]:
        """The prompt's ids. Raises EngineError for what the model's format can't express."""
        request = TokenizePrompt(self._engine.new_job_id(), messages, continue_last)
        return self._finish(request, PromptTokenized, lambda event: None).ids

    def measure(self) -> Measured:
        """Time the loaded model, for some ten seconds. Raises EngineError."""
        with _Line(sys.stderr) as line:
            line.show("Measuring, about ten seconds ")
            return self._finish(Measure(self._engine.new_job_id()), Measured, lambda event: None)

    # --- loading -----------------------------------------------------------------------------

    def _load(self) -> None:
        """Load the model in a new engine, and in further ones where one dies of it."""
        parameters: EngineParameters | None = self._recovery.begin(self._wanted)
        while parameters is not None:
            self._uses_gpus = parameters.uses_gpus
            try:
                self.loaded = self._load_once(parameters)
                break
            except EngineDiedError:
                parameters = self._recovery.next_attempt()
                if parameters is None:
                    raise
        setback = self._recovery.setback(self.loaded.model)
        if setback is not None:
            print(setback, file=sys.stderr)

    def _load_once(self, parameters: EngineParameters) -> Loaded:
        try:
            self._engine = EngineClient.start(self._folder.logs / "engine-terminal.log")
        except OSError as error:
            raise EngineError(f"The engine could not be started: {error.strerror}.") from error
        patience = threading.Timer(DRIVER_SECONDS, self._engine.kill)
        patience.start()
        try:
            with _Line(sys.stderr) as line:

                def take(event: Event) -> None:
                    patience.cancel()
                    line.show_progress(event)

                loaded = self._finish(Load(self._engine.new_job_id(), parameters), Loaded, take)
        except BaseException:
            self._engine.kill()
            self._engine.close()
            raise
        finally:
            patience.cancel()
        self._recovery.hear(loaded)
        return loaded

    # --- pieces ------------------------------------------------------------------------------

    def _heard(self) -> tuple[str, tuple[int, ...]]:
        """What has come of the reply that was asked for last: its text and its ids."""
        ids = tuple(id_ for piece in self._pieces for id_ in piece.token_ids)
        return "".join(piece.text for piece in self._pieces), ids

    def _finish(
        self, request: Request, closing: type[Closing], take: Callable[[Event], None]
    ) -> Closing:
        """Send `request`; its events go to `take` up to the closing one. Raises EngineError."""
        self._engine.send(request)
        for event in self._engine.events():
            if isinstance(event, Failed):
                kind = EngineDiedError if event.fatal else EngineError
                raise kind(event.sentence, event.details)
            if isinstance(event, closing):
                return event
            self._recovery.hear(event)
            take(event)
        raise EngineDiedError("The engine stopped. Try again.")


class _Line:
    """One line on a terminal that says what goes on. Elsewhere it is silent."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._is_shown = False

    def __enter__(self) -> _Line:
        return self

    def __exit__(self, *exception: object) -> None:
        """Leave the line empty."""
        if self._is_shown:
            print("\r\x1b[K", end="", file=self._stream, flush=True)

    def show(self, text: str) -> None:
        """Replace what the line says."""
        if self._stream.isatty():
            self._is_shown = True
            print(f"\r{text}", end="", file=self._stream, flush=True)

    def show_progress(self, event: Event) -> None:
        """How much of a model is read."""
        if isinstance(event, LoadProgressed) and event.total_bytes:
            done, total = size_text(event.done_bytes), size_text(event.total_bytes)
            self.show(f"Loading: {done} of {total} ")


def _remembered_model(settings: Settings) -> Path:
    """The model that the window used last, else the demo. Raises ModelFileError."""
    last = settings.get(LAST_MODEL)
    if last and Path(last).is_file():
        return Path(last)
    demo = demo_model(resources())
    if demo is None:
        raise ModelFileError("There is no model yet. Name a GGUF file with --model.")
    return demo


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
