"""The table of keys: what the window binds, and what F1 lists. Knows nothing of what they do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto


class Deed(Enum):
    """What a key of the window does."""

    NEW_CHAT = auto()
    FIND_CHAT = auto()
    TOGGLE_SIDEBAR = auto()
    NEXT_CHAT = auto()
    PREVIOUS_CHAT = auto()
    SHOW_MODELS = auto()
    ANSWER_AGAIN = auto()
    PREVIOUS_VERSION = auto()
    NEXT_VERSION = auto()
    PREVIOUS_MESSAGE = auto()
    NEXT_MESSAGE = auto()
    COPY_CODE = auto()
    RENAME = auto()
    UNDO_DELETE = auto()
    NEXT_AREA = auto()
    PREVIOUS_AREA = auto()
    SETTINGS = auto()
    LARGER_TEXT = auto()
    SMALLER_TEXT = auto()
    USUAL_TEXT = auto()
    ATTACH = auto()
    KEYS = auto()


@dataclass(frozen=True, slots=True)
class WindowKey:
    """One deed, the key sequences that do it, and how it is listed."""

    deed: Deed
    sequences: tuple[str, ...]
    text: str


WINDOW_KEYS = (
    WindowKey(Deed.NEW_CHAT, ("Ctrl+N",), "New chat"),
    WindowKey(Deed.FIND_CHAT, ("Ctrl+K",), "Find a chat by its title"),
    WindowKey(Deed.NEXT_CHAT, ("Ctrl+Tab",), "Next chat"),
    WindowKey(Deed.PREVIOUS_CHAT, ("Ctrl+Shift+Tab",), "Previous chat"),
    WindowKey(Deed.TOGGLE_SIDEBAR, ("Ctrl+B",), "Sidebar"),
    WindowKey(Deed.RENAME, ("F2",), "Rename the chat"),
    WindowKey(Deed.UNDO_DELETE, ("Ctrl+Z",), "Undo moving a chat to the bin"),
    WindowKey(Deed.ANSWER_AGAIN, ("Ctrl+R",), "Answer again"),
    WindowKey(Deed.PREVIOUS_VERSION, ("Alt+Left",), "Previous version"),
    WindowKey(Deed.NEXT_VERSION, ("Alt+Right",), "Next version"),
    WindowKey(Deed.PREVIOUS_MESSAGE, ("Alt+Up",), "Previous message"),
    WindowKey(Deed.NEXT_MESSAGE, ("Alt+Down",), "Next message"),
    WindowKey(Deed.COPY_CODE, ("Ctrl+Shift+C",), "Copy the last block of code"),
    WindowKey(Deed.ATTACH, ("Ctrl+O",), "Attach files"),
    WindowKey(Deed.SHOW_MODELS, ("Ctrl+Shift+M",), "List of models"),
    WindowKey(Deed.NEXT_AREA, ("F6",), "Next part of the window"),
    WindowKey(Deed.PREVIOUS_AREA, ("Shift+F6",), "Previous part of the window"),
    WindowKey(Deed.SETTINGS, ("Ctrl+,",), "Settings"),
    WindowKey(Deed.LARGER_TEXT, ("Ctrl++", "Ctrl+="), "Larger text"),
    WindowKey(Deed.SMALLER_TEXT, ("Ctrl+-",), "Smaller text"),
    WindowKey(Deed.USUAL_TEXT, ("Ctrl+0",), "Usual text size"),
    WindowKey(Deed.KEYS, ("F1", "Ctrl+/"), "These keys"),
)

OTHER_KEYS = (
    ("Enter", "Send the message"),
    ("Shift+Enter", "New line"),
    ("Esc", "Stop the reply, close, or back to the text"),
    ("Up in an empty message", "Change the last message"),
    ("C, E, R on a message", "Copy, edit, answer again"),
    ("Left, Right on a message", "Its files and buttons"),
    ("Enter, Del on an attached file", "Show its text, take it away"),
    ("Del on a chat", "Move it to the bin"),
)
"""Keys that parts of the window take themselves."""
