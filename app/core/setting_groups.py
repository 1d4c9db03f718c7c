"""The pages of the settings. Knows none of their rows."""

from __future__ import annotations

from app.core.setting import Group

ESSENTIALS = Group(
    "essentials",
    "Essentials",
    "Six settings are enough for most people. They apply at once.",
    "settings",
)
REPLIES = Group(
    "replies",
    "Replies",
    "How the model chooses its words. A style sets several of them together.",
    "chat",
)
READING = Group("reading", "Reading", "How chats are shown.", "text")
MEMORY = Group(
    "memory",
    "Context and memory",
    "How much of a chat the model remembers, and what happens when that is full.",
    "ram",
)
ENGINE = Group(
    "engine",
    "Engine",
    "How the model is run. Automatic is what suits this computer.",
    "speed",
)
PROGRAM = Group("program", "Program and storage", "Closing, and where things are kept.", "lock")

GROUPS = (ESSENTIALS, REPLIES, READING, MEMORY, ENGINE, PROGRAM)
"""In the order in which they are shown."""
