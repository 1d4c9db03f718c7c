"""The table of keys: what the window binds, and what F1 lists and lets change.

A deed is one row here and one line where it is done: `window_keys` for the window, a message's
`deeds` for letters that act on it. Knows nothing of what they do, nor of the keys in force.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto


class Deed(Enum):
    """What a key of the window does."""

    NEW_CHAT = auto()
    FIND_CHAT = auto()
    FIND_IN_CHAT = auto()
    FIND_NEXT = auto()
    FIND_PREVIOUS = auto()
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
    COPY_MESSAGE = auto()
    EDIT_MESSAGE = auto()
    MESSAGE_AGAIN = auto()
    FORK_CHAT = auto()
    PIN_MESSAGE = auto()


@dataclass(frozen=True, slots=True)
class WindowKey:
    """One deed, the key sequences that do it, and how it is listed.

    Sequences are Qt's portable ones, in which Ctrl is a Mac's ⌘ and Meta its ⌃. `mac_sequences`
    stand for them on a Mac, where theirs are taken. With `on_message` they act only while a
    message has the focus.
    """

    deed: Deed
    sequences: tuple[str, ...]
    text: str
    mac_sequences: tuple[str, ...] = ()
    on_message: bool = False

    def defaults(self, *, is_mac: bool) -> tuple[str, ...]:
        """The sequences as long as nobody has changed them."""
        return self.mac_sequences if is_mac and self.mac_sequences else self.sequences


WINDOW_KEYS = (
    WindowKey(Deed.NEW_CHAT, ("Ctrl+N",), "New chat"),
    WindowKey(Deed.FIND_CHAT, ("Ctrl+K",), "Find a chat by its title"),
    WindowKey(Deed.FIND_IN_CHAT, ("Ctrl+F",), "Find in this chat"),
    WindowKey(Deed.FIND_NEXT, ("F3",), "Next hit"),
    WindowKey(Deed.FIND_PREVIOUS, ("Shift+F3",), "Previous hit"),
    WindowKey(Deed.NEXT_CHAT, ("Ctrl+Tab",), "Next chat"),
    WindowKey(Deed.PREVIOUS_CHAT, ("Ctrl+Shift+Tab",), "Previous chat"),
    WindowKey(Deed.TOGGLE_SIDEBAR, ("Ctrl+B",), "Sidebar"),
    WindowKey(Deed.RENAME, ("F2",), "Rename the chat"),
    WindowKey(Deed.UNDO_DELETE, ("Ctrl+Z",), "Undo moving a chat to the bin"),
    WindowKey(Deed.ANSWER_AGAIN, ("Ctrl+R",), "Answer again"),
    WindowKey(Deed.PREVIOUS_VERSION, ("Alt+Left",), "Previous version", ("Meta+Alt+Left",)),
    WindowKey(Deed.NEXT_VERSION, ("Alt+Right",), "Next version", ("Meta+Alt+Right",)),
    WindowKey(Deed.PREVIOUS_MESSAGE, ("Alt+Up",), "Previous message", ("Meta+Alt+Up",)),
    WindowKey(Deed.NEXT_MESSAGE, ("Alt+Down",), "Next message", ("Meta+Alt+Down",)),
    WindowKey(Deed.COPY_CODE, ("Ctrl+Shift+C",), "Copy the last block of code"),
    WindowKey(Deed.ATTACH, ("Ctrl+O",), "Attach files"),
    WindowKey(Deed.SHOW_MODELS, ("Ctrl+Shift+M",), "List of models"),
    WindowKey(Deed.NEXT_AREA, ("F6",), "Next part of the window"),
    WindowKey(Deed.PREVIOUS_AREA, ("Shift+F6",), "Previous part of the window"),
    WindowKey(Deed.SETTINGS, ("Ctrl+,",), "Settings"),
    WindowKey(Deed.LARGER_TEXT, ("Ctrl++", "Ctrl+="), "Larger text"),
    WindowKey(Deed.SMALLER_TEXT, ("Ctrl+-",), "Smaller text"),
    WindowKey(Deed.USUAL_TEXT, ("Ctrl+0",), "Usual text size"),
    WindowKey(Deed.KEYS, ("F1", "Ctrl+/"), "These shortcuts"),
)
"""What the whole window binds. On a Mac, Alt and an arrow move by a word."""

MESSAGE_KEYS = (
    WindowKey(Deed.COPY_MESSAGE, ("C",), "Copy the message", on_message=True),
    WindowKey(Deed.EDIT_MESSAGE, ("E",), "Edit the message", on_message=True),
    WindowKey(Deed.MESSAGE_AGAIN, ("R",), "Answer again", on_message=True),
    WindowKey(Deed.FORK_CHAT, ("F",), "Fork the chat from here", on_message=True),
    WindowKey(Deed.PIN_MESSAGE, ("P",), "Keep the message in the model’s memory", on_message=True),
)
"""What a message does while it has the focus."""

ALL_KEYS = (*WINDOW_KEYS, *MESSAGE_KEYS)

OTHER_KEYS = (
    ("Enter", "Send the message"),
    ("Shift+Enter", "New line"),
    ("Esc", "Stop the reply, close, or back to the text"),
    ("Up in an empty message", "Change the last message"),
    ("Shift+Up, Shift+Down on a message", "Select whole messages"),
    ("Left, Right on a message", "Its files, links and buttons"),
    ("Enter, Del on an attached file", "Show its text, take it away"),
    ("Del on a chat", "Move it to the bin"),
)
"""Keys that parts of the window take themselves; they can't be changed."""
