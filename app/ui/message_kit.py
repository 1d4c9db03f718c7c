"""What all messages of a transcript share. Knows nothing of what they do with it."""

from __future__ import annotations

from dataclasses import dataclass, field

from markdown_it import MarkdownIt

from app.ui.block_pictures import BlockPictures
from app.ui.code_colours import CodeColours
from app.ui.mark import MarkClock
from app.ui.message_letters import MessageLetters
from app.ui.theme import Theme


@dataclass(frozen=True, slots=True)
class MessageKit:
    """One for a transcript."""

    theme: Theme
    clock: MarkClock
    parser: MarkdownIt
    colours: CodeColours
    pictures: BlockPictures
    letters: MessageLetters = field(default_factory=MessageLetters)
