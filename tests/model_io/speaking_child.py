"""A child that says what it is sent, in each of the ways in which a process can speak."""

from __future__ import annotations

import os
import sys
from multiprocessing.connection import Connection

from model_io.child import write_log


def serve(connection: Connection) -> None:
    """Take (way, text) pairs until the pipe ends; answers each with None."""
    ways = {
        "print": print,
        "stderr": sys.stderr.write,
        "native": lambda text: os.write(1, text.encode()),
        "log": write_log,
        "environment": lambda name: connection.send(os.environ.get(name)),
        "raise": fail,
    }
    while True:
        try:
            way, text = connection.recv()
        except EOFError:
            return
        ways[way](text)
        sys.stdout.flush()
        connection.send(None)


def fail(text: str) -> None:
    """An error that nobody expects."""
    raise RuntimeError(text)
