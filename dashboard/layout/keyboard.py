"""The keyboard shortcuts, as their page lists them. `static/js/` has the keys; `tests/pages/test_keyboard.py` compares."""

from __future__ import annotations

import msgspec


class Shortcut(msgspec.Struct, frozen=True):
    """`keys`: each stands for the action alone, in the order of how often it is used; a key pressed with another is "Ctrl K"."""

    keys: tuple[str, ...]
    action: str


SHORTCUTS: dict[str, tuple[Shortcut, ...]] = {
    "Everywhere": (
        Shortcut(("/", "Ctrl K"), "Search"),
        Shortcut(("?",), "Show this page"),
        Shortcut(("Esc",), "Close a menu, the search or a question"),
        Shortcut(("Tab",), "From the top of a page: links that skip to its content"),
    ),
    "Search": (
        Shortcut(("↓", "↑"), "Choose a result"),
        Shortcut(("Enter",), "Open it"),
    ),
    "Filters of lists": (
        Shortcut(("F",), "Go to the filter"),
        Shortcut(("↓", "↑"), "Choose a completion"),
        Shortcut(("Tab",), "Take the completion"),
        Shortcut(("Enter",), "Apply the filter"),
        Shortcut(("Backspace",), "At the start of the field: edit the last qualifier"),
    ),
    "Charts": (
        Shortcut(("←", "→"), "Read the previous or next point"),
        Shortcut(("Shift ←", "Shift →"), "Move by ten points"),
        Shortcut(("Home", "End"), "Read the first or last point"),
        Shortcut(("Esc",), "Stop reading"),
    ),
}
