"""What can go wrong with model files, each as one sentence a person can act on.

The lowest layer of `model_io`: it knows no file format and imports nothing of ours.
"""

from __future__ import annotations

import os

_LONGEST_PROBLEM = 500
"""Letters: a sentence may quote a damaged file, but stays one that people read to its end."""


class ModelIOError(Exception):
    """A model file or folder that can't be used, and what to do about it.

    The tree::

        ModelIOError
        ├── SourceError            the folder to convert
        │   ├── MissingFileError       a file that has to be there is not
        │   ├── ConfigError            config.json can't be read or makes no sense
        │   ├── NotMixtralError        a model of another kind
        │   ├── MetadataError          README.md or another describing file can't be read
        │   ├── TokenizerError         tokenizer.model and its companions
        │   ├── SafetensorsError       a weight file whose header or size is wrong
        │   ├── TorchFileError         a PyTorch file that holds more than tensors, or is damaged
        │   ├── TensorError            a tensor missing, doubled or of the wrong shape or type
        │   ├── NotFiniteError         NaN or infinity in a weight
        │   ├── SourceReadError        a weight file that can't be read, or changed meanwhile
        │   └── ImatrixError           an importance matrix that can't be used
        ├── HubError               the hub, or the way to it
        │   ├── HubAccessError         it wants a token, or this token may not
        │   ├── HubMissingError        it has no such model, revision or file
        │   ├── HubUnreachableError    it didn't answer, however often it was asked
        │   └── HubDamageError         a file arrives with other bytes than the hub names
        ├── GGUFError              a GGUF that is to be read
        │   ├── NotGGUFError           a file of another kind
        │   ├── TruncatedGGUFError     it ends too early
        │   ├── CorruptGGUFError       its header contradicts itself
        │   └── SplitExpertError       made before April 2024, each expert apart
        ├── OutputError            the file to write
        │   ├── NoRoomError            the disk is too full for it
        │   ├── BusyError              another process is making it
        │   └── JournalError           what an earlier run left belongs to something else
        ├── ProcessError           a process of ours died
        ├── MissingDeviceError     a GPU that a plan names isn't there
        ├── SimulationError        llama.cpp refuses a plan
        └── NativeLibraryError     llama.cpp's library can't be loaded or lacks a function

    `str()` is the sentence: "PATH PROBLEM; REMEDY." The three parts are kept apart for windows
    that show them in their own way. Only these three arguments, so that it crosses a pipe.
    """

    def __init__(self, path: str | os.PathLike[str], problem: str, remedy: str) -> None:
        """`path` is the file or folder, `problem` and `remedy` are clauses without a full stop."""
        if len(problem) > _LONGEST_PROBLEM:
            problem = problem[: _LONGEST_PROBLEM - 1] + "…"
        super().__init__(os.fspath(path), problem, remedy)
        self.path = os.fspath(path)
        self.problem = problem
        self.remedy = remedy

    def __str__(self) -> str:
        """The whole sentence on one line, safe to print whatever bytes the file's name has."""
        sentence = f"{self.path} {self.problem}; {self.remedy}."
        return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in sentence)


class SourceError(ModelIOError):
    """The folder to convert can't be used."""


class MissingFileError(SourceError):
    """A file that has to be there is not."""


class ConfigError(SourceError):
    """config.json can't be read or makes no sense."""


class NotMixtralError(SourceError):
    """A model of another kind."""


class MetadataError(SourceError):
    """README.md or another describing file can't be read."""


class TokenizerError(SourceError):
    """The vocabulary can't be read."""


class SafetensorsError(SourceError):
    """A weight file whose header or size is wrong."""


class TorchFileError(SourceError):
    """A PyTorch file that holds more than tensors, or is damaged."""


class TensorError(SourceError):
    """A tensor is missing, doubled, or of the wrong shape or type."""


class NotFiniteError(SourceError):
    """A weight is NaN or infinite."""


class SourceReadError(SourceError):
    """A weight file can't be read, or changed while it was read."""


class ImatrixError(SourceError):
    """An importance matrix can't be used."""


class HubError(ModelIOError):
    """The hub, or the way to it. The path is the model's name as `hub:owner/name`."""


class HubAccessError(HubError):
    """The hub wants a token, or the one it was given may not."""


class HubMissingError(HubError):
    """The hub has no such model, revision or file."""


class HubUnreachableError(HubError):
    """The hub didn't answer, however often it was asked."""


class HubDamageError(HubError):
    """A file arrives with other bytes than the hub itself names."""


class GGUFError(ModelIOError):
    """A GGUF file can't be used."""


class NotGGUFError(GGUFError):
    """A file of another kind."""


class TruncatedGGUFError(GGUFError):
    """The file ends too early."""


class CorruptGGUFError(GGUFError):
    """The header contradicts itself or the file."""


class SplitExpertError(GGUFError):
    """The old layout with each expert in a tensor of its own."""


class OutputError(ModelIOError):
    """The result can't be written."""


class NoRoomError(OutputError):
    """The disk is too full."""


class BusyError(OutputError):
    """Another process is making the same file."""


class JournalError(OutputError):
    """What an earlier run left belongs to something else."""


class ProcessError(ModelIOError):
    """A process of ours died."""


class MissingDeviceError(ModelIOError):
    """A GPU that a plan names isn't there."""


class SimulationError(ModelIOError):
    """llama.cpp refuses to load a model by a plan, even without its weights."""


class NativeLibraryError(ModelIOError):
    """llama.cpp's library can't be loaded or lacks a function."""
