"""Errors that a user reads: one clear sentence each, with what to do next.

    OctetError
    ├── DataFolderError      the data folder or the chats in it can't be read or written
    ├── ModelFileError       a model file that can't be used as it is
    ├── PromptError          a conversation that the format can't express, or that is too long
    ├── GrammarError         a grammar or a JSON schema that no reply can be held to
    ├── InstallationError    files of Octet's own are missing
    └── EngineError          the engine refused, failed or died

Anything else that escapes is a defect of ours.
"""

from __future__ import annotations


class OctetError(Exception):
    """Root of all errors whose text is a sentence for the user."""


class DataFolderError(OctetError):
    """The data folder, or something in it, can't be read or written."""


class ModelFileError(OctetError):
    """A model file that can't be used as it is."""


class PromptError(OctetError):
    """A conversation that the model's prompt format can't express, or that is too long."""


class GrammarError(OctetError):
    """A grammar or a JSON schema that can't be used; the sentence says where it is wrong."""


class InstallationError(OctetError):
    """Files of Octet's own are missing or damaged."""


class EngineError(OctetError):
    """The engine refused, failed or died.

    Attributes:
        details: technical lines (the end of the engine's log), empty when there are none.
    """

    def __init__(self, sentence: str, details: str = "") -> None:
        super().__init__(sentence)
        self.details = details
