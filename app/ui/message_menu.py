"""What the right mouse button offers on a message. Knows nothing of how it is done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint

from app.ui.popup_menu import PopupMenu

if TYPE_CHECKING:
    from app.ui.message_view import MessageView


def show_message_menu(view: MessageView, place: QPoint) -> None:
    """Copy what is selected or the message; pin it; fork the chat. `place` on the screen."""
    menu = PopupMenu(view.theme, view)
    if not view.body.selection.is_empty:
        menu.add("Copy", view.copy_selection, icon="copy", keys="Ctrl+C")
        menu.add("Copy as Markdown", view.copy_markdown, icon="copy")
    menu.add("Copy the message", view.ask_copy, icon="copy")
    menu.add("Select all", view.pointer.select_all, icon="text")
    menu.addSeparator()
    if view.message.is_pinned:
        menu.add("Let it leave the model’s memory", view.ask_pin, icon="pin")
    else:
        menu.add("Keep it in the model’s memory", view.ask_pin, icon="pin")
    menu.add("Fork the chat from here", view.ask_fork, icon="fork")
    menu.popup(place)
