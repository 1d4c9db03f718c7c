"""The texts of a message as its documents show them, from the message alone. No Qt here."""

from __future__ import annotations

from collections.abc import Iterator

from markdown_it import MarkdownIt

from app.core.conversation import Message, Role
from app.ui.markdown import Block, CodeBlock, Runs, TableBlock, TextBlock, parse_blocks

PICTURE = "\ufffc "
"""What an icon takes in a document, and the space after it."""


def message_texts(parser: MarkdownIt, message: Message) -> Iterator[str]:
    """One text for each document, in reading order."""
    if message.role is Role.USER:
        yield message.text
        return
    for block in parse_blocks(parser, message.text):
        yield from block_texts(block)


def block_texts(block: Block) -> Iterator[str]:
    """One text for each document of a block."""
    if isinstance(block, TextBlock):
        yield _runs_text(block.runs)
    elif isinstance(block, CodeBlock):
        yield block.code
    elif isinstance(block, TableBlock):
        for row in (block.head, *block.rows):
            yield from (_runs_text(cell) for cell in row)


def _runs_text(runs: Runs) -> str:
    return "".join(f"{PICTURE}{run.text}" if run.is_image else run.text for run in runs)
