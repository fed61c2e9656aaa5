"""The page of keyboard shortcuts is true: each key it lists is one that a script listens to or a browser knows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.test import Client

from dashboard.layout.keyboard import SHORTCUTS

pytestmark = pytest.mark.django_db
SCRIPTS = "".join(path.read_text() for path in (Path(__file__).parents[2] / "static" / "js").glob("*.js"))
IN_SCRIPTS = {"↓": "ArrowDown", "↑": "ArrowUp", "←": "ArrowLeft", "→": "ArrowRight", "Esc": "Escape", "Shift": "shiftKey", "Ctrl": "ctrlKey"}


def test_it_lists_every_shortcut(person: Client) -> None:
    page = person.get("/keyboard/").content.decode()
    for shortcuts in SHORTCUTS.values():
        for shortcut in shortcuts:
            assert shortcut.action in page
            assert all(f"<kbd>{key}</kbd>" in page for keys in shortcut.keys for key in keys.split())


def test_every_key_is_in_a_script() -> None:
    listed = {key for shortcuts in SHORTCUTS.values() for shortcut in shortcuts for keys in shortcut.keys for key in keys.split()}
    names = {IN_SCRIPTS.get(key, key.lower() if len(key) == 1 else key) for key in listed}
    assert {name for name in names if f'"{name}"' not in SCRIPTS and not re.search(rf"\b{re.escape(name)}\b[ :=|)]", SCRIPTS)} == set()


def test_every_page_links_it(person: Client) -> None:
    assert '<a href="/keyboard/" data-shortcuts>' in person.get("/queues/").content.decode()
