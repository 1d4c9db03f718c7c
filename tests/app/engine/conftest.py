"""Models and sessions for the engine's tests, in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
import sentencepiece
from llama_cpp import _utils
from llama_cpp import llama_cpp as native

from app.engine.protocol import EngineParameters
from app.engine.session import Session
from app.engine.stop_flag import StopFlag
from tests.toy_model import v1_vocabulary_path, write_toy_model

PROMPT_END_ID = 28793  # the last id of " [/INST]"
END_ID = 2


@pytest.fixture(autouse=True, scope="session")
def silent_library() -> Iterator[None]:
    """Keep llama.cpp's messages out of the tests' output."""
    callback = native.llama_log_callback(lambda level, text, data: None)
    native.llama_log_set(callback, None)
    yield
    native.llama_log_set(native.llama_log_callback(), None)
    for file in (_utils.outnull_file, _utils.errnull_file):  # which llama_cpp leaves open
        file.close()


@pytest.fixture(scope="session")
def pieces() -> sentencepiece.SentencePieceProcessor:
    """The v1 vocabulary."""
    return sentencepiece.SentencePieceProcessor(model_file=str(v1_vocabulary_path()))


@pytest.fixture(scope="session")
def make_scripted_model(
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[Sequence[int]], Path]:
    """Write a model that answers any v1 prompt with the given ids and then ends its reply."""
    folder = tmp_path_factory.mktemp("scripted")
    made: dict[tuple[int, ...], Path] = {}

    def make(ids: Sequence[int]) -> Path:
        key = tuple(ids)
        if key not in made:
            path = folder / f"{len(made)}.gguf"
            made[key] = write_toy_model(path, script=(PROMPT_END_ID, *key, END_ID))
        return made[key]

    return make


@pytest.fixture
def make_session() -> Iterator[Callable[..., Session]]:
    """Load a model, with one thread and without GPUs, into a session of this process."""
    sessions: list[Session] = []

    def make(path: Path, **parameters: object) -> Session:
        session = Session()
        sessions.append(session)
        wanted = EngineParameters(str(path), threads=1, uses_gpus=False, **parameters)  # type: ignore[arg-type]
        session.load(wanted, lambda done, total: None, StopFlag())
        return session

    yield make
    for session in sessions:
        session.close()
