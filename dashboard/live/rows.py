"""LiveRow: one object on a page, prepared. Templates print it; `live.patches` sends what changed of it.

Pure. A template gives the element `id="{{ row.key }}"`, and each live part inside it `data-text="depth"`, `data-html="slots"`;
marks become attributes of the element itself (`data-level="critical"`); numbers reach scripts (sparklines, bars, charts).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from brokers.characters import visible
from dashboard.layout.visible_markup import visible_markup

SEEN: Mapping[str, Callable[[str], str]] = {"text": visible, "html": visible_markup}
"""How a browser is shown what names may hold; pages are answered so by a middleware."""


class LiveRow(msgspec.Struct):
    key: str  # kind and primary key: "queue-17"
    text: dict[str, str] = {}  # plain text by part; escaped by the template, placed by textContent
    mark: dict[str, str] = {}  # words that CSS branches on: level, stale
    number: dict[str, float | int | None] = {}  # raw numbers by part, for bars, sparklines, charts
    html: dict[str, str] = {}  # safe fragments, rendered by the page's own partials
    fixed: dict[str, Any] = {}  # what only the template needs: name, links; never sent

    def difference(self, earlier: LiveRow | None) -> dict[str, dict[str, Any]]:
        """What changed since `earlier` (all, if None) as `{"text": {…}, "mark": {…}, "number": {…}, "html": {…}}` without empty parts.

        >>> LiveRow("queue-1", text={"depth": "2"}).difference(LiveRow("queue-1", text={"depth": "1"}))
        {'text': {'depth': '2'}}
        """
        changed = {}
        for part in ("text", "mark", "number", "html"):
            now, before = getattr(self, part), getattr(earlier, part) if earlier else {}
            news = {name: value for name, value in now.items() if name not in before or before[name] != value}
            if news:
                changed[part] = {name: SEEN[part](value) for name, value in news.items()} if part in SEEN else news
        return changed
